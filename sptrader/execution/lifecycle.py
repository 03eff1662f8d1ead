"""Life cycle: what a report makes of an order's status, as one table, and what is odd about the report."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from sptrader.model.orders import Fill, OpenOrder, Order, OrderStatus, OrderUpdate


class Anomaly(StrEnum):
    """What is odd about a report. A fill is a fact and always counts; everything else that comes too late does not."""

    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    LATE = "late"
    AFTER_END = "fill_after_end"
    OVERFILL = "overfill"
    UNKNOWN_ORDER = "unknown_order"
    BY_HAND = "entered_by_hand"

    @property
    def sentence(self) -> str:
        """What it means, in one sentence."""
        return _SENTENCES[self]


_SENTENCES = {
    Anomaly.DUPLICATE: "the report was seen before; nothing was done",
    Anomaly.CONFLICT: "the report has the id of an earlier one and says something else; the earlier one stands",
    Anomaly.LATE: "the report tells of a time that is over for this order; nothing was done",
    Anomaly.AFTER_END: "a fill came after the order had ended; it was booked, for a fill is a fact",
    Anomaly.OVERFILL: "more was filled than was ordered; it was booked, for a fill is a fact",
    Anomaly.UNKNOWN_ORDER: "the report is about an order that was never sent from here",
    Anomaly.BY_HAND: "a person has said what this order filled; the broker's own report of it is not booked again",
}


class Event(StrEnum):
    """What a report says, seen from the order's quantity: a fill leaves a rest, or none, or is more than was ordered."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    PART = "part"
    LAST = "last"
    OVER = "over"


class Step(NamedTuple):
    """The status that follows, and what is odd about it, if anything."""

    status: OrderStatus
    anomaly: Anomaly | None = None


_S, _E = OrderStatus, Event


def _table() -> dict[tuple[OrderStatus, Event], Step]:
    ends = {
        _E.REJECTED: _S.REJECTED,
        _E.CANCELLED: _S.CANCELLED,
        _E.EXPIRED: _S.EXPIRED,
    }
    fills = {
        _E.PART: Step(_S.PARTIALLY_FILLED),
        _E.LAST: Step(_S.FILLED),
        _E.OVER: Step(_S.FILLED, Anomaly.OVERFILL),
    }
    table: dict[tuple[OrderStatus, Event], Step] = {}
    for status in (_S.SUBMITTED, _S.ACCEPTED, _S.PARTIALLY_FILLED, _S.UNKNOWN):
        table |= {(status, event): Step(end) for event, end in ends.items()}
        table |= {(status, event): step for event, step in fills.items()}
        table[status, _E.UNKNOWN] = Step(_S.UNKNOWN)
        table[status, _E.ACCEPTED] = Step(_S.ACCEPTED)
    # what was filled in part was taken: its rest can end, but not have been refused from the start
    table[_S.PARTIALLY_FILLED, _E.REJECTED] = Step(_S.CANCELLED)
    table[_S.PARTIALLY_FILLED, _E.ACCEPTED] = Step(_S.PARTIALLY_FILLED, Anomaly.LATE)
    for status in (_S.FILLED, _S.CANCELLED, _S.REJECTED, _S.EXPIRED):
        for event in (*ends, _E.ACCEPTED, _E.UNKNOWN):
            table[status, event] = Step(status, Anomaly.LATE)
        table[status, _E.PART] = Step(status, Anomaly.AFTER_END)
        table[status, _E.LAST] = Step(_S.FILLED, Anomaly.AFTER_END)
        table[status, _E.OVER] = Step(_S.FILLED, Anomaly.OVERFILL)
    return table


TABLE = _table()
_ENDED = (_S.CANCELLED, _S.REJECTED, _S.EXPIRED)  # what has ended unfilled cannot be amended any more


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """How far an order is: its quantity, what of it was filled, its status, and the ids of the reports it has seen.

    `fills` are all fills of it, so that a second report with the same id can be compared.
    """

    quantity: Decimal
    status: OrderStatus = OrderStatus.SUBMITTED
    filled: Decimal = Decimal(0)
    fills: tuple[Fill, ...] = ()
    updates: tuple[OrderUpdate, ...] = ()

    @property
    def left(self) -> Decimal:
        """What may still be filled; 0 when the order has ended."""
        return Decimal(0) if self.status.is_final else max(self.quantity - self.filled, Decimal(0))


class Change(NamedTuple):
    """An order's life after a report, and what was odd about the report."""

    life: Life
    anomaly: Anomaly | None

    @property
    def is_news(self) -> bool:
        """Whether the report counts and is to be told on: what is late, seen before or contradicts itself is not."""
        return self.anomaly in (None, Anomaly.AFTER_END, Anomaly.OVERFILL)


def event_of(life: Life, report: Fill | OrderUpdate) -> Event | None:
    """Return what a report says about an order; None for `submitted`, which only repeats what is known."""
    if isinstance(report, Fill):
        filled = life.filled + report.quantity
        return Event.PART if filled < life.quantity else Event.LAST if filled == life.quantity else Event.OVER
    if report.status in (OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED):
        return Event.ACCEPTED  # the fills themselves tell how much
    return None if report.status is OrderStatus.SUBMITTED else Event(report.status.value)


def after(life: Life, report: Fill | OrderUpdate) -> Change:
    """Return what `report` makes of an order. The same report twice does nothing.

    An update that carries the order (`made`) tells its quantity too: that is how an amendment is confirmed.
    """
    anomaly = _seen(life, report)
    event = event_of(life, report)
    if anomaly is None and event is None:
        anomaly = None if life.status is OrderStatus.SUBMITTED else Anomaly.LATE
    if anomaly in (Anomaly.DUPLICATE, Anomaly.CONFLICT) or event is None:
        return Change(life, anomaly)
    if isinstance(report, Fill):
        status, anomaly = TABLE[life.status, event]
        fills, filled = (*life.fills, report), life.filled + report.quantity
        return Change(msgspec.structs.replace(life, status=status, filled=filled, fills=fills), anomaly)
    if report.made is not None and report.made.quantity != life.quantity and life.status not in _ENDED:
        life = _amended(life, report.made.quantity)
        if event is Event.ACCEPTED and life.status not in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN):
            return Change(msgspec.structs.replace(life, updates=(*life.updates, report)), None)
    status, anomaly = TABLE[life.status, event]
    if anomaly is Anomaly.LATE:
        return Change(life, anomaly)
    if status is OrderStatus.ACCEPTED and life.filled > 0:
        status = OrderStatus.PARTIALLY_FILLED  # the answer to what was unknown comes after a fill
    return Change(msgspec.structs.replace(life, status=status, updates=(*life.updates, report)), anomaly)


def evidence(order: Order, status: OrderStatus) -> OpenOrder:
    """Return an order as a broker would show it, with nothing filled."""
    return OpenOrder(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        filled=Decimal(0),
        status=status,
        type=order.type,
        parent=order.parent,
        leg=order.leg,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
    )


def _amended(life: Life, quantity: Decimal) -> Life:
    """Return the life with another quantity: what was filled may now be the whole, or no longer."""
    status = life.status
    if status is OrderStatus.FILLED and life.filled < quantity:
        status = OrderStatus.PARTIALLY_FILLED
    elif not status.is_final and life.filled >= quantity:
        status = OrderStatus.FILLED
    return msgspec.structs.replace(life, quantity=quantity, status=status)


def _seen(life: Life, report: Fill | OrderUpdate) -> Anomaly | None:
    """Whether a report with this id was seen, and whether it said the same."""
    earlier: Fill | OrderUpdate | None
    if isinstance(report, Fill):
        earlier = next((fill for fill in life.fills if fill.fill_id == report.fill_id), None)
    else:
        earlier = next((update for update in life.updates if update.update_id == report.update_id), None)
    if earlier is None:
        return None
    return Anomaly.DUPLICATE if earlier == report else Anomaly.CONFLICT
