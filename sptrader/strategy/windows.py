"""Windows: the highest and lowest of the last n bars, in a number of passes that grows with the logarithm of n."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", np.float64, np.int8)


def rolling_extreme(values: NDArray[T], n: int, *, is_highest: bool) -> NDArray[T]:
    """Return the highest (or lowest) of each `n` neighbours of `values`, shape (len - n + 1,); nan where one is nan.

    Extremes of 1, 2, 4, ... neighbours are made from one another; two of the last that overlap cover the window.
    """
    extreme = np.maximum if is_highest else np.minimum
    count = len(values) - n + 1
    if count <= 0:
        return values[:0].copy()
    result, width = values, 1
    while 2 * width <= n:
        result = extreme(result[:-width], result[width:])
        width *= 2
    found: NDArray[T] = extreme(result[:count], result[n - width : n - width + count])
    return found
