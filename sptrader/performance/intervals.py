"""Intervals: how far luck alone could move the Sharpe ratio, the drawdown and the profit factor.

The stationary block bootstrap of Politis & Romano (1994) resamples runs of consecutive observations whose lengths are
geometric, so that the dependence between neighbours survives. The mean length follows the automatic rule of Politis &
White (2004) with the correction of Patton, Politis & White (2009). Computed only when asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sptrader.errors import RunError
from sptrader.performance.drawdown import max_drawdown_rows
from sptrader.performance.ratios import sharpe_rows
from sptrader.performance.returns import Floats, Ints, SessionReturns

LEVEL = 0.95
SAMPLES = 2000
MIN_OBSERVATIONS = 10
_QUIET_LAGS = 5
_CELLS = 1 << 20  # resampled values worked on at once: 8 MB


@dataclass(frozen=True)
class Interval:
    """A figure and the range that `level` of its bootstrap resamples fall in (percentile method).

    `n` observations were resampled `samples` times in blocks of the mean length `block_length`. `low` and `high` are
    nan with fewer than ten observations, and where the range has no end: a profit factor whose resamples have no loser.
    """

    name: str
    value: float
    low: float
    high: float
    level: float
    n: int
    samples: int
    block_length: float


def intervals(
    result: SessionReturns, pnl: Floats, *, seed: int, samples: int = SAMPLES, level: float = LEVEL
) -> dict[str, Interval]:
    """Return the intervals of `sharpe`, `max_drawdown` and `profit_factor`.

    The first two resample session returns, the third the net P&L of trades in their order. The drawdown is that of
    session marks: at most that of bar marks, which is the metric, and its interval says what other orders of the same
    days would have brought. Equal arguments give equal intervals.
    """
    per_year = result.periods_per_year
    streams = np.random.SeedSequence(seed).spawn(3)

    def of(name: str, values: Floats, figure: Callable[[Floats], Floats], stream: np.random.SeedSequence) -> Interval:
        return bootstrap_interval(
            values, figure, name=name, rng=np.random.default_rng(stream), samples=samples, level=level
        )

    return {
        "sharpe": of("sharpe", result.returns, lambda rows: sharpe_rows(rows, per_year), streams[0]),
        "max_drawdown": of("max_drawdown", result.returns, max_drawdown_rows, streams[1]),
        "profit_factor": of("profit_factor", np.asarray(pnl, np.float64), _profit_factors, streams[2]),
    }


def sharpe_interval(
    returns: Floats,
    periods_per_year: int,
    *,
    seed: int,
    samples: int = SAMPLES,
    level: float = LEVEL,
    block_length: float | None = None,
) -> Interval:
    """Return the interval of the yearly Sharpe ratio of `returns`; `block_length` overrides the automatic rule."""
    return bootstrap_interval(
        returns,
        lambda rows: sharpe_rows(rows, periods_per_year),
        name="sharpe",
        rng=np.random.default_rng(seed),
        samples=samples,
        level=level,
        block_length=block_length,
    )


def bootstrap_interval(
    values: Floats,
    figure: Callable[[Floats], Floats],
    *,
    name: str,
    rng: np.random.Generator,
    samples: int = SAMPLES,
    level: float = LEVEL,
    block_length: float | None = None,
) -> Interval:
    """Return the interval of any `figure` that maps resamples (rows, n) to one number a row.

    Resamples for which the figure is nan are left out; infinite ones count at their end of the order.
    """
    if samples < 1:
        raise RunError(f"samples was {samples}; allowed are 1 or more.", key="samples", value=samples)
    if not 0.0 < level < 1.0:
        raise RunError(f"level was {level}; allowed are fractions between 0 and 1.", key="level", value=level)
    n = len(values)
    value = _finite(float(figure(values[None, :])[0])) if n else math.nan
    if n < MIN_OBSERVATIONS:
        return Interval(name, value, math.nan, math.nan, level, n, samples, math.nan)
    mean_length = automatic_block_length(values) if block_length is None else block_length
    rows = max(1, _CELLS // n)
    found = [
        figure(values[stationary_indices(n, min(rows, samples - first), rng=rng, block_length=mean_length)])
        for first in range(0, samples, rows)
    ]
    ordered = np.sort(np.concatenate(found))
    ordered = ordered[~np.isnan(ordered)]
    tail = (1.0 - level) / 2.0
    low, high = (_finite(_quantile(ordered, q)) for q in (tail, 1.0 - tail))
    return Interval(name, value, low, high, level, n, samples, mean_length)


def stationary_indices(n: int, rows: int, *, rng: np.random.Generator, block_length: float) -> Ints:
    """Return `rows` resamples of the indices 0 to `n - 1`, int64 (rows, n).

    A block starts anywhere and goes on, past the end to the beginning, with the probability `1 - 1 / block_length` at
    each step.
    """
    is_start = rng.random((rows, n)) < 1.0 / block_length
    is_start[:, 0] = True
    origins = rng.integers(0, n, size=(rows, n))
    steps = np.arange(n)
    last_start = np.maximum.accumulate(np.where(is_start, steps, 0), axis=1)
    picked: Ints = (np.take_along_axis(origins, last_start, axis=1) + steps - last_start) % n
    return picked


def automatic_block_length(values: Floats) -> float:
    """Return the mean block length that minimises the error of the bootstrapped variance; at least 1, (n,) -> float.

    Politis & White (2004), the constant for the stationary bootstrap as corrected in 2009: `(2 G^2 / D)^(1/3) n^(1/3)`,
    `G` the sum of `lambda(k/M) |k| R(k)`, `D` twice the square of the sum of `lambda(k/M) R(k)`, flat-top window
    `lambda`, and `M` twice the first lag of five in a row whose autocorrelations are within `2 sqrt(log10 n / n)`. At
    most `min(3 sqrt n, n / 3)`; 1 for values that are all equal.
    """
    n = len(values)
    centred = values - np.mean(values)
    variance = float(centred @ centred) / n
    if n < 3 or float(np.ptp(values)) == 0.0:
        return 1.0
    n_lags = min(n - 1, math.ceil(math.sqrt(n)) + _QUIET_LAGS)
    covariance = np.array([centred[: n - lag] @ centred[lag:] for lag in range(n_lags + 1)]) / n
    is_small = np.abs(covariance[1:] / variance) < 2.0 * math.sqrt(math.log10(n) / n)
    quiet = [lag for lag in range(1, n_lags + 2 - _QUIET_LAGS) if is_small[lag - 1 : lag - 1 + _QUIET_LAGS].all()]
    bandwidth = min(2 * quiet[0], n_lags) if quiet else n_lags
    lags = np.arange(1, bandwidth + 1)
    window = np.minimum(1.0, 2.0 * (1.0 - lags / bandwidth))
    weighted = window * covariance[1 : bandwidth + 1]
    spectrum = variance + 2.0 * float(weighted.sum())
    slope = 2.0 * float((lags * weighted).sum())
    if spectrum == 0.0:
        return 1.0
    length = ((slope / spectrum) ** 2 * n) ** (1.0 / 3.0)
    return float(min(max(1.0, length), max(1.0, math.ceil(min(3.0 * math.sqrt(n), n / 3.0)))))


def _profit_factors(rows: Floats) -> Floats:
    won, lost = np.maximum(rows, 0.0).sum(axis=1), -np.minimum(rows, 0.0).sum(axis=1)
    result = np.where(won > 0, np.inf, np.nan)
    return np.asarray(np.divide(won, lost, out=result, where=lost > 0), np.float64)


def _quantile(ordered: Floats, q: float) -> float:
    """Return the quantile of sorted values, linear between neighbours unless one of them is infinite."""
    if len(ordered) == 0:
        return math.nan
    at = q * (len(ordered) - 1)
    below, above = float(ordered[math.floor(at)]), float(ordered[math.ceil(at)])
    share = at - math.floor(at)
    return below if share == 0.0 or below == above else below * (1.0 - share) + above * share


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan
