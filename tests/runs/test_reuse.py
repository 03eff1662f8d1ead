"""Reuse: what was made of bars lately is used again for the same content only, whatever object holds it."""

import numpy as np
import pandas as pd
import pytest

import sptrader as sp
from sptrader.errors import DataError
from sptrader.model.recent import Recent
from sptrader.orchestrator import market
from sptrader.runs import evaluate, parts

STRATEGY = """
name: average
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1h}
indicators: {slow: {type: sma, period: 20}}
entry: {long: {when: "crosses_above(close, slow)"}}
exit: {long: {when: "crosses_below(close, slow)"}, stop_loss: 1%}
sizing: {method: units, value: 1000}
execution: {commission: 0.01%, spread: 1 pips}
backtest: {cash: 10000, currency: USD}
"""


@pytest.fixture
def strategy(tmp_path):
    path = tmp_path / "average.yaml"
    path.write_text(STRATEGY)
    return sp.load_strategy(path)


@pytest.fixture
def bars():
    frame = sp.sample("EURUSD", "1h").iloc[:1000]
    values = {name: frame[name].to_numpy().copy() for name in frame.columns}
    made = pd.DataFrame(values, index=frame.index, copy=False)
    made.attrs = dict(frame.attrs)
    return made, values


def tables(run):
    return run.id, run.trades, run.equity, run.metrics


def assert_same(one, other):
    assert one[0] == other[0]
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)
    pd.testing.assert_frame_equal(one[2], other[2], check_exact=True)
    np.testing.assert_equal(one[3], other[3])


def test_a_second_run_uses_the_market_of_the_first_and_is_the_same(strategy, bars, monkeypatch):
    kept = Recent(4)
    monkeypatch.setattr(market, "_markets", kept)
    first = sp.backtest(strategy, bars[0])
    second = sp.backtest(strategy, bars[0])

    assert len(kept) == 1
    assert second._outcome.market.kernel.price is first._outcome.market.kernel.price
    assert_same(tables(second), tables(first))


def test_a_price_changed_in_place_is_noticed(strategy, bars, monkeypatch):
    frame, values = bars
    before = tables(sp.backtest(strategy, frame))
    values["close"][500] = values["high"][500]
    values["open"][501] = values["high"][501]
    after = tables(sp.backtest(strategy, frame))

    monkeypatch.setattr(market, "_markets", Recent(0))
    assert_same(after, tables(sp.backtest(strategy, frame.copy())))
    assert after[0] != before[0]


def test_changing_back_gives_the_first_run_again(strategy, bars):
    frame, values = bars
    before = tables(sp.backtest(strategy, frame))
    was = values["close"][500]
    values["close"][500] = values["low"][500]
    sp.backtest(strategy, frame)
    values["close"][500] = was

    assert_same(tables(sp.backtest(strategy, frame)), before)


def test_a_bad_price_put_in_place_is_refused_though_the_bars_were_checked_before(strategy, bars):
    frame, values = bars
    sp.backtest(strategy, frame)
    values["low"][7] = np.nan

    with pytest.raises(DataError, match="finite"):
        sp.backtest(strategy, frame)


def test_the_spread_the_basis_and_the_end_make_a_market_of_their_own(strategy, bars, tmp_path):
    wider = tmp_path / "wider.yaml"
    wider.write_text(STRATEGY.replace("1 pips", "5 pips"))
    frame = bars[0]
    results = {
        "as it is": sp.backtest(strategy, frame),
        "a wider spread": sp.backtest(wider, frame),
        "an earlier end": sp.backtest(strategy, frame, end=frame.index[800]),
    }
    bid = frame.copy()
    bid.attrs["sptrader.basis"] = "bid"
    results["another basis"] = sp.backtest(strategy, bid)

    assert len({run.metrics["final_equity"] for run in results.values()}) == len(results)
    assert len({run.id for run in results.values()}) == len(results)


def test_a_table_that_is_changed_changes_nothing_else(strategy, bars):
    run = sp.backtest(strategy, bars[0])
    deepest = run.metrics["max_drawdown"]
    run.equity.loc[:, "equity"] = 0.0
    run.equity["cash"] = 1.0

    again = sp.backtest(strategy, bars[0])
    assert run._outcome.books.equity.min() > 0.0
    assert again.metrics["max_drawdown"] == deepest
    assert (again.equity["cash"] > 1.0).all()


def test_plans_that_were_forgotten_are_made_again(tmp_path, bars, monkeypatch):
    for module in (parts, evaluate):
        monkeypatch.setattr(module, "MOST_PLANS", 1)
    path = tmp_path / "varied.yaml"
    declared = (
        "parameters: {size: 1000, loss: 1.0}\nsizing: {method: units, value: $size}\nrisk: {max_drawdown: $loss %}"
    )
    path.write_text(STRATEGY.replace("sizing: {method: units, value: 1000}", declared))

    found = sp.sweep(path, bars[0], space={"size": [1000, 90_000], "loss": [0.1, 50.0]}, out=None, workers=2)

    for number, row in found.table.iterrows():
        alone = sp.backtest(path, bars[0], params=found.parameters(number)).metrics
        assert {name: row[name] for name in alone} == pytest.approx(alone, rel=0, abs=0, nan_ok=True)
    assert found.table["final_equity"].nunique() == 4
