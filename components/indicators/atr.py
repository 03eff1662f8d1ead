"""Average true range of Wilder."""

from typing import Annotated

import numpy as np

from sptrader.components import Range, indicator, run_component
from sptrader.jit import compiled


@indicator(category="volatility", lookback=lambda period: 22 * period)
def atr(high: np.ndarray, low: np.ndarray, close: np.ndarray, period: Annotated[int, Range(1, 500)] = 14) -> np.ndarray:
    """Average true range; nan for the first `period` bars. Shape (n,), price units.

    The true range is the bar's range widened to the last close. The average begins with the mean of the first
    `period` of them, the first bar having none, then the newest weighs 1 / period (Wilder, 1978; as TA-Lib). A bar
    with a nan gives nan and is left out.

    >>> atr(np.array([2.0, 3.0, 7.0]), np.array([1.0, 2.0, 5.0]), np.array([1.5, 3.0, 6.0]), period=1)
    array([nan, 1.5, 4. ])
    """
    return _atr(high, low, close, period)


@compiled
def _atr(high, low, close, period):
    newest = 1.0 / period
    past = 1.0 - newest
    result = np.empty(len(close))
    average, last, ranges = 0.0, np.nan, -1
    for i in range(len(close)):
        top, bottom, price = high[i], low[i], close[i]
        if top != top or bottom != bottom or price != price:
            result[i] = np.nan
            continue
        ranges += 1
        if ranges > 0:
            true_range = max(top, last) - min(bottom, last)
            average = average + newest * true_range if ranges <= period else past * average + newest * true_range
        last = price
        result[i] = average if ranges >= period else np.nan
    return result


if __name__ == "__main__":
    run_component(atr)
