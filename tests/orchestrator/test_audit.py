"""The audit finds what a broken engine would do: fills out of their bar, off the step, before their decision, lost money."""

from dataclasses import replace

import pytest

import sptrader as sp
from sptrader.errors import RunError
from sptrader.kernel import market as m
from sptrader.orchestrator.audit import audit
from sptrader.orchestrator.tables import closed_trades, fill_rows
from sptrader.runs.run import Run
from tests.orchestrator.tiny import FLAT, bars, hour, rules, run_of

ROWS = [FLAT, (1.1, 1.1010, 1.0990, 1.1), FLAT, (1.1020, 1.1030, 1.1010, 1.1020), FLAT]


@pytest.fixture
def outcome():
    return run_of(ROWS, [1, 0, 3], execution="{spread: 2 pips, slippage: 1 pips, commission: 0.01%}")._outcome


def broken(outcome, row, column, value):
    fills = outcome.books.fills.copy()
    fills[row, column] = value
    return replace(outcome, books=outcome.books._replace(fills=fills))


def violations(outcome):
    return audit(outcome, closed_trades(fill_rows(outcome))).violations


def test_sound_run_has_no_violation_and_its_costs_add_up(outcome):
    # gross 20 pips, spread 2 pips, slippage 2 pips on 1,000 units, 0.01 % of 1,100.2 + ... on each fill
    found = audit(outcome, closed_trades(fill_rows(outcome)))

    assert found.violations == ()
    assert (found.gross, found.spread, found.slippage) == pytest.approx((2.0, 0.2, 0.2), abs=1e-9)
    assert found.net == pytest.approx(2.0 - 0.4 - found.fees)
    assert found.change_of_equity == pytest.approx(found.net, abs=1e-9)
    assert found.n_fills == 2


@pytest.mark.parametrize(
    ("row", "column", "value", "told"),
    [
        (0, m.F_RAW, 1.1020, "lies outside its bar"),
        (0, m.F_PRICE, 1.0995, "is better than the market was"),
        (0, m.F_PRICE, 1.100205, "has a price off the step 0.00001"),
        (0, m.F_QUANTITY, 1000.5, "has a quantity off the step 1"),
        (0, m.F_BAR, 0.0, "comes before its decision"),
        (1, m.F_BAR, 0.0, "comes before its decision"),
        (1, m.F_PRICE, 1.1, "costs and results add up to"),
        (0, m.F_FEE, 5.0, "the fills paid fees of"),
    ],
)
def test_each_kind_of_fault_is_told(outcome, row, column, value, told):
    assert any(told in sentence for sentence in violations(broken(outcome, row, column, value)))


def test_close_at_the_end_must_be_at_the_last_close():
    run = run_of(ROWS, [1], execution="{spread: 0, close_at_end: true}")

    assert run.audit.violations == ()
    wrong = broken(run._outcome, 1, m.F_RAW, 1.1010)
    assert any("lies outside its bar" in sentence for sentence in violations(wrong))


def test_close_at_the_end_of_an_instrument_that_ended_before():
    frames = {"EURUSD": bars([FLAT] * 5), "GBPUSD": bars([1.25, 1.25, 1.26], [1], symbol="GBPUSD")}
    both = rules(market="{symbols: [EURUSD, GBPUSD], timeframe: 1h}", execution="{spread: 0, close_at_end: true}")
    run = sp.backtest(both, frames)

    (trade,) = run.trades.itertuples()
    assert (trade.symbol, trade.exit_price, trade.exit_reason) == ("GBPUSD", 1.26, "end")
    assert trade.pnl == pytest.approx(10.0)
    assert trade.exit_time in (hour(2), hour(4))


def test_violation_fails_the_run(outcome):
    good = run_of(ROWS, [1, 0, 3])

    with pytest.raises(RunError, match=r"the fill audit failed: the fill of 1,000 EURUSD at 1\.1002") as caught:
        Run(broken(outcome, 0, m.F_RAW, 1.1020), good.config, good.provenance, strategy=good.strategy)
    assert caught.value.is_failure


def test_positions_left_open_keep_the_identity():
    rows = [FLAT, FLAT, 1.1010, 1.1030, 1.1020]
    for asked in ([1], [2], [1, 0, 1]):
        run = run_of(rows, asked, execution="{spread: 2 pips, slippage: 1 pips, commission: 0.01%, pyramiding: 2}")
        found = run.audit
        assert found.net == pytest.approx(found.change_of_equity, abs=1e-9)
        assert found.spread > 0
