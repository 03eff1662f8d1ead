"""Sizing: how many units an entry asks for, and which constraint bound them."""

from __future__ import annotations

import math

from sptrader.jit import inlined
from sptrader.kernel.prices import whole_lots
from sptrader.kernel.state import (
    EQUITY,
    LIMIT_ORDER,
    LIMIT_POSITION,
    MARGIN,
    MARGIN_RATE,
    NOTHING,
    NOTIONAL,
    ORDER_MARGIN,
    OVER_FREE_MARGIN,
    OVER_ORDER_LIMIT,
    OVER_POSITION_LIMIT,
    PERCENT,
    QUANTITY,
    RESERVED_MARGIN,
    RISK,
    SIZE_METHOD,
    SIZE_VALUE,
    UNITS,
    USED_MARGIN,
)


@inlined
def wanted_units(unit, rate, stop_distance, volatility, a):
    """Return the units the sizing method asks for, before limits and lots.

    `unit` is what one unit is worth and `rate` what one of its quote currency is, in account currency. nan where an input is.
    """
    method, value, equity = a[SIZE_METHOD], a[SIZE_VALUE], a[EQUITY]
    if method == UNITS:
        return value
    if method == NOTIONAL:
        return value / unit
    if method == PERCENT:
        return equity * value / unit
    if method == RISK:
        return equity * value / (stop_distance * rate)
    return equity * value / (volatility * rate)


@inlined
def capped_units(units, unit, is_reversal, a, p):
    """Return `units` under every limit and on the lot step, and the reason code of the lowest limit that bound.

    A limit that is nan allows nothing, whatever the others allow.
    """
    cap = NOTHING
    held = 0.0 if is_reversal else abs(p[QUANTITY])
    allowed = a[LIMIT_POSITION] * a[EQUITY] / unit - held
    if not (units <= allowed):
        units, cap = allowed, OVER_POSITION_LIMIT
    allowed = a[LIMIT_ORDER] / unit
    if not (units <= allowed or math.isnan(units)):
        units, cap = allowed, OVER_ORDER_LIMIT
    free = a[EQUITY] - a[USED_MARGIN] - a[RESERVED_MARGIN] + p[ORDER_MARGIN]
    if is_reversal:
        free += p[MARGIN]
    allowed = free / (unit * p[MARGIN_RATE])
    if not (units <= allowed or math.isnan(units)):
        units, cap = allowed, OVER_FREE_MARGIN
    if math.isnan(units) or units <= 0.0:
        return 0.0, cap
    return whole_lots(units, p), cap
