"""What is told of one bar: ordered, refused, ignored and silent ones, as text, data and HTML."""

import json

import pandas as pd
import pytest

import sptrader as sp
from sptrader.errors import RunError
from tests.orchestrator.tiny import FLAT, REVERSING, SIDES, bars, hour, rules, run_of

ENTRY = "{long: {when: [volume == 1, 'close > prev(close, 1)']}, short: {when: volume == 2}}"
# bar 0 has no bar before it, bar 1 enters, bar 2 is silent, bar 3 is refused, bar 4 leaves
ROWS = [FLAT, 1.1010, 1.1010, 1.1020, 1.1030, 1.1030]
ASKED = [1, 1, 0, 1, 3]


@pytest.fixture(scope="module")
def run():
    return run_of(
        ROWS,
        ASKED,
        entry=ENTRY,
        sizing="{method: risk, value: 1%}",
        exit=f"{{{SIDES}, stop_loss: 50 pips}}",
        execution="{spread: 1 pips, commission: 0.01%}",
        risk="{max_positions: 1, position_limit: 100%}",
    )


def test_ordered_bar_tells_everything_that_led_to_the_order(run):
    told = run.explain("2017-03-06 11:00")

    assert (told.time, told.decided_at, told.symbol) == (hour(1), hour(2), "EURUSD")
    assert (told.action, told.outcome, told.reason) == ("enter_long", "ordered", "signal")
    assert told.market["close"] == 1.1010
    assert (told.market["bid at close"], told.market["ask at close"]) == (1.10095, 1.10105)
    entry = next(rule for rule in told.rules if rule.name == "entry.long")
    assert entry.truth == "true"
    assert [(leaf.text, leaf.truth) for leaf in entry.leaves] == [
        ("volume == 1", "true"),
        ("close > prev(close, 1)", "true"),
    ]
    assert entry.leaves[1].distance == pytest.approx(0.0010)
    assert told.position == {}
    assert all(check.is_passed for check in told.checks)
    # risk 100 / 0.0050 = 20,000, the position limit 10,000 / 1.10105 = 9,082.2
    assert (told.sizing.wanted, told.sizing.units, told.sizing.cap) == (pytest.approx(20_000), 9_082, "position_limit")
    assert [order["quantity"] for order in told.orders] == [9_082.0]
    assert [fill["price"] for fill in told.fills] == [1.10105]  # of the next bar, being the order's


def test_text_reads_like_a_page(run):
    text = str(run.explain(hour(1)))

    for line in (
        "EURUSD, bar of 2017-03-06 11:00 UTC, decided at 2017-03-06 12:00",
        "  enter long ordered: the entry rule was true and every check passed (signal)",
        "Rule entry.long: true",
        "  bound by                           risk gave 20,000 units, position limit allows 9,082",
    ):
        assert line in text.splitlines()
    assert "buy 9,082 at 1.10105 on 2017-03-06 12:00" in text
    assert "spread                             0.0001" in text


def test_html_holds_the_same_and_escapes(run):
    html = run.explain(hour(1))._repr_html_()

    assert "<summary>Rule entry.long: true</summary>" in html
    assert "close &gt; prev(close, 1)" in html
    assert "9,082 units (step 1, minimum 1)" in html


def test_dict_is_plain_data(run):
    told = run.explain(hour(1)).to_dict()

    again = json.loads(json.dumps(told, default=str))
    assert again["sizing"]["limits"][0]["name"] == "position limit"
    assert again["rules"][0]["leaves"][0] == {"text": "volume == 1", "truth": "true", "distance": 0.0}


def test_unknown_condition_is_told_as_unknown(run):
    told = run.explain(hour(0))

    entry = next(rule for rule in told.rules if rule.name == "entry.long")
    assert [leaf.truth for leaf in entry.leaves] == ["true", "unknown"]
    assert entry.truth == "unknown"
    assert told.sizing is None


def test_silent_bar_says_that_nothing_was_asked_for():
    run = run_of([FLAT] * 4)
    told = run.explain(hour(1))

    assert (told.action, told.outcome, told.orders, told.fills, told.checks) == ("stay", "", (), (), ())
    assert "nothing was asked for: no signal fired and no condition changed" in str(told)


def test_ignored_bar_says_what_the_table_of_decisions_says(run):
    told = run.explain(hour(3))

    assert (told.action, told.outcome, told.reason) == ("enter_long", "ignored", "already_in_position")
    assert told.position["quantity"] == 9_082.0
    assert told.position["bars held"] == 2.0
    assert told.position["stop"] == pytest.approx(1.09605)
    assert told.account["open positions"] == 1.0


def test_checks_are_not_shown_where_none_was_asked():
    ignored, both = run_of([FLAT] * 4, [1, 1]).explain(hour(1)), run_of([FLAT] * 3, [5]).explain(hour(0))

    assert (ignored.reason, ignored.checks, ignored.sizing) == ("already_in_position", (), None)
    assert (both.reason, both.checks, both.sizing) == ("both_sides", (), None)


def test_reversal_that_became_an_exit_says_why():
    run = run_of([FLAT] * 5, [1, 0, 2], exit=REVERSING, filters="{hours: '10:00-12:00 UTC'}")
    told = run.explain(hour(2))

    assert (told.action, told.outcome, told.reason) == ("leave", "ordered", "signal")
    assert (
        "the entry on the other side was refused: the decision fell outside the allowed hours (outside_hours)"
        in str(told)
    )
    assert [order["side"] for order in told.orders] == ["sell"]


def test_bar_shown_only_for_a_changed_condition_agrees_with_the_table(run):
    table = run.decisions.set_index("time")
    for time, row in table.iterrows():
        told = run.explain(time)
        assert (told.action, told.outcome, told.reason) == (row["action"], row["outcome"], row["reason"])
    assert table["reason"][hour(2)] == "conditions_not_met"


def test_refused_bar_names_the_check_that_refused():
    run = run_of([FLAT] * 3, [1], filters="{min_volume: 5}")
    told = run.explain(hour(0))

    assert (told.outcome, told.reason) == ("refused", "volume_too_low")
    assert [(check.name, check.detail) for check in told.checks if not check.is_passed] == [
        ("filters", "the volume was lower than asked for, or unknown")
    ]


def test_exit_bar_tells_the_orders_and_fills_that_follow(run):
    told = run.explain(hour(4))

    assert (told.action, told.outcome) == ("leave", "ordered")
    assert [order["side"] for order in told.orders] == ["sell"]
    assert [(fill["reason"], fill["time"]) for fill in told.fills] == [("signal", hour(5))]


def test_rules_about_the_position_are_shown():
    run = run_of([FLAT] * 4, [1], exit="{long: {when: {all: [close > 1, position.bars > 48]}}}")
    (rule,) = [rule for rule in run.explain(hour(2)).rules if rule.name == "exit.long" and "position" in rule.truth]

    assert rule.leaves[0].text == "position.bars > 48"


@pytest.mark.parametrize("time", ["2017-03-06 11:00", pd.Timestamp("2017-03-06 12:00", tz="Europe/Berlin")])
def test_time_may_be_text_in_utc_or_a_moment_of_any_zone(run, time):
    assert run.explain(time).time == hour(1)


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ("2017-03-06 11:30", "nearest are 2017-03-06 11:00 and 2017-03-06 12:00"),
        ("2031-01-01", "nearest are 2017-03-06 14:00 and 2017-03-06 15:00"),
        ("some day", "time was 'some day'; allowed is a moment"),
        (None, "time was None; allowed is a moment"),
    ],
)
def test_time_without_a_bar_is_refused_with_the_nearest(run, time, message):
    with pytest.raises(RunError, match=message):
        run.explain(time)


def test_symbol_is_asked_for_where_there_are_several():
    frames = {"EURUSD": bars([FLAT] * 3, [1]), "GBPUSD": bars([1.25] * 3, symbol="GBPUSD")}
    run = sp.backtest(rules(market="{symbols: [EURUSD, GBPUSD], timeframe: 1h}"), frames)

    assert run.explain(hour(0), "GBPUSD").outcome == ""
    with pytest.raises(RunError, match="symbol was None; allowed is one of EURUSD, GBPUSD"):
        run.explain(hour(0))


def test_every_entry_of_a_year_is_explained_with_the_quantity_it_ordered():
    run = sp.backtest("donchian_breakout", sp.sample("EURUSD", "1h"))
    entries = run.decisions[run.decisions["action"].str.startswith(("enter", "reverse"))]
    ordered = entries[entries["outcome"] == "ordered"].iloc[::4]
    placed = run.orders[run.orders["parent"] == ""].set_index("created_at")["quantity"]

    assert len(ordered) > 15
    for row in ordered.itertuples():
        told = run.explain(row.time)
        assert told.sizing.units == placed[row.decided_at]
        assert told.sizing.cap == row.cap
        assert [order["quantity"] for order in told.orders if not order["parent"]] == [placed[row.decided_at]]
