"""Correlation: how closely the returns of two instruments went together before an entry is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel.state import LONG_ENTRY, SHORT_ENTRY
from sptrader.orchestrator.market import MarketData
from sptrader.strategy.plan import Plan

Floats = NDArray[np.float64]


def correlations(plan: Plan, market: MarketData, signal: NDArray[np.uint8]) -> Floats:
    """Return the correlation of each two instruments' returns, (i, i, n), nan where no entry of the first is asked for.

    Simple close to close returns of the last `correlation_lookback` bars that both have, the one of the decision included; nan
    before there are as many, or where one did not move. Without a limit an array of one nan for each pair.
    """
    count, n = len(market.symbols), len(market.times_ns)
    if plan.risk.correlation_limit is None or count == 1:
        return np.full((count, count, 1), np.nan)
    out = np.full((count, count, n), np.nan)
    lookback = plan.risk.correlation_lookback
    asked = (signal & np.uint8(LONG_ENTRY | SHORT_ENTRY)) != 0
    for i in range(count):
        for k in range(i):
            rows = np.intersect1d(market.rows[market.symbols[i]], market.rows[market.symbols[k]], assume_unique=True)
            wanted = np.flatnonzero(asked[i] | asked[k])
            place = np.searchsorted(rows, wanted, side="right") - 1  # the last bar both have, this one or before
            is_known = place >= lookback
            found = np.full(len(wanted), np.nan)
            moves = [_returns(market, which, rows) for which in (i, k)]
            found[is_known] = _correlation(moves[0], moves[1], place[is_known], lookback)
            out[i, k, wanted] = out[k, i, wanted] = found
    return out


def _returns(market: MarketData, i: int, rows: NDArray[np.int64]) -> Floats:
    """Simple returns of the closes' mid between the bars `rows`; the k-th leads to bar k + 1."""
    mid = (market.kernel.price[i, rows, 3] + market.kernel.price[i, rows, 7]) * 0.5
    return np.asarray(mid[1:] / mid[:-1] - 1.0)


def _correlation(one: Floats, other: Floats, ends: NDArray[np.int64], lookback: int) -> Floats:
    """Pearson's correlation of the `lookback` returns up to each of the bars `ends`, each window by itself."""
    out = np.empty(len(ends))
    step = max(1, 2**20 // lookback)
    for start in range(0, len(ends), step):
        at = ends[start : start + step, np.newaxis] + np.arange(-lookback, 0)
        x, y = one[at], other[at]
        x = x - x.mean(axis=1, keepdims=True)
        y = y - y.mean(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[start : start + step] = (x * y).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return out
