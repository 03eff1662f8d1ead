"""Look-ahead is found on a run's own bars, and not where there is none."""

from dataclasses import replace

import numpy as np
import pytest

from sptrader.data.sample import sample
from sptrader.orchestrator.columns import make_columns
from sptrader.runs.backtest import backtest
from sptrader.runs.lookahead import look_ahead
from tests.runs.strategies import CROSSOVER


@pytest.fixture(scope="module")
def run():
    return backtest(CROSSOVER, sample("EURUSD", "1h").iloc[:800])


def found_with(run, name, function):
    """What is found when the plan's component `name` computes `function`."""
    outcome = run._outcome
    calls = tuple(
        replace(call, component=replace(call.component, function=function)) if call.name == name else call
        for call in outcome.plan.calls
    )
    plan = replace(outcome.plan, calls=calls)
    frames, known = outcome.market.frames, outcome.plan.instruments
    columns = {symbol: make_columns(plan, frames[symbol], known[symbol]) for symbol in outcome.market.symbols}
    return look_ahead(plan, frames, columns, instruments=known)


def test_honest_components_are_not_named(run):
    assert run.look_ahead == ()


def test_value_of_the_next_bar_is_found(run):
    assert found_with(run, "fast_ma", lambda close, period=12: np.append(close[1:], close[-1])) == ("fast_ma",)


def test_scaling_over_the_whole_history_is_found(run):
    names = found_with(run, "slow_ma", lambda close, period=26: (close - close.mean()) / close.std())

    assert names[0] == "slow_ma"


def test_report_says_so_first(run, tmp_path, monkeypatch):
    monkeypatch.setitem(run.__dict__, "look_ahead", ("fast_ma",))

    html = run.report(tmp_path / "report.html").read_text(encoding="utf-8")

    assert "Not to be believed: it looks ahead." in html
    assert html.index("look_ahead") < html.index("spread_modelled")
