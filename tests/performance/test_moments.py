import math

import numpy as np
import pytest

from sptrader.performance.moments import moments
from sptrader.performance.ratios import kurtosis, sharpe, sharpe_rows, skew


def test_sums_of_five_values():
    m = moments(np.array([1.0, -2.0, 4.0, 0.0, 2.0]))

    # mean 1; distances 0 -3 3 -1 1
    assert (m.n, m.total, m.low, m.high) == (5, 5.0, -2.0, 4.0)
    assert (m.squares, m.cubes, m.fourths, m.downside) == (20.0, 0.0, 164.0, 4.0)
    assert (m.gains, m.losses, m.n_gains, m.n_losses) == (7.0, -2.0, 3, 1)


def test_no_values_have_no_sums():
    m = moments(np.empty(0))

    assert (m.n, m.total, m.n_gains) == (0, 0.0, 0)
    assert math.isnan(skew(m))
    assert math.isnan(kurtosis(m))
    assert math.isnan(sharpe(m, 1))


@pytest.mark.parametrize("n", [1, 7, 8, 9, 127, 128, 129, 136, 1000, 4097])
def test_sums_are_numpys_to_the_last_digit(n):
    values = np.random.default_rng(n).normal(0.1, 1.0, n)

    m = moments(values)

    away = values - np.mean(values)
    assert m.total == values.sum()
    assert m.squares == (away * away).sum()
    assert (m.gains, m.losses) == (values[values > 0].sum(), values[values < 0].sum())
    assert (m.low, m.high) == (values.min(), values.max())


def test_one_row_has_the_sharpe_ratio_of_the_row():
    returns = np.random.default_rng(5).normal(0.001, 0.01, 250)

    assert sharpe(returns, 260) == sharpe_rows(returns[None, :], 260)[0]
