"""The comparison figure: the equity of several runs as gain over their starting cash, their drawdowns below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sptrader.plots.decimate import MAX_POINTS, closed_hours, extreme_indices, frame_times, time_range, time_text
from sptrader.plots.theme import theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DASHES = ("solid", "dash", "dot", "dashdot")


def comparison_figure(
    equities: Mapping[str, pd.DataFrame],
    cash: Mapping[str, float],
    *,
    theme: str = "light",
    title: str = "",
    max_points: int = MAX_POINTS,
) -> Figure:
    """Draw the equity tables (columns `time equity drawdown`) of several runs by label over one another.

    Each is a gain over its own `cash`, so that accounts of different size and currency stand on one scale.
    """
    from plotly.subplots import make_subplots

    colours = theme_named(theme)
    lines = (colours.won, colours.lost, *colours.lines)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.05)
    room = max(200, max_points // max(1, len(equities)))
    for number, (label, table) in enumerate(equities.items()):
        times = frame_times(table)
        style = {"color": lines[number % len(lines)], "width": 1.6, "dash": DASHES[number // len(lines) % len(DASHES)]}
        gain = table["equity"].to_numpy(np.float64) / cash[label] - 1.0
        below = -table["drawdown"].to_numpy(np.float64)
        for row, values in ((1, gain), (2, below)):
            chosen = extreme_indices(values, room)
            figure.add_scatter(
                x=time_text(times[chosen]),
                y=values[chosen],
                name=label,
                legendgroup=label,
                showlegend=row == 1,
                mode="lines",
                line=style,
                hovertemplate=f"{label} %{{y:.2%}}<extra></extra>",
                row=row,
                col=1,
            )
    every = pd.DatetimeIndex(np.unique(np.concatenate([frame_times(t).as_unit("ns").asi8 for t in equities.values()])))
    figure.update_xaxes(type="date", rangebreaks=closed_hours(every), range=time_range(every))
    figure.update_yaxes(title="gain over the start", tickformat="+.1~%", row=1, col=1)
    figure.update_yaxes(title="drawdown", tickformat=".1~%", rangemode="tozero", nticks=5, row=2, col=1)
    figure.update_layout(hovermode="x unified")
    return themed(figure, colours, height=460, title=title)
