"""Which points to draw: candles aggregated as bars are, lines by the extremes of stretches; never a changed value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_POINTS = 2000
MAX_BREAKS = 1000


@dataclass(frozen=True)
class Candles:
    """Drawn candles: `time` of the first bar of each (n,), its prices (n,), and how many bars one candle holds."""

    time: pd.DatetimeIndex
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    bars_each: int


def candles(bars: pd.DataFrame, max_points: int = MAX_POINTS) -> Candles:
    """Aggregate `bars` to at most `max_points` candles of equally many bars each, the last one of what is left.

    First open, highest high, lowest low, last close: what a longer timeframe would show, so no spike is ever lost.
    """
    n_bars = len(bars)
    bars_each = max(1, -(-n_bars // max_points))
    starts = np.arange(0, n_bars, bars_each)
    prices = {name: bars[name].to_numpy(np.float64) for name in ("open", "high", "low", "close")}
    if bars_each > 1:
        lasts = np.append(starts[1:], n_bars) - 1
        prices = {
            "open": prices["open"][starts],
            "high": np.maximum.reduceat(prices["high"], starts),
            "low": np.minimum.reduceat(prices["low"], starts),
            "close": prices["close"][lasts],
        }
    return Candles(time=pd.DatetimeIndex(bars.index[starts]), bars_each=bars_each, **prices)


def extreme_indices(values: Floats, max_points: int = MAX_POINTS) -> Ints:
    """Return sorted indices of at most `max_points` of `values` that draw the same line at screen resolution.

    Both ends, and the lowest and the highest value of each of equally long stretches. A stretch of nan keeps one nan,
    so that the line stays broken there.
    """
    n_values = len(values)
    if n_values <= max_points:
        return np.arange(n_values)
    n_stretches = max(1, (max_points - 2) // 2)
    edges = np.linspace(0, n_values, n_stretches + 1).astype(np.int64)
    length = int(np.diff(edges).max())
    columns = np.minimum(edges[:-1, None] + np.arange(length), edges[1:, None] - 1)
    block = values[columns]
    is_nan = np.isnan(block)
    rows = np.arange(n_stretches)
    lowest = columns[rows, np.where(is_nan, np.inf, block).argmin(axis=1)]
    highest = columns[rows, np.where(is_nan, -np.inf, block).argmax(axis=1)]
    return np.unique(np.concatenate([[0], lowest, highest, [n_values - 1]]))


def time_text(times: pd.DatetimeIndex) -> NDArray[np.str_]:
    """Return `times` (UTC) as the shortest ISO text that keeps them exactly, to the millisecond."""
    naive = (times.tz_convert("UTC").tz_localize(None) if times.tz is not None else times).to_numpy("datetime64[ms]")
    whole = naive.astype(np.int64)
    units = (("D", 86_400_000), ("m", 60_000), ("s", 1000))
    unit = next((name for name, length in units if not (whole % length).any()), "ms")
    text: NDArray[np.str_] = np.datetime_as_string(naive, unit=unit)  # type: ignore[call-overload]
    return text


def closed_hours(times: pd.DatetimeIndex, min_step: pd.Timedelta | None = None) -> list[dict[str, list[str]]]:
    """Return Plotly range breaks for the nights, weekends and holidays between `times`, so that none is drawn.

    A break is whatever lies between two times further apart than one and a half of the usual step (or of `min_step`,
    the width of a drawn candle); beyond 1,000 of them only the longest are cut out. It starts just after the bar before
    it has ended, so that a mark at that bar's close is still drawn.
    """
    ns = np.asarray(times.as_unit("ns").asi8)
    if len(ns) < 3:
        return []
    steps = np.diff(ns)
    step = int(np.median(steps))
    widest = max(step, 0 if min_step is None else int(min_step.value))
    gaps = np.flatnonzero(steps > 1.5 * widest)
    if len(gaps) > MAX_BREAKS:
        gaps = np.sort(gaps[np.argsort(steps[gaps], kind="stable")[-MAX_BREAKS:]])
    after = 10**9
    starts = pd.DatetimeIndex(ns[gaps] + step + after)
    ends = pd.DatetimeIndex(ns[gaps + 1])
    return [{"bounds": [a, b]} for a, b in zip(time_text(starts).tolist(), time_text(ends).tolist(), strict=True)]


def time_range(times: pd.DatetimeIndex) -> list[str] | None:
    """Return the ends of a time axis that shows all of `times` with a hundredth of their length on both sides."""
    if len(times) < 2:
        return None
    room = (times[-1] - times[0]) / 100
    ends: list[str] = time_text(pd.DatetimeIndex([times[0] - room, times[-1] + room]).floor("s")).tolist()
    return ends


def common_decimals(values: Floats, most: int = 6) -> int:
    """Return how many decimals the numbers have, at most `most`: 5 for EURUSD, 2 for shares.

    >>> common_decimals(np.array([1.05, 1.05832, np.nan]))
    5
    """
    known = values[np.isfinite(values)]
    sample = known[:: max(1, len(known) // 500)]
    return next((n for n in range(most) if np.allclose(np.round(sample, n), sample, rtol=0, atol=1e-9)), most)


def frame_times(table: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the times of a table: its column `time`, or its index."""
    return pd.DatetimeIndex(table["time"] if "time" in table.columns else table.index)
