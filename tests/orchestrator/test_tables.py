"""The tables have the columns the product promises, on full and on empty runs, with the same types."""

import pytest

from sptrader.orchestrator.tables import is_shown
from tests.orchestrator.tiny import FLAT, hour, run_of

PROMISED = {
    "trades": "symbol side quantity entry_time entry_price exit_time exit_price pnl return fees bars_held exit_reason mae mfe",
    "orders": "client_order_id symbol side quantity type price stop_price time_in_force created_at status reason",
    "fills": "client_order_id symbol side quantity price fee time",
    "equity": "time equity cash unrealised margin drawdown",
    "decisions": "time symbol action outcome reason",
    "signals": "time symbol signal type strength",
}
CROSS = {
    "indicators": "{fast: {type: sma, period: 2}, slow: {type: sma, period: 3}}",
    "signals": "{cross: {type: ma_crossover, fast: fast, slow: slow}}",
    "entry": "{long: {when: {signal: cross, type: golden_cross}}}",
    "exit": "{long: {when: {signal: cross, type: death_cross}}}",
}
UP_AND_DOWN = [1.13, 1.12, 1.11, 1.14, 1.15, 1.10, 1.09, 1.08]


@pytest.fixture(scope="module")
def run():
    return run_of(UP_AND_DOWN, **CROSS)


@pytest.mark.parametrize("name", PROMISED)
def test_promised_columns_come_first_and_in_their_order(run, name):
    promised = PROMISED[name].split()

    assert [column for column in getattr(run, name).columns if column in promised] == promised


@pytest.mark.parametrize("name", PROMISED)
def test_empty_tables_have_the_columns_and_times_of_full_ones(run, name):
    full, empty = getattr(run, name), getattr(run_of([FLAT] * 8, **CROSS), name)

    assert [c for c in full.columns if "." not in c] == [c for c in empty.columns if "." not in c]
    for column in full.columns:
        if "." not in column:
            assert empty[column].dtype == full[column].dtype


def test_signals_are_the_events_of_the_period(run):
    # averages of 2 and 3: above on bar 3 (1.125 > 1.1233), below on bar 5 (1.125 < 1.13)
    assert run.signals[["time", "signal", "type"]].values.tolist() == [
        [hour(3), "cross", "golden_cross"],
        [hour(5), "cross", "death_cross"],
    ]


def test_decisions_hold_truths_close_and_indicators(run):
    first = run.decisions.set_index("time").loc[hour(3)]

    assert (first["action"], first["outcome"], first["enter_long"], first["exit_long"]) == (
        "enter_long",
        "ordered",
        1,
        0,
    )
    assert (first["close"], first["fast"]) == (1.14, pytest.approx(1.125))
    assert first["decided_at"] == hour(4)


def test_decisions_are_only_of_bars_on_which_something_happened(run):
    shown = is_shown(run._outcome, 0, "EURUSD")

    assert len(run.decisions) == shown.sum() < len(UP_AND_DOWN)
    assert run_of([FLAT] * 8).decisions.empty


def test_excursions_are_distances_in_account_currency():
    # 1,000 units from 1.1000: highest 1.1050, lowest 1.0980 while held
    rows = [FLAT, (1.1, 1.1050, 1.0990, 1.1), (1.1, 1.1, 1.0980, 1.1), FLAT, FLAT]
    (trade,) = run_of(rows, [1, 0, 3]).trades.itertuples()

    assert (trade.mfe, trade.mae) == pytest.approx((5.0, 2.0))


def test_equity_has_a_row_for_each_bar_and_unrealised_is_equity_less_cash(run):
    table = run.equity

    assert len(table) == len(UP_AND_DOWN)
    assert (table["equity"] - table["cash"] - table["unrealised"]).abs().max() < 1e-9
    # bought 1,000 at 1.15; bar 5 closes at 1.10: 50 below the peak of 10,000
    assert table["drawdown"].iloc[5] == pytest.approx(0.005)
