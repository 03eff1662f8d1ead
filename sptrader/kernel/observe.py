"""Observe: write what a bar shows, and what the strategy says at its close, into the state's fields."""

from __future__ import annotations

from sptrader.jit import inlined
from sptrader.kernel.state import (
    BID_OPEN,
    BY_PAIR,
    FILTER,
    LIMIT_TO_BUY,
    LIMIT_TO_SELL,
    NIGHT_LONG,
    NIGHT_SHORT,
    RATE_CLOSE,
    RATE_KIND,
    RATE_OPEN,
    STOP_COLUMN,
    STRENGTH,
    TARGET_COLUMN,
    TRAIL_COLUMN,
    TRIGGER_TO_BUY,
    TRIGGER_TO_SELL,
    VOLATILITY_COLUMN,
    VOLUME,
)


@inlined
def observe_bar(market, i, t, p):
    """Write prices, volume and rates of instrument `i` on bar `t`."""
    price = market.price[i, t]
    for k in range(8):
        p[BID_OPEN + k] = price[k]
    p[VOLUME] = market.volume[i, t]
    observe_rate(market.rate, i, t, p)


@inlined
def observe_rate(rate, i, t, p):
    """Write the conversion rates of bar `t`, which are there even where instrument `i` has no bar."""
    if p[RATE_KIND] == BY_PAIR:
        now = rate[i, min(t, rate.shape[1] - 1)]
        p[RATE_OPEN] = now[0]
        p[RATE_CLOSE] = now[1]


@inlined
def observe_nights(nights, i, t, p):
    """Write what the nights before bar `t` cost or bring a unit."""
    now = nights[i, min(t, nights.shape[1] - 1)]
    p[NIGHT_LONG] = now[0]
    p[NIGHT_SHORT] = now[1]


@inlined
def observe_filter(refused, i, t, p):
    """Write the reason for which entries are refused on bar `t`."""
    p[FILTER] = float(refused[i, min(t, refused.shape[1] - 1)])


@inlined
def observe_signal(orders, i, t, j, p):
    """Write what an entry is asked with: strength, distances and prices."""
    p[STRENGTH] = value_at(orders.strength, i, t, j)
    p[STOP_COLUMN] = value_at(orders.stop, i, t, j)
    p[TARGET_COLUMN] = value_at(orders.target, i, t, j)
    p[TRAIL_COLUMN] = value_at(orders.trail, i, t, j)
    limit = orders.limit[i, min(t, orders.limit.shape[1] - 1), j]
    p[LIMIT_TO_BUY] = limit[0]
    p[LIMIT_TO_SELL] = limit[1]
    trigger = orders.trigger[i, min(t, orders.trigger.shape[1] - 1), j]
    p[TRIGGER_TO_BUY] = trigger[0]
    p[TRIGGER_TO_SELL] = trigger[1]
    p[VOLATILITY_COLUMN] = value_at(orders.volatility, i, t, j)


@inlined
def value_at(column, i, t, j):
    """Return what a column says for instrument `i` on bar `t` in lane `j`; a column of one bar says it for all."""
    return column[i, min(t, column.shape[1] - 1), j]
