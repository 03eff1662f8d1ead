"""Prices on their steps, and what turns quote currency into the account's."""

from __future__ import annotations

import math

from sptrader.jit import inlined
from sptrader.kernel.state import (
    CONTRACT_SIZE,
    FEE_FRACTION,
    FEE_MINIMUM,
    FEE_PER_LOT,
    IS_BASE,
    IS_QUOTE,
    LOT_BOTTOM,
    LOT_TOP,
    ORDER_TYPE,
    RATE_KIND,
    SHORT_ORDER_TYPE,
    SLIP_PRICE,
    SLIP_RANGE,
    SLIP_VOLUME,
    STEP_BOTTOM,
    STEP_TOP,
)

TOLERANCE = 1e-6  # of a step: arithmetic leaves less than that, quotes are never that fine


@inlined
def snapped_up(price, top, bottom):
    """Return `price` on the step top / bottom, upwards unless it is on one; top and bottom are whole numbers, so that
    the result is the float nearest to the decimal price."""
    return math.ceil(price * bottom / top - TOLERANCE) * top / bottom


@inlined
def snapped_down(price, top, bottom):
    """Return `price` on the step top / bottom, downwards unless it is on one."""
    return math.floor(price * bottom / top + TOLERANCE) * top / bottom


@inlined
def for_side(field, side, a):
    """Return what the account says of entries of that side: ORDER_TYPE and the three after it are said for both."""
    return a[field] if side > 0.0 else a[field + (SHORT_ORDER_TYPE - ORDER_TYPE)]


@inlined
def whole_lots(quantity, p):
    """Return the largest multiple of the lot step that is not above `quantity`."""
    top, bottom = p[LOT_TOP], p[LOT_BOTTOM]
    return math.floor(quantity * bottom / top + TOLERANCE) * top / bottom


@inlined
def buy_fill(raw, quantity, bar_range, volume, p):
    """Return what buying `quantity` at `raw` costs after slippage, rounded up to the step."""
    return snapped_up(raw + slippage(raw, quantity, bar_range, volume, p), p[STEP_TOP], p[STEP_BOTTOM])


@inlined
def sell_fill(raw, quantity, bar_range, volume, p):
    """Return what selling `quantity` at `raw` brings after slippage, rounded down to the step."""
    return snapped_down(raw - slippage(raw, quantity, bar_range, volume, p), p[STEP_TOP], p[STEP_BOTTOM])


@inlined
def slippage(raw, quantity, bar_range, volume, p):
    """Return the slippage in price units: fixed + fraction x range + impact x price x share^2.

    The share of the bar's volume is 1 at most, and 1 where the volume is unknown.
    """
    slip = p[SLIP_PRICE] + p[SLIP_RANGE] * bar_range
    impact = p[SLIP_VOLUME]
    if impact > 0.0:
        share = 1.0
        if volume > quantity:
            share = quantity / volume
        slip += impact * raw * share * share
    return slip


@inlined
def rate_at(price, pair_rate, p):
    """Return account currency per quote currency when this instrument trades at `price`."""
    kind = p[RATE_KIND]
    if kind == IS_QUOTE:
        return 1.0
    if kind == IS_BASE:
        return 1.0 / price
    return pair_rate


@inlined
def fee_of(quantity, price, rate, a, p):
    """Return the commission of one fill, account currency."""
    fee = a[FEE_FRACTION] * (quantity * price * rate) + a[FEE_PER_LOT] * (quantity / p[CONTRACT_SIZE])
    if fee < a[FEE_MINIMUM]:
        fee = a[FEE_MINIMUM]
    return fee
