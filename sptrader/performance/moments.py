"""Moments: the sums that ratios of returns and statistics of trades are made of, in one visit of the values."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader.jit import compiled
from sptrader.performance.returns import Floats

Ints = NDArray[np.int64]

_BLOCK = 128
_N_SUMS = 9
_N_PARTS = 6


class Moments(NamedTuple):
    """What a sample of `n` values adds up to; all 0 without values.

    `squares`, `cubes` and `fourths` are sums of powers of the distance from the mean, `downside` of the squares of the values
    below 0. `gains` and `losses` are the sums of the values above and below 0, `n_gains` and `n_losses` their numbers.
    """

    n: int
    total: float
    low: float
    high: float
    squares: float
    cubes: float
    fourths: float
    downside: float
    gains: float
    losses: float
    n_gains: int
    n_losses: int

    @property
    def mean(self) -> float:
        """The average of the values, of which there is at least one."""
        return self.total / self.n

    @property
    def spread(self) -> float:
        """How far the highest value lies above the lowest."""
        return self.high - self.low


_NONE = Moments(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0)


def moments(values: Floats | Moments) -> Moments:
    """Return the moments of `values` (n,); moments that are known already come back as they are.

    Sums are pairwise as numpy's, to the last digit.
    """
    if isinstance(values, Moments):
        return values
    n = len(values)
    if n == 0:
        return _NONE
    whole = np.ascontiguousarray(values, np.float64).view()
    whole.flags.writeable = False  # one kind of array, else it is compiled for each anew
    out, counts = np.empty(_N_SUMS), np.empty(2, np.int64)
    add_up(whole, np.empty((_N_PARTS, n)), counts, out)
    sums: list[Any] = [*out.tolist(), *counts.tolist()]
    return Moments(n, *sums)


@compiled
def add_up(values: Floats, parts: Floats, counts: Ints, out: Floats) -> None:
    """Write the sums of `values` (n,) into `out` and how many lie above and below 0 into `counts`, in the order of `Moments`.

    `parts` (_N_PARTS, n) is written over with what is added up.
    """
    n = len(values)
    total = pairwise(values, 0, n)
    mean = total / n
    low = high = values[0]
    n_gains = n_losses = 0
    for k in range(n):
        x = values[k]
        low, high = min(low, x), max(high, x)
        square = (x - mean) * (x - mean)
        parts[0, k], parts[1, k], parts[2, k] = square, square * (x - mean), square * square
        loss = min(x, 0.0)
        parts[3, k] = loss * loss
        parts[4, n_gains] = parts[5, n_losses] = x  # stays where it is counted
        n_gains += x > 0.0
        n_losses += x < 0.0
    counts[0], counts[1] = n_gains, n_losses
    out[0], out[1], out[2] = total, low, high
    for part in range(_N_PARTS):
        out[3 + part] = pairwise(parts[part], 0, n if part < 4 else counts[part - 4])


@compiled
def pairwise(values: Floats, first: int, n: int) -> float:
    """Return the sum of `n` values from `first` on, halves added to each other as in numpy: the error grows with log n."""
    if n < 8:
        few = 0.0
        for k in range(first, first + n):
            few += values[k]
        return few
    if n > _BLOCK:
        half = n // 2
        half -= half % 8
        return pairwise(values, first, half) + pairwise(values, first + half, n - half)
    a, b, c, d = values[first], values[first + 1], values[first + 2], values[first + 3]
    e, f, g, h = values[first + 4], values[first + 5], values[first + 6], values[first + 7]
    whole = n - n % 8
    for k in range(first + 8, first + whole, 8):
        a, b, c, d = a + values[k], b + values[k + 1], c + values[k + 2], d + values[k + 3]
        e, f, g, h = e + values[k + 4], f + values[k + 5], g + values[k + 6], h + values[k + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for k in range(first + whole, first + n):
        total += values[k]
    return float(total)
