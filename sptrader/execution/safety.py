"""Safety: what an order must pass before it is sent. Pure: facts and limits in, a refusal or the state after it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

import msgspec

from sptrader.errors import BrokerError
from sptrader.execution.record import Record
from sptrader.model.ids import KILL_ORDER
from sptrader.model.orders import Order, OrderUpdate

Trading = Literal["active", "reducing", "halted"]
MOST_SENT = 256  # orders that are looked at for a duplicate; of more a minute as many as are allowed are known
_MINUTE_NS = 60_000_000_000


class Check(StrEnum):
    """Why an order was not sent: a stable code; `sentence` says what it means."""

    KILLED = "killed"
    TRADING_HALTED = "trading_halted"
    ONLY_REDUCING = "only_reducing"
    ORDER_INVALID = "order_invalid"
    PRICE_UNKNOWN = "price_unknown"
    PRICE_STALE = "price_stale"
    RATE_UNKNOWN = "rate_unknown"
    PRICE_COLLAR = "price_collar"
    ORDER_NOTIONAL = "order_notional"
    ORDERS_PER_MINUTE = "orders_per_minute"
    DUPLICATE_ORDER = "duplicate_order"

    @property
    def sentence(self) -> str:
        """What it means, in one sentence."""
        return _SENTENCES[self]


_SENTENCES = {
    Check.KILLED: "the kill switch is latched: nothing is sent until a person unlatches it",
    Check.TRADING_HALTED: "trading is halted: nothing but cancels is sent",
    Check.ONLY_REDUCING: "only orders that lower a position are sent now",
    Check.ORDER_INVALID: "the order's quantity or price was not a finite number above 0, or a price was missing",
    Check.PRICE_UNKNOWN: "the last price was not known or not above 0",
    Check.PRICE_STALE: "the last price was too old",
    Check.RATE_UNKNOWN: "the conversion rate to the account's currency was not known",
    Check.PRICE_COLLAR: "the order's price was too far from the last price",
    Check.ORDER_NOTIONAL: "the order's notional was above the largest allowed",
    Check.ORDERS_PER_MINUTE: "as many orders as allowed were sent within the last minute",
    Check.DUPLICATE_ORDER: "an equal order under another id was sent a moment ago",
}


@dataclass(frozen=True)
class Limits:
    """What binds orders before they are sent; None switches a check off, which must be said.

    `max_order_notional` in account currency; `price_collar_rate` the largest distance of a limit or stop price from the last
    price, as a fraction of it; `max_price_age_s` seconds; `duplicate_window_s` seconds in which an equal entry is a mistake.
    """

    max_order_notional: float | None
    price_collar_rate: float | None = 0.05
    max_price_age_s: float | None = 60.0
    orders_per_minute: int | None = 60
    duplicate_window_s: float | None = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 < value < float("inf"):
                raise BrokerError(
                    f"{field.name} was {value}; allowed is a number above 0, or none to switch the check off.",
                    key=field.name,
                    value=value,
                )


class Market(NamedTuple):
    """What is known of an instrument now: last price (nan: unknown), its time, and account currency per quote currency."""

    price: float
    time_ns: int
    rate: float


class SentOrder(msgspec.Struct, frozen=True):
    """An order that was sent in the last minute (or the duplicates' window), as far as the checks remember it."""

    at_ns: int
    client_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    is_entry: bool


class Memory(msgspec.Struct, frozen=True):
    """What the checks remember between orders; plain data, journalled with the order it led to."""

    sent: tuple[SentOrder, ...] = ()


class Refusal(NamedTuple):
    """Why an order is not sent: the code, and a sentence with the numbers."""

    check: Check
    sentence: str


class Verdict(NamedTuple):
    """The refusal, None when the order may be sent, and what is remembered afterwards."""

    refusal: Refusal | None
    memory: Memory


def is_check(reason: str) -> bool:
    """Whether an order's reason is the code of a check, and not a broker's own words."""
    return reason in {check.value for check in Check}


def refusal_sentence(reason: str) -> str:
    """Return why an order was refused: a check's code with what it means, else the broker's own words."""
    return f"{reason}: {Check(reason).sentence}" if is_check(reason) else reason


def memory_of(records: Iterable[Record]) -> Memory:
    """Return what the checks remember of the orders of a journal, oldest first: after a restart they bind as before it.

    What a check itself refused was not sent, and the orders of the kill switch and of lost stops are not counted.
    """
    codes = {check.value for check in Check}
    sent = [
        SentOrder(one.sent_ns, one.client_order_id, one.symbol, one.side, one.order.quantity, one.leg == "entry")
        for one in records
        if one.order is not None
        and not one.client_order_id.startswith(KILL_ORDER)
        and not (one.stage == "new" and isinstance(one.last, OrderUpdate) and one.last.reason in codes)
    ]
    return Memory(tuple(sorted(sent, key=lambda one: (one.at_ns, one.client_order_id))))


def check_order(
    order: Order,
    market: Market | None,
    memory: Memory,
    *,
    limits: Limits,
    now_ns: int,
    trading: Trading = "active",
    is_killed: bool = False,
) -> Verdict:
    """Check an order against everything that may keep it from being sent; the first refusal counts.

    What keeps from taking risk (`reducing`, notional, price age, orders per minute, duplicates) binds entries; an exit
    passes it, for a position must always be closable, and the engine clamps exits to the position. What protects from
    mistakes (numbers, collar, halt, kill) binds both. An unknown number never passes. The same id again is not checked
    twice: it is no new order.
    """
    if any(sent.client_order_id == order.client_order_id for sent in memory.sent):
        return Verdict(None, memory)
    window_ns = max(_MINUTE_NS, _nanoseconds(limits.duplicate_window_s))
    most = max(limits.orders_per_minute or 0, MOST_SENT)
    recent = tuple(sent for sent in memory.sent[-most:] if now_ns - sent.at_ns < window_ns)
    refusal = (
        _state(order, trading, is_killed)
        or _numbers(order)
        or _collar(order, market, limits)
        or (_entry(order, market, limits, recent, now_ns) if order.leg == "entry" else None)
    )
    if refusal is not None:
        return Verdict(refusal, Memory(recent))
    sent = SentOrder(now_ns, order.client_order_id, order.symbol, order.side, order.quantity, order.leg == "entry")
    return Verdict(None, Memory((*recent, sent)))


def _refused(check: Check, numbers: str = "") -> Refusal:
    return Refusal(check, f"{check.sentence}{f': {numbers}' if numbers else ''}")


def _state(order: Order, trading: Trading, is_killed: bool) -> Refusal | None:
    if is_killed:
        return _refused(Check.KILLED)
    if trading == "active":
        return None
    if trading == "reducing":
        return _refused(Check.ONLY_REDUCING) if order.leg == "entry" else None
    return _refused(Check.TRADING_HALTED)  # and whatever is not a state that allows more


def _numbers(order: Order) -> Refusal | None:
    prices = {"limit price": order.limit_price, "stop price": order.stop_price}
    for name, value in {"quantity": order.quantity, **prices}.items():
        if value is not None and not (value.is_finite() and value > 0):
            return _refused(Check.ORDER_INVALID, f"the {name} was {value}")
    for name, types in (("limit price", ("limit", "stop_limit")), ("stop price", ("stop", "stop_limit"))):
        if order.type in types and prices[name] is None:
            return _refused(Check.ORDER_INVALID, f"a {order.type} order had no {name}")
    return None


def _known(market: Market | None, now_ns: int, limits: Limits) -> Refusal | None:
    """Refuse when the last price is unknown, not a price, too old, or of the future."""
    if market is None or not 0.0 < market.price < float("inf"):
        return _refused(Check.PRICE_UNKNOWN, "" if market is None else f"it was {market.price}")
    if limits.max_price_age_s is not None:
        age_ns = now_ns - market.time_ns
        if not 0 <= age_ns <= _nanoseconds(limits.max_price_age_s):
            return _refused(Check.PRICE_STALE, f"{age_ns / 1e9:g} s, allowed are 0 to {limits.max_price_age_s:g} s")
    return None


def _collar(order: Order, market: Market | None, limits: Limits) -> Refusal | None:
    if limits.price_collar_rate is None:
        return None
    for price in (order.limit_price, order.stop_price):
        if price is None:
            continue
        if market is None or not 0.0 < market.price < float("inf"):
            return _refused(Check.PRICE_UNKNOWN, "the collar needs it")
        distance = abs(float(price) - market.price) / market.price
        if not distance <= limits.price_collar_rate:
            return _refused(
                Check.PRICE_COLLAR,
                f"{price} is {distance:.2%} from {market.price:g}, allowed is {limits.price_collar_rate:.2%}",
            )
    return None


def _entry(
    order: Order, market: Market | None, limits: Limits, recent: tuple[SentOrder, ...], now_ns: int
) -> Refusal | None:
    checks: tuple[Callable[[], Refusal | None], ...] = (
        lambda: _known(market, now_ns, limits),
        lambda: _notional(order, market, limits),
        lambda: _too_many(recent, limits, now_ns),
        lambda: _duplicate(order, recent, limits, now_ns),
    )
    return next((refusal for check in checks if (refusal := check()) is not None), None)


def _notional(order: Order, market: Market | None, limits: Limits) -> Refusal | None:
    if limits.max_order_notional is None:
        return None
    if market is None or not 0.0 < market.rate < float("inf"):
        return _refused(Check.RATE_UNKNOWN)
    price = max(market.price, *(float(p) for p in (order.limit_price, order.stop_price) if p is not None), 0.0)
    notional = float(order.quantity) * price * market.rate
    if not notional <= limits.max_order_notional:
        return _refused(Check.ORDER_NOTIONAL, f"{notional:,.2f}, allowed is {limits.max_order_notional:,.2f}")
    return None


def _too_many(recent: tuple[SentOrder, ...], limits: Limits, now_ns: int) -> Refusal | None:
    if limits.orders_per_minute is None:
        return None
    n_sent = sum(now_ns - sent.at_ns < _MINUTE_NS for sent in recent)
    return _refused(Check.ORDERS_PER_MINUTE, f"{n_sent}") if n_sent >= limits.orders_per_minute else None


def _duplicate(order: Order, recent: tuple[SentOrder, ...], limits: Limits, now_ns: int) -> Refusal | None:
    if limits.duplicate_window_s is None:
        return None
    window_ns = _nanoseconds(limits.duplicate_window_s)
    for sent in recent:
        is_equal = (sent.symbol, sent.side, sent.quantity) == (order.symbol, order.side, order.quantity)
        if sent.is_entry and is_equal and now_ns - sent.at_ns < window_ns:
            return _refused(
                Check.DUPLICATE_ORDER,
                f"{sent.client_order_id}, {order.side} {order.quantity} {order.symbol}, "
                f"{(now_ns - sent.at_ns) / 1e9:g} s ago",
            )
    return None


def _nanoseconds(seconds: float | None) -> int:
    return round((seconds or 0.0) * 1e9)
