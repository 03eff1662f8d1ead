"""Each rule of the doctor: a run made for it, and the same run without what the rule looks for."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sptrader.performance.costs import CostSplit
from sptrader.performance.intervals import Interval
from sptrader.performance.returns import SessionReturns
from sptrader.runs.doctor import WHY, diagnose
from sptrader.runs.reported import Trials

GOOD = {"total_return": 0.2, "max_drawdown": 0.05, "win_rate": 0.6, "best_trade": 10.0, "sharpe": 1.0, "trades": 50.0}
CHEAP = CostSplit(gross=110.0, spread=5.0, slippage=0.0, commission=5.0, financing=0.0, net=100.0)
SURE = Interval("sharpe", 1.0, 0.5, 1.5, 0.95, 50, 2000, 3.0)


def returns_of(daily):
    daily = np.asarray(daily, np.float64)
    labels = np.arange(len(daily))
    return SessionReturns(labels, daily, np.cumprod(1 + daily), np.empty(0, np.int64), 1.0, 260)


def healthy(n=100):
    """Days that gain 0.2% and lose it again in turn, up on the whole."""
    return returns_of(np.where(np.arange(n) % 2 == 0, 0.012, -0.008))


def trades_of(pnl=(2.0,) * 50, reason="signal"):
    return pd.DataFrame(
        {
            "pnl": list(pnl),
            "exit_reason": reason,
            "exit_time": pd.date_range("2020-01-01", periods=len(pnl), freq="D", tz="UTC"),
        }
    )


def share(adjustment, session="XNYS"):
    frame = pd.DataFrame({"close": [1.0]})
    frame.attrs = {"sptrader.session": session, "sptrader.adjustment": adjustment}
    return {"AAPL": frame}


def run_with(*, metrics=None, interval=SURE, **changes):
    made = {
        "metrics": {**GOOD, **(metrics or {})},
        "trades": trades_of(),
        "fills": pd.DataFrame({"ambiguous": [False, False, False]}),
        "costs": CHEAP,
        "session_returns": healthy(),
        "scenarios": pd.DataFrame({"intrabar": ["pessimistic", "optimistic"], "final_equity": [100.0, 107.5]}),
        "config": SimpleNamespace(currency="USD"),
        "bars": share("", session="fx"),
        "look_ahead": (),
        "trials": None,
        "warnings": (),
    }
    return SimpleNamespace(**{**made, **changes}), interval


def found(*, metrics=None, interval=SURE, **changes):
    run, sharpe = run_with(metrics=metrics, interval=interval, **changes)
    return {finding.code: finding for finding in diagnose(run, {"sharpe": sharpe})}


def test_healthy_run_has_no_finding():
    assert found() == {}


@pytest.mark.parametrize(
    ("code", "changes", "figure"),
    [
        ("look_ahead", {"look_ahead": ("tomorrow", "scaled")}, "tomorrow, scaled"),
        ("halted", {"trades": trades_of(reason="risk_halt")}, "risk halt, 2020-01-01 00:00"),
        ("no_trades", {"trades": trades_of(pnl=())}, "0 trades"),
        ("few_trades", {"trades": trades_of(pnl=[2.0] * 29)}, "29 trades"),
        ("too_good", {"metrics": {"sharpe": 4.5}}, "Sharpe ratio 4.5"),
        ("too_good", {"metrics": {"win_rate": 0.98}}, "98% of 50 trades won"),
        ("too_good", {"session_returns": returns_of([0.001] * 100)}, "equity is a straight line (R² 1.000)"),
        (
            "sharpe_uncertain",
            {"interval": Interval("sharpe", 1.0, -0.2, 2.0, 0.95, 50, 2000, 3.0)},
            "1.00, 95% interval from -0.20 to 2.00",
        ),
        ("profit_from_few_trades", {"metrics": {"best_trade": 120.0}}, "best trade 120% of the profit"),
        # five days of 4%: 1.04^5 - 1 = 21.67%
        ("profit_from_few_days", {"session_returns": returns_of([0.04] * 5 + [0.0] * 95)}, "+21.67% of +20.00%"),
        (
            "costs_eat_edge",
            {"costs": CostSplit(30.0, 20.0, 5.0, 10.0, 0.0, -5.0)},
            "gross +30.00, costs 35.00, net -5.00 USD",
        ),
        (
            "costs_eat_edge",
            {"costs": CostSplit(100.0, 50.0, 5.0, 5.0, 0.0, 40.0)},
            "gross +100.00, costs 60.00, net +40.00 USD",
        ),
        ("deep_drawdown", {"metrics": {"max_drawdown": 0.4}}, "40.00%"),
        (
            "ambiguous_fills",
            {"fills": pd.DataFrame({"ambiguous": [True, False, True, False]})},
            "50.0% of fills; optimistic less pessimistic +7.50 USD",
        ),
        ("spread_modelled", {"warnings": ("spread: modelled (from a constant).",)}, ""),
        ("unadjusted_shares", {"bars": share("none")}, "AAPL"),
        ("note", {"warnings": ("2 sessions have no data.",)}, ""),
    ],
)
def test_rule_finds_what_it_looks_for_and_nothing_else(code, changes, figure):
    result = found(**changes)

    assert list(result) == [code]
    assert result[code].figure == figure
    assert result[code].why == WHY[code]


@pytest.mark.parametrize("adjustment", ["split", "split+dividend"])
def test_adjusted_shares_are_not_doubted(adjustment):
    assert found(bars=share(adjustment)) == {}


def test_best_of_many_trials_is_deflated():
    # a daily Sharpe ratio of 0.2 over 100 days; without selection Phi(0.2 sqrt(99)) is 0.975
    few, many = Trials(2, 0.0001), Trials(1000, 0.01)

    assert found(trials=few) == {}
    # the best of 1,000 without skill is expected at 0.1 x 3.26 = 0.326, above 0.2
    finding = found(trials=many)["overfit"]
    assert "1,000 backtests" in finding.what
    assert float(finding.figure.split()[3].rstrip(",")) < 0.5


def test_a_loss_needs_no_trials_to_be_explained():
    losing = returns_of(np.where(np.arange(100) % 2 == 0, 0.008, -0.012))

    assert "overfit" not in found(session_returns=losing, trials=Trials(1000, 0.01))


def test_findings_come_gravest_first():
    codes = found(look_ahead=("x",), warnings=("spread: modelled.", "a note"), trades=trades_of(pnl=[5.0] * 3))

    assert list(codes) == ["look_ahead", "few_trades", "spread_modelled", "note"]


def test_count_alone_is_deflated_by_what_luck_gives():
    # the healthy run has a daily Sharpe ratio of 0.2; luck alone spreads by 0.1, and the best of 1,000 by 0.326
    assert "overfit" in found(trials=Trials(1000))
    assert found(trials=Trials(1)) == {}
