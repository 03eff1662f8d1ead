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
from sptrader.strategy.plan import Plan

Floats = NDArray[np.float64]
Columns = dict[str, "Floats | SignalColumns | float"]


def make_columns(plan: Plan, frame: pd.DataFrame, instrument: Instrument) -> Columns:
    """Return every column that rules of `plan` may read on `frame`: market columns, indicators, signals, `pip`.

    Named outputs stand as `bb.upper`. Raises `ComponentError` for a component that fails.
    """
    bare = pd.DataFrame(frame, copy=False)  # without attrs, which pandas copies for each column it hands out
    columns: Columns = {name: bare[name].to_numpy(np.float64) for name in MARKET_COLUMNS if name in frame.columns}
    columns["pip"] = float(instrument.pip)
    for call in plan.calls:
        wired = {argument: _wired(columns, name) for argument, name in call.wires.items()}
        result = compute(call.component, frame, wired, call.parameters)
        if isinstance(result, Signals):
            columns[call.name] = SignalColumns(result.types, result.codes, result.strength, result.outputs)
        else:
            for output, values in result.items():
                columns[f"{call.name}.{output}" if output else call.name] = values
    return columns


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
