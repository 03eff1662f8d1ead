"""Memory: large arrays on memory that an earlier run has let go.

The system hands out fresh memory page by page, each cleared when it is first touched; for the books of a million bars that
takes as long as a quarter of the replay. Memory that a run no longer needs is kept for the next one instead.
"""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Bytes = NDArray[np.uint8]

_LEAST_BYTES = 2**18  # below it fresh memory costs next to nothing
_MOST_BYTES = 2**27  # kept at most while nothing uses them


class _Free:
    """Blocks that no array uses. Each step is a single operation on a dict: a block may come back in any thread and at any
    time, also in the middle of `take`."""

    def __init__(self) -> None:
        self._blocks: dict[int, Bytes] = {}

    def take(self, n_bytes: int) -> Bytes:
        """Return the smallest block that has room for `n_bytes` and is not twice as large, or a new one."""
        fits = [(len(block), at) for at, block in list(self._blocks.items()) if n_bytes <= len(block) < 2 * n_bytes]
        for _, at in sorted(fits):
            block = self._blocks.pop(at, None)
            if block is not None:
                return block
        return np.empty(n_bytes, np.uint8)

    def give(self, block: Bytes) -> None:
        """Keep `block` for another array, the oldest ones making room for it."""
        self._blocks[id(block)] = block
        kept = list(self._blocks.items())
        excess = sum(len(block) for _, block in kept) - _MOST_BYTES
        for at, old in kept:
            if excess <= 0:
                return
            self._blocks.pop(at, None)
            excess -= len(old)


_free = _Free()


class _Lease:
    """Lends a block to an array: it is alive as long as the array or any view of it; then the block is free again."""

    __slots__ = ("__array_interface__", "__weakref__")

    def __init__(self, block: Bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.__array_interface__ = {**block.__array_interface__, "shape": shape, "typestr": dtype.str}
        del self.__array_interface__["descr"]  # that of the bytes
        weakref.finalize(self, _free.give, block).atexit = False  # it holds the block meanwhile


def warm_array(shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return an array whose values are not set, as `np.empty`; its memory is used again when no view of it is left."""
    kind = np.dtype(dtype)
    n_bytes = math.prod(shape) * kind.itemsize
    if n_bytes < _LEAST_BYTES:
        return np.empty(shape, kind)
    return np.asarray(_Lease(_free.take(n_bytes), shape, kind))
