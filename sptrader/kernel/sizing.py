"""Sizing: how many units an entry asks for, and which constraint bound them."""

from __future__ import annotations

import math

from sptrader.jit import compiled, inlined
from sptrader.kernel.prices import whole_lots
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    BASE_CODE,
    EQUITY,
    INSTRUMENT_FIELDS,
    LIMIT_CURRENCY,
    LIMIT_MARGIN,
    LIMIT_ORDER,
    LIMIT_POSITION,
    MARGIN,
    MARGIN_RATE,
    NOTHING,
    NOTIONAL,
    ORDER_MARGIN,
    OVER_CURRENCY_LIMIT,
    OVER_FREE_MARGIN,
    OVER_MARGIN_LIMIT,
    OVER_ORDER_LIMIT,
    OVER_POSITION_LIMIT,
    PERCENT,
    QUANTITY,
    QUOTE_CODE,
    RESERVED_MARGIN,
    RISK,
    SIDE,
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
def capped_units(units, unit, direction, is_reversal, n_instruments, i, a, p):
    """Return `units` under every limit and on the lot step, and the reason code of the lowest limit that bound.

    `unit` is what one unit is worth, account currency. A limit that is nan allows nothing, whatever the others allow.
    """
    cap = NOTHING
    held = 0.0 if is_reversal else abs(p[QUANTITY])
    allowed = a[LIMIT_POSITION] * a[EQUITY] / unit - held
    if not (units <= allowed):
        units, cap = allowed, OVER_POSITION_LIMIT
    allowed = a[LIMIT_ORDER] / unit
    if not (units <= allowed or math.isnan(units)):
        units, cap = allowed, OVER_ORDER_LIMIT
    if a[LIMIT_CURRENCY] != math.inf:
        allowed = units_under_exposure(unit, direction, is_reversal, n_instruments, i, a, p)
        if not (units <= allowed or math.isnan(units)):
            units, cap = allowed, OVER_CURRENCY_LIMIT
    used = a[USED_MARGIN] + a[RESERVED_MARGIN] - p[ORDER_MARGIN]
    if is_reversal:
        used -= p[MARGIN]
    allowed = (a[LIMIT_MARGIN] * a[EQUITY] - used) / (unit * p[MARGIN_RATE])
    if not (units <= allowed or math.isnan(units)):
        units, cap = allowed, OVER_MARGIN_LIMIT
    allowed = (a[EQUITY] - used) / (unit * p[MARGIN_RATE])
    if not (units <= allowed or math.isnan(units)):
        units, cap = allowed, OVER_FREE_MARGIN
    if math.isnan(units) or units <= 0.0:
        return 0.0, cap
    return whole_lots(units, p), cap


@compiled
def units_under_exposure(unit, direction, is_reversal, n_instruments, i, a, p):
    """Return how many units of instrument `i` keep the net notional of both its currencies within the limit."""
    most, allowed = a[LIMIT_CURRENCY] * a[EQUITY], math.inf
    base, quote = p[BASE_CODE], p[QUOTE_CODE]
    if base != 0.0:
        allowed = (most - direction * exposure(base, is_reversal, n_instruments, i, a)) / unit
    if quote != 0.0:
        other = (most + direction * exposure(quote, is_reversal, n_instruments, i, a)) / unit
        if not (allowed <= other):
            allowed = other
    return allowed


@compiled
def exposure(currency, is_reversal, n_instruments, i, a):
    """Return the net notional of a currency in positions and working entries, account currency.

    The working entry of instrument `i` is about to be replaced, and on a reversal its position closed: neither counts.
    """
    total = 0.0
    for k in range(n_instruments):
        p = a[ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS :]
        way = 0.0
        if p[BASE_CODE] == currency:
            way = 1.0
        elif p[QUOTE_CODE] == currency:
            way = -1.0
        if way != 0.0:
            margin = 0.0
            if p[QUANTITY] != 0.0 and not (k == i and is_reversal):
                margin = p[MARGIN] if p[QUANTITY] > 0.0 else -p[MARGIN]
            if k != i:
                margin += p[SIDE] * p[ORDER_MARGIN]
            total += way * margin / p[MARGIN_RATE]
    return total
