"""What keeps entries away, and when; seen in the reasons of a run's decisions."""

import numpy as np
import pandas as pd
import pytest

import sptrader as sp
from tests.orchestrator.tiny import FLAT, SIDES, bars, hour, rules, run_of

ALWAYS = "{long: {when: close > 0}}"
TOO_SMALL = "{method: units, value: 0.5}"  # what passes every filter is refused as below_minimum instead


def reasons(frame, **sections):
    run = sp.backtest(rules(**{"entry": ALWAYS, "sizing": TOO_SMALL, **sections}), frame)
    return run.decisions.set_index("decided_at")["reason"]


@pytest.mark.parametrize(
    ("day", "first", "last"), [("2017-03-24", "07:00", "16:00"), ("2017-03-27", "06:00", "15:00")], ids=["GMT", "BST"]
)
def test_hours_are_local_half_open_and_those_of_the_decision(day, first, last):
    found = reasons(bars([FLAT] * 20, start=f"{day} 01:00"), filters="{hours: '07:00-17:00 Europe/London'}")

    passed = found.index[found == "below_minimum"]
    assert (f"{passed[0]:%H:%M}", f"{passed[-1]:%H:%M}") == (first, last)
    assert len(passed) == 10
    assert set(found) == {"below_minimum", "outside_hours"}


def test_hours_past_midnight():
    found = reasons(bars([FLAT] * 12, start="2017-03-06 18:00"), filters="{hours: '22:00-02:00 UTC'}")

    assert [f"{t:%H}" for t in found.index[found == "below_minimum"]] == ["22", "23", "00", "01"]


def test_days_are_those_of_the_decision_in_the_zone_of_the_hours():
    # Sunday 22:00 and 23:00 decide at 23:00 Sunday and 00:00 Monday
    frame = bars([FLAT] * 3, start="2017-03-05 22:00")
    assert reasons(frame, filters="{days: Mon-Fri}").tolist() == ["outside_days", "below_minimum", "below_minimum"]
    tokyo = reasons(frame, filters="{days: Mon-Fri, hours: '00:00-24:00 Asia/Tokyo'}")
    assert tokyo.tolist() == ["below_minimum"] * 3


def test_spread_of_the_close_may_be_as_wide_as_allowed_and_not_wider():
    frame = bars([FLAT] * 4, basis="bid", spread=[0.0001, 0.0002, 0.00021, 0.0003])
    frame["spread"] = frame["spread"].to_numpy()

    assert reasons(frame, filters="{max_spread: 2 pips}").tolist() == [
        "below_minimum",
        "below_minimum",
        "spread_too_wide",
        "spread_too_wide",
    ]
    assert reasons(frame, filters="{max_spread: 0.01%}").tolist()[:2] == ["below_minimum", "spread_too_wide"]


def test_volume_must_be_there():
    found = reasons(bars([FLAT] * 3, [9, 10, 11]), filters="{min_volume: 10}")

    assert found.tolist() == ["volume_too_low", "below_minimum", "below_minimum"]


def test_filters_are_asked_in_their_order():
    frame = bars([FLAT] * 2, [0, 0], start="2017-03-04 10:00")  # a Saturday
    sections = {"execution": "{spread: 3 pips}"}
    asked = {"hours": "'01:00-02:00 UTC'", "days": "Mon-Fri", "max_spread": "1 pips", "min_volume": "5"}
    for _ in range(4):
        first = {"hours": "outside_hours", "days": "outside_days", "max_spread": "spread_too_wide"}
        filters = "{" + ", ".join(f"{name}: {value}" for name, value in asked.items()) + "}"
        assert reasons(frame, filters=filters, **sections).iloc[0] == first.get(next(iter(asked)), "volume_too_low")
        asked.pop(next(iter(asked)))


def test_filters_never_keep_an_exit_back():
    run = run_of([FLAT] * 5, [1, 0, 3], filters="{min_volume: 1, hours: '10:00-12:00 UTC'}")

    assert run.trades["exit_time"].tolist() == [hour(3)]


def test_cooldown_counts_the_bar_of_the_loss():
    # stopped out on bar 2; entries asked for on every bar: refused on bars 2 and 3, placed on bar 4
    rows = [FLAT, FLAT, (1.1, 1.1, 1.0940, 1.1), FLAT, FLAT, FLAT]
    run = run_of(rows, [1, 0, 1, 1, 1], exit=f"{{{SIDES}, stop_loss: 50 pips}}", filters="{cooldown: 2 bars}")

    table = run.decisions.set_index("time")
    assert [table["reason"][hour(n)] for n in (2, 3, 4)] == ["cooling_down", "cooling_down", "signal"]
    assert run.explain(hour(3)).checks[4].detail == "1 bars left"
    won = [FLAT, FLAT, (1.1, 1.1110, 1.1, 1.1), FLAT, FLAT]
    again = run_of(won, [1, 0, 1], exit=f"{{{SIDES}, take_profit: 100 pips}}", filters="{cooldown: 2 bars}")
    assert again.decisions.set_index("time")["reason"][hour(2)] == "signal"


def test_one_entry_for_each_session():
    # in and out within the session that ends at 22:00; a second one is refused, the next session allows it
    start = "2017-03-06 17:00"
    frame = bars([FLAT] * 8, [1, 3, 0, 1, 1, 1], start=start)
    run = run_of([], frame=frame, filters="{one_entry_per_session: true}")

    table = run.decisions.set_index("time")
    assert table["reason"][hour(3, start)] == "entered_this_session"
    assert table["reason"][hour(4, start)] == "signal"  # decided at 22:00, filled in the next session
    assert run.fills["time"].tolist()[-1] == hour(5, start)


def test_filter_looks_at_each_instruments_own_bars():
    # GBPUSD has no bar at 11:00; its volumes are 1 and 9
    times = [hour(0), hour(2)]
    frames = {
        "EURUSD": bars([FLAT] * 3, [9, 9, 9]),
        "GBPUSD": bars([1.25] * 2, [1, 9], symbol="GBPUSD", times=times),
    }
    both = rules(
        market="{symbols: [EURUSD, GBPUSD], timeframe: 1h}", entry=ALWAYS, sizing=TOO_SMALL, filters="{min_volume: 5}"
    )
    table = sp.backtest(both, frames).decisions

    own = table[table["symbol"] == "GBPUSD"]
    assert own[["time", "reason"]].values.tolist() == [[times[0], "volume_too_low"], [times[1], "below_minimum"]]


def test_unknown_spread_refuses():
    from sptrader.components.loader import registry
    from sptrader.model.instrument import instrument
    from sptrader.model.reasons import Reason
    from sptrader.orchestrator.filters import filter_codes
    from sptrader.orchestrator.market import make_market
    from sptrader.strategy.plan import make_plan

    plan = make_plan(rules(filters="{max_spread: 5 pips, min_volume: 1}"), None, registry())
    market = make_market({"EURUSD": bars([FLAT] * 2, [1, 1])}, plan, {"EURUSD": instrument("EURUSD")}, "USD")
    market.kernel.price[0, 1, 7] = np.nan

    codes = filter_codes(plan, market, "EURUSD", np.array([0, 1]))

    assert codes.tolist() == [0, Reason.SPREAD_TOO_WIDE]
    assert pd.isna(market.kernel.price[0, 1, 7])
