"""Columns: the plan's components computed over one instrument's bars, each once, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.components.compute import compute
from sptrader.components.signals import Signals
from sptrader.model.bars import MARKET_COLUMNS
from sptrader.model.instrument import Instrument
from sptrader.strategy.expressions import SignalColumns
from sptrader.strategy.plan import ComponentCall, Plan

Floats = NDArray[np.float64]
Columns = dict[str, "Floats | SignalColumns | float"]


def make_columns(plan: Plan, frame: pd.DataFrame, instrument: Instrument) -> Columns:
    """Return every column that rules of `plan` may read on `frame`: market columns, indicators, signals, `pip`.

    Named outputs stand as `bb.upper`. Raises `ComponentError` for a component that fails.
    """
    columns = market_columns(frame, instrument)
    for call in plan.calls:
        columns |= named_columns(call.name, call_columns(call, columns, frame))
    return columns


def market_columns(frame: pd.DataFrame, instrument: Instrument) -> Columns:
    """Return the market's columns of `frame`, and `pip`."""
    bare = pd.DataFrame(frame, copy=False)  # without attrs, which pandas copies for each column it hands out
    columns: Columns = {name: bare[name].to_numpy(np.float64) for name in MARKET_COLUMNS if name in frame.columns}
    columns["pip"] = float(instrument.pip)
    return columns


def call_columns(call: ComponentCall, columns: Columns, frame: pd.DataFrame) -> Columns:
    """Compute one component on `frame` and on what it is wired to in `columns`; return its outputs by their own names, the
    only one, or a signal, under the empty name."""
    wired = {argument: _wired(columns, name) for argument, name in call.wires.items()}
    result = compute(call.component, frame, wired, call.parameters)
    if isinstance(result, Signals):
        return {"": SignalColumns(result.types, result.codes, result.strength, result.outputs)}
    return dict(result)


def named_columns(name: str, found: Columns) -> Columns:
    """Return a component's outputs under the names that rules read them by: `name`, or `name.output`."""
    return {f"{name}.{output}" if output else name: values for output, values in found.items()}


def indicator_columns(columns: Mapping[str, object], plan: Plan) -> dict[str, Floats]:
    """Return the indicators' columns alone, each (n,), named as in the strategy file."""
    names = {call.name for call in plan.calls}
    return {
        name: values
        for name, values in columns.items()
        if isinstance(values, np.ndarray) and name.split(".")[0] in names
    }


def signal_columns(columns: Mapping[str, object]) -> dict[str, SignalColumns]:
    """Return the signals alone."""
    return {name: values for name, values in columns.items() if isinstance(values, SignalColumns)}


def _wired(columns: Columns, name: str) -> Floats:
    if name in columns:
        found = columns[name]
        if isinstance(found, np.ndarray):
            return found
        if isinstance(found, SignalColumns):
            return found.codes.astype(np.float64)
    signal, _, output = name.partition(".")
    found = columns[signal]
    if isinstance(found, SignalColumns):
        return found.strength if output == "strength" else found.outputs[output]
    raise KeyError(name)
