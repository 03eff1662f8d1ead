"""The story of each order, from its making to its end."""

import pytest

import sptrader as sp
from tests.orchestrator.tiny import FLAT, SIDES, bars, hour, rules, run_of

BRACKET = f"{{{SIDES}, stop_loss: 50 pips, take_profit: 100 pips, trailing_stop: 80 pips}}"
LIMIT = "{spread: 0, order: {type: limit, price: close - 20 pips}}"


def test_children_are_made_at_the_fill_and_belong_to_their_entry():
    run = run_of([FLAT, 1.1010, 1.1010, (1.1010, 1.1120, 1.1010, 1.11), FLAT], [1], exit=BRACKET)

    entry = run.orders.iloc[0]
    children = run.orders.iloc[1:]
    assert set(children["parent"]) == {entry["client_order_id"]}
    assert children["created_at"].tolist() == [hour(1)] * 3
    told = children.set_index("type")[["price", "stop_price", "status", "ended_by"]]
    assert told.loc["stop_loss", ["stop_price", "status", "ended_by"]].tolist() == [1.0960, "cancelled", "oco"]
    assert told.loc["take_profit", ["price", "status", "ended_by"]].tolist() == [1.1110, "filled", "filled"]
    assert told.loc["trailing_stop", ["stop_price", "status"]].tolist() == [1.0930, "cancelled"]
    assert run.fills["client_order_id"].tolist() == [
        entry["client_order_id"],
        children.set_index("type")["client_order_id"]["take_profit"],
    ]


def test_decided_exit_is_an_order_of_its_own_and_cancels_the_children():
    run = run_of([FLAT] * 5, [1, 0, 3], exit=BRACKET)

    leaving = run.orders[run.orders["type"].eq("market") & run.orders["side"].eq("sell")].iloc[0]
    assert (leaving["created_at"], leaving["status"], leaving["ended_at"]) == (hour(3), "filled", hour(3))
    assert run.orders[run.orders["type"].isin(["stop_loss", "take_profit"])]["ended_by"].tolist() == ["oco", "oco"]


def test_short_children_are_on_the_other_side():
    run = run_of([FLAT] * 3, [2], exit=BRACKET)

    told = run.orders.set_index("type")
    assert (told["stop_price"]["stop_loss"], told["price"]["take_profit"]) == (1.1050, 1.0900)
    assert told["stop_price"]["trailing_stop"] == 1.1080
    assert told["side"].tolist() == ["sell", "buy", "buy", "buy"]
    assert set(told["status"].iloc[1:]) == {"working"}


def test_entry_cancelled_by_an_exit_rule_ends_at_that_close():
    (order,) = run_of([FLAT] * 4, [1, 3], execution=LIMIT).orders.itertuples()

    assert (order.status, order.ended_by, order.ended_at) == ("cancelled", "cancelled_by_exit", hour(2))


def test_entry_replaced_by_one_of_the_other_side():
    run = run_of([FLAT] * 4, [1, 2], execution="{spread: 0, order: {type: limit, price: close - 500 pips}}")

    first = run.orders.iloc[0]
    assert (first["status"], first["ended_by"], first["ended_at"]) == ("cancelled", "replaced", hour(2))
    assert run.orders["side"].tolist() == ["buy", "sell"]


def test_entry_cancelled_by_a_limit_of_the_account():
    # long 100,000 in EURUSD loses 2 % on bar 2; the limit order of GBPUSD is cancelled with it
    frames = {
        "EURUSD": bars([FLAT, FLAT, 1.0975, 1.0975, 1.0975], [1]),
        "GBPUSD": bars([1.25, 1.25, 1.25, 1.25, 1.25], [0, 1], symbol="GBPUSD"),
    }
    both = rules(
        market="{symbols: [EURUSD, GBPUSD], timeframe: 1h}",
        sizing="{method: units, value: 100000}",
        risk="{max_drawdown: 2%}",
        execution="{spread: 0, order: {type: limit, price: 'min(close, 1.2)'}}",
    )
    run = sp.backtest(both, frames)

    waiting = run.orders[run.orders["symbol"] == "GBPUSD"].iloc[0]
    assert (waiting["status"], waiting["ended_by"], waiting["ended_at"]) == ("cancelled", "risk_halt", hour(3))
    assert run.trades["exit_reason"].tolist() == ["risk_halt"]


def test_exit_forced_while_the_instrument_has_no_bar_is_made_when_it_was_forced():
    # GBPUSD is silent on bars 2 and 3; the account's limit breaks at the close of bar 2, its exit fills on bar 4
    frames = {
        "EURUSD": bars([FLAT, FLAT, 1.0975, 1.0975, 1.0975], [1]),
        "GBPUSD": bars([1.25, 1.25, 1.25], [1], symbol="GBPUSD", times=[hour(0), hour(1), hour(4)]),
    }
    both = rules(
        market="{symbols: [EURUSD, GBPUSD], timeframe: 1h}",
        sizing="{method: units, value: 100000}",
        risk="{max_drawdown: 2%}",
    )
    run = sp.backtest(both, frames)

    exits = run.orders[run.orders["reason"] == "risk_halt"].set_index("symbol")
    assert exits["created_at"].tolist() == [hour(3), hour(3)]
    assert exits["ended_at"]["GBPUSD"] == hour(4)


def test_day_order_ends_with_its_session_and_ioc_with_its_bar():
    start = "2017-03-06 19:00"
    order = "{{spread: 0, order: {{type: limit, price: close - 20 pips, time_in_force: {}}}}}"
    day = run_of([], frame=bars([FLAT] * 6, [1], start=start), execution=order.format("day"))
    now = run_of([], frame=bars([FLAT] * 6, [1], start=start), execution=order.format("ioc"))

    assert day.orders[["time_in_force", "status"]].values.tolist() == [["day", "expired"]]
    assert day.orders["ended_at"].tolist() == [hour(4, start)]
    assert now.orders[["status", "ended_at"]].values.tolist() == [["expired", hour(2, start)]]


def test_orders_stand_in_the_order_in_which_they_were_made():
    run = sp.backtest("rsi_reversion", sp.sample("EURUSD", "1h"))

    assert run.orders["created_at"].is_monotonic_increasing
    assert run.orders["client_order_id"].is_unique
    assert set(run.orders["status"]) <= {"filled", "cancelled", "expired", "rejected", "working"}
    filled = run.orders[run.orders["status"] == "filled"].set_index("client_order_id")
    fills = run.fills.set_index("client_order_id")
    assert sorted(filled.index) == sorted(fills.index)
    assert (filled["quantity"] == fills["quantity"][filled.index]).all()
    assert (filled["created_at"] <= fills["time"][filled.index]).all()


@pytest.mark.parametrize("strategy", ["ma_crossover", "bollinger_limit"])
def test_what_ends_ends_after_it_was_made(strategy):
    orders = sp.backtest(strategy, sp.sample("EURUSD", "1h")).orders

    ended = orders[orders["status"] != "working"]
    assert (ended["ended_at"] >= ended["created_at"]).all()
