"""Crossings: the truth of `crosses_above` and `crosses_below` in one pass over both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader.jit import compiled

Floats = NDArray[np.float64]


@compiled
def crossings(rising: Floats, falling: Floats, out: NDArray[np.int8]) -> None:
    """Write into `out` (n,) where `rising` crosses above `falling`, both (n,): 2 true, 1 unknown, 0 false.

    True where it is above now and was not one bar before. Unknown on the first bar, and where one of the four values is nan.
    """
    out[:1] = 1
    for t in range(1, len(out)):
        a, b = rising[t], falling[t]
        before_a, before_b = rising[t - 1], falling[t - 1]
        is_known = (a == a) & (b == b) & (before_a == before_a) & (before_b == before_b)
        out[t] = 2 * ((a > b) & (before_a <= before_b)) if is_known else 1
