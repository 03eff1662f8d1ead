"""The laws over every strategy that ships: nothing looks ahead, nothing is decided in the warm-up, compiled equals plain."""

import numpy as np
import pandas as pd
import pytest

import sptrader as sp
from sptrader.kernel import market as m
from sptrader.orchestrator.account import opening_state
from sptrader.strategy.loader import shipped_folder
from tests.kernel.plain import plainly

SHIPPED = [path.stem for path in sorted(shipped_folder().glob("*.yaml"))]
N_BARS = 1_600
CUTS = [*range(2, 300, 17), *range(300, N_BARS, 61), N_BARS - 1]


@pytest.fixture(scope="module")
def year():
    return sp.sample("EURUSD", "1h")


@pytest.fixture(scope="module")
def runs(year):
    return {name: sp.backtest(name, year, start="2017-01-01") for name in SHIPPED}


def begun(table, column, until):
    return table[table[column] <= until].reset_index(drop=True)


@pytest.mark.parametrize("name", SHIPPED)
def test_run_on_the_first_bars_is_the_beginning_of_the_whole_run(name, year):
    strategy = sp.load_strategy(name)
    whole = sp.backtest(strategy, year.iloc[:N_BARS])

    assert len(CUTS) > 36
    assert len(whole.fills) > 20
    for n in CUTS:
        part = sp.backtest(strategy, year.iloc[:n])
        last = year.index[n - 1]
        for table, column in (("fills", "time"), ("decisions", "time"), ("equity", "time"), ("signals", "time")):
            pd.testing.assert_frame_equal(
                getattr(part, table),
                begun(getattr(whole, table), column, last),
                check_exact=True,
                obj=f"{table} at {n}",
            )
        told = ["client_order_id", "side", "quantity", "type", "price", "stop_price", "created_at", "reason", "parent"]
        decided = begun(whole.orders, "created_at", last + pd.Timedelta("1h"))[told]
        decided = decided[decided["client_order_id"].isin(part.orders["client_order_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(part.orders[told], decided, check_exact=True)
        pd.testing.assert_frame_equal(part.trades, begun(whole.trades, "exit_time", last), check_exact=True)


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_is_decided_while_an_indicator_is_unknown(name, runs):
    run = runs[name]
    columns = pd.DataFrame(run.columns["EURUSD"], index=run.bars["EURUSD"].index)
    known = columns.notna().all(axis=1)
    acted = run.decisions[run.decisions["action"] != "stay"]

    assert 10 < int((~known).sum()) < 300
    assert len(acted) > 40
    assert known[acted["time"]].all()


@pytest.mark.parametrize("name", SHIPPED)
def test_strategy_trades_often_enough_on_both_sides_and_passes_its_audit(name, runs):
    run = runs[name]

    assert len(run.trades) > 20
    assert run.trades["side"].value_counts().min() > 5
    assert run.audit.violations == ()
    assert run.audit.net == pytest.approx(run.audit.change_of_equity, abs=1e-6)
    assert run.metrics["max_drawdown"] < 0.15


def test_compiled_kernel_is_the_plain_one_to_the_last_bit(runs, tmp_path):
    jobs = []
    for run in runs.values():
        o = run._outcome
        n, n_bars = o.market.kernel.flags.shape
        books = m.make_books(n, n_bars)
        jobs.append(
            ("replay", (o.market.kernel, o.orders, books, opening_state(o.plan, o.market, o.cash), o.first, N_BARS))
        )
    for run, (done, (_, _, books, state, first, last)) in zip(runs.values(), plainly(jobs, tmp_path), strict=True):
        o = run._outcome
        assert done == N_BARS
        for name in ("equity", "cash", "margin", "drawdown"):
            assert np.array_equal(getattr(books, name)[first:last], getattr(o.books, name)[first:last])
        for name in ("action", "outcome", "reason", "cap"):
            assert np.array_equal(getattr(books, name)[:, :last], getattr(o.books, name)[:, :last])
        n_fills, n_orders = books.counts
        assert n_fills > 20
        assert np.array_equal(books.fills[:n_fills], o.books.fills[:n_fills], equal_nan=True)
        assert np.array_equal(books.orders[:n_orders], o.books.orders[:n_orders], equal_nan=True)
        assert np.isfinite(state[:6]).all()
