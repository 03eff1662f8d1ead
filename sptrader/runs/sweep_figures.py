"""Figures of a sweep: its rows handed to the plots, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from sptrader.errors import RunError, did_you_mean
from sptrader.plots.sweep import fan_figure, heatmap_figure, parallel_figure
from sptrader.runs.space import Space

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FIGURES = ("heatmap", "parallel", "equity")


class DrawnSweep(Protocol):
    """What figures need of a sweep."""

    objective: str

    @property
    def space(self) -> Space: ...
    @property
    def table(self) -> pd.DataFrame: ...
    @property
    def scores(self) -> pd.Series: ...
    @property
    def title(self) -> str: ...
    def ranked(self, n: int | None = None) -> pd.DataFrame:
        """The rows, best first."""
        ...

    def growth(self, n: int) -> pd.DataFrame:
        """The growth of 1 of the best rows by session, one column each, the best first."""
        ...


def sweep_figure(
    sweep: DrawnSweep, name: str, *, x: str | None, y: str | None, metric: str | None, n: int, theme: str
) -> Figure:
    """Draw the figure `name` of `sweep`: `heatmap`, `parallel` or `equity`."""
    if name not in FIGURES:
        raise RunError(
            f"figure was '{name}'{did_you_mean(name, FIGURES)}; allowed are {', '.join(FIGURES)}.",
            key="figure",
            value=name,
        )
    if not len(sweep.table):
        raise RunError("the sweep has no rows yet.", key="sweep")
    if name == "equity":
        growth = sweep.growth(n)
        dates = pd.DatetimeIndex(growth.index)
        return fan_figure(dates, growth.to_numpy(np.float64), 0, title=sweep.title, theme=theme)
    table = sweep.table.assign(**{sweep.objective: sweep.scores})
    shown = _column(sweep, table, metric or sweep.objective, "metric")
    varying = [own for own, values in zip(sweep.space.names, sweep.space.values, strict=True) if len(values) > 1]
    varying = varying or list(sweep.space.names)
    if name == "parallel":
        return parallel_figure(table, varying, shown, title=sweep.title, theme=theme)
    across = _column(sweep, table, x or varying[0], "x")
    others = [own for own in varying if own != across]
    up = _column(sweep, table, y, "y") if y is not None else (others[0] if others else None)
    return heatmap_figure(table, across, up, shown, title=sweep.title, theme=theme)


def _column(sweep: DrawnSweep, table: pd.DataFrame, name: str, key: str) -> str:
    known = [str(column) for column in table.columns] if key == "metric" else list(sweep.space.names)
    if name not in known:
        near = did_you_mean(name, known) or "."
        raise RunError(f"{key} was '{name}'{near} Allowed are {', '.join(known)}.", key=key, value=name)
    return name
