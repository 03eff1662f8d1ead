"""The risk of a running session as its tab tells it, from a snapshot worked by hand."""

from types import SimpleNamespace

import pytest

from sptrader.runs.live_follow import Ring, Seen
from sptrader.views.live_session_risk import (
    currencies_table,
    instruments_table,
    live_alerts,
    live_correlation,
    live_uses,
)

USES = {
    "max_drawdown": 0.05,
    "daily_loss_limit": 0.0,
    "max_positions": 1.0,
    "margin_limit": 0.25,
    "position_limit": 0.45,
    "currency_exposure": 0.6,
    "max_order_notional": None,
}
TOLD = {
    "currency": "USD",
    "trading": "active",
    "equity": 1000.0,
    "limits": {"max_drawdown": 0.1, "max_positions": 2.0, "position_limit": 0.5, "currency_exposure": 0.5},
    "positions": [{"symbol": "EURGBP", "stop": None}],
    "recent": [{"outcome": "refused", "reason": "no_free_slot"}, {"outcome": "ordered", "reason": "entry_signal"}],
    "risk": {
        "uses": USES,
        "by_instrument": [{"symbol": "EURGBP", "held": -450.0, "working": 0.0, "rate": 1.25}],
        "by_currency": [
            {"currency": "EUR", "net": -450.0, "rate": 1.125},
            {"currency": "GBP", "net": 450.0, "rate": 1.25},
        ],
    },
}


def follower(told):
    return SimpleNamespace(seen=Seen(snapshot=told))


def test_every_limit_shows_what_is_used_now():
    uses = {use.name: use for use in live_uses(TOLD)}

    assert list(uses) == list(USES)
    assert uses["max_drawdown"].share == pytest.approx(0.5)
    assert uses["currency_exposure"].share == pytest.approx(1.2)
    assert uses["margin_limit"].used == 0.25
    assert uses["margin_limit"].limit == float("inf")


def test_alerts_name_what_is_reached_near_unprotected_and_refused():
    alerts = live_alerts(TOLD, live_uses(TOLD))

    assert alerts == [
        "position limit is near: 90% of it is used.",
        "currency exposure is reached: 120% of it is used.",
        "EURGBP is held without a stop.",
        "max positions bound 1 of the last 2 decisions.",
    ]


def test_a_latched_kill_switch_and_a_halt_are_alerts():
    quiet = {"limits": {}, "equity": 1.0}

    assert live_alerts({**quiet, "is_killed": True, "trading": "halted"}, []) == [
        "The kill switch is latched: nothing is traded."
    ]
    assert live_alerts({**quiet, "trading": "halted_for_the_day"}, []) == [
        "The daily loss limit has halted trading until the next session."
    ]


def test_exposure_is_told_in_the_account_s_currency_and_in_its_own():
    assert instruments_table(follower(TOLD)).values.tolist() == [["EURGBP", -450.0, -0.45, 0.0]]
    # 450 USD at 1.125 and 1.25 USD are 400 EUR and 360 GBP
    assert currencies_table(follower(TOLD)).values.tolist() == [
        ["EUR", -450.0, -0.45, -400.0, 1.125],
        ["GBP", 450.0, 0.45, 360.0, 1.25],
    ]
    assert currencies_table(follower({})).empty


def test_instruments_are_correlated_over_the_bars_that_both_have():
    seen = Seen(bars={"EURUSD": Ring(100), "GBPUSD": Ring(100)})
    for second in range(30):
        move = 1.0 + 0.01 * (second % 3)
        seen.bars["EURUSD"].add((second, 1.0, 1.0, 1.0, move))
        if second != 7:
            seen.bars["GBPUSD"].add((second, 1.0, 1.0, 1.0, 1.0 / move))

    matrix = live_correlation(seen)

    assert matrix.loc["EURUSD", "GBPUSD"] == -1.0
    assert live_correlation(Seen(bars={"EURUSD": Ring(5)})) is None
