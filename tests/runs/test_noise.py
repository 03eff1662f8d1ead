"""On simulated markets without a drift nothing is to be found, and a sweep says so."""

import numpy as np
import pytest

import sptrader as sp
from sptrader.performance.overfit import backtest_overfitting, deflate
from sptrader.strategy.loader import read_strategy
from tests.runs.sweep_program import TEXT, year

FREE = TEXT.replace("spread: 0.8 pips, commission: 0.002%", "spread: 0")
SPACE = {"fast": range(2, 27), "slow": range(30, 130, 5)}


def test_best_of_500_on_a_driftless_market_deflates_below_a_half():
    sweep = sp.sweep(read_strategy(FREE, registry=sp.registry()), year(6000, seed=3), space=SPACE, out=None)
    found = sweep.overfit()

    assert len(sweep.table) == 500
    assert sweep.best()["sharpe"] > 0.5  # it looks like something
    assert found.n_trials >= 500
    assert found.deflated.probability < 0.5
    assert found.verdict.startswith("Likely overfit")


def test_overfitting_of_unrelated_noise_is_a_coin_toss():
    # the mean over markets, for splits of one market agree with each other; the standard error is about 0.02
    rng = np.random.default_rng(11)
    found = [backtest_overfitting(rng.normal(0.0, 0.01, (256, 40)), 8).probability for _ in range(60)]

    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_deflation_of_the_best_of_500_trials_of_noise_is_a_coin_toss():
    rng = np.random.default_rng(12)
    found = []
    for _ in range(40):
        returns = rng.normal(0.0, 0.01, (260, 500))
        at = int(np.argmax(returns.mean(axis=0) / returns.std(axis=0)))
        found.append(deflate(returns, at, n_trials=500).probability)

    assert np.median(found) == pytest.approx(0.5, abs=0.12)
    assert np.mean(np.array(found) > 0.95) <= 0.1
