"""Ratios against empyrical-reloaded and scipy on random returns, and what is undefined."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest
import scipy.stats

from sptrader.performance import ratios
from sptrader.performance.drawdown import max_drawdown_rows, worst_drawdown
from sptrader.performance.returns import AccountSeries, session_returns

DAY_NS = 86400 * 10**9
PERIODS = [252, 260, 365]


def returns_of(seed: int, n: int = 300) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, n) * 0.01 + 0.0004


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("per_year", PERIODS)
def test_yearly_ratios_agree_with_empyrical(seed, per_year):
    returns = returns_of(seed, n=40 + 150 * seed)
    growth = float(np.prod(1 + returns)) - 1
    cagr = ratios.cagr(growth, len(returns), periods_per_year=per_year)
    fall = float(max_drawdown_rows(returns[None, :])[0])

    def same(value: float) -> object:
        return pytest.approx(value, rel=1e-9, abs=1e-9)

    assert growth == same(empyrical.cum_returns_final(returns))
    assert cagr == same(empyrical.cagr(returns, annualization=per_year))
    assert ratios.volatility(returns, per_year) == same(empyrical.annual_volatility(returns, annualization=per_year))
    assert ratios.sharpe(returns, per_year) == same(empyrical.sharpe_ratio(returns, annualization=per_year))
    assert ratios.sortino(returns, per_year) == same(empyrical.sortino_ratio(returns, annualization=per_year))
    assert ratios.downside_risk(returns, per_year) == same(empyrical.downside_risk(returns, annualization=per_year))
    assert fall == same(-empyrical.max_drawdown(returns))
    assert ratios.calmar(cagr, fall) == same(empyrical.calmar_ratio(returns, annualization=per_year))


@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 22, 300])
def test_tails_agree_with_empyrical(n):
    returns = returns_of(11, n)

    assert ratios.value_at_risk(returns) == pytest.approx(empyrical.value_at_risk(returns, 0.05), abs=1e-12)
    assert ratios.conditional_value_at_risk(returns) == pytest.approx(
        empyrical.conditional_value_at_risk(returns, 0.05), abs=1e-12
    )


@pytest.mark.parametrize("seed", range(3))
def test_moments_agree_with_scipy(seed):
    returns = returns_of(seed)

    assert ratios.skew(returns) == pytest.approx(scipy.stats.skew(returns), rel=1e-9)
    assert ratios.kurtosis(returns) == pytest.approx(scipy.stats.kurtosis(returns), rel=1e-9)


def test_drawdown_of_bars_agrees_with_empyrical_when_bars_are_sessions():
    returns = returns_of(3)
    equity = 1000.0 * np.cumprod(1 + returns)
    account = AccountSeries(np.arange(len(returns), dtype=np.int64) * DAY_NS, equity, 1000.0, DAY_NS, "24/7")

    assert worst_drawdown(account).depth == pytest.approx(-empyrical.max_drawdown(returns), abs=1e-9)
    assert session_returns(account).returns == pytest.approx(returns, abs=1e-12)


def test_ratios_by_hand():
    # returns 1 %, 3 %, -1 %, 1 %: mean 1 %, squares of the distances 0 4 4 0, ddof 1: sqrt(8 / 3) %
    returns = np.array([0.01, 0.03, -0.01, 0.01])

    assert ratios.volatility(returns, 252) == pytest.approx(0.01 * math.sqrt(8 / 3) * math.sqrt(252))
    assert ratios.sharpe(returns, 252) == pytest.approx(math.sqrt(3 / 8) * math.sqrt(252))
    assert ratios.downside_risk(returns, 252) == pytest.approx(0.005 * math.sqrt(252))  # sqrt(0.01 ^ 2 / 4)
    assert ratios.sortino(returns, 252) == pytest.approx(2.0 * math.sqrt(252))


def test_growth_by_hand():
    assert ratios.cagr(0.21, 504, periods_per_year=252) == pytest.approx(0.10)
    assert ratios.cagr(-1.0, 10, periods_per_year=252) == -1.0
    assert ratios.cagr(-1.5, 10, periods_per_year=252) == -1.0


def test_growth_beyond_any_float_is_undefined():
    # a hundredfold in one session is 10 ^ 504 a year
    assert math.isnan(ratios.cagr(99.0, 1, periods_per_year=252))


@pytest.mark.parametrize("returns", [[], [0.01], [0.0, 0.0, 0.0]], ids=["none", "one", "flat"])
def test_ratios_that_divide_by_nothing_are_undefined(returns):
    values = np.array(returns)

    for ratio in (ratios.sharpe, ratios.sortino):
        assert math.isnan(ratio(values, 252))
    assert math.isnan(ratios.skew(values))
    assert math.isnan(ratios.kurtosis(values))
    assert math.isnan(ratios.calmar(0.1, 0.0))


def test_constant_growth_has_no_sharpe_however_it_is_rounded():
    equity = 1000.0 * 1.0001 ** np.arange(1, 300)
    returns = np.diff(equity) / equity[:-1]

    assert len(np.unique(returns)) > 1  # equal but for the last bits
    assert math.isnan(ratios.sharpe(returns, 252))
    assert ratios.volatility(returns, 252) == 0.0
    assert math.isnan(ratios.skew(returns))


def test_undefined_tails_of_nothing():
    assert math.isnan(ratios.value_at_risk(np.array([])))
    assert math.isnan(ratios.conditional_value_at_risk(np.array([])))
    assert math.isnan(ratios.downside_risk(np.array([]), 252))
    assert math.isnan(ratios.volatility(np.array([0.1]), 252))
    assert math.isnan(ratios.cagr(math.nan, 5, periods_per_year=252))
    assert math.isnan(ratios.cagr(0.1, 0, periods_per_year=252))
