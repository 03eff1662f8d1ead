"""Crossings of two levels, such as overbought and oversold."""

import numpy as np
import pandas as pd

from sptrader.components import Signals, run_component, signal
from sptrader.jit import compiled

TYPES = ("crossed_above_upper", "crossed_below_lower", "crossed_below_upper", "crossed_above_lower")


@signal(category="level", lookback=1)
def threshold(value: np.ndarray, upper: float = 70.0, lower: float = 30.0) -> Signals:
    """The bars on which `value` crosses one of two levels, in the unit of `value`.

    With an RSI: `crossed_above_upper` enters overbought, `crossed_below_upper` leaves it, `crossed_below_lower` enters
    oversold, `crossed_above_lower` leaves it. A cross above: above the level now, and not above it one bar before, both
    known. Where one bar crosses both levels, the one it enters counts (the first two types).

    The strength is how far beyond the level it got, as a fraction of the distance between the levels; 1 at most, and 1
    where the two levels are one. Raise `ValueError` when `lower` lies above `upper`.

    >>> s = threshold(np.array([50.0, 80.0, 65.0]))
    >>> s.codes.tolist(), float(s.strength[1])  # in and out of overbought; 10 beyond, the levels are 40 apart
    ([-1, 0, 2], 0.25)
    """
    if lower > upper:
        raise ValueError(f"lower was {lower} and upper {upper}; allowed is lower <= upper")
    codes, strength = _crossings(value, upper, lower)
    return Signals(type=pd.Categorical.from_codes(codes, TYPES), strength=strength)


@compiled
def _crossings(value, upper, lower):
    codes, strength = np.empty(len(value), np.int8), np.empty(len(value))
    apart = upper - lower
    before = np.nan
    for i in range(len(value)):
        now = value[i]
        code, beyond = -1, 0.0
        if now > upper and before <= upper:
            code, beyond = 0, now - upper
        elif now < lower and before >= lower:
            code, beyond = 1, lower - now
        elif now < upper and before >= upper:
            code, beyond = 2, upper - now
        elif now > lower and before <= lower:
            code, beyond = 3, now - lower
        codes[i] = code
        if code < 0:
            strength[i] = np.nan
        else:
            strength[i] = min(beyond / apart, 1.0) if apart > 0.0 else 1.0
        before = now
    return codes, strength


if __name__ == "__main__":
    run_component(threshold, {"value": {"type": "rsi", "period": 14}})
