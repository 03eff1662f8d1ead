"""The form is made from what the strategy declares, and the strategy itself says what is wrong."""

import ipywidgets as widgets
import pytest

from sptrader.strategy.loader import load_strategy, read_strategy
from sptrader.strategy.spec import StrategyParameter
from sptrader.views.form import ParameterForm, control

CONSTRAINED = """
name: two
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1h}
parameters:
  fast: {default: 12, min: 5, max: 50}
  slow: {default: 26, min: 10, max: 200}
constraints: [fast < slow]
indicators: {a: {type: ema, period: $fast}, b: {type: ema, period: $slow}}
entry: {long: {when: a > b}}
exit: {stop_loss: 1%}
sizing: {method: units, value: 1}
"""


@pytest.mark.parametrize(
    ("parameter", "kind"),
    [
        (StrategyParameter("a", 3, low=1, high=9), widgets.IntSlider),
        (StrategyParameter("a", 3), widgets.IntText),
        (StrategyParameter("a", 0.5, low=0.0, high=1.0), widgets.FloatSlider),
        (StrategyParameter("a", 0.5, low=0.0), widgets.FloatText),
        (StrategyParameter("a", True), widgets.Checkbox),
        (StrategyParameter("a", "x"), widgets.Text),
        (StrategyParameter("a", 2, choices=(1, 2, 3)), widgets.Dropdown),
    ],
)
def test_each_kind_of_parameter_has_its_control(parameter, kind):
    made = control(parameter)

    assert type(made) is kind
    assert made.value == parameter.default


def test_a_slider_has_the_bounds_of_the_file():
    form = ParameterForm(lambda: None)

    form.show(load_strategy("ma_crossover"))

    fast = form._controls["fast"]
    assert (fast.min, fast.max, fast.value) == (5, 50, 12)
    assert form.changes() == {}


def test_the_strategy_s_own_sentence_tells_what_is_wrong():
    told = []
    form = ParameterForm(lambda: told.append(form.problem))
    form.show(read_strategy(CONSTRAINED))

    form.set({"fast": 40})

    assert form.problem == "the parameters break the constraint fast < slow: fast = 40, slow = 26."
    assert told[-1] == form.problem
    form.reset()
    assert (form.problem, form.changes()) == ("", {})


def test_only_what_was_changed_is_asked_for():
    form = ParameterForm(lambda: None)
    form.show(load_strategy("ma_crossover"))

    form.set({"fast": 8, "unknown": 3})

    assert form.changes() == {"fast": 8}
