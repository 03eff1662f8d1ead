"""Rolling figures against empyrical-reloaded, and where they are not defined yet."""

from __future__ import annotations

import math

import empyrical
import numpy as np
import pytest

from sptrader.errors import RunError
from sptrader.performance import rolling
from sptrader.performance.returns import AccountSeries, session_returns

DAY_NS = 86400 * 10**9


def random_returns(n: int = 200) -> np.ndarray:
    return np.random.default_rng(5).normal(0.0003, 0.01, n)


def test_windows_agree_with_empyrical():
    returns, window = random_returns(), 30

    sharpe = rolling.rolling_sharpe(returns, window, periods_per_year=260)
    volatility = rolling.rolling_volatility(returns, window, periods_per_year=260)
    fall = rolling.rolling_max_drawdown(returns, window)

    def same(values: np.ndarray) -> object:
        return pytest.approx(np.asarray(values), rel=1e-9, abs=1e-9)

    assert sharpe[29:] == same(empyrical.roll_sharpe_ratio(returns, window=window, annualization=260))
    assert volatility[29:] == same(empyrical.roll_annual_volatility(returns, window=window, annualization=260))
    assert fall[29:] == same(-empyrical.roll_max_drawdown(returns, window=window))
    for values in (sharpe, volatility, fall):
        assert np.isnan(values[:29]).all()


def test_work_in_pieces_changes_nothing(monkeypatch):
    returns = random_returns()
    whole = rolling.rolling_max_drawdown(returns, 20)

    monkeypatch.setattr(rolling, "_CELLS", 60)  # three windows at once

    assert rolling.rolling_max_drawdown(returns, 20).tobytes() == whole.tobytes()


def test_table_by_hand():
    # 110, 99, 99, 148.5 from 100: returns +10 %, -10 %, 0, +50 %
    times = np.arange(4, dtype=np.int64) * DAY_NS
    result = session_returns(AccountSeries(times, np.array([110.0, 99.0, 99.0, 148.5]), 100.0, DAY_NS, "24/7"))

    table = rolling.rolling_table(result, window=2)

    assert math.isnan(table["return"].iloc[0])
    assert table["return"].tolist()[1:] == pytest.approx([-0.01, -0.10, 0.50])
    assert table["max_drawdown"].tolist()[1:] == pytest.approx([0.10, 0.10, 0.0])
    assert table["underwater"].tolist() == pytest.approx([0.0, 0.10, 0.10, 0.0])
    # +10 % and -10 %: deviation 10 % x sqrt 2, over 365 days
    assert table["volatility"].iloc[1] == pytest.approx(0.1 * math.sqrt(2) * math.sqrt(365))
    assert table["sharpe"].iloc[1] == pytest.approx(0.0, abs=1e-12)
    assert table.index.equals(result.dates)


def test_window_without_movement_has_no_sharpe():
    returns = np.array([0.01, 0.0, 0.0, 0.0, 0.02])

    sharpe = rolling.rolling_sharpe(returns, 3, periods_per_year=252)

    assert np.isnan(sharpe).tolist() == [True, True, False, True, False]


def test_too_few_sessions_and_too_short_windows():
    assert np.isnan(rolling.rolling_sharpe(np.array([0.1, 0.2]), 3, periods_per_year=252)).all()
    with pytest.raises(RunError, match="window was 1"):
        rolling.rolling_max_drawdown(np.array([0.1, 0.2]), 1)


def test_no_sessions_make_an_empty_table():
    nothing = np.empty(0, np.int64)
    result = session_returns(AccountSeries(nothing, np.empty(0), 100.0, DAY_NS, "fx"))

    assert rolling.rolling_table(result).empty
