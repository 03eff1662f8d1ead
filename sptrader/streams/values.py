"""Values: which values a message may carry beyond what its types say; nothing else is sent, read or folded."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from sptrader.errors import StreamError
from sptrader.model.messages import (
    VERSION,
    Answered,
    BarMessage,
    BrokerEvidence,
    ColumnsMessage,
    Command,
    Event,
    EvidenceRequest,
    Heartbeat,
    PriceUpdate,
    Reconciled,
    TickMessage,
)
from sptrader.model.orders import (
    Amend,
    Bracket,
    Cancel,
    Decided,
    Fill,
    Matched,
    NightCharge,
    Order,
    OrderUpdate,
)
from sptrader.streams.timestamps import parse_timestamp

_LARGEST = Decimal("1e18")
_SMALLEST = Decimal("1e-18")
_LARGEST_FLOAT = int(sys.float_info.max)


def check_values(message: Any, where: str) -> None:
    """Raise `StreamError` for a message that no reader would accept; `where` says where it stands."""
    _CHECKS[type(message)](message, where)
    if getattr(message, "version", VERSION) != VERSION:
        raise StreamError(version_reason(where, message.version), key="version", value=message.version)


def version_reason(where: str, version: int) -> str:
    """Return why a message of that version is not read."""
    age = "newer than this program knows" if version > VERSION else "no version there ever was"
    return f"{where} has version {version}, {age}; version {VERSION} is read."


def _refuse(where: str, name: str, value: object, allowed: str) -> StreamError:
    return StreamError(f"{where} has {name} {str(value)[:80]}; {allowed}.", key=name, value=value)


def _check_bar(bar: BarMessage, where: str) -> None:
    prices = (bar.open, bar.high, bar.low, bar.close)
    if bar.kind != "bar":
        if prices != (None, None, None, None) or bar.sides is not None:
            raise _refuse(where, "kind", bar.kind, "only a 'bar' has prices")
    elif not _is_bar(*prices):
        raise _refuse(
            where, "prices", prices, "open, high, low and close are finite, above zero, and within low and high"
        )
    if bar.sides is not None and not (_is_bar(*bar.sides[:4]) and _is_bar(*bar.sides[4:])):
        raise _refuse(where, "sides", bar.sides, "prices are finite, above zero, and within low and high")
    for name, value in (("volume", bar.volume), ("spread", bar.spread)):
        if value is not None and not 0.0 <= value < math.inf:
            raise _refuse(where, name, value, "a finite number from zero up is allowed")


def _is_bar(o: float | None, h: float | None, l: float | None, c: float | None) -> bool:
    if o is None or h is None or l is None or c is None:
        return False
    return 0.0 < l <= o <= h < math.inf and l <= c <= h


def _check_tick(tick: TickMessage, where: str) -> None:
    for name, price in (("bid", tick.bid), ("ask", tick.ask)):
        if not 0.0 < price < math.inf:
            raise _refuse(where, name, price, "a finite price above zero is allowed")
    if not 0.0 <= tick.volume < math.inf:
        raise _refuse(where, "volume", tick.volume, "a finite number from zero up is allowed")


def _check_columns(message: ColumnsMessage, where: str) -> None:
    _check_bar(message.bar, where)
    if message.bar.version != VERSION:
        raise StreamError(version_reason(where, message.bar.version), key="version", value=message.bar.version)


def _check_event(event: Event, where: str) -> None:
    symbol = event.metadata.get("symbol")
    if not isinstance(symbol, str) or not 0 < len(symbol) <= 200:
        raise _refuse(where, "metadata.symbol", repr(symbol), "the instrument's name is required")
    if not event.signal_type:
        raise _refuse(where, "signal_type", "''", "a word such as 'golden_cross' is required")
    if not 0.0 <= event.strength <= 1.0:
        raise _refuse(where, "strength", event.strength, "0 to 1 is allowed")
    for name, value in event.metadata.items():
        if isinstance(value, int) and abs(value) > _LARGEST_FLOAT:
            raise _refuse(where, f"metadata.{name[:40]}", value, "a number that a float can hold is allowed")
    try:
        parse_timestamp(event.timestamp)
    except StreamError as error:
        raise StreamError(f"{where}: {error}", key="timestamp", value=event.timestamp) from None


def _check_prices(update: PriceUpdate, where: str) -> None:
    if not update.prices:
        raise _refuse(where, "prices", "none", "{symbol: price} with at least one is required")
    for symbol, price in update.prices.items():
        if not symbol or not 0.0 < price < math.inf:
            raise _refuse(
                where, f"price of {symbol[:40]!r}", price, "a finite price above zero and a symbol are required"
            )


def _check_command(command: Command, where: str) -> None:
    if command.value is not None and not math.isfinite(command.value):
        raise _refuse(where, "value", command.value, "a finite number is allowed")
    if command.command == "set_limit" and (not command.name or command.value is None):
        raise _refuse(where, "command", "set_limit", "it needs the limit's 'name' and its new 'value'")
    if command.command == "resolve" and not (command.name and command.status):
        raise _refuse(where, "command", "resolve", "it needs the order's id as 'name' and its 'status'")
    for name, number in (("price", command.price), ("quantity", command.quantity)):
        if number is not None:
            _check_decimal(name, number, where)


def _check_order(order: Order | Amend, where: str) -> None:
    for name, value in (
        ("quantity", order.quantity),
        ("limit_price", order.limit_price),
        ("stop_price", order.stop_price),
    ):
        if value is not None:
            _check_decimal(name, value, where)
    if isinstance(order, Order) and order.bracket is not None:
        _check_floats(order.bracket, Bracket.__struct_fields__, where)


def _check_fill(fill: Fill, where: str) -> None:
    _check_decimal("quantity", fill.quantity, where)
    _check_decimal("price", fill.price, where)
    _check_floats(fill, ("fee", "raw_price", "half_spread"), where)
    if fill.rate is not None and not 0.0 < fill.rate < math.inf:
        raise _refuse(where, "rate", fill.rate, "a finite number above zero is allowed")


def _check_money(message: Matched | NightCharge, where: str) -> None:
    _check_floats(message, ("balance",) if isinstance(message, Matched) else ("amount",), where)


def _check_evidence(evidence: BrokerEvidence, where: str) -> None:
    _check_floats(evidence.account, ("balance", "equity", "used_margin"), where)
    for position in evidence.positions:
        if not (position.quantity.is_finite() and abs(position.quantity) <= _LARGEST):
            raise _refuse(where, "quantity", position.quantity, "a finite number is allowed")
        _check_floats(position, ("average_price",), where)
    for fill in evidence.fills:
        _check_fill(fill, where)


def _check_reconciled(reconciled: Reconciled, where: str) -> None:
    for report in reconciled.reports:
        if isinstance(report, Fill):
            _check_fill(report, where)


def _check_floats(message: Any, names: Iterable[str], where: str) -> None:
    for name in names:
        value = getattr(message, name)
        if value is not None and not math.isfinite(value):
            raise _refuse(where, name, value, "a finite number is allowed")


def _check_decimal(name: str, value: Decimal, where: str) -> None:
    # Bounded: an exponent of a milliard is legal text, and takes all memory at the first rounding.
    if not (value.is_finite() and _SMALLEST <= value <= _LARGEST and len(value.as_tuple().digits) <= 40):
        raise _refuse(where, name, value, "a number above zero of at most 18 places on each side is allowed")


def _unchecked(message: Any, where: str) -> None:
    """Accept what the types have judged already."""


_CHECKS: dict[type, Callable[[Any, str], None]] = {
    BarMessage: _check_bar,
    TickMessage: _check_tick,
    ColumnsMessage: _check_columns,
    Event: _check_event,
    PriceUpdate: _check_prices,
    Command: _check_command,
    Order: _check_order,
    Amend: _check_order,
    Fill: _check_fill,
    BrokerEvidence: _check_evidence,
    Reconciled: _check_reconciled,
    Answered: _unchecked,
    **dict.fromkeys((Matched, NightCharge), _check_money),
    **dict.fromkeys((Heartbeat, Cancel, Decided, OrderUpdate, EvidenceRequest), _unchecked),
}
