"""Golden trades, worked by hand, from YAML text and a few bars to the tables of a run."""

import pandas as pd
import pytest

import sptrader as sp
from sptrader.errors import RunError
from tests.orchestrator.tiny import FLAT, REVERSING, SIDES, bars, hour, rules, run_of, told

BRACKET = f"{{{SIDES}, stop_loss: 50 pips, take_profit: 100 pips}}"


def test_entry_fills_at_the_next_open_on_its_side_and_the_exit_at_the_one_after_its_decision():
    # bid bars, 2 pips: bought at the ask 1.1010 + 0.0002, sold at the bid 1.1030: 18 pips x 1,000 = 1.80
    rows = [FLAT, (1.1010, 1.1020, 1.1005, 1.1015), 1.1020, (1.1030, 1.1031, 1.1029, 1.1030), FLAT]
    run = run_of(rows, frame=bars(rows, [1, 0, 3], basis="bid"), execution="{spread: 2 pips}")

    (trade,) = run.trades.itertuples()
    assert (trade.side, trade.entry_time, trade.exit_time) == ("long", hour(1), hour(3))
    assert (trade.entry_price, trade.exit_price) == (1.1012, 1.1030)
    assert (trade.bars_held, trade.exit_reason) == (2, "signal")
    assert trade.pnl == pytest.approx(1.80, abs=1e-9)
    assert list(run.orders["created_at"]) == [hour(1), hour(3)]  # the closes of bars 0 and 2
    assert list(run.fills["time"]) == [hour(1), hour(3)]
    # marked at the bid: (1.1015 - 1.1012) x 1,000 after the entry's bar
    assert run.equity["equity"].tolist() == pytest.approx([10_000, 10_000.30, 10_000.80, 10_001.80, 10_001.80])
    assert told(run) == [
        (0, "enter_long", "ordered", "signal"),
        (1, "stay", "ignored", "conditions_not_met"),
        (2, "leave", "ordered", "signal"),
        (3, "stay", "ignored", "conditions_not_met"),
    ]


@pytest.mark.parametrize(
    ("intrabar", "price", "pnl", "reason"),
    [("pessimistic", 1.0950, -5.0, "stop_loss"), ("optimistic", 1.1100, 10.0, "take_profit")],
)
def test_bar_that_reaches_stop_and_target_takes_the_stop_and_says_that_it_does_not_know(intrabar, price, pnl, reason):
    rows = [FLAT, FLAT, (1.1000, 1.1110, 1.0940, 1.1050), FLAT]
    run = run_of(rows, [1], exit=BRACKET, execution=f"{{spread: 0, intrabar: {intrabar}}}")

    (trade,) = run.trades.itertuples()
    assert (trade.exit_price, trade.exit_reason, trade.exit_time, trade.ambiguous) == (price, reason, hour(2), True)
    assert trade.pnl == pytest.approx(pnl, abs=1e-9)
    siblings = run.orders.set_index("type")["status"]
    other = {"stop_loss": "take_profit", "take_profit": "stop_loss"}[reason]
    assert (siblings[reason], siblings[other]) == ("filled", "cancelled")


def test_stop_that_the_bar_opens_beyond_fills_at_the_open():
    # stop 1.0950; the bar opens at 1.0930: 70 pips lost, and nothing is unclear although the target is reached later
    run = run_of([FLAT, FLAT, (1.0930, 1.1120, 1.0920, 1.1000), FLAT], [1], exit=BRACKET)

    (trade,) = run.trades.itertuples()
    assert (trade.exit_price, trade.exit_reason, trade.ambiguous) == (1.0930, "stop_loss", False)
    assert trade.pnl == pytest.approx(-7.0, abs=1e-9)


def test_trailing_stop_follows_completed_bars_only():
    # level 1.0950 on bar 1, whose high 1.1080 lifts it to 1.1030 for bar 2; bar 2 falls to 1.1040 only, its own high
    # 1.1100 lifts it to 1.1050 for bar 3, which reaches it: 50 pips
    rows = [FLAT, (1.1, 1.1080, 1.0990, 1.1060), (1.1060, 1.11, 1.1040, 1.1090), (1.1080, 1.1085, 1.1045, 1.1060), FLAT]
    run = run_of(rows, [1], exit=f"{{{SIDES}, trailing_stop: 50 pips}}")

    (trade,) = run.trades.itertuples()
    assert (trade.exit_time, trade.exit_price, trade.exit_reason) == (hour(3), 1.1050, "trailing_stop")
    assert trade.pnl == pytest.approx(5.0, abs=1e-9)
    assert run.orders[["type", "stop_price", "status"]].values.tolist()[1] == ["trailing_stop", 1.0950, "filled"]


def test_percentage_stop_is_of_the_fill_and_a_column_stop_is_frozen_at_the_decision():
    # 1 % of the fill 1.2000 is 0.0120
    gapped = [FLAT, 1.2, (1.2, 1.2, 1.1870, 1.19), FLAT]
    assert run_of(gapped, [1], exit=f"{{{SIDES}, stop_loss: 1%}}").trades["exit_price"].tolist() == [1.1880]
    # the bar of the decision ranges over 40 pips: the stop is 40 pips below the fill, whatever later bars do
    rows = [(1.1, 1.1020, 1.0980, 1.1), FLAT, (1.1, 1.1, 1.0950, 1.0950), FLAT]
    assert run_of(rows, [1], exit=f"{{{SIDES}, stop_loss: high - low}}").trades["exit_price"].tolist() == [1.0960]


def test_reversal_is_one_decision_and_two_orders():
    run = run_of([FLAT, FLAT, 1.1010, 1.1020, 1.1020, 1.1000], [1, 0, 2, 0, 4], exit=REVERSING)

    assert (2, "reverse_to_short", "ordered", "signal") in told(run)
    made = run.orders[run.orders["created_at"] == hour(3)]
    assert made[["side", "quantity", "parent"]].values.tolist()[1] == ["sell", 1000.0, ""]
    assert made["side"].tolist() == ["sell", "sell"]
    assert made["reason"].tolist() == ["signal", "signal"]
    assert made["parent"].tolist() == [run.orders["client_order_id"].iloc[0], ""]  # the exit first
    assert run.trades["side"].tolist() == ["long", "short"]
    assert run.trades["pnl"].tolist() == pytest.approx([2.0, 2.0], abs=1e-9)


def test_opposite_entry_alone_is_ignored_unless_reversing_is_on():
    rows, asked = [FLAT, FLAT, 1.1010, 1.1020, FLAT], [1, 0, 2]

    assert (2, "reverse_to_short", "ignored", "opposite_position") in told(run_of(rows, asked))
    assert (2, "reverse_to_short", "ordered", "signal") in told(
        run_of(rows, asked, execution="{spread: 0, reverse: true}")
    )


def test_both_entries_on_one_bar_are_refused_and_a_second_one_is_ignored():
    assert told(run_of([FLAT] * 3, [5]))[0][2:] == ("refused", "both_sides")
    assert told(run_of([FLAT] * 4, [1, 1]))[1] == (1, "enter_long", "ignored", "already_in_position")


def test_pyramiding_adds_at_average_cost_and_never_loosens_the_stop():
    # 1,000 at 1.1000 (stop 1.0950), 1,000 more at 1.1100 (stop 1.1050): average 1.1050, stopped at 1.1050 at nil
    rows = [FLAT, FLAT, 1.1100, 1.1100, (1.11, 1.11, 1.1040, 1.1040), 1.1]
    run = run_of(rows, [1, 0, 1], exit=f"{{{SIDES}, stop_loss: 50 pips}}", execution="{spread: 0, pyramiding: 1}")

    (trade,) = run.trades.itertuples()
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (2000.0, pytest.approx(1.1050), 1.1050)
    assert trade.pnl == pytest.approx(0.0, abs=1e-9)
    stops = run.orders[run.orders["type"] == "stop_loss"]
    assert stops[["quantity", "stop_price", "status", "ended_by"]].values.tolist() == [
        [1000.0, 1.0950, "cancelled", "replaced"],
        [2000.0, 1.1050, "filled", "filled"],
    ]


def test_max_holding_counts_the_bar_of_the_entry():
    # entered on bar 1: bars 1 and 2 are two bars held, decided at the close of bar 2
    (trade,) = run_of([FLAT] * 6, [1], exit=f"{{{SIDES}, max_holding: 2 bars}}").trades.itertuples()

    assert (trade.exit_time, trade.exit_reason, trade.bars_held) == (hour(3), "max_holding", 2)


def test_position_rules_end_a_trade():
    # held 2 bars at the close of bar 2 with 5 pips, 10 pips only at the close of bar 3
    leave = "{long: {when: {all: [position.bars >= 2, position.pnl > 9 pips]}}}"
    (trade,) = run_of([FLAT, FLAT, 1.1005, 1.1010, 1.1020, FLAT], [1], exit=leave).trades.itertuples()

    assert (trade.exit_time, trade.exit_price) == (hour(4), 1.1020)


def test_costs_add_up_to_the_cent_each_in_its_own_column():
    # mid 1.1000 -> 1.1050, 10,000 units: gross 50.00. Half of 2 pips on each fill: 1.00 + 1.00. Slippage of half a pip
    # on each: 0.50 + 0.50. Commission 0.01 % of 11,001.50 and of 11,048.50: 1.10015 + 1.10485.
    rows, asked = [FLAT, FLAT, FLAT, 1.1050, 1.1050], [1, 0, 3]
    run = run_of(
        rows,
        asked,
        sizing="{method: units, value: 10000}",
        execution="{spread: 2 pips, slippage: 0.5 pips, commission: 0.01%}",
    )

    (trade,) = run.trades.itertuples()
    assert (trade.entry_price, trade.exit_price) == (1.10015, 1.10485)
    assert (trade.gross, trade.spread_cost, trade.slippage_cost) == pytest.approx((50.0, 2.0, 1.0), abs=1e-8)
    assert trade.fees == pytest.approx(2.205, abs=1e-9)
    assert trade.pnl == pytest.approx(50.0 - 2.0 - 1.0 - 2.205, abs=1e-8)
    assert run.trades["return"].tolist() == pytest.approx([44.795 / 11_001.5])  # pnl / entry notional
    assert run.fills["fee"].tolist() == pytest.approx([1.10015, 1.10485])
    assert run.fills["spread_cost"].tolist() == pytest.approx([1.0, 1.0])
    assert run.fills["slippage_cost"].tolist() == pytest.approx([0.5, 0.5])
    assert run.equity["equity"].iloc[-1] == pytest.approx(10_044.795, abs=1e-8)
    assert run.costs.net == pytest.approx(44.795, abs=1e-8)


def test_commission_per_lot_has_a_minimum_in_account_currency():
    # 50,000 units are half a lot: 3.50; 1,000 units would be 0.07, the least is 1.00
    cost = "{spread: 0, commission: {per_lot: 7, minimum: 1}}"
    half = run_of([FLAT] * 4, [1], sizing="{method: units, value: 50000}", execution=cost)
    small = run_of([FLAT] * 4, [1], execution=cost)

    assert half.fills["fee"].tolist() == pytest.approx([3.5])
    assert small.fills["fee"].tolist() == [1.0]


def test_open_position_counts_with_its_exit_half_spread():
    # bought at the ask 1.1001, marked at the bid 1.0999: -0.20, all of it spread
    run = run_of([FLAT] * 3, [1], execution="{spread: 2 pips}")

    assert run.equity["equity"].iloc[-1] == pytest.approx(9_999.80)
    assert (run.costs.gross, run.costs.spread, run.costs.net) == pytest.approx((0.0, 0.20, -0.20), abs=1e-9)
    assert run.trades.empty


@pytest.mark.parametrize(
    ("day", "first_hour"),
    [("2017-03-10", 22), ("2017-03-13", 21), ("2017-11-03", 21), ("2017-11-06", 22)],
    ids=["winter", "spring forward", "before autumn", "fall back"],
)
def test_daily_loss_limit_ends_at_17_new_york_across_dst(day, first_hour):
    # 100,000 bought at 19:00 at 1.1000, closed at 1.0980: 200 of 10,000 lost, more than 1 %: flat at the next open,
    # and no entry is decided before the first bar of the next session is complete
    start = f"{day} 18:00"
    rows = [FLAT, (1.1, 1.1, 1.0980, 1.0980), *[1.0980] * 5]
    run = run_of(
        rows,
        frame=bars(rows, [1, 1, 1, 1, 1, 1, 1], start=start),
        sizing="{method: units, value: 100000}",
        risk="{daily_loss_limit: 1%}",
    )

    assert run.trades["exit_reason"].tolist() == ["daily_loss"]
    assert run.trades["exit_time"].tolist() == [hour(2, start)]
    assert run.trades["pnl"].tolist() == pytest.approx([-200.0])
    table = run.decisions.set_index("time")
    halted = [18 + n for n in range(2, 7) if table["reason"].get(hour(n, start)) == "day_halted"]
    assert halted == list(range(20, first_hour))
    assert table["outcome"][pd.Timestamp(f"{day} {first_hour}:00", tz="UTC")] == "ordered"


def test_drawdown_limit_flattens_and_halts_for_good():
    rows = [FLAT, (1.1, 1.1, 1.0980, 1.0980), 1.0980, 1.0980, 1.0980]
    run = run_of(rows, [1, 0, 0, 1], sizing="{method: units, value: 100000}", risk="{max_drawdown: 2%}")

    assert run.trades["exit_reason"].tolist() == ["risk_halt"]
    assert told(run)[-2:] == [
        (3, "enter_long", "refused", "trading_halted"),
        (4, "stay", "ignored", "conditions_not_met"),
    ]


def test_limit_entry_waits_for_its_price_and_pays_no_slippage():
    order = "{spread: 0, slippage: 1 pips, order: {type: limit, price: close - 20 pips, expires: 2 bars}}"
    rows = [FLAT, (1.1, 1.1, 1.0985, 1.1), (1.1, 1.1, 1.0970, 1.0990), FLAT]
    run = run_of(rows, [1], execution=order)

    first = run.orders.iloc[0]
    assert (first["type"], first["price"], first["status"]) == ("limit", 1.0980, "filled")
    assert run.fills[["price", "time"]].values.tolist() == [[1.0980, hour(2)]]


def test_limit_entry_expires_after_its_bars():
    order = "{spread: 0, order: {type: limit, price: close - 20 pips, expires: 2 bars}}"
    run = run_of([FLAT, FLAT, FLAT, (1.1, 1.1, 1.09, 1.1), FLAT], [1], execution=order)

    (order,) = run.orders.itertuples()
    assert (order.status, order.ended_by, order.created_at, order.ended_at) == ("expired", "expired", hour(1), hour(3))
    assert run.fills.empty


def test_limit_that_the_bar_opens_through_fills_at_the_better_open():
    order = "{spread: 0, order: {type: limit, price: close - 20 pips}}"
    assert run_of([FLAT, 1.0950, FLAT], [1], execution=order).fills["price"].tolist() == [1.0950]


def test_stop_entry_fills_at_its_price_or_at_the_open_beyond_it():
    order = "{spread: 0, order: {type: stop, stop_price: close + 20 pips}}"
    reached = run_of([FLAT, (1.1, 1.1015, 1.1, 1.1), (1.1, 1.1030, 1.1, 1.1), FLAT], [1], execution=order)
    gapped = run_of([FLAT, FLAT, 1.1030, FLAT], [1], execution=order)

    assert reached.fills[["price", "time"]].values.tolist() == [[1.1020, hour(2)]]
    assert gapped.fills[["price", "time"]].values.tolist() == [[1.1030, hour(2)]]
    assert reached.orders["stop_price"].tolist() == [1.1020]


def test_entry_rejected_for_margin_at_the_fill_says_so():
    # 270,000 at 1.1000 need 9,900; the next open 1.2000 asks for 10,800
    run = run_of([FLAT, 1.2, 1.2], [1], sizing="{method: units, value: 270000}")

    (order,) = run.orders.itertuples()
    assert (order.status, order.ended_by, order.ended_at) == ("rejected", "margin_at_fill", hour(1))


def test_close_at_end_closes_at_the_last_close_and_an_exit_without_a_bar_stays_working():
    rows = [FLAT, FLAT, (1.1, 1.1030, 1.1, 1.1020)]
    closed = run_of(rows, [1, 0, 3], execution="{spread: 0, close_at_end: true}")
    open_ = run_of(rows, [1, 0, 3])

    (trade,) = closed.trades.itertuples()
    assert (trade.exit_price, trade.exit_reason, trade.exit_time) == (1.1020, "end", hour(2))
    assert closed.orders[["status", "reason", "ended_by"]].values.tolist() == [
        ["filled", "signal", "filled"],
        ["cancelled", "signal", "end"],
        ["filled", "end", "filled"],
    ]
    assert open_.trades.empty
    assert open_.orders[["side", "status", "reason"]].values.tolist() == [
        ["buy", "filled", "signal"],
        ["sell", "working", "signal"],
    ]
    assert open_.equity["unrealised"].iloc[-1] == pytest.approx(2.0)


def test_entry_decided_on_the_last_bar_stays_working():
    (order,) = run_of([FLAT] * 3, [0, 0, 1]).orders.itertuples()

    assert (order.status, order.created_at) == ("working", hour(3))
    assert pd.isna(order.ended_at)


def test_several_instruments_share_one_clock_and_wait_for_their_bars():
    # GBPUSD has no bar on rows 2 and 3: its exit, decided on row 1, waits until row 4, and it is marked at its last close
    both = "{symbols: [EURUSD, GBPUSD], timeframe: 1h}"
    times = [hour(n) for n in (0, 1, 4, 5)]
    frames = {
        "EURUSD": bars([FLAT, FLAT, 1.1010, 1.1020, 1.1030, 1.1040], [1]),
        "GBPUSD": bars([1.25, (1.25, 1.2510, 1.25, 1.2510), 1.2540, 1.2540], [1, 3], symbol="GBPUSD", times=times),
    }
    run = sp.backtest(rules(market=both), frames)

    assert len(run.equity) == 6
    assert run.equity["equity"].tolist() == pytest.approx([10_000, 10_001, 10_002, 10_003, 10_007, 10_008])
    (trade,) = run.trades.itertuples()
    assert (trade.symbol, trade.exit_time, trade.exit_price, trade.bars_held) == ("GBPUSD", hour(4), 1.2540, 1)
    leaving = run.orders[(run.orders["symbol"] == "GBPUSD") & (run.orders["side"] == "sell")]
    assert leaving["created_at"].tolist() == [hour(2)]
    assert run.bars["GBPUSD"].index.tolist() == times


def test_bars_before_the_start_warm_up_and_bars_after_the_end_are_not_looked_at():
    rows = [FLAT, 1.1010, 1.1020, 1.1030, 1.1040, 1.1050]
    frame = bars(rows, [1, 0, 1, 0, 3])
    run = sp.backtest(rules(), frame, start=hour(2), end=hour(4))

    assert run.equity["time"].tolist() == [hour(2), hour(3), hour(4)]
    assert run.fills["time"].tolist() == [hour(3)]
    assert run.bars["EURUSD"].index.tolist() == [hour(2), hour(3), hour(4)]
    entry = "{long: {when: 'close > prev(close, 2)'}}"
    early = sp.backtest(rules(entry=entry), frame, start=hour(2))
    assert early.decisions["time"].iloc[0] == hour(2)  # bars 0 and 1 were there to compare with


def test_period_without_bars_is_refused():
    with pytest.raises(
        RunError, match=r"no bar lies in the period asked for: the data have bars from 2017-03-06 10:00"
    ):
        sp.backtest(rules(), bars([FLAT] * 3), start="2018-01-01")
    with pytest.raises(RunError, match="no bar of EURUSD lies before the end asked for"):
        sp.backtest(rules(), bars([FLAT] * 3), end="2016-01-01")
