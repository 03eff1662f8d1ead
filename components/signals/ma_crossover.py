"""Crossings of a fast and a slow average."""

from typing import Annotated

import numpy as np
import pandas as pd

from sptrader.components import Range, Signals, run_component, signal
from sptrader.jit import compiled

TYPES = ("golden_cross", "death_cross")


@signal(category="crossover", lookback=lambda window: window - 1)
def ma_crossover(fast: np.ndarray, slow: np.ndarray, window: Annotated[int, Range(2, 1000)] = 50) -> Signals:
    """`golden_cross` where `fast` crosses above `slow`, `death_cross` where it crosses below.

    A cross above: above now, and not above one bar before; all four values known, so a cross out of the warm-up is
    none.

    The strength says how fast they crossed: by how much the gap between the two changed on the crossing bar, as a
    fraction of the widest gap of the last `window` bars, that bar included; 1 at most. 0.02 is two averages that
    drift over each other in a quiet market, 0.5 a cross that in one bar makes half of the widest gap of two days of
    hours.

    >>> s = ma_crossover(np.array([1.0, 1.0, 4.0]), np.array([3.0, 2.0, 3.0]))  # gaps -2, -1, +1
    >>> s.mask("golden_cross").tolist(), float(s.strength[2])  # the gap changed by 2, the widest was 2
    ([False, False, True], 1.0)
    """
    codes, strength = _crossings(fast, slow, window)
    return Signals(type=pd.Categorical.from_codes(codes, TYPES), strength=strength)


@compiled
def _crossings(fast, slow, window):
    codes, strength = np.empty(len(fast), np.int8), np.empty(len(fast))
    before = np.nan
    for i in range(len(fast)):
        gap = fast[i] - slow[i]
        if (gap > 0.0 and before <= 0.0) or (gap < 0.0 and before >= 0.0):
            widest = 0.0
            for j in range(max(i - window + 1, 0), i + 1):
                width = abs(fast[j] - slow[j])
                if width > widest:
                    widest = width
            codes[i] = 0 if gap > 0.0 else 1
            strength[i] = min(abs(gap - before) / widest, 1.0)
        else:
            codes[i], strength[i] = -1, np.nan
        before = gap
    return codes, strength


if __name__ == "__main__":
    run_component(ma_crossover, {"fast": {"type": "ema", "period": 12}, "slow": {"type": "ema", "period": 26}})
