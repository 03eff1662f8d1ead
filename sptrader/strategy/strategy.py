"""Strategy: a loaded strategy file as its user sees it; frozen, and the same in every process."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sptrader.errors import RunError
from sptrader.strategy import expressions
from sptrader.strategy.document import Scalar, Table
from sptrader.strategy.spec import Backtest, Live, Market, StrategyParameter, parameter_values
from sptrader.strategy.tree import Condition, column_names


@dataclass(frozen=True, eq=False)
class Strategy:
    """A strategy's rules, checked.

    `space` is what its `optimize` section varies: the values of each parameter. `constraints` are conditions over the
    parameters that every choice of values must meet. `warnings` name what was understood but has no effect here.
    `source_hash` is the SHA-256 of the file's bytes, `dialect` is `sptrader` or `sptraderb`.
    """

    name: str
    version: str
    description: str
    market: Market
    parameters: Mapping[str, StrategyParameter]
    space: Mapping[str, tuple[Scalar, ...]]
    constraints: tuple[Condition, ...]
    backtest: Backtest
    live: Live
    source_path: str
    source_hash: str
    source_text: str = field(repr=False)
    warnings: tuple[str, ...]
    dialect: str
    document: Table = field(repr=False)

    def parameter_values(self, params: Mapping[str, object] | None = None) -> dict[str, Scalar]:
        """Return the value of every parameter, `params` before the defaults.

        Raise `RunError` for an unknown name, a value out of bounds, or values that break a constraint.
        """
        found = parameter_values(self.parameters, params)
        for constraint in self.constraints:
            if not holds(constraint, found):
                used = {name: found[name] for name in column_names(constraint)}
                told = ", ".join(f"{name} = {value}" for name, value in used.items())
                raise RunError(
                    f"the parameters break the constraint {constraint}: {told}.", key="constraints", value=used
                )
        return found

    def is_allowed(self, params: Mapping[str, object]) -> bool:
        """Whether `params` meet the strategy's constraints; raise `RunError` for values that are out of bounds by themselves."""
        found = parameter_values(self.parameters, params)
        return all(holds(constraint, found) for constraint in self.constraints)

    def __str__(self) -> str:
        symbols = ", ".join(self.market.symbols) or "any symbol"
        parameters = ", ".join(f"{p.name}={p.default}" for p in self.parameters.values())
        head = f"{self.name} {self.version} on {symbols} {self.market.timeframe}".rstrip()
        return f"{head} ({parameters})" if parameters else head

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(p.name)}</td><td>{html.escape(str(p.default))}</td>"
            f"<td>{html.escape(p.allowed())}</td><td style='text-align:left'>{html.escape(p.description)}</td></tr>"
            for p in self.parameters.values()
        )
        head = "<tr><th>parameter</th><th>default</th><th>allowed</th><th></th></tr>"
        table = f"<table>{head}{rows}</table>" if rows else ""
        symbols = html.escape(", ".join(self.market.symbols) or "any symbol")
        warned = "".join(f"<li>{html.escape(warning)}</li>" for warning in self.warnings)
        return (
            f"<div><b>{html.escape(self.name)}</b> {html.escape(self.version)}, {symbols} "
            f"{html.escape(self.market.timeframe)}<p>{html.escape(self.description)}</p>{table}"
            f"{f'<ul>{warned}</ul>' if warned else ''}</div>"
        )


def holds(constraint: Condition, values: Mapping[str, Scalar]) -> bool:
    """Whether `constraint`, a condition over parameters, is true for `values`."""
    columns = {name: np.array([float(v)]) for name, v in values.items() if not isinstance(v, str)}
    return expressions.holds(constraint, columns)
