"""Stability: whether the neighbours of the best combination do well too, or whether it stands alone on a peak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sptrader.performance.returns import Floats

Ints = NDArray[np.int64]
_MOST_NEIGHBOURS = 2187  # 3 ** 7; with more parameters one is changed at a time


@dataclass(frozen=True)
class Stability:
    """The best combination's score beside those of its neighbours, one step away in any parameters.

    `median` and `worst` are of the neighbours' scores, `n_neighbours` how many there are. `ratio` is the median over the
    best: near 1 on a plateau, near 0 or below on a lone peak; nan where the best is not above 0 or has no neighbours.
    """

    best: float
    median: float
    worst: float
    ratio: float
    n_neighbours: int


def stability(numbers: Ints, scores: Floats, shape: Sequence[int], best: int) -> Stability:
    """Return the stability of the combination `best`.

    `numbers` (n,), sorted, are the combinations that were tried, as an odometer of `shape` counts, `scores` (n,) what they
    came to; nan counts as a neighbour that is worth nothing.
    """
    own = float(scores[np.searchsorted(numbers, best)])
    near = _neighbours(best, tuple(shape))
    places = np.searchsorted(numbers, near)
    is_there = (places < len(numbers)) & (numbers[np.minimum(places, len(numbers) - 1)] == near)
    found = np.nan_to_num(scores[places[is_there]], nan=0.0)
    if not len(found):
        return Stability(own, math.nan, math.nan, math.nan, 0)
    median = float(np.median(found))
    return Stability(own, median, float(found.min()), median / own if own > 0 else math.nan, len(found))


def _neighbours(number: int, shape: tuple[int, ...]) -> Ints:
    at = np.array(np.unravel_index(number, shape), np.int64)
    if 3 ** len(shape) <= _MOST_NEIGHBOURS:
        moves = np.array(list(product((-1, 0, 1), repeat=len(shape))), np.int64).reshape(-1, len(shape))
    else:
        moves = np.concatenate([np.eye(len(shape), dtype=np.int64), -np.eye(len(shape), dtype=np.int64)])
    moves = moves[(moves != 0).any(axis=1)]
    near = at + moves
    near = near[((near >= 0) & (near < np.array(shape))).all(axis=1)]
    return np.sort(np.ravel_multi_index(tuple(near.T), shape)) if len(near) else np.empty(0, np.int64)
