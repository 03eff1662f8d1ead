"""Falls: how deep and how long an account was under water, in one compiled pass over its equity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sptrader.jit import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


BLOCK = 512


def lowest_share(equity: Floats, times_ns: Ints, timeframe_ns: int, cash: float) -> tuple[float, float]:
    """Return the lowest mark as a share of the peak before it, 1 without a fall, and the longest time from a peak to its
    recovery, or to the end, in nanoseconds.

    `equity` (n,), n at least 1, is marked at the ends of the bars that open at `times_ns`; `cash` is the first peak. The share
    is nan where a mark is not finite.
    """
    starts = np.arange(0, len(equity), BLOCK)
    tops, lows = np.maximum.reduceat(equity, starts), np.minimum.reduceat(equity, starts)
    if not (math.isfinite(tops.max()) and math.isfinite(lows.min())):
        return math.nan, math.nan
    out = np.empty(2)
    falls(_fixed(equity), _fixed(times_ns), tops, lows, np.array([cash, timeframe_ns], np.float64), out)
    share, longest_ns = out.tolist()
    return share, longest_ns


@compiled
def falls(equity: Floats, times_ns: Ints, tops: Floats, lows: Floats, terms: Floats, out: Floats) -> None:
    """Write what `lowest_share` returns into `out`; `tops` and `lows` are the extremes of each `BLOCK` marks, `terms` the cash
    and the length of a bar.

    Bars are walked one by one only in blocks that reach the peak they began with and move. Under one peak the lowest mark has
    the lowest share: one division a fall.
    """
    n, timeframe_ns = len(equity), np.int64(terms[1])
    peak = low = terms[0]
    at, lowest, longest = -1, 1.0, 0
    for block in range(len(tops)):
        first, top = block * BLOCK, tops[block]
        last = min(first + BLOCK, n)
        if top < peak:
            low = min(low, lows[block])
            continue
        if top == lows[block] and top == peak and low == peak:
            at = last - 1
            continue
        for t in range(first, last):
            mark = equity[t]
            if mark >= peak:
                if low < peak:
                    lowest = min(lowest, low / peak)
                    since = times_ns[0] if at < 0 else times_ns[at] + timeframe_ns
                    longest = max(longest, times_ns[t] + timeframe_ns - since)
                peak = low = mark
                at = t
            elif mark < low:
                low = mark
    if low < peak:
        lowest = min(lowest, low / peak)
        since = times_ns[0] if at < 0 else times_ns[at] + timeframe_ns
        longest = max(longest, times_ns[n - 1] + timeframe_ns - since)
    out[0], out[1] = lowest, longest


def _fixed(values: NDArray[Any]) -> NDArray[Any]:
    """The values as compiled code is handed them: one kind of array, else it is compiled for each anew."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view
