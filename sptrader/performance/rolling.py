"""Rolling figures: Sharpe, volatility and drawdown over a window that moves through the sessions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from sptrader.errors import RunError
from sptrader.performance.drawdown import drawdown, max_drawdown_rows
from sptrader.performance.ratios import sharpe_rows
from sptrader.performance.returns import Floats, SessionReturns

QUARTER = 63
_CELLS = 1 << 21  # window cells worked on at once: 16 MB


def rolling_table(result: SessionReturns, window: int = QUARTER) -> pd.DataFrame:
    """Return rolling figures per session: `return volatility sharpe max_drawdown underwater`.

    The first four are of the last `window` sessions, nan before there are that many; `underwater` is how far the
    session's last mark is below the highest session mark so far. Index: the trading days, UTC.
    """
    returns, per_year = result.returns, result.periods_per_year
    return pd.DataFrame(
        {
            "return": _over_windows(returns, window, lambda w: np.prod(1.0 + w, axis=1) - 1.0),
            "volatility": rolling_volatility(returns, window, periods_per_year=per_year),
            "sharpe": rolling_sharpe(returns, window, periods_per_year=per_year),
            "max_drawdown": rolling_max_drawdown(returns, window),
            "underwater": drawdown(result.equity, result.cash),
        },
        index=result.dates,
    )


def rolling_volatility(returns: Floats, window: int, *, periods_per_year: int) -> Floats:
    """Return the yearly volatility (ddof 1) of the last `window` returns; (n,), nan for the first `window - 1`."""
    return _over_windows(returns, window, lambda w: np.std(w, axis=1, ddof=1) * math.sqrt(periods_per_year))


def rolling_sharpe(returns: Floats, window: int, *, periods_per_year: int) -> Floats:
    """Return the yearly Sharpe ratio of the last `window` returns; (n,), nan for the first `window - 1`.

    nan also where all returns of a window are equal, as in one without a position.
    """

    return _over_windows(returns, window, lambda w: sharpe_rows(w, periods_per_year))


def rolling_max_drawdown(returns: Floats, window: int) -> Floats:
    """Return the deepest fall within the last `window` returns; a positive fraction, nan for the first `window - 1`.

    >>> rolling_max_drawdown(np.array([0.1, -0.1, -0.5, 1.0]), 2)
    array([ nan, 0.1 , 0.55, 0.5 ])
    """

    return _over_windows(returns, window, max_drawdown_rows)


def _over_windows(returns: Floats, window: int, figure: Callable[[Floats], Floats]) -> Floats:
    """Return `figure` of each full window, worked in pieces so that long windows stay small in memory."""
    if window < 2:
        raise RunError(f"window was {window}; allowed are 2 sessions or more.", key="window", value=window)
    result = np.full(len(returns), np.nan)
    if len(returns) < window:
        return result
    windows = sliding_window_view(returns, window)
    rows = max(1, _CELLS // window)
    for first in range(0, len(windows), rows):
        piece = windows[first : first + rows]
        result[first + window - 1 : first + window - 1 + len(piece)] = figure(piece)
    return result
