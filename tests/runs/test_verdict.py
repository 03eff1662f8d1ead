"""The verdict is no kinder than the numbers."""

import numpy as np
import pandas as pd
import pytest

from sptrader.performance.costs import CostSplit
from sptrader.performance.intervals import Interval
from sptrader.performance.returns import SessionReturns
from sptrader.runs.verdict import verdict

GOOD = {"total_return": 0.2, "benchmark_return": 0.1, "max_drawdown": 0.05, "win_rate": 0.6, "best_trade": 10.0}
CHEAP = CostSplit(gross=110.0, spread=5.0, slippage=0.0, commission=5.0, financing=0.0, net=100.0)


def judged(metrics=None, *, pnl=None, costs=CHEAP, sharpe=(0.5, 1.5), returns=None, fills=None, warnings=()):
    daily = np.full(50, 0.2 / 50) if returns is None else np.asarray(returns)
    labels = np.arange(len(daily))
    sessions = SessionReturns(labels, daily, 1 + np.cumsum(daily), np.empty(0, np.int64), 1.0, 260)
    interval = Interval("sharpe", 1.0, *sharpe, 0.95, 50, 2000, 3.0)
    trades = pd.DataFrame({"pnl": [2.0] * 50 if pnl is None else pnl})
    return verdict(
        {**GOOD, **(metrics or {})},
        trades,
        pd.DataFrame({"price": [1.0]}) if fills is None else fills,
        costs=costs,
        returns=sessions,
        intervals={"sharpe": interval},
        warnings=warnings,
    )


def test_clean_gain_above_buy_and_hold_is_good():
    result = judged()

    assert (result.tone, result.headline, result.cautions) == ("good", "It made money.", ())
    assert (
        result.sentence
        == "+20.00% against +10.00% of buy and hold, 5.00% the deepest fall, 50 trades of which 60% won."
    )


def test_loss_is_poor_whatever_the_market_did():
    assert judged({"total_return": -0.01, "benchmark_return": -0.5}).tone == "poor"


def test_gain_below_buy_and_hold_is_fair():
    result = judged({"benchmark_return": 0.3})

    assert result.tone == "fair"
    assert "less than buy and hold" in result.headline


def test_unknown_benchmark_is_left_out():
    result = judged({"benchmark_return": float("nan")})

    assert result.tone == "good"
    assert "buy and hold" not in result.sentence


def test_no_trade_says_nothing_of_winning():
    result = judged({"win_rate": float("nan"), "best_trade": float("nan")}, pnl=[])

    assert result.headline == "It closed no trade."
    assert "nan" not in result.sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pnl": [2.0] * 29}, "29 trades are too few"),
        ({"sharpe": (-0.2, 2.0)}, "from -0.20 to 2.00, zero included"),
        ({"metrics": {"best_trade": 101.0}}, "Without its best trade"),
        ({"returns": [0.04] * 5 + [0.0] * 45}, "best 5 of 50 days made the whole gain"),
        ({"costs": CostSplit(30.0, 20.0, 5.0, 10.0, 0.0, -5.0)}, "Costs of 35.00 turned a gross gain of 30.00"),
        ({"costs": CostSplit(100.0, 50.0, 5.0, 5.0, 0.0, 40.0)}, "Costs took 60% of the gross gain"),
        ({"metrics": {"max_drawdown": 0.4}}, "fell by 40% below"),
        ({"fills": pd.DataFrame({"ambiguous": [True, False, True]})}, "2 of 3 fills are ambiguous"),
        ({"warnings": ("The spread is modelled.",)}, "The spread is modelled."),
    ],
)
def test_what_speaks_against_it_is_said_and_takes_the_praise_away(changes, words):
    result = judged(changes.pop("metrics", None), **changes)

    assert any(words in caution for caution in result.cautions)
    assert result.tone != "good"
