"""Exponential moving average."""

from typing import Annotated

import numpy as np

from sptrader.components import Range, indicator, run_component
from sptrader.jit import compiled


@indicator(category="trend", lookback=lambda period: 11 * period)
def ema(close: np.ndarray, period: Annotated[int, Range(2, 500)] = 20) -> np.ndarray:
    """Exponential moving average, seeded with the first price; nan for the first `period - 1` bars.

    Shape (n,), price units. The newest close weighs 2 / (period + 1), as in pandas' `ewm(span=period,
    adjust=False).mean()`. A nan gives nan on its bar and is left out of the average.

    >>> ema(np.array([1.0, 4.0, 4.0]), period=2)
    array([       nan, 3.        , 3.66666667])
    """
    return _ema(close, period)


@compiled
def _ema(close, period):
    newest = 2.0 / (period + 1.0)
    past = 1.0 - newest
    result = np.empty(len(close))
    average, known = 0.0, 0
    for i in range(len(close)):
        price = close[i]
        if price != price:
            result[i] = np.nan
            continue
        average = price if known == 0 else past * average + newest * price
        known += 1
        result[i] = average if known >= period else np.nan
    return result


if __name__ == "__main__":
    run_component(ema)
