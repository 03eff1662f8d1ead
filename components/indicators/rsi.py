"""Relative strength index of Wilder."""

from typing import Annotated

import numpy as np

from sptrader.components import Range, indicator, run_component
from sptrader.jit import compiled


@indicator(category="momentum", lookback=lambda period: 26 * period)
def rsi(close: np.ndarray, period: Annotated[int, Range(2, 500)] = 14) -> np.ndarray:
    """Relative strength index, 0 to 100; nan for the first `period` bars. Shape (n,).

    The average gain's share of average gain plus average loss. Averages begin with the mean of the first `period`
    changes, then the newest weighs 1 / period (Wilder, 1978). 50 where no price changed at all (TA-Lib says 0, which
    would read as oversold). A nan gives nan on its bar and is left out: the next change is from the last known close.

    >>> rsi(np.array([10.0, 12.0, 11.0, 13.0]), period=2)  # gains 2, 0, 2; losses 0, 1, 0
    array([        nan,         nan, 66.66666667, 85.71428571])
    """
    return _rsi(close, period)


@compiled
def _rsi(close, period):
    newest = 1.0 / period
    past = 1.0 - newest
    result = np.empty(len(close))
    gain, loss, last, changes = 0.0, 0.0, np.nan, -1
    for i in range(len(close)):
        price = close[i]
        if price != price:
            result[i] = np.nan
            continue
        changes += 1
        up = max(price - last, 0.0) if changes > 0 else 0.0
        down = max(last - price, 0.0) if changes > 0 else 0.0
        last = price
        if changes <= period:
            gain += up * newest
            loss += down * newest
        else:
            gain = past * gain + newest * up
            loss = past * loss + newest * down
        if changes < period:
            result[i] = np.nan
        else:
            moved = gain + loss
            result[i] = 100.0 * gain / moved if moved > 0.0 else 50.0
    return result


if __name__ == "__main__":
    run_component(rsi)
