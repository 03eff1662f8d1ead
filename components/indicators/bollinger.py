"""Bollinger bands."""

from typing import Annotated, NamedTuple

import numpy as np

from sptrader.components import Range, indicator, run_component
from sptrader.jit import compiled


class Bands(NamedTuple):
    """A band around an average, price units."""

    upper: np.ndarray
    middle: np.ndarray
    lower: np.ndarray


@indicator(category="volatility", lookback=lambda period: period - 1)
def bollinger(
    close: np.ndarray, period: Annotated[int, Range(2, 5000)] = 20, deviations: Annotated[float, Range(0.1, 10)] = 2.0
) -> Bands:
    """Mean of the last `period` closes, and so many standard deviations above and below it; each of shape (n,).

    The deviation is the population's (ddof 0), as Bollinger and TA-Lib have it. nan until there are `period` closes,
    and while one of them is nan.

    >>> bollinger(np.array([1.0, 3.0, 5.0]), period=2).upper  # mean 2 and 4, deviation 1
    array([nan,  4.,  6.])
    """
    return Bands(*_bollinger(close, period, deviations))


@compiled
def _bollinger(close, period, deviations):
    n_bars = len(close)
    upper, middle, lower = np.empty(n_bars), np.empty(n_bars), np.empty(n_bars)
    share = 1.0 / period
    fresh_every = max(period, 256)
    mean, squares, peak, known, since_fresh = 0.0, 0.0, 0.0, 0, 0
    for i in range(n_bars):
        price = close[i]
        if price != price:
            upper[i] = middle[i] = lower[i] = np.nan
            known = 0
            continue
        known += 1
        if known < period:
            upper[i] = middle[i] = lower[i] = np.nan
            continue
        since_fresh += 1
        if known > period:
            oldest = close[i - period]
            before = mean
            mean += (price - oldest) * share
            squares += (price - oldest) * ((price - mean) + (oldest - before))
            peak = max(peak, squares)
        if known == period or since_fresh == fresh_every or squares < 1e-6 * peak:
            # Anew from the window: what was rounded in busy bars would be a band of its own width in quiet ones, 1e-8 of
            # the price after two equal closes.
            since_fresh, mean, squares = 0, 0.0, 0.0
            for j in range(i - period + 1, i + 1):
                mean += close[j] * share
            for j in range(i - period + 1, i + 1):
                squares += (close[j] - mean) * (close[j] - mean)
            peak = squares
        distance = deviations * np.sqrt(squares * share)
        upper[i], middle[i], lower[i] = mean + distance, mean, mean - distance
    return upper, middle, lower


if __name__ == "__main__":
    run_component(bollinger)
