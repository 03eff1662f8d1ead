"""The verdict is no kinder than the numbers and the findings."""

import pytest

from sptrader.runs.doctor import Finding
from sptrader.runs.verdict import verdict

GOOD = {"total_return": 0.2, "benchmark_return": 0.1, "max_drawdown": 0.05, "win_rate": 0.6, "trades": 50.0}


def judged(metrics=None, *codes):
    return verdict({**GOOD, **(metrics or {})}, [Finding(code, "what", "figure") for code in codes])


def test_clean_gain_above_buy_and_hold_is_good():
    result = judged()

    assert (result.tone, result.headline) == ("good", "It made money.")
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
    result = judged({"win_rate": float("nan"), "trades": 0.0}, "no_trades")

    assert result.headline == "It closed no trade."
    assert "nan" not in result.sentence


def test_run_that_looks_ahead_is_not_believed_whatever_it_made():
    assert judged({"total_return": 9.0}, "look_ahead").tone == "poor"


@pytest.mark.parametrize("code", ["few_trades", "note"])
def test_any_finding_takes_the_praise_away(code):
    assert judged(None, code).tone == "fair"
