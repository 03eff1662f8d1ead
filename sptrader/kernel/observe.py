"""Observe: write what a bar shows, and what the strategy says at its close, into the state's fields."""

from __future__ import annotations

from sptrader.jit import inlined
from sptrader.kernel.state import (
    ASK_CLOSE,
    ASK_HIGH,
    ASK_LOW,
    ASK_OPEN,
    BID_CLOSE,
    BID_HIGH,
    BID_LOW,
    BID_OPEN,
    FILTER,
    LIMIT_TO_BUY,
    LIMIT_TO_SELL,
    NIGHT_LONG,
    NIGHT_SHORT,
    QUANTITY,
    RATE_CLOSE,
    RATE_OPEN,
    RULE_LEAVES,
    SIGNAL,
    STOP_COLUMN,
    STRENGTH,
    TARGET_COLUMN,
    TRAIL_COLUMN,
    TRIGGER_TO_BUY,
    TRIGGER_TO_SELL,
    VOLATILITY_COLUMN,
    VOLUME,
)
from sptrader.kernel.terms import leaves_by_terms


@inlined
def observe_bar(market, i, t, s, L, at):
    """Write prices, volume, rates and nights of instrument `i` on bar `t`."""
    s[at + BID_OPEN * L] = market.price[i, t, 0]
    s[at + BID_HIGH * L] = market.price[i, t, 1]
    s[at + BID_LOW * L] = market.price[i, t, 2]
    s[at + BID_CLOSE * L] = market.price[i, t, 3]
    s[at + ASK_OPEN * L] = market.price[i, t, 4]
    s[at + ASK_HIGH * L] = market.price[i, t, 5]
    s[at + ASK_LOW * L] = market.price[i, t, 6]
    s[at + ASK_CLOSE * L] = market.price[i, t, 7]
    s[at + VOLUME * L] = market.volume[i, t]
    observe_rate(market, i, t, s, L, at)
    row = min(t, market.nights.shape[1] - 1)
    s[at + NIGHT_LONG * L] = market.nights[i, row, 0]
    s[at + NIGHT_SHORT * L] = market.nights[i, row, 1]


@inlined
def observe_rate(market, i, t, s, L, at):
    """Write the conversion rates of bar `t`, which are there even where instrument `i` has no bar."""
    row = min(t, market.rate.shape[1] - 1)
    s[at + RATE_OPEN * L] = market.rate[i, row, 0]
    s[at + RATE_CLOSE * L] = market.rate[i, row, 1]


@inlined
def observe_signal(orders, i, t, s, L, j, at):
    """Write the bar's signal and whether a rule that looks at the position says to leave; where an entry is
    asked for, also its strength, filter, distances and prices."""
    signal = orders.signal[i, t, j]
    s[at + SIGNAL * L] = float(signal)
    s[at + RULE_LEAVES * L] = 0.0
    if orders.terms.shape[0] > 0 and s[at + QUANTITY * L] != 0.0:
        s[at + RULE_LEAVES * L] = 1.0 if leaves_by_terms(orders, i, t, s, L, j, at) else 0.0
    if signal != 0:
        s[at + STRENGTH * L] = orders.strength[i, min(t, orders.strength.shape[1] - 1), j]
        s[at + FILTER * L] = float(orders.refused[i, min(t, orders.refused.shape[1] - 1)])
        s[at + STOP_COLUMN * L] = orders.stop[i, min(t, orders.stop.shape[1] - 1), j]
        s[at + TARGET_COLUMN * L] = orders.target[i, min(t, orders.target.shape[1] - 1), j]
        s[at + TRAIL_COLUMN * L] = orders.trail[i, min(t, orders.trail.shape[1] - 1), j]
        row = min(t, orders.limit.shape[1] - 1)
        s[at + LIMIT_TO_BUY * L] = orders.limit[i, row, j, 0]
        s[at + LIMIT_TO_SELL * L] = orders.limit[i, row, j, 1]
        row = min(t, orders.trigger.shape[1] - 1)
        s[at + TRIGGER_TO_BUY * L] = orders.trigger[i, row, j, 0]
        s[at + TRIGGER_TO_SELL * L] = orders.trigger[i, row, j, 1]
        s[at + VOLATILITY_COLUMN * L] = orders.volatility[i, min(t, orders.volatility.shape[1] - 1), j]
