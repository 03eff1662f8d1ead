import pytest

import sptrader as sp
from sptrader.errors import RunError, StrategyError
from sptrader.runs.plans import plan_of

COMPONENT = '''"""Mine."""
import numpy as np
from sptrader.components import indicator


@indicator(category="mine", lookback=0)
def mine(close: np.ndarray) -> np.ndarray:
    """{doc}"""
    return close * {factor}
'''
STRATEGY = """
name: planned
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1h}
parameters:
  level: {default: 1.0, min: 0.0, max: 5.0}
indicators:
  mine: {type: mine}
entry:
  long: {when: mine > $level}
exit:
  long: {when: mine < $level}
sizing: {method: units, value: 1000}
backtest: {cash: 10000, currency: USD}
"""


@pytest.fixture
def planned(tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_WORKSPACE", str(tmp_path))
    path = tmp_path / "components" / "indicators" / "mine.py"
    path.parent.mkdir(parents=True)
    path.write_text(COMPONENT.format(doc="Mine.", factor=1))
    (tmp_path / "planned.yaml").write_text(STRATEGY)
    return sp.load_strategy(tmp_path / "planned.yaml"), path


def test_same_parameters_have_the_same_plan_and_others_another(planned):
    strategy, _ = planned

    assert plan_of(strategy) is plan_of(strategy, {"level": 1.0})
    assert plan_of(strategy, {"level": 2.0}).parameters == {"level": 2.0}


def test_changed_component_makes_a_new_plan(planned):
    strategy, path = planned
    before = plan_of(strategy)

    path.write_text(COMPONENT.format(doc="Mine.", factor=2))
    after = plan_of(strategy)

    assert after is not before
    assert after.calls[0].component.source_hash != before.calls[0].component.source_hash


def test_component_that_is_gone_is_missed(planned):
    strategy, path = planned
    plan_of(strategy)

    path.unlink()

    with pytest.raises(StrategyError, match="mine"):
        plan_of(strategy)


def test_parameter_out_of_bounds_is_refused_also_when_plans_are_known(planned):
    strategy, _ = planned
    plan_of(strategy)

    with pytest.raises(RunError, match="level"):
        plan_of(strategy, {"level": 9.0})
