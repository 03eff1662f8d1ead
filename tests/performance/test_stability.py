"""A best combination among its neighbours."""

import math

import numpy as np
import pytest

from sptrader.performance.stability import stability


def test_a_plateau_and_a_peak():
    # 3 x 3, the best in the middle; its eight neighbours are all that is left
    plateau = np.array([0.8, 0.9, 0.8, 0.9, 1.0, 0.9, 0.8, 0.9, 0.8])
    peak = np.array([0.0, 0.1, 0.0, 0.1, 1.0, 0.1, 0.0, 0.1, 0.0])

    flat, sharp = (stability(np.arange(9), scores, (3, 3), 4) for scores in (plateau, peak))

    assert (flat.n_neighbours, flat.median, flat.worst) == (8, pytest.approx(0.85), 0.8)
    assert flat.ratio == pytest.approx(0.85)
    assert sharp.ratio == pytest.approx(0.05)


def test_a_corner_has_three_neighbours_and_missing_ones_do_not_count():
    found = stability(np.array([0, 1, 4]), np.array([2.0, 1.0, math.nan]), (3, 3), 0)

    assert found.n_neighbours == 2
    assert (found.median, found.worst) == (0.5, 0.0)  # nan is worth nothing


def test_a_best_that_lost_has_no_ratio():
    assert math.isnan(stability(np.arange(3), np.array([-1.0, -2.0, -3.0]), (3,), 0).ratio)
    assert math.isnan(stability(np.array([1]), np.array([1.0]), (3,), 1).ratio)


def test_many_parameters_change_one_at_a_time():
    shape = (2,) * 8
    found = stability(np.arange(256), np.ones(256), shape, 0)

    assert found.n_neighbours == 8
