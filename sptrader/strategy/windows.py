"""Windows: the highest and lowest of the last n bars, in time that does not grow with n."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", np.float64, np.int8)


def rolling_extreme(values: NDArray[T], n: int, *, is_highest: bool) -> NDArray[T]:
    """Return the highest (or lowest) of each `n` neighbours of `values`, shape (len - n + 1,); nan where one is nan.

    Van Herk's method: in blocks of `n`, any window is the end of one block and the start of the next, so two running
    extremes are enough.
    """
    extreme = np.maximum if is_highest else np.minimum
    count = len(values) - n + 1
    if count <= 0:
        return values[:0].copy()
    if n <= 4:  # up to here plain passes are faster
        result = values[:count].copy()
        for i in range(1, n):
            extreme(result, values[i : i + count], out=result)
        return result
    blocks = np.pad(values, (0, -len(values) % n), mode="edge").reshape(-1, n)
    forward = extreme.accumulate(blocks, axis=1).ravel()
    backward = extreme.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].ravel()
    found: NDArray[T] = extreme(backward[:count], forward[n - 1 : n - 1 + count])
    return found
