"""Ratios over session returns: growth, volatility, Sharpe, Sortino, Calmar, tails and moments.

Names and definitions follow empyrical-reloaded with `annualization=periods_per_year`, risk-free rate and required
return 0. What is undefined is nan here where empyrical returns infinity (a Sharpe or Sortino ratio with nothing to
divide by). Three of its conventions surprise: `downside_risk` is the root of the mean square of *all* days with gains
set to 0, not the deviation of the losing days; `conditional_value_at_risk` averages the lowest
`floor(0.05 (n - 1)) + 1` days, not the days below `value_at_risk`; and both are signed, a loss being negative.
"""

from __future__ import annotations

import math

import numpy as np

from sptrader.performance.moments import Moments, moments
from sptrader.performance.returns import Floats

NAN = float("nan")
TAIL = 0.05
_ROUNDING = 1e-15  # a ratio of two equities is exact to 4.4e-16 around 1; returns closer than this are equal
_LARGEST_LOG = 700.0  # exp of more overflows


def total_return(cash: float, final_equity: float) -> float:
    """Return the whole gain as a fraction of the starting cash.

    >>> total_return(100.0, 125.0)
    0.25
    """
    return final_equity / cash - 1.0


def cagr(growth: float, n_periods: int, *, periods_per_year: int) -> float:
    """Return the yearly growth rate that makes `growth` (total return, a fraction) in `n_periods`; fraction.

    -1 when everything was lost, nan without periods or where a short run's growth exceeds any float.

    >>> round(cagr(0.21, 520, periods_per_year=260), 12)
    0.1
    """
    if n_periods < 1 or math.isnan(growth):
        return NAN
    if growth <= -1.0:
        return -1.0
    log = math.log1p(growth) * periods_per_year / n_periods
    return math.expm1(log) if log < _LARGEST_LOG else NAN


def volatility(returns: Floats | Moments, periods_per_year: int) -> float:
    """Return the sample standard deviation (ddof 1) of the returns, times the root of the periods; fraction a year.

    nan with fewer than two returns.
    """
    m = moments(returns)
    if m.n < 2:
        return NAN
    return 0.0 if _is_constant(m) else _deviation(m) * math.sqrt(periods_per_year)


def sharpe(returns: Floats | Moments, periods_per_year: int) -> float:
    """Return the mean over the sample standard deviation (ddof 1), times the root of the periods; risk-free rate 0.

    nan with fewer than two returns or when all are equal.

    >>> round(sharpe(np.array([0.01, 0.03]), 252), 12)  # 0.02 / 0.0141421 x 15.8745
    22.449944320644
    """
    m = moments(returns)
    if m.n < 2 or _is_constant(m):
        return NAN
    return m.mean / _deviation(m) * math.sqrt(periods_per_year)


def sharpe_rows(rows: Floats, periods_per_year: int) -> Floats:
    """Return the Sharpe ratio of each row of returns, (rows, n) -> (rows,), undefined as for `sharpe`."""
    result = np.full(len(rows), NAN)
    if rows.shape[1] < 2:
        return result
    is_moving = np.ptp(rows, axis=1) > _ROUNDING
    np.divide(np.mean(rows, axis=1), np.std(rows, axis=1, ddof=1), out=result, where=is_moving)
    return result * math.sqrt(periods_per_year)


def downside_risk(returns: Floats | Moments, periods_per_year: int) -> float:
    """Return the root of the mean square of all returns with gains set to 0, times the root of the periods.

    nan without returns.

    >>> downside_risk(np.array([0.03, -0.04, 0.02, 0.0]), 1)
    0.02
    """
    m = moments(returns)
    return math.sqrt(m.downside / m.n * periods_per_year) if m.n else NAN


def sortino(returns: Floats | Moments, periods_per_year: int) -> float:
    """Return the yearly mean over the downside risk; nan with fewer than two returns or without a loss."""
    m = moments(returns)
    risk = downside_risk(m, periods_per_year)
    if m.n < 2 or not risk > _ROUNDING:
        return NAN
    return m.mean * periods_per_year / risk


def calmar(yearly_growth: float, max_drawdown: float) -> float:
    """Return the CAGR over the maximum drawdown (a positive fraction); nan without a drawdown."""
    return yearly_growth / max_drawdown if max_drawdown > _ROUNDING else NAN


def value_at_risk(returns: Floats, cutoff: float = TAIL) -> float:
    """Return the `cutoff` quantile of the returns, linear between neighbours; a loss is negative; nan without returns.

    >>> round(value_at_risk(np.linspace(-0.10, 0.10, 21)), 12)
    -0.09
    """
    return tail(returns, cutoff)[0]


def conditional_value_at_risk(returns: Floats, cutoff: float = TAIL) -> float:
    """Return the mean of the lowest `floor(cutoff (n - 1)) + 1` returns; a loss is negative; nan without returns.

    >>> round(conditional_value_at_risk(np.linspace(-0.10, 0.10, 21)), 12)  # the two lowest, -0.10 and -0.09
    -0.095
    """
    return tail(returns, cutoff)[1]


def tail(returns: Floats, cutoff: float = TAIL) -> tuple[float, float]:
    """Return `value_at_risk` and `conditional_value_at_risk`, which are read off the same order."""
    n = len(returns)
    if n == 0:
        return NAN, NAN
    place = (n - 1) * cutoff
    last = int(place)
    part = np.partition(returns, last)
    below, share = float(part[last]), place - last
    above = float(part[last + 1 :].min()) if last + 1 < n else below
    between = below + (above - below) * share if share < 0.5 else above - (above - below) * (1.0 - share)
    return between, float(np.add.reduce(part[: last + 1])) / (last + 1)


def skew(returns: Floats | Moments) -> float:
    """Return the third standardised moment (population form, as `scipy.stats.skew`); nan when all returns are equal.

    >>> skew(np.array([0.0, 0.0, 3.0]))  # moments 2 and 2: 2 / 2 ** 1.5
    0.7071067811865475
    """
    m = moments(returns)
    return NAN if m.n < 2 or _is_constant(m) else m.cubes / m.n / (m.squares / m.n) ** 1.5


def kurtosis(returns: Floats | Moments) -> float:
    """Return the *excess* kurtosis, 0 for a normal distribution (population form, as `scipy.stats.kurtosis`).

    nan when all returns are equal.

    >>> kurtosis(np.array([-1.0, 1.0]))  # 1 - 3
    -2.0
    """
    m = moments(returns)
    return NAN if m.n < 2 or _is_constant(m) else m.fourths / m.n / (m.squares / m.n) ** 2.0 - 3.0


def _deviation(m: Moments) -> float:
    """The sample standard deviation (ddof 1) of two values or more."""
    return math.sqrt(m.squares / (m.n - 1))


def _is_constant(m: Moments) -> bool:
    """Whether the returns differ by no more than the rounding of the equities they were made from."""
    return m.spread <= _ROUNDING
