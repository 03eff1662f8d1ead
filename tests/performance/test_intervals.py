"""The stationary bootstrap: block lengths, coverage on dependent data, determinism."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sptrader.errors import RunError
from sptrader.performance.intervals import (
    automatic_block_length,
    bootstrap_interval,
    intervals,
    sharpe_interval,
    stationary_indices,
)
from sptrader.performance.ratios import sharpe
from sptrader.performance.returns import AccountSeries, session_returns

DAY_NS = 86400 * 10**9


def autoregression(phi: float, n: int, seed: int) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(size=n + 100)
    values = np.zeros(n + 100)
    for i in range(1, n + 100):
        values[i] = phi * values[i - 1] + steps[i]
    return values[100:]


def result_of(returns: np.ndarray):
    times = np.arange(len(returns), dtype=np.int64) * DAY_NS
    return session_returns(AccountSeries(times, 1000.0 * np.cumprod(1 + returns), 1000.0, DAY_NS, "24/7"))


@pytest.mark.parametrize(
    ("phi", "n", "seed", "expected"),
    [(0.0, 500, 1, 2.06049568), (0.3, 500, 2, 5.77154102), (0.5, 2000, 3, 15.51433628), (-0.4, 1000, 5, 8.83891166)],
)
def test_block_length_agrees_with_the_package_arch(phi, n, seed, expected):
    # made by arch 8.0.0: arch.bootstrap.optimal_block_length(values)["stationary"]
    assert automatic_block_length(autoregression(phi, n, seed)) == pytest.approx(expected, abs=1e-8)


def test_block_length_is_near_the_theory_of_an_autoregression():
    # G / g(0) = 2 phi / (1 - phi^2), so b = (2 phi / (1 - phi^2))^(2/3) n^(1/3) = 39.1 for 0.6 and 20,000
    assert automatic_block_length(autoregression(0.6, 20_000, 9)) == pytest.approx(
        1.875 ** (2 / 3) * 20_000 ** (1 / 3), rel=0.2
    )


def test_block_length_of_constant_and_tiny_data():
    assert automatic_block_length(np.full(50, 0.1)) == 1.0
    assert automatic_block_length(np.array([1.0, 2.0])) == 1.0
    assert 1.0 <= automatic_block_length(np.arange(12.0)) <= 4.0


def test_blocks_are_runs_of_neighbours_that_wrap_around():
    picked = stationary_indices(100, 400, rng=np.random.default_rng(0), block_length=5.0)

    assert picked.shape == (400, 100)
    assert picked.min() == 0
    assert picked.max() == 99
    is_next = (picked[:, 1:] - picked[:, :-1]) % 100 == 1
    # a step goes on with 4/5, or begins anew at the very next with 1/5 x 1/100
    assert is_next.mean() == pytest.approx(0.802, abs=0.01)
    assert np.bincount(picked.ravel(), minlength=100).min() > 250  # each index is as likely, 400 times in the mean


def test_blocks_of_length_one_are_independent():
    picked = stationary_indices(50, 400, rng=np.random.default_rng(0), block_length=1.0)

    assert ((picked[:, 1:] - picked[:, :-1]) % 50 == 1).mean() == pytest.approx(0.02, abs=0.01)


def coverage(block_length: float | None) -> float:
    """The share of 200 autoregressions whose true yearly Sharpe ratio lies within their interval."""
    phi, n, mean = 0.4, 400, 0.1
    deviation = 1.0 / math.sqrt(1.0 - phi * phi)
    truth = mean / deviation * math.sqrt(252)
    hits = 0
    for seed in range(200):
        interval = sharpe_interval(
            mean + autoregression(phi, n, 1000 + seed), 252, seed=seed, samples=250, block_length=block_length
        )
        hits += interval.low <= truth <= interval.high
    return hits / 200


def test_interval_covers_the_truth_of_dependent_returns():
    # nominal 0.95; with one autocorrelated path of 400 the percentile method is known to fall a little short
    assert 0.88 <= coverage(None) <= 0.98


def test_resampling_single_days_would_be_too_sure():
    assert coverage(1.0) < 0.87


def test_same_seed_same_intervals_and_another_seed_others():
    result, pnl = result_of(autoregression(0.2, 300, 4) * 0.01), autoregression(0.0, 60, 5)

    once, again = intervals(result, pnl, seed=7, samples=200), intervals(result, pnl, seed=7, samples=200)
    other = intervals(result, pnl, seed=8, samples=200)

    assert once == again
    assert all(once[name].low != other[name].low for name in once)


def test_intervals_hold_their_figures():
    returns = autoregression(0.1, 300, 6) * 0.01
    pnl = np.array([30.0, -10.0, -5.0, 12.0, -7.0] * 12)

    found = intervals(result_of(returns), pnl, seed=1, samples=400)

    assert list(found) == ["sharpe", "max_drawdown", "profit_factor"]
    assert found["sharpe"].value == pytest.approx(sharpe(returns, 365))
    assert found["profit_factor"].value == pytest.approx(42 / 22)
    for interval in found.values():
        assert interval.low < interval.value < interval.high
        assert (interval.level, interval.samples) == (0.95, 400)
    assert found["max_drawdown"].low > 0
    assert (found["sharpe"].n, found["profit_factor"].n) == (300, 60)


def test_wider_level_gives_a_wider_interval():
    result, pnl = result_of(autoregression(0.1, 200, 6) * 0.01), np.array([1.0, -1.0] * 10)

    narrow, wide = (intervals(result, pnl, seed=1, samples=300, level=level)["sharpe"] for level in (0.5, 0.99))

    assert wide.low < narrow.low < narrow.high < wide.high


def test_few_observations_have_a_figure_but_no_interval():
    found = intervals(result_of(np.array([0.01, -0.02, 0.03])), np.array([1.0, -2.0]), seed=1)

    assert found["profit_factor"].value == 0.5
    assert math.isfinite(found["sharpe"].value)
    assert all(math.isnan(interval.low) and math.isnan(interval.high) for interval in found.values())
    assert math.isnan(intervals(result_of(np.array([0.01])), np.array([]), seed=1)["profit_factor"].value)


def test_winners_only_have_no_interval_and_one_loser_no_upper_end():
    result = result_of(np.full(20, 0.01))

    winners = intervals(result, np.ones(20), seed=1, samples=200)["profit_factor"]
    one_loser = intervals(result, np.array([1.0] * 19 + [-1.0]), seed=1, samples=200)["profit_factor"]

    assert math.isnan(winners.value)
    assert math.isnan(winners.low)
    assert one_loser.value == 19.0
    assert one_loser.low > 0
    assert math.isnan(one_loser.high)


def test_faults_of_the_request_are_named():
    rng, values = np.random.default_rng(0), np.arange(20.0)
    with pytest.raises(RunError, match="samples was 0"):
        bootstrap_interval(values, lambda rows: rows.mean(axis=1), name="mean", rng=rng, samples=0)
    with pytest.raises(RunError, match=r"level was 95"):
        bootstrap_interval(values, lambda rows: rows.mean(axis=1), name="mean", rng=rng, level=95)
