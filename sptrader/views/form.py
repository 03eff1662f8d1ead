"""Form: the parameters of a strategy as fields, made from what its file declares, validated by the strategy itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from sptrader.errors import SptraderError
from sptrader.strategy.spec import StrategyParameter
from sptrader.strategy.strategy import Strategy
from sptrader.views.field import Field
from sptrader.views.look import button, column, html, show


class ParameterForm:
    """A field for each parameter; `changed()` is called when a value was changed, `problem` says what is wrong with them.

    What is wrong with one value stands beside it, what is wrong with all of them together below."""

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._strategy: Strategy | None = None
        self._fields: dict[str, Field] = {}
        self._problem = html(classes=["sp-problem"])
        self._rows = column()
        self._reset = button("reset to the file's values", self.reset, kind="sp-link")
        self.problem = ""
        self.view = column(self._rows, self._problem, self._reset)
        show(self._reset, False)

    def show(self, strategy: Strategy) -> None:
        """Show the parameters of `strategy` with their defaults."""
        self._strategy = strategy
        self._fields = {name: Field(parameter, self._check) for name, parameter in strategy.parameters.items()}
        rows = [made.view for made in self._fields.values()]
        none = html('<div class="sp-small">This strategy has no parameters.</div>')
        self._rows.children = rows or [none]
        self._check()

    def values(self) -> dict[str, Any]:
        """Return the value of every parameter; where what was typed is none, that."""
        return {name: made.value for name, made in self._fields.items()}

    def changes(self) -> dict[str, Any]:
        """Return the values that differ from the strategy's own."""
        declared: Mapping[str, StrategyParameter] = {} if self._strategy is None else self._strategy.parameters
        return {name: value for name, value in self.values().items() if value != declared[name].default}

    def set(self, values: Mapping[str, Any]) -> None:
        """Put values into the controls, as a saved run had them; unknown names are left out."""
        for name, value in values.items():
            if name in self._fields:
                self._fields[name].set(value)

    def reset(self) -> None:
        """Put the file's values back."""
        if self._strategy is not None:
            self.set({name: parameter.default for name, parameter in self._strategy.parameters.items()})

    def _check(self) -> None:
        """Ask the strategy itself whether the values are allowed."""
        self.problem = next((made.problem for made in self._fields.values() if made.problem), "")
        together = ""
        try:
            if self._strategy is not None and not self.problem:
                self._strategy.parameter_values(self.values())
        except SptraderError as error:
            self.problem = together = str(error)
        self._problem.value = escape(together)
        show(self._problem, bool(together))
        show(self._reset, bool(self.changes()))
        self._changed()
