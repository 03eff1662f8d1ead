"""Form: the parameters of a strategy as controls, made from what its file declares, validated by the strategy itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets as widgets

from sptrader.errors import SptraderError
from sptrader.strategy.spec import StrategyParameter
from sptrader.strategy.strategy import Strategy
from sptrader.views.look import button, classed, column, html, show

_SLIDER_STEPS = 100


class ParameterForm:
    """A control for each parameter; `changed()` is called when a value was changed, `problem` says what is wrong with them."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._strategy: Strategy | None = None
        self._controls: dict[str, widgets.Widget] = {}
        self._problem = html(classes=["sp-problem"])
        self._rows = column()
        self._reset = button("reset to the file's values", self.reset, kind="sp-link")
        self.problem = ""
        self.view = column(self._rows, self._problem, self._reset)
        show(self._reset, False)

    def show(self, strategy: Strategy) -> None:
        """Show the parameters of `strategy` with their defaults."""
        self._strategy = strategy
        self._controls = {name: control(parameter) for name, parameter in strategy.parameters.items()}
        for made in self._controls.values():
            made.observe(self._check, names="value")
        rows = [classed(column(made), "sp-param") for made in self._controls.values()]
        none = html('<div class="sp-small">This strategy has no parameters.</div>')
        self._rows.children = rows or [none]
        self._check()

    def values(self) -> dict[str, Any]:
        """Return the value of every parameter."""
        return {name: made.value for name, made in self._controls.items()}

    def changes(self) -> dict[str, Any]:
        """Return the values that differ from the strategy's own."""
        declared: Mapping[str, StrategyParameter] = {} if self._strategy is None else self._strategy.parameters
        return {name: value for name, value in self.values().items() if value != declared[name].default}

    def set(self, values: Mapping[str, Any]) -> None:
        """Put values into the controls, as a saved run had them; unknown names are left out."""
        for name, value in values.items():
            if name in self._controls:
                self._controls[name].value = value

    def reset(self) -> None:
        """Put the file's values back."""
        if self._strategy is not None:
            self.set({name: parameter.default for name, parameter in self._strategy.parameters.items()})

    def _check(self, _: object = None) -> None:
        """Ask the strategy itself whether the values are allowed."""
        self.problem = ""
        try:
            if self._strategy is not None:
                self._strategy.parameter_values(self.values())
        except SptraderError as error:
            self.problem = str(error)
        self._problem.value = escape(self.problem)
        show(self._problem, bool(self.problem))
        show(self._reset, bool(self.changes()))
        self._changed()


def control(parameter: StrategyParameter) -> widgets.Widget:
    """Return the control that fits a parameter: a slider between bounds, a list of choices, a box, a number or a text."""
    told = {
        "value": parameter.default,
        "description": parameter.name,
        "tooltip": f"{parameter.description} Allowed: {parameter.allowed()}.".strip(),
        "style": {"description_width": "auto"},
    }
    if parameter.choices:
        return widgets.Dropdown(options=list(parameter.choices), **told)
    if parameter.type is bool:
        return widgets.Checkbox(indent=False, **told)
    if parameter.type is str:
        return widgets.Text(continuous_update=False, **told)
    low, high = parameter.low, parameter.high
    if parameter.type is int:
        if low is None or high is None:
            return widgets.IntText(continuous_update=False, **told)
        step = int(parameter.step or 1)
        return widgets.IntSlider(min=int(low), max=int(high), step=step, continuous_update=False, **told)
    if low is None or high is None:
        return widgets.FloatText(continuous_update=False, step=parameter.step, **told)
    fine = parameter.step or (high - low) / _SLIDER_STEPS
    return widgets.FloatSlider(min=low, max=high, step=fine, continuous_update=False, readout_format=".4g", **told)
