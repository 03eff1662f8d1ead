"""Field: one parameter of a strategy as controls, with what is wrong with its value beside it while it is typed."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from sptrader.errors import RunError
from sptrader.strategy.spec import StrategyParameter
from sptrader.views.look import column, html, row, show

_SLIDER_STEPS = 100


class Field:
    """A parameter's control: a list of choices, a box to tick, or a text; beside a number with both bounds a slider.

    Whatever can be typed is taken and judged at once: `problem` says what is wrong with it, "" nothing. `changed()` hears of
    every other value. What a slider cannot say stays as it was typed.
    """

    def __init__(self, parameter: StrategyParameter, changed: Callable[[], object]) -> None:
        self._parameter, self._changed = parameter, changed
        self._is_following = False
        self.problem = ""
        self.control = control(parameter)
        self.slider = slider(parameter)
        self._told = html(classes=["sp-problem"])
        beside, kinds = ([], ["sp-field"]) if self.slider is None else ([self.slider], ["sp-field", "sp-sliding"])
        self.view = column(row(self.control, *beside, classes=kinds), self._told, classes=["sp-param"])
        show(self._told, False)
        self.control.observe(lambda _: self._typed(), names="value")
        if self.slider is not None:
            self.slider.observe(lambda _: self._slid(), names="value")

    @property
    def value(self) -> object:
        """The parameter's value; what was typed where that is none."""
        try:
            return self._parameter.check(self._given)
        except RunError:
            return self._given

    def set(self, value: object) -> None:
        """Put a value into the controls."""
        self.control.value = str(value) if isinstance(self.control, widgets.Text) else value

    @property
    def _given(self) -> object:
        given = self.control.value
        return given.strip() if isinstance(given, str) and self._parameter.type is not str else given

    def _typed(self) -> None:
        self.problem, found = "", None
        try:
            found = self._parameter.check(self._given)
        except RunError as error:
            self.problem = str(error)
        allowed = escape(self._parameter.allowed())
        self._told.value = f'<div role="alert">Allowed is {allowed}.</div>' if self.problem else ""
        show(self._told, bool(self.problem))
        (self.view.add_class if self.problem else self.view.remove_class)("sp-wrong")
        if self.slider is not None and found is not None and self.slider.value != found:
            self._is_following = True
            self.slider.value = found
            self._is_following = False
        self._changed()

    def _slid(self) -> None:
        if self.slider is not None and not self._is_following:
            value = self.slider.value
            self.set(float(f"{value:.10g}") if isinstance(value, float) else value)  # without the dust of its steps


def control(parameter: StrategyParameter) -> widgets.Widget:
    """Return the control that takes any value of a parameter: choices, a box to tick, else a text."""
    told = {
        "description": parameter.name,
        "tooltip": f"{parameter.description} Allowed: {parameter.allowed()}.".strip(),
        "style": {"description_width": "auto"},
    }
    if parameter.choices:
        return widgets.Dropdown(options=list(parameter.choices), value=parameter.default, **told)
    if parameter.type is bool:
        return widgets.Checkbox(indent=False, value=parameter.default, **told)
    return widgets.Text(value=str(parameter.default), **told)


def slider(parameter: StrategyParameter) -> widgets.IntSlider | widgets.FloatSlider | None:
    """Return a slider between the bounds of a number; None for a parameter that has not both, or of another kind."""
    low, high = parameter.low, parameter.high
    if parameter.choices or parameter.type not in (int, float) or low is None or high is None:
        return None
    told = {"value": parameter.default, "readout": False, "continuous_update": False, "tooltip": parameter.name}
    if parameter.type is int:
        return widgets.IntSlider(min=int(low), max=int(high), step=int(parameter.step or 1), **told)
    return widgets.FloatSlider(min=low, max=high, step=parameter.step or (high - low) / _SLIDER_STEPS, **told)
