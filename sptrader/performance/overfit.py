"""Overfit: how much of the best of many trials is skill, and how much is having tried.

Sharpe ratios are *per period* here, not annualised, and kurtosis is raw (3 for a normal distribution), as in the
papers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from sptrader.errors import RunError
from sptrader.performance import ratios
from sptrader.performance.returns import Floats

EULER_GAMMA = 0.5772156649015329
BLOCKS = 16
_CELLS = 1 << 20  # Sharpe ratios worked on at once: 8 MB
_NORMAL = NormalDist()


@dataclass(frozen=True)
class DeflatedSharpe:
    """A selected trial's Sharpe ratio against what the best of `n_trials` without skill would show.

    `sharpe` and `expected_max` are per period; `probability` is that the true ratio is above 0 given the selection: the
    deflated Sharpe ratio. Above 0.95 is the usual bar.
    """

    sharpe: float
    expected_max: float
    probability: float
    n_trials: float


@dataclass(frozen=True)
class BacktestOverfitting:
    """The probability of backtest overfitting, by combinatorially symmetric cross-validation.

    `probability` is the share of splits in which the trial that was best in sample came below the median out of sample:
    near 0.5 when trials are noise, near 0 when the best is best everywhere. `logits` has one value a split (<= 0 means
    overfit). `slope` is of the best trial's Sharpe ratio out of sample over in sample; `loss_probability` the share of
    splits in which it lost out of sample.
    """

    probability: float
    logits: Floats
    slope: float
    loss_probability: float
    n_blocks: int


def probabilistic_sharpe(
    sharpe: float, benchmark: float = 0.0, *, n_returns: int, skew: float, kurtosis: float
) -> float:
    """Return the probability that the true Sharpe ratio is above `benchmark`; nan where it is not defined.

    `sharpe` and `benchmark` per period, `kurtosis` raw. Source: Bailey & Lopez de Prado, "The Sharpe Ratio Efficient
    Frontier" (2012).

    >>> round(probabilistic_sharpe(0.1, n_returns=101, skew=0.0, kurtosis=3.0), 4)  # Phi(1 / sqrt(1.005))
    0.8407
    """
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if n_returns < 2 or not variance > 0.0:
        return math.nan
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(n_returns - 1) / math.sqrt(variance))


def expected_max_sharpe(trial_variance: float, n_trials: float) -> float:
    """Return the Sharpe ratio to expect of the best of `n_trials` independent ones whose true ratio is 0.

    `trial_variance` is the variance of the trials' ratios, per period; 0 for one trial, never below. Source: Bailey & Lopez de
    Prado, "The Deflated Sharpe Ratio" (2014), equation 1.

    >>> round(expected_max_sharpe(0.5 / 250, 100), 4)
    0.1132
    """
    if n_trials <= 1:
        return 0.0
    first, second = _NORMAL.inv_cdf(1.0 - 1.0 / n_trials), _NORMAL.inv_cdf(1.0 - 1.0 / (n_trials * math.e))
    return math.sqrt(trial_variance) * max(0.0, (1.0 - EULER_GAMMA) * first + EULER_GAMMA * second)


def deflated_sharpe(
    sharpe: float,
    trial_variance: float,
    *,
    n_trials: float,
    n_returns: int,
    skew: float,
    kurtosis: float,
) -> DeflatedSharpe:
    """Return the deflated Sharpe ratio of the trial that was selected from `n_trials` independent ones.

    Ratios and their variance per period, `kurtosis` raw. Source: Bailey & Lopez de Prado (2014), equation 2.
    """
    expected = expected_max_sharpe(trial_variance, n_trials)
    probability = probabilistic_sharpe(sharpe, expected, n_returns=n_returns, skew=skew, kurtosis=kurtosis)
    return DeflatedSharpe(sharpe, expected, probability, n_trials)


def deflate(trial_returns: Floats, at: int, *, n_trials: float | None = None) -> DeflatedSharpe:
    """Return the deflated Sharpe ratio of column `at` of the returns of all trials (periods, trials).

    `n_trials` is how many independent trials there were; by default `independent_trials` of the matrix. Pass more when
    more was tried than the matrix shows.
    """
    matrix = _trials(trial_returns)
    found = _sharpes(matrix)
    chosen = matrix[:, at]
    variance = float(np.var(found, ddof=1)) if len(found) > 1 else 0.0
    return deflated_sharpe(
        float(found[at]),
        variance,
        n_trials=independent_trials(matrix) if n_trials is None else n_trials,
        n_returns=len(chosen),
        skew=ratios.skew(chosen),
        kurtosis=ratios.kurtosis(chosen) + 3.0,
    )


def independent_trials(trial_returns: Floats) -> float:
    """Return how many independent trials the columns of (periods, trials) amount to: `r + (1 - r) N`.

    `r` is the average correlation between trials, not below 0. Source: Bailey & Lopez de Prado (2014), appendix 3.
    Trials that never moved are not counted; at least 1.
    """
    matrix = _trials(trial_returns)
    centred = matrix - matrix.mean(axis=0)
    scale = np.sqrt((centred * centred).sum(axis=0))
    moving = np.ptp(matrix, axis=0) > 1e-15
    n = int(moving.sum())
    if n < 2:
        return 1.0
    total = (centred[:, moving] / scale[moving]).sum(axis=1)
    correlation = (float(total @ total) - n) / (n * (n - 1))
    return n - max(0.0, correlation) * (n - 1)


def backtest_overfitting(trial_returns: Floats, n_blocks: int = BLOCKS) -> BacktestOverfitting:
    """Return the probability of backtest overfitting of the returns of all trials (periods, trials).

    The periods are cut into `n_blocks` (even, at most 20); each half of the blocks is in sample once, the other half
    out of sample. A trial without variation has the Sharpe ratio 0. Source: Bailey, Borwein, Lopez de Prado & Zhu, "The
    Probability of Backtest Overfitting" (2015).
    """
    matrix = _trials(trial_returns)
    n_periods, n_trials = matrix.shape
    if n_trials < 2:
        raise RunError(f"there was {n_trials} trial; allowed are 2 or more.", key="trials", value=n_trials)
    if n_blocks % 2 or not 2 <= n_blocks <= 20 or n_periods < 2 * n_blocks:
        raise RunError(
            f"n_blocks was {n_blocks} with {n_periods} periods; allowed is an even number from 2 to 20 with at least "
            "two periods in each block.",
            key="n_blocks",
            value=n_blocks,
        )
    centre = matrix.mean(axis=0)
    blocks = np.array_split(matrix - centre, n_blocks)
    counts = np.array([len(block) for block in blocks], np.float64)
    sums = np.array([block.sum(axis=0) for block in blocks])
    squares = np.array([(block * block).sum(axis=0) for block in blocks])
    halves = np.zeros((math.comb(n_blocks, n_blocks // 2), n_blocks))
    for row, half in enumerate(combinations(range(n_blocks), n_blocks // 2)):
        halves[row, half] = 1.0
    found = []
    rows = max(1, _CELLS // n_trials)
    for first in range(0, len(halves), rows):
        chosen = halves[first : first + rows]
        inside = _half_sharpes(chosen, counts, sums, squares=squares, centre=centre)
        outside = _half_sharpes(1.0 - chosen, counts, sums, squares=squares, centre=centre)
        found.append(_best_outside(inside, outside))
    in_sharpe, out_sharpe, rank = np.concatenate(found, axis=1)
    logits = np.log(rank / (1.0 - rank))
    spread = in_sharpe - in_sharpe.mean()
    scatter = float(spread @ spread)
    return BacktestOverfitting(
        probability=float(np.mean(logits <= 0.0)),
        logits=logits,
        slope=float(spread @ out_sharpe) / scatter if scatter > 0 else math.nan,
        loss_probability=float(np.mean(out_sharpe < 0.0)),
        n_blocks=n_blocks,
    )


def _best_outside(inside: Floats, outside: Floats) -> Floats:
    """Return, for each split, the best trial's ratio inside, its ratio outside, and its rank there (0 to 1)."""
    splits = np.arange(len(inside))
    best = np.argmax(inside, axis=1)
    result = outside[splits, best]
    below = (outside < result[:, None]).sum(axis=1)
    equal = (outside == result[:, None]).sum(axis=1)
    rank = (below + (equal + 1) / 2.0) / (outside.shape[1] + 1)
    return np.stack((inside[splits, best], result, rank))


def _half_sharpes(chosen: Floats, counts: Floats, sums: Floats, *, squares: Floats, centre: Floats) -> Floats:
    """Return the Sharpe ratios (splits, trials) over the chosen blocks, from sums of values centred on the whole."""
    n = (chosen @ counts)[:, None]
    mean = (chosen @ sums) / n
    variance = (chosen @ squares - n * mean * mean) / (n - 1.0)
    result = np.zeros_like(mean)
    np.divide(mean + centre, np.sqrt(np.maximum(variance, 0.0)), out=result, where=variance > 1e-30)
    return result


def _sharpes(matrix: Floats) -> Floats:
    return np.nan_to_num(ratios.sharpe_rows(matrix.T, 1))


def _trials(trial_returns: ArrayLike) -> Floats:
    matrix = np.asarray(trial_returns, np.float64)
    if matrix.ndim != 2 or len(matrix) < 2:
        raise RunError(
            f"the trials' returns had the shape {matrix.shape}; allowed is (periods, trials) with 2 periods or more.",
            key="trial_returns",
        )
    if not np.isfinite(matrix).all():
        raise RunError("the trials' returns held nan or infinity; allowed are finite fractions.", key="trial_returns")
    return matrix
