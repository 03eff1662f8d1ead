"""Filters: which entries are kept away, and by what; only the bars where an entry is asked for are looked at."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.model.reasons import Reason
from sptrader.orchestrator.market import MarketData
from sptrader.strategy.plan import Distance, Plan

Ints = NDArray[np.int64]


def has_filters(plan: Plan) -> bool:
    """Whether `plan` keeps entries away by anything that `filter_codes` looks at."""
    f = plan.filters
    return any(limit is not None for limit in (f.hours, f.days, f.max_spread, f.min_volume))


def filter_codes(plan: Plan, market: MarketData, symbol: str, asked: Ints) -> NDArray[np.uint8]:
    """Return the reason code of the first filter that refuses an entry on each of the bars `asked`, 0 for none, (k,).

    Hours and days are those of the decision, at the bar's close; hours are half-open. Spread and volume are the bar's, the
    spread at its close; unknown ones refuse. The order asked in is hours, days, spread, volume.
    """
    filters = plan.filters
    codes = np.zeros(len(asked), np.uint8)
    if len(asked) == 0:
        return codes
    rows = market.rows[symbol][asked]
    if filters.min_volume is not None:
        volume = market.frames[symbol]["volume"].to_numpy(np.float64)[asked]
        codes[~(volume >= filters.min_volume)] = Reason.VOLUME_TOO_LOW
    if filters.max_spread is not None:
        i = market.symbols.index(symbol)
        close = market.kernel.price[i, rows, 3], market.kernel.price[i, rows, 7]
        instrument = market.instruments[symbol]
        allowed = _allowed_spread(filters.max_spread, float(instrument.pip), close[0])
        step = float(instrument.price_step)
        codes[~(close[1] - close[0] <= allowed + 1e-6 * step)] = Reason.SPREAD_TOO_WIDE
    if filters.hours is not None or filters.days is not None:
        decided = pd.DatetimeIndex(market.times_ns[rows] + market.timeframe_ns, tz="UTC").tz_convert(filters.zone)
        if filters.days is not None:
            codes[~np.isin(decided.day_of_week, sorted(filters.days))] = Reason.OUTSIDE_DAYS
        if filters.hours is not None:
            minute = (decided.hour * 60 + decided.minute).to_numpy()
            start, end = filters.hours.start_minute, filters.hours.end_minute
            inside = (minute >= start) & (minute < end) if start < end else (minute >= start) | (minute < end)
            codes[~inside] = Reason.OUTSIDE_HOURS
    return codes


def _allowed_spread(limit: Distance, pip: float, price: NDArray[np.float64]) -> float | NDArray[np.float64]:
    if limit.kind == "pips":
        return limit.value * pip
    return price * limit.value if limit.kind == "fraction" else limit.value
