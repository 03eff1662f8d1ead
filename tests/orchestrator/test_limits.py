"""Limits on margin, currencies and correlation, and orders that differ by side, worked by hand through a run."""

import numpy as np
import pytest

import sptrader as sp
from tests.orchestrator.tiny import FLAT, bars, hour, rules, run_of, told

TWO = "{symbols: [EURUSD, GBPUSD], timeframe: 1h}"
CROSS = "{symbols: [EURUSD, EURGBP], timeframe: 1h}"
RNG = np.random.default_rng(5)
EUR = np.round(1.1 * np.cumprod(1.0 + RNG.normal(0.0, 0.001, 20)), 5)  # on the step
GBP = np.round(
    1.25 * np.cumprod(1.0 + 0.5 * np.diff(np.log(EUR), prepend=np.log(1.1)) + RNG.normal(0.0, 0.0006, 20)), 5
)


def check(run, name, bar, symbol=None):
    return {c.name: c for c in run.explain(hour(bar), symbol).checks}[name]


def test_margin_limit_bounds_what_is_used_and_reserved():
    # 20 % of 10,000 is 2,000; a unit of EURUSD ties up 1.10 / 30: 2,000 x 30 / 1.10 = 54,545.45. That uses 1,999.98:
    # 0.0167 are left, 0.4 units of GBPUSD at 1.25 / 30.
    frames = {"EURUSD": bars([FLAT] * 3, [1]), "GBPUSD": bars([1.25] * 3, [1], symbol="GBPUSD")}
    run = sp.backtest(rules(market=TWO, sizing="{method: units, value: 100000}", risk="{margin_limit: 20%}"), frames)

    assert run.orders[["symbol", "quantity"]].values.tolist() == [["EURUSD", 54_545.0]]
    assert run.decisions[["symbol", "outcome", "reason", "cap"]].values.tolist()[:2] == [
        ["EURUSD", "ordered", "signal", "margin_limit"],
        ["GBPUSD", "refused", "below_minimum", "margin_limit"],
    ]
    first, second = run.explain(hour(0), "EURUSD"), run.explain(hour(0), "GBPUSD")
    assert ("bound by", "units gave 100,000 units, margin limit allows 54,545") in first.sizing.lines()
    assert (first.sizing.units, second.sizing.units) == (54_545, 0.0)
    made, refused = check(run, "margin limit", 0, "EURUSD"), check(run, "margin limit", 0, "GBPUSD")
    assert (made.is_passed, made.detail) == (True, "0.00 of 2,000.00 used")
    assert (refused.is_passed, refused.detail) == (False, "1,999.98 of 2,000.00 used")


def crossed(side, **sections):
    """EURUSD bought and EURGBP traded on the same bar on a USD account: one EUR is 1.10 USD, by 0.88 x 1.25 as well."""
    frames = {
        "EURUSD": bars([FLAT] * 4, [1]),
        "EURGBP": bars([0.88] * 4, [side], symbol="EURGBP"),
        "GBPUSD": bars([1.25] * 4, symbol="GBPUSD"),
    }
    known = {"sizing": "{method: units, value: 10000}", "risk": "{currency_exposure: 150%}", **sections}
    return sp.backtest(rules(market=CROSS, **known), frames)


def test_currency_exposure_adds_up_over_pairs():
    # 150 % of 10,000 is 15,000. EURUSD takes 11,000 of it; 4,000 are left for EUR: 4,000 / 1.10 = 3,636.36. GBP, short by
    # it, has 15,000 / 1.10 = 13,636.
    run = crossed(1)

    assert run.orders[["symbol", "quantity"]].values.tolist() == [["EURUSD", 10_000.0], ["EURGBP", 3_636.0]]
    assert run.decisions["cap"].tolist()[:2] == ["", "currency_exposure"]
    size = run.explain(hour(0), "EURGBP").sizing
    assert {x.name: x.units for x in size.limits}["currency exposure"] == pytest.approx(4_000 / 1.1)
    # 3,636 x 1.10 = 3,999.60
    assert [(e.currency, e.before, e.after, e.limit) for e in size.exposures] == [
        ("EUR", pytest.approx(11_000), pytest.approx(14_999.60), pytest.approx(15_000)),
        ("GBP", 0.0, pytest.approx(-3_999.60), pytest.approx(15_000)),
    ]
    lines = size.lines()
    assert ("net EUR", "11,000.00 before, 14,999.60 after, at most 15,000.00 either way") in lines
    assert ("bound by", "units gave 10,000 units, currency exposure allows 3,636") in lines
    only = run.explain(hour(0), "EURUSD").sizing.exposures  # the account's own currency is no exposure
    assert [(e.currency, e.before, e.after) for e in only] == [("EUR", 0.0, pytest.approx(11_000))]
    assert (
        check(run, "currency exposure", 0, "EURGBP").detail
        == "net EUR 11,000.00 of 15,000.00, net GBP 0.00 of 15,000.00"
    )


def test_opposite_sides_of_a_currency_offset_each_other():
    # short EURGBP takes 11,000 EUR off and puts 11,000 GBP on: neither is above 15,000
    run = crossed(2)

    assert run.orders["quantity"].tolist() == [10_000.0, 10_000.0]
    after = {e.currency: e.after for e in run.explain(hour(0), "EURGBP").sizing.exposures}
    assert after == {"EUR": pytest.approx(0.0), "GBP": pytest.approx(11_000)}


def test_without_room_for_the_smallest_quantity_an_entry_is_refused():
    # EURUSD takes all of 110 % of 10,000
    run = crossed(1, risk="{currency_exposure: 110%}")

    assert run.decisions[["outcome", "reason", "cap"]].values.tolist()[1] == [
        "refused",
        "below_minimum",
        "currency_exposure",
    ]
    refused = check(run, "currency exposure", 0, "EURGBP")
    assert (refused.is_passed, refused.detail[:30]) == (False, "net EUR 11,000.00 of 11,000.00")
    assert [e.after - e.before for e in run.explain(hour(0), "EURGBP").sizing.exposures] == [0.0, 0.0]


def correlated(limit, *, side=1, at=15):
    """EURUSD bought on bar 11, GBPUSD asked for on bar `at`."""
    frames = {
        "EURUSD": bars(list(EUR), [0.0] * 11 + [1.0]),
        "GBPUSD": bars(list(GBP), [0.0] * at + [float(side)], symbol="GBPUSD"),
    }
    text = f"{{correlation_limit: {limit:.6f}, correlation_lookback: 10 bars}}"
    return sp.backtest(rules(market=TWO, risk=text), frames)


# of the ten returns up to bar 15, by numpy
KNOWN = float(np.corrcoef([closes[6:16] / closes[5:15] - 1.0 for closes in (EUR, GBP)])[0, 1])


def test_entry_that_goes_together_too_closely_with_a_position_is_refused():
    assert 0.5 < KNOWN < 0.99
    refused, passed = correlated(KNOWN - 1e-6), correlated(KNOWN + 2e-6)

    decided = refused.decisions[refused.decisions["time"] == hour(15)]
    assert decided[["symbol", "outcome", "reason"]].values.tolist() == [["GBPUSD", "refused", "correlation_limit"]]
    assert passed.orders["symbol"].tolist() == ["EURUSD", "GBPUSD"]
    asked = check(refused, "correlation", 15, "GBPUSD")
    assert (asked.is_passed, asked.detail) == (False, f"EURUSD long {KNOWN:+.4f}; at most {KNOWN - 1e-6:g}")
    assert check(passed, "correlation", 15, "GBPUSD").is_passed
    alone = check(passed, "correlation", 11, "EURUSD")
    assert (alone.is_passed, alone.detail[:20]) == (True, "nothing else is held")


def test_correlation_is_signed_by_both_sides():
    run = correlated(0.1, side=2)

    assert run.orders["symbol"].tolist() == ["EURUSD", "GBPUSD"]
    assert check(run, "correlation", 15, "GBPUSD").detail.startswith(f"EURUSD long {-KNOWN:+.4f}")


def test_correlation_that_is_not_known_refuses():
    # both ask on bar 8, which is the eighth return: fewer than ten
    frames = {
        "EURUSD": bars(list(EUR), [0.0] * 8 + [1.0]),
        "GBPUSD": bars(list(GBP), [0.0] * 8 + [1.0], symbol="GBPUSD"),
    }
    run = sp.backtest(rules(market=TWO, risk="{correlation_limit: 99%, correlation_lookback: 10 bars}"), frames)

    assert run.orders["symbol"].tolist() == ["EURUSD"]  # nothing was held or working when it was asked
    asked = check(run, "correlation", 8, "GBPUSD")
    assert (asked.is_passed, asked.detail) == (False, "EURUSD buy order unknown; at most 0.99")


def test_each_side_sends_its_own_kind_of_order():
    # long: at the market; short: a limit 20 pips above the close that works on 2 bars. Bar 4 reaches 1.1020 on the first.
    entry = (
        "{long: {when: volume == 1}, "
        "short: {when: volume == 2, order: {type: limit, price: close + 20 pips, expires: 2 bars}}}"
    )
    rows = [FLAT, FLAT, FLAT, FLAT, (1.1, 1.1025, 1.1, 1.1), FLAT, FLAT, FLAT, FLAT, FLAT]
    run = run_of(rows, [1, 3, 0, 2, 0, 4, 2], entry=entry)

    made = run.orders[run.orders["parent"] == ""]
    assert made[["side", "type", "status"]].values.tolist() == [
        ["buy", "market", "filled"],
        ["sell", "limit", "filled"],
        ["sell", "limit", "expired"],
    ]
    assert run.fills[["side", "price", "time"]].values.tolist() == [
        ["buy", 1.1, hour(1)],
        ["sell", 1.1, hour(2)],
        ["sell", 1.1020, hour(4)],
        ["buy", 1.1, hour(6)],
    ]
    assert made["ended_at"].iloc[2] == hour(9)  # bars 7 and 8
    assert (3, "enter_short", "ordered", "signal") in told(run)
