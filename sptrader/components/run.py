"""Run one component alone: connect its inputs by name, compute, and put the outcome into words."""

from __future__ import annotations

import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sptrader.components.compute import Columns, columns_of, indicator_columns
from sptrader.components.contract import Component, component_of
from sptrader.components.loader import Registry, load_component
from sptrader.components.signals import Floats, Signals
from sptrader.errors import ComponentError, SptraderError, did_you_mean
from sptrader.model.bars import MARKET_COLUMNS

# Bars are wired to components on an upper floor; the name is looked up only when a component's file is run as a program.
_RUNNER = "sptrader.runs.component:run_on_env_bars"


@dataclass(frozen=True)
class Inputs:
    """A component's arguments, sorted: `wired` columns by argument, and parameters."""

    wired: Mapping[str, Floats]
    params: Mapping[str, object]


def run_component(function: Callable[..., Any], arguments: Mapping[str, object] | None = None) -> None:
    """Compute a component on the bars that the environment names, and print metadata, summary and the last rows.

    The last line of a component's file calls it. `arguments` are parameters and wires as in a strategy's YAML:
    `{"period": 50, "fast": {"type": "ema", "period": 12}, "slow": "close"}`.
    """
    try:
        component = _as_loaded(function)
        bars, result = pkgutil.resolve_name(_RUNNER)(component, arguments or {})
    except SptraderError as error:
        if function.__module__ != "__main__":
            raise
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from error
    sys.stdout.write(f"{describe(component)}\n\n{summarise(result, bars)}\n")


def _as_loaded(function: Callable[..., Any]) -> Component:
    """The component as the registry has it: compiled code on disk belongs to the module the loader makes of the file."""
    path = Path(inspect.getfile(function)).resolve()
    return load_component(path) if path.suffix == ".py" and path.is_file() else component_of(function)


def connect(component: Component, arguments: Mapping[str, object], bars: pd.DataFrame, known: Registry) -> Inputs:
    """Compute what `arguments` wires to the component's inputs; all other arguments are parameters.

    A wire is a market column's name, or a mapping of `type` and that component's own arguments. Raise `ComponentError`
    for a wire that is neither.
    """
    wired: dict[str, Floats] = {}
    params: dict[str, object] = {}
    for name, value in arguments.items():
        if name in component.wires or name in component.sources:
            wired[name] = _column(f"{component.name}.{name}", value, bars, known)
        else:
            params[name] = value
    return Inputs(wired, params)


def describe(component: Component) -> str:
    """Return the component's metadata, one fact a line."""
    inputs = [name if name == source else f"{name} ({source})" for name, source in component.sources.items()]
    lines = [
        f"{component.name}: {component.kind}, {component.category}",
        f"  {component.doc.splitlines()[0] if component.doc else 'no description'}",
        f"  inputs      {', '.join(inputs) or 'none'}",
        f"  wires       {', '.join(component.wires) or 'none'}",
    ]
    lines += [f"  parameter   {p.name} = {p.default}, {p.allowed()}" for p in component.parameters.values()]
    lines += [
        f"  outputs     {', '.join(component.outputs) or 'one column'}" if component.kind == "indicator" else "",
        f"  lookback    {component.lookback({}):,} bars with the defaults"
        + (" until defined; its values depend on where the data begins" if component.is_path_dependent else ""),
        f"  source      {component.place}",
    ]
    if component.overrides:
        lines.append(f"  overrides   {component.overrides}")
    return "\n".join(line for line in lines if line)


def summarise(result: Columns | Signals, bars: pd.DataFrame, *, n_rows: int = 5) -> str:
    """Return a summary of the columns (known values, least, mean, greatest; events by type) and the last rows."""
    table = result_frame(result, bars.index)
    if isinstance(result, Signals):
        events = table.dropna(subset="type")
        counts = "\n".join(f"  {name:<20} {int(result.mask(name).sum()):>8,} events" for name in result.types)
        return f"{len(table):,} bars, {len(events):,} events\n{counts}\nlast events:\n{_rows(events, n_rows)}"
    known = table.count()
    facts = pd.DataFrame({"known": known, "min": table.min(), "mean": table.mean(), "max": table.max()})
    return f"{len(table):,} bars\n{facts.to_string()}\nlast rows:\n{_rows(table, n_rows)}"


def result_frame(result: Columns | Signals, index: pd.Index) -> pd.DataFrame:
    """Return the columns as a frame over `index`; a lone output is called `value`, a signal's event `type`."""
    if not isinstance(result, Signals):
        return pd.DataFrame({name or "value": column for name, column in result.items()}, index=index)
    names = np.array([*result.types, None], dtype=object)
    columns = {name: column for name, column in columns_of(result).items() if name != "code"}
    return pd.DataFrame({"type": names[result.codes], **columns}, index=index)


def _column(where: str, value: object, bars: pd.DataFrame, known: Registry) -> Floats:
    if isinstance(value, str) and value in MARKET_COLUMNS and value in bars:
        return np.ascontiguousarray(bars[value].to_numpy(np.float64))
    if isinstance(value, str):
        name, _, output = value.partition(".") if value not in known else (value, "", "")
        value = {"type": name, "output": output} if output else {"type": name}
    if not isinstance(value, Mapping) or "type" not in value:
        raise ComponentError(
            f"'{where}' was {value!r}; allowed is a market column of the bars ({', '.join(map(str, bars))}) or "
            "{type: ema, period: 12}.",
            key=where,
            value=value,
        )
    arguments = {str(key): item for key, item in value.items() if key not in ("type", "output")}
    component = known.get(str(value["type"]))
    inputs = connect(component, arguments, bars, known)
    columns = indicator_columns(component, bars, inputs.wired, inputs.params)
    output = str(value.get("output", "" if "" in columns else next(iter(columns))))
    if output not in columns:
        raise ComponentError(
            f"'{where}': '{component.name}' has no output '{output}'{did_you_mean(output, columns) or '.'} "
            f"Its outputs: {', '.join(columns)}.",
            key=where,
            value=output,
        )
    return columns[output]


def _rows(table: pd.DataFrame, n_rows: int) -> str:
    return table.tail(n_rows).to_string() if len(table) else "  none"
