"""The papers' own numbers, and noise against skill."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from sptrader.errors import RunError
from sptrader.performance.overfit import (
    backtest_overfitting,
    deflate,
    deflated_sharpe,
    expected_max_sharpe,
    independent_trials,
    probabilistic_sharpe,
)


def noise(n_trials: int, n: int = 480, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, (n, n_trials))


@pytest.mark.parametrize(
    ("n_trials", "skew", "kurtosis", "expected"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_deflated_sharpe_reproduces_the_paper(n_trials, skew, kurtosis, expected):
    # Bailey & Lopez de Prado (2014), "A numerical example": a yearly ratio of 2.5 over five years of 250 days, the
    # yearly variance of the trials' ratios 1/2; raw kurtosis 10 (an excess of 10 would give 0.83)
    found = deflated_sharpe(
        2.5 / math.sqrt(250), 0.5 / 250, n_trials=n_trials, n_returns=1250, skew=skew, kurtosis=kurtosis
    )

    assert found.sharpe == pytest.approx(0.1581, abs=5e-5)
    assert found.probability == pytest.approx(expected, abs=5e-5)
    if n_trials == 100:
        assert found.expected_max == pytest.approx(0.1132, abs=5e-5)


def test_more_trials_ask_for_more():
    asked = [expected_max_sharpe(0.01, n) for n in (1, 1.2, 2, 10, 1000)]

    assert asked[:2] == [0.0, 0.0]
    assert asked == sorted(asked)


def test_best_of_independent_noise_is_what_is_expected():
    # the mean over 4,000 draws of the highest of 50 standard normals
    highest = np.random.default_rng(1).normal(size=(4000, 50)).max(axis=1).mean()

    assert expected_max_sharpe(1.0, 50) == pytest.approx(highest, rel=0.02)


def test_probability_is_half_at_the_benchmark_and_undefined_without_returns():
    assert probabilistic_sharpe(0.1, 0.1, n_returns=100, skew=-1.0, kurtosis=8.0) == 0.5
    assert math.isnan(probabilistic_sharpe(0.1, n_returns=1, skew=0.0, kurtosis=3.0))
    assert math.isnan(probabilistic_sharpe(2.0, n_returns=100, skew=3.0, kurtosis=1.0))  # 1 - 3 x 2 is no variance


def test_deflating_the_best_of_noise_and_a_real_edge():
    trials = noise(50)
    best = int(np.argmax(trials.mean(axis=0) / trials.std(axis=0)))
    skilled = trials.copy()
    skilled[:, 7] += 0.003  # a yearly ratio of about 4.8

    assert deflate(trials, best).probability < 0.95
    assert deflate(skilled, 7).probability > 0.99
    assert deflate(skilled, 7, n_trials=1).probability >= deflate(skilled, 7).probability
    assert deflate(trials, best).n_trials == pytest.approx(50, rel=0.05)


def test_copies_of_a_trial_are_one_trial():
    one = noise(1)

    assert independent_trials(np.repeat(one, 20, axis=1)) == pytest.approx(1.0)
    assert independent_trials(one) == 1.0
    assert independent_trials(np.hstack([noise(2), np.zeros((480, 5))])) == pytest.approx(2.0, abs=0.1)


def test_trial_that_was_best_inside_and_worst_outside_is_overfit():
    # A earns in the first half and loses in the second, B the other way round: both splits choose the loser
    a = [0.02, 0.03, 0.02, 0.03, -0.02, -0.03, -0.02, -0.03]
    matrix = np.array([a, [-x for x in a]]).T

    found = backtest_overfitting(matrix, n_blocks=2)

    assert found.probability == 1.0
    assert found.loss_probability == 1.0
    assert found.logits == pytest.approx([math.log(0.5)] * 2)  # rank 1 of 2 is 1/3, and 1/3 over 2/3 a half


def test_noise_is_overfit_half_of_the_time():
    found = [backtest_overfitting(noise(40, seed=seed), n_blocks=10).probability for seed in range(24)]

    assert np.mean(found) == pytest.approx(0.5, abs=0.08)


def test_real_edge_is_not_overfit():
    trials = noise(40)
    trials[:, 3] += 0.004

    found = backtest_overfitting(trials)

    assert found.probability < 0.01
    assert found.loss_probability < 0.01
    assert len(found.logits) == math.comb(16, 8)


def test_splits_agree_with_the_obvious_computation():
    matrix, n_blocks = noise(5, n=67, seed=3), 6  # 67 periods: blocks of 12 and 11
    blocks = np.array_split(np.arange(67), n_blocks)
    logits = []
    for half in combinations(range(n_blocks), 3):
        inside = np.concatenate([blocks[block] for block in half])
        outside = np.setdiff1d(np.arange(67), inside)
        ratio = [matrix[rows].mean(axis=0) / matrix[rows].std(axis=0, ddof=1) for rows in (inside, outside)]
        rank = (1 + np.argsort(np.argsort(ratio[1]))[np.argmax(ratio[0])]) / 6
        logits.append(math.log(rank / (1 - rank)))

    assert backtest_overfitting(matrix, n_blocks=n_blocks).logits == pytest.approx(logits)


def test_trials_that_never_traded_count_as_zero():
    found = backtest_overfitting(np.hstack([noise(3), np.zeros((480, 2))]), n_blocks=4)

    assert np.isfinite(found.logits).all()


def test_faults_of_the_trials_are_named():
    with pytest.raises(RunError, match="there was 1 trial"):
        backtest_overfitting(noise(1))
    with pytest.raises(RunError, match="n_blocks was 7"):
        backtest_overfitting(noise(3), n_blocks=7)
    with pytest.raises(RunError, match="n_blocks was 16 with 20 periods"):
        backtest_overfitting(noise(3, n=20))
    with pytest.raises(RunError, match="nan or infinity"):
        backtest_overfitting(np.full((100, 3), np.nan))
    with pytest.raises(RunError, match=r"the shape \(480,\)"):
        independent_trials(noise(1)[:, 0])
