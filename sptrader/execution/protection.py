"""Protection: the children of an entry at a paper venue: stop, target and trailing stop, of which one at most is filled."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from sptrader.execution.holdings import snapped
from sptrader.model.orders import Bracket, Leg, OpenOrder, Order, OrderStatus, Side

KINDS: dict[Leg, str] = {"stop": "stop_loss", "target": "take_profit", "trail": "trailing_stop"}
_STOP: Leg = "stop"
_TARGET: Leg = "target"
_TRAIL: Leg = "trail"


class Protection(msgspec.Struct):
    """What protects one position: levels on the price step (None: none), and the ids of the orders that stand for them.

    `made` and `changed` count, so that every child and every change of one has an id of its own.
    `best` is the best price of completed bars, from which the trailing stop keeps its distance, `peak` the best so far.
    """

    parent: str
    side: Side
    stop: Decimal | None
    target: Decimal | None
    trail_distance: Decimal | None
    best: Decimal
    peak: Decimal
    orders: dict[Leg, str] = {}
    made: int = 0
    changed: int = 0


def protect(bracket: Bracket | None, *, parent: str, price: Decimal, is_long: bool, step: Decimal) -> Protection:
    """Work out what protects an entry that was filled at `price`. Sell levels of stops snap down, of targets up."""
    told = bracket or Bracket()
    sign = 1 if is_long else -1
    stop = _distance(told.stop_distance, told.stop_fraction, price)
    target = _distance(told.target_distance, told.target_fraction, price)
    return Protection(
        parent=parent,
        side="sell" if is_long else "buy",
        stop=None if stop is None else snapped(price - sign * stop, step, is_up=not is_long),
        target=None if target is None else snapped(price + sign * target, step, is_up=is_long),
        trail_distance=_distance(told.trail_distance, told.trail_fraction, price),
        best=price,
        peak=price,
    )


def with_add(old: Protection, new: Protection) -> Protection:
    """Return the protection after an add: its tighter stop counts, all else stays as the first entry set it."""
    stops = [stop for stop in (old.stop, new.stop) if stop is not None]
    tighter = (max(stops) if old.side == "sell" else min(stops)) if stops else None
    return msgspec.structs.replace(old, stop=tighter)


def trail_level(protection: Protection, step: Decimal) -> Decimal | None:
    """Return where the trailing stop is now; None without one."""
    if protection.trail_distance is None:
        return None
    sign = 1 if protection.side == "sell" else -1
    return snapped(protection.best - sign * protection.trail_distance, step, is_up=protection.side == "buy")


def reached(protection: Protection, price: Decimal, step: Decimal) -> Leg | None:
    """Return the child that the price of the closing side has reached; the stop before the target, the tighter stop."""
    sign = 1 if protection.side == "sell" else -1
    trail = trail_level(protection, step)
    stop, leg = protection.stop, _STOP
    if trail is not None and (stop is None or sign * (trail - stop) > 0):
        stop, leg = trail, _TRAIL
    if stop is not None and sign * (price - stop) <= 0:
        return leg
    if protection.target is not None and sign * (price - protection.target) >= 0:
        return _TARGET
    return None


def children(protection: Protection, *, symbol: str, quantity: Decimal, step: Decimal) -> list[OpenOrder]:
    """Make the orders that stand for the levels, in the quantity held, and note their ids."""
    protection.made += 1
    trail = trail_level(protection, step)
    levels: dict[Leg, Decimal | None] = {"stop": protection.stop, "target": protection.target, "trail": trail}
    protection.orders = {
        leg: f"{protection.parent}/{leg}/{protection.made}" for leg, level in levels.items() if level is not None
    }
    return [
        child(protection, leg, level, symbol=symbol, quantity=quantity)
        for leg, level in levels.items()
        if level is not None
    ]


def child(protection: Protection, leg: Leg, level: Decimal, *, symbol: str, quantity: Decimal) -> OpenOrder:
    """Return the order that stands for one level."""
    return OpenOrder(
        client_order_id=protection.orders[leg],
        symbol=symbol,
        side=protection.side,
        quantity=quantity,
        filled=Decimal(0),
        status=OrderStatus.ACCEPTED,
        type=KINDS[leg],
        parent=protection.parent,
        leg=leg,
        limit_price=level if leg == "target" else None,
        stop_price=None if leg == "target" else level,
    )


def child_order(protection: Protection, leg: Leg, *, symbol: str, quantity: Decimal, time_ns: int) -> Order:
    """Return the order that a child becomes when its level is reached."""
    return Order(
        client_order_id=protection.orders[leg],
        symbol=symbol,
        side=protection.side,
        quantity=quantity,
        type="market",
        time_in_force="gtc",
        leg=leg,
        reason=KINDS[leg],
        time_ns=time_ns,
        created_at=time_ns,
        parent=protection.parent,
    )


def move(protection: Protection, leg: Leg, level: Decimal | None) -> None:
    """Put the level of a child elsewhere, or take it away (None); a trailing stop goes on from there."""
    if leg == "stop":
        protection.stop = level
    elif leg == "target":
        protection.target = level
    elif level is None:
        protection.trail_distance = None
    elif protection.trail_distance is not None:
        distance = protection.trail_distance
        protection.best = level + distance if protection.side == "sell" else level - distance


def see(protection: Protection, price: Decimal) -> None:
    """Note a price of the closing side; it moves the trailing stop when the bar is complete."""
    protection.peak = (max if protection.side == "sell" else min)(protection.peak, price)


def close_bar(protection: Protection) -> None:
    """Let the trailing stop follow the best price of completed bars."""
    protection.best = protection.peak


def _distance(distance: float | None, fraction: float | None, price: Decimal) -> Decimal | None:
    if distance is not None:
        return Decimal(repr(float(distance)))
    return None if fraction is None else Decimal(repr(float(fraction))) * price
