"""The form is made from what the strategy declares, and the strategy itself says what is wrong."""

from pathlib import Path

import ipywidgets as widgets
import pytest

from sptrader.strategy.loader import load_strategy, read_strategy
from sptrader.strategy.spec import StrategyParameter
from sptrader.views.field import Field
from sptrader.views.form import ParameterForm

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
    ("parameter", "kind", "beside"),
    [
        (StrategyParameter("a", 3, low=1, high=9), widgets.Text, widgets.IntSlider),
        (StrategyParameter("a", 3), widgets.Text, type(None)),
        (StrategyParameter("a", 0.5, low=0.0, high=1.0), widgets.Text, widgets.FloatSlider),
        (StrategyParameter("a", 0.5, low=0.0), widgets.Text, type(None)),
        (StrategyParameter("a", True), widgets.Checkbox, type(None)),
        (StrategyParameter("a", "x"), widgets.Text, type(None)),
        (StrategyParameter("a", 2, choices=(1, 2, 3)), widgets.Dropdown, type(None)),
    ],
)
def test_each_kind_of_parameter_has_its_control(parameter, kind, beside):
    made = Field(parameter, lambda: None)

    assert (type(made.control), type(made.slider)) == (kind, beside)
    assert made.value == parameter.default
    assert type(made.value) is type(parameter.default)


def test_a_slider_has_the_bounds_of_the_file():
    form = ParameterForm(lambda: None)

    form.show(load_strategy("ma_crossover"))

    fast = form._fields["fast"].slider
    assert (fast.min, fast.max, fast.value) == (5, 50, 12)
    assert form.changes() == {}


def test_every_number_of_the_shipped_strategies_has_bounds_around_its_default():
    shipped = sorted((Path(__file__).parents[2] / "strategies").glob("*.yaml"))
    numbers = [p for path in shipped for p in load_strategy(path).parameters.values() if p.type in (int, float)]

    assert len(numbers) >= 12
    assert [p.name for p in numbers if p.low is None or p.high is None or not p.low <= p.default <= p.high] == []


def test_slider_and_text_follow_each_other():
    form = ParameterForm(lambda: None)
    form.show(load_strategy("ma_crossover"))
    strength = form._fields["min_strength"]

    strength.slider.value = 0.1 + 0.2  # 0.30000000000000004
    assert (strength.control.value, form.changes()) == ("0.3", {"min_strength": 0.3})

    strength.control.value = " 0.123 "
    assert (strength.slider.value, strength.value) == (0.123, 0.123)


@pytest.mark.parametrize(
    ("name", "typed", "allowed"),
    [
        ("min_strength", "-3", "a number from 0.0 to 1.0"),
        ("fast", "51", "a whole number from 5 to 50"),
        ("fast", "twelve", "a whole number from 5 to 50"),
        ("fast", "12.5", "a whole number from 5 to 50"),
        ("slow", "", "a whole number from 10 to 200"),
    ],
)
def test_what_may_not_be_typed_is_told_beside_it_at_once(name, typed, allowed):
    told = []
    form = ParameterForm(lambda: told.append(form.problem))
    form.show(load_strategy("ma_crossover"))
    field = form._fields[name]

    field.control.value = typed

    assert told[-1] == f"parameter '{name}' was {typed!r}; allowed is {allowed}."
    assert f"Allowed is {allowed}." in field._told.value
    assert form._problem.value == ""
    assert field.slider.value == load_strategy("ma_crossover").parameters[name].default
    form.reset()
    assert (form.problem, field._told.value, form.changes()) == ("", "", {})


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
