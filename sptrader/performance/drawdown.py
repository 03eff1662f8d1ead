"""Drawdown: how far, and how long, the account stood below its highest mark.

Always a positive fraction of the peak, on the equity of every bar. The starting cash is the first peak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.model.timeframe import DAY_NS
from sptrader.performance.returns import AccountSeries, Floats, Ints

_NONE: Ints = np.empty(0, np.int64)


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall and the longest time under water of one account.

    `depth` is a fraction of the peak, above 1 when equity fell below zero. `days` is the longest time from a peak to
    its recovery, in calendar days, to the end of the run where it never recovered. The two may be of different falls.
    """

    depth: float
    days: float


def drawdown(equity: Floats, start: float) -> Floats:
    """Return how far each mark is below the highest so far, as a fraction of that; (n,), 0 at a new high.

    `start` is the starting cash, the first peak.

    >>> drawdown(np.array([110.0, 99.0, 121.0]), 100.0)
    array([0. , 0.1, 0. ])
    """
    peak = _peaks(equity, start)
    return np.subtract(1.0, np.divide(equity, peak, out=peak), out=peak)


def max_drawdown_rows(rows: Floats) -> Floats:
    """Return the deepest fall within each row of *returns*, a positive fraction, (rows, n) -> (rows,).

    >>> max_drawdown_rows(np.array([[0.1, -0.1, -0.5], [0.1, 0.1, 0.1]]))
    array([0.55, 0.  ])
    """
    growth = np.cumprod(1.0 + rows, axis=1)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    return np.asarray(1.0 - np.min(growth / peak, axis=1, initial=1.0), np.float64)


def worst_drawdown(account: AccountSeries) -> Drawdown:
    """Return the deepest fall and the longest time under water; 0 and 0 days without one, nan without bars."""
    if len(account) == 0:
        return Drawdown(float("nan"), float("nan"))
    lowest, longest_ns = account.fall
    return Drawdown(1.0 - lowest, longest_ns / DAY_NS)


def drawdown_table(account: AccountSeries, top: int = 10) -> pd.DataFrame:
    """Return the `top` deepest drawdowns, deepest first.

    Columns: `peak`, `trough`, `recovery` (UTC times of the marks, NaT where it has not recovered), `depth` (fraction),
    `days` (calendar, peak to recovery or end), `days_to_trough`.
    """
    equity = account.equity
    first, last = _under_water(equity < _peaks(equity, account.cash)) if len(account) else (_NONE, _NONE)
    start_ns, end_ns, has_recovered = _bounds(account, first, last)
    falls = drawdown(equity, account.cash)
    trough = np.array([a + int(np.argmax(falls[a : b + 1])) for a, b in zip(first, last, strict=True)], np.int64)
    trough_ns = account.marks_ns[trough]
    order = np.argsort(-falls[trough], kind="stable")[:top]
    recovery = pd.Series(pd.to_datetime(end_ns, utc=True)).where(has_recovered)
    table = pd.DataFrame(
        {
            "peak": pd.to_datetime(start_ns, utc=True),
            "trough": pd.to_datetime(trough_ns, utc=True),
            "recovery": recovery,
            "depth": falls[trough],
            "days": (end_ns - start_ns) / DAY_NS,
            "days_to_trough": (trough_ns - start_ns) / DAY_NS,
        }
    )
    return table.iloc[order].reset_index(drop=True)


def _peaks(equity: Floats, start: float) -> Floats:
    peak = np.maximum.accumulate(equity)
    return np.maximum(peak, start, out=peak)


def _under_water(is_under: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return the first and the last bar of each stretch below the peak."""
    edges = np.flatnonzero(is_under[1:] != is_under[:-1]) + 1
    first = edges[0 if not is_under[0] else 1 :: 2]
    last = edges[1 if not is_under[0] else 0 :: 2] - 1
    if is_under[0]:
        first = np.concatenate(([0], first))
    if is_under[-1]:
        last = np.concatenate((last, [len(is_under) - 1]))
    return first.astype(np.int64), last.astype(np.int64)


def _bounds(account: AccountSeries, first: Ints, last: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Return when each stretch's peak was marked, when it ended, and whether it recovered then."""
    times, n = account.times_ns, len(account)
    has_recovered = last < n - 1
    ends = times[np.minimum(last + 1, n - 1)] + account.timeframe_ns
    starts = (
        np.where(first > 0, times[np.maximum(first - 1, 0)] + account.timeframe_ns, times[0]) if len(first) else _NONE
    )
    return starts, ends, has_recovered
