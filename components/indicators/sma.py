"""Simple moving average."""

from typing import Annotated

import numpy as np

from sptrader.components import Range, indicator, run_component
from sptrader.jit import compiled


@indicator(category="trend", lookback=lambda period: period - 1)
def sma(close: np.ndarray, period: Annotated[int, Range(1, 5000)] = 20) -> np.ndarray:
    """Mean of the last `period` closes; nan until there are as many, and while one of them is nan.

    Shape (n,), price units.

    >>> sma(np.array([1.0, 3.0, 5.0]), period=2)
    array([nan,  2.,  4.])
    """
    return _sma(close, period)


@compiled
def _sma(close, period):
    result = np.empty(len(close))
    total, known = 0.0, 0
    for i in range(len(close)):
        price = close[i]
        if price != price:
            result[i], total, known = np.nan, 0.0, 0
            continue
        known += 1
        total += price
        if known > period:
            total -= close[i - period]
        result[i] = total / period if known >= period else np.nan
    return result


if __name__ == "__main__":
    run_component(sma)
