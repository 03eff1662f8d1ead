"""All metrics of a run at once: by hand, and where nothing is defined."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader.performance.definitions import DEFINITIONS
from sptrader.performance.report import metrics
from sptrader.performance.returns import AccountSeries

DAY_NS = 86400 * 10**9
NO_TRADES = pd.DataFrame({"pnl": np.empty(0), "bars_held": np.empty(0)})


def daily(equity: list[float], session: str = "24/7") -> AccountSeries:
    times = np.arange(len(equity), dtype=np.int64) * DAY_NS
    return AccountSeries(times, np.array(equity, float), 1000.0, DAY_NS, session)


def measured(account: AccountSeries, trades: pd.DataFrame = NO_TRADES, **facts: float) -> dict[str, float]:
    given_facts = {"benchmark_return": 0.0, "bars_positioned": 0, "traded_notional": 0.0, "fees": 0.0} | facts
    return metrics(
        account,
        trades,
        benchmark_return=given_facts["benchmark_return"],
        bars_positioned=int(given_facts["bars_positioned"]),
        traded_notional=given_facts["traded_notional"],
        fees=given_facts["fees"],
    )


def test_run_of_four_days_by_hand():
    # 1000 -> 1100 -> 990 -> 990 -> 1188: +10 %, -10 %, 0, +20 %
    trades = pd.DataFrame({"pnl": [100.0, -110.0, 198.0], "bars_held": [1, 1, 2]})

    found = measured(
        daily([1100.0, 990.0, 990.0, 1188.0]),
        trades,
        benchmark_return=0.05,
        bars_positioned=3,
        traded_notional=4268.0,
        fees=12.0,
    )

    returns = [0.10, -0.10, 0.0, 0.20]
    deviation = math.sqrt(sum((r - 0.05) ** 2 for r in returns) / 3)
    expected = {
        "total_return": 0.188,
        "cagr": 1.188 ** (365 / 4) - 1,
        "volatility": deviation * math.sqrt(365),
        "sharpe": 0.05 / deviation * math.sqrt(365),
        "sortino": 0.05 / 0.05 * math.sqrt(365),  # downside: sqrt(0.1 ^ 2 / 4)
        "calmar": (1.188 ** (365 / 4) - 1) / 0.10,
        "max_drawdown": 0.10,
        "max_drawdown_days": 3.0,  # the close of day 1 to the close of day 4
        "benchmark_return": 0.05,
        "trades": 3,
        "win_rate": 2 / 3,
        "profit_factor": 298 / 110,
        "expectancy": 188 / 3,
        "avg_win": 149.0,
        "avg_loss": -110.0,
        "best_trade": 198.0,
        "worst_trade": -110.0,
        "avg_bars_held": 4 / 3,
        "exposure": 0.75,
        "turnover": 365.0,  # 4268 over the mean equity 1067 is 4 in four days
        "fees": 12.0,
        "final_equity": 1188.0,
        "sqn": 188 / 3 / float(np.std(trades["pnl"], ddof=1)) * math.sqrt(3),
        "var_95": -0.10 + 0.15 * 0.10,  # 5 % of 3 steps above the lowest
        "cvar_95": -0.10,
        # distances 0.05 -0.15 -0.05 0.15: cubes cancel; squares 0.05, fourth powers 0.001025, both over 4
        "skew": 0.0,
        "kurtosis": 0.001025 / 4 / (0.05 / 4) ** 2 - 3,
    }
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert list(found) == list(DEFINITIONS)


def test_run_without_a_trade_has_only_what_is_defined():
    found = measured(daily([1000.0, 1000.0, 1000.0]), benchmark_return=0.1)

    undefined = {name for name, value in found.items() if math.isnan(value)}
    assert undefined == {
        *("sharpe", "sortino", "calmar", "skew", "kurtosis"),
        *("win_rate", "profit_factor", "expectancy", "avg_win", "avg_loss", "best_trade", "worst_trade"),
        *("avg_bars_held", "sqn"),
    }
    assert found["total_return"] == found["cagr"] == found["volatility"] == found["max_drawdown"] == 0.0
    assert found["trades"] == 0


def test_run_without_bars_is_undefined():
    found = measured(daily([]))

    assert found["final_equity"] == 1000.0
    assert {name for name, value in found.items() if not math.isnan(value)} == {
        "final_equity",
        "trades",
        "fees",
        "benchmark_return",
    }


@settings(max_examples=150, deadline=None)
@given(
    equity=st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=12),
    cents=st.lists(st.integers(-(10**8), 10**8), max_size=6),
    session=st.sampled_from(["fx", "24/7"]),
)
def test_no_metric_is_ever_infinite(equity, cents, session):
    trades = pd.DataFrame({"pnl": np.array(cents, float) / 100, "bars_held": np.ones(len(cents))})

    found = measured(daily(equity, session), trades, traded_notional=5000.0, bars_positioned=len(equity))

    assert not any(math.isinf(value) for value in found.values())
