"""Crossings: the truth of `crosses_above` and `crosses_below` in one pass over both sides, and truths as they are told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader.jit import compiled

Floats = NDArray[np.float64]
Truths = NDArray[np.int8]


@compiled
def crossings(left: Floats, right: Floats, above: Truths, below: Truths) -> None:
    """Write into `above` where `left` crosses above `right` and into `below` where it crosses below, all (n,): 2 true, 1
    unknown, 0 false.

    True where it is above (below) now and was not one bar before. Unknown on the first bar, and where one of the four values is
    nan. Rules that enter on one mostly leave on the other, and reading the sides is what takes the time.
    """
    above[:1] = below[:1] = 1
    for t in range(1, len(above)):
        a, b = left[t], right[t]
        before_a, before_b = left[t - 1], right[t - 1]
        is_known = (a == a) & (b == b) & (before_a == before_a) & (before_b == before_b)
        above[t] = 2 * ((a > b) & (before_a <= before_b)) if is_known else 1
        below[t] = 2 * ((a < b) & (before_a >= before_b)) if is_known else 1


@compiled
def known(levels: Truths, out: Truths) -> None:
    """Write `levels` (n,), 2 true, 1 unknown, 0 false, into `out` as 1 true, -1 unknown, 0 false."""
    for t in range(len(levels)):
        out[t] = (levels[t] >> 1) - (levels[t] & 1)
