"""Resolving: what a person who looked at the broker says of an unknown order, held against the broker's own evidence."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sptrader.errors import BrokerError
from sptrader.execution.record import Record
from sptrader.model.ids import BY_HAND
from sptrader.model.messages import Command
from sptrader.model.orders import Fill, OpenOrder, OrderStatus

STATUS = {
    "working": OrderStatus.ACCEPTED,
    "filled": OrderStatus.FILLED,
    "cancelled": OrderStatus.CANCELLED,
    "rejected": OrderStatus.REJECTED,
}


def require_unknown(order_id: str, record: Record | None, unknown: Sequence[Record]) -> Record:
    """Return the record of an order that may be resolved; raises `BrokerError` for one whose fate is known."""
    if record is not None and record.life.status is OrderStatus.UNKNOWN:
        return record
    status = "not known here" if record is None else record.life.status.value
    there = ", ".join(f"{one.client_order_id} ({one.symbol})" for one in unknown) or "none"
    raise BrokerError(
        f"order '{order_id}' is {status}; only an order in state unknown can be resolved. Unknown are: {there}.",
        key="order",
        value=order_id,
    )


def require_plain(word: Command, record: Record) -> None:
    """Raise `BrokerError` for a word that says too little or too much."""
    if not word.by.strip():
        raise BrokerError("resolving an order needs the name of the person who does it; it was empty.", key="by")
    if word.status not in STATUS:
        raise BrokerError(f"the order's fate was '{word.status}'; allowed are {', '.join(STATUS)}.", key="as")
    if word.status == "filled" and word.price is None:
        raise BrokerError("a filled order needs the price of its fill: --price.", key="price")
    if word.status != "filled" and (word.price is not None or word.quantity is not None or word.fill_id):
        raise BrokerError(f"price, quantity and id are of a fill; the order was called {word.status}.", key="as")
    if word.quantity is not None and word.quantity > record.life.left:
        raise BrokerError(
            f"the filled quantity was {word.quantity}; {record.life.left} of the order are left.",
            key="quantity",
            value=word.quantity,
        )


def require_no_contradiction(word: Command, record: Record, found: OpenOrder | None) -> None:
    """Raise `BrokerError` where the broker shows the order otherwise than the person says: its evidence stands above a word."""
    if found is None or found.status is OrderStatus.UNKNOWN:
        return
    if word.status == "filled":
        claimed = record.life.filled + (word.quantity or record.life.left)
        is_denied = found.filled < claimed
    elif word.status == "working":
        is_denied = found.status.is_final
    else:
        is_denied = not found.status.is_final or found.filled > record.life.filled
    if is_denied:
        raise BrokerError(
            f"the broker shows order '{found.client_order_id}' as {found.status.value}, {found.filled} of {found.quantity} "
            f"filled; it cannot be called {word.status}.",
            key="as",
            value=word.status,
        )


def fill_by_hand(word: Command, record: Record, *, now_ns: int) -> Fill:
    """Return the fill that a person read at the broker, under the broker's id where it was given."""
    return Fill(
        fill_id=word.fill_id or f"{BY_HAND}{record.client_order_id}",
        client_order_id=record.client_order_id,
        symbol=record.symbol,
        side=record.side,
        quantity=word.quantity or record.life.left,
        price=word.price or Decimal(0),
        fee=0.0,
        time=now_ns,
        leg=record.leg,
        reason="manual",
        is_closing=record.leg != "entry",
    )


def was_filled_by_hand(record: Record) -> bool:
    """Whether a person has said what the order filled, without the broker's id: the broker's own report is the same fill."""
    return any(fill.fill_id.startswith(BY_HAND) for fill in record.life.fills)
