"""Run one component on the bars that the environment names."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sptrader.components import Columns, Component, Signals, compute, registry
from sptrader.components.run import connect
from sptrader.components.sandbox import Limits, compute_apart
from sptrader.data.env import load_data_from_env


def run_on_env_bars(
    component: Component, arguments: Mapping[str, object], *, limits: Limits | None = None
) -> tuple[pd.DataFrame, Columns | Signals]:
    """Return the bars of `load_data_from_env` and what `component` makes of them.

    `arguments` are parameters and wires, as `connect` reads them. With `limits` the component runs in a child process
    that may not use more; without, in this one, where a debugger can follow it.
    """
    bars = load_data_from_env()
    inputs = connect(component, arguments, bars, registry())
    if limits is None:
        return bars, compute(component, bars, inputs.wired, inputs.params)
    return bars, compute_apart(component, bars, inputs.wired, inputs.params, limits=limits)
