"""Donchian channel."""

from typing import Annotated, NamedTuple

import numpy as np

from sptrader.components import Range, indicator, run_component
from sptrader.jit import compiled


class Channel(NamedTuple):
    """The range of prices over some bars, price units."""

    upper: np.ndarray
    middle: np.ndarray
    lower: np.ndarray


@indicator(category="trend", lookback=lambda period: period - 1)
def donchian(high: np.ndarray, low: np.ndarray, period: Annotated[int, Range(1, 5000)] = 20) -> Channel:
    """Highest high and lowest low of the last `period` bars, this one included, and their middle; each of shape (n,).

    nan until there are `period` bars, and while one of them is nan. A close can never lie outside its own bar's
    channel; compare it with the channel of the bar before, as the signal `breakout` does.

    >>> donchian(np.array([3.0, 2.0, 5.0]), np.array([1.0, 0.0, 4.0]), period=2).middle  # 0..3, 0..5
    array([nan, 1.5, 2.5])
    """
    upper = _highest(high, period, 1.0)
    lower = _highest(low, period, -1.0)
    return Channel(upper, _middle(upper, lower), lower)


@compiled
def _highest(values, period, sign):
    """The greatest of `sign * values` over each window, times `sign`: -1 gives the least.

    Windows span two blocks of `period` bars: the tail of the one before and the head of this one, each kept as a
    running maximum (van Herk, 1992), so a bar costs the same for any period. An unknown value counts as infinite.
    """
    n_bars = len(values)
    result = np.empty(n_bars)
    tail = np.full(period + 1, np.inf)
    tail[period] = -np.inf
    for start in range(0, n_bars, period):
        head = -np.inf
        end = min(start + period, n_bars)
        for i in range(start, end):
            value = sign * values[i] if values[i] == values[i] else np.inf
            head = max(head, value)
            highest = max(head, tail[i - start + 1])
            result[i] = sign * highest if highest < np.inf else np.nan
        if end - start == period:
            for k in range(period - 1, -1, -1):
                value = sign * values[start + k] if values[start + k] == values[start + k] else np.inf
                tail[k] = max(tail[k + 1], value)
    return result


@compiled
def _middle(upper, lower):
    result = np.empty(len(upper))
    for i in range(len(upper)):
        result[i] = 0.5 * (upper[i] + lower[i])
    return result


if __name__ == "__main__":
    run_component(donchian)
