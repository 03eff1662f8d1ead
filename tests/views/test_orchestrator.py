"""The page as its parts work together, without a browser: what is chosen is run elsewhere and shown in every tab."""

import time

import numpy as np
import pytest

from sptrader.data.sample import sample
from sptrader.runs.backtest import backtest
from sptrader.runs.riskuse import LimitUse
from sptrader.views.orchestrator import Orchestrator
from sptrader.views.risk import held_notional, use_html
from sptrader.views.tables import signal_counts

PLAIN = """
name: plain
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1h}
indicators: {slow: {type: ema, period: 50}}
entry: {long: {when: "crosses_above(close, slow)"}}
exit: {long: {when: close < slow}}
sizing: {method: units, value: 1000}
execution: {spread: 1 pips}
backtest: {cash: 10000, currency: USD}
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    made = Orchestrator("ma_crossover", runs=tmp_path_factory.mktemp("page") / "runs")
    settle(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def run():
    return backtest("ma_crossover", sample("EURUSD", "1h"))


def settle(page):
    """Wait until the desk has done what it was given and what that gave it."""
    for _ in range(4):
        page._desk.wait()


def wait_for(happened):
    for _ in range(600):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_what_is_asked_for_is_what_the_controls_say(page):
    page._setup.form.set({"fast": 9})

    asked = page._setup.request()

    assert (asked.kind, asked.params, asked.cash) == ("backtest", {"fast": 9}, None)
    assert asked.bars.is_own_market
    page._setup.form.reset()


def test_the_button_s_run_is_the_call_s_run_in_every_tab(page, run):
    page._setup.runner._start.click()
    wait_for(lambda: page.run is not None)
    for name in page._choice.options:
        page._choice.value = name
        settle(page)

    assert page._guard.view.value == ""
    assert page.run.id == run.id
    assert page.run.metrics == run.metrics
    assert page._tabs["Orders"]._fills.table["total"] == len(run.fills)
    assert page._tabs["Signals"]._events.table["total"] == len(run.signals)
    assert page._flow._table.table["total"] == len(run.decisions)
    assert page._performance._trades.table["total"] == len(run.trades)
    assert page._system._jobs.table["rows"][0][3] == "done"


def test_a_picked_decision_is_explained_as_the_run_does(page, run):
    at = int(np.flatnonzero(run.decisions["reason"] == "outside_hours")[0])

    page._flow._picked(at)

    time_ = run.decisions["time"].iloc[at]
    assert run.explain(time_)._repr_html_() in page._flow._why.value


def test_a_sweep_says_what_is_wrong_with_its_space(page):
    box = page._sweeps._values["fast"]
    before = box.value
    assert "40 combinations" in page._sweeps._count.value

    box.value = "5,800"

    assert "800" in page._sweeps._count.value
    assert page._sweeps.runner._start.disabled
    box.value = before
    assert not page._sweeps.runner._start.disabled


def test_a_strategy_with_faults_cannot_be_run_and_says_why(page, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: broken\nversion: 1.0.0\nentri: {}\n")

    page._setup.strategies.choose(str(broken))
    settle(page)

    assert "did you mean &#x27;entry&#x27;" in page._setup.strategies._card.value
    assert page._setup.runner._start.tooltip == "the strategy has faults"
    page._setup.strategies.choose("ma_crossover")
    settle(page)
    assert not page._setup.runner._start.disabled


def test_what_was_held_adds_up_over_the_fills(run):
    held = held_notional(run)["EURUSD"]

    signed = np.where(run.fills["side"] == "buy", 1.0, -1.0) * run.fills["quantity"]
    last = run.bars["EURUSD"]["close"].iloc[-1]
    assert held.iloc[-1] == pytest.approx(signed.sum() * last)
    assert (held.loc[: run.fills["time"].iloc[0]].iloc[:-1] == 0.0).all()


def test_a_limit_is_a_bar_as_long_as_its_use():
    used = LimitUse("max_drawdown", "equity below its highest", "fraction", 0.03, 0.15, None, 0)

    assert "width:20.0%" in use_html(used)
    assert "3.00% of 15.00%" in use_html(used)


def test_signals_are_counted_by_type(run):
    counts = signal_counts(run.signals, run.equity["time"])

    assert counts["events"].sum() == len(run.signals)
    assert set(counts["type"]) == {"golden_cross", "death_cross"}


def test_a_strategy_without_signals_is_shown_as_well(page, tmp_path):
    plain = tmp_path / "plain.yaml"
    plain.write_text(PLAIN)
    before = page.run
    page._setup.strategies.choose(str(plain))
    settle(page)

    page._setup.runner._start.click()
    wait_for(lambda: page.run is not before)
    for name in page._choice.options:
        page._choice.value = name
        settle(page)

    assert len(page.run.signals) == 0
    assert len(page.run.trades) > 0
    assert page._guard.view.value == ""
