"""Exposure and correlation: what was held through time by instrument, and how the instruments move together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sptrader.plots.decimate import MAX_POINTS, extreme_indices, frame_times, time_text
from sptrader.plots.theme import theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def exposure_figure(
    held: pd.DataFrame, equity: pd.DataFrame, *, currency: str = "", title: str = "", theme: str = "light"
) -> Figure:
    """Draw `held`, the signed notional of each instrument (account currency), over the equity of the same marks.

    1 is a notional as large as the equity; shorts are below zero.
    """
    from plotly.graph_objects import Figure, Scatter

    colours = theme_named(theme)
    figure = Figure()
    marks = equity["equity"].to_numpy(np.float64)
    times = frame_times(equity)
    for number, symbol in enumerate(held.columns):
        share = held[symbol].to_numpy(np.float64) / np.where(marks > 0.0, marks, np.nan)
        chosen = extreme_indices(share, MAX_POINTS)
        colour = colours.won if number == 0 else colours.lines[number % len(colours.lines)]
        figure.add_trace(
            Scatter(
                x=time_text(times[chosen]),
                y=share[chosen],
                name=str(symbol),
                mode="lines",
                line={"color": colour, "width": 1.2, "shape": "hv"},
                hovertemplate=f"{symbol} %{{y:.1%}} of equity<extra></extra>",
            )
        )
    figure.update_yaxes(title="notional / equity", tickformat=".0%", zeroline=True, zerolinecolor=colours.candle)
    figure.update_xaxes(type="date")
    figure.update_layout(showlegend=len(held.columns) > 1, hovermode="x unified")
    return themed(figure, colours, height=230, title=title)


def correlation_figure(correlation: pd.DataFrame, *, title: str = "", theme: str = "light") -> Figure:
    """Draw a correlation matrix, from -1 over 0 to 1, each cell with its number."""
    from plotly.graph_objects import Figure, Heatmap

    colours = theme_named(theme)
    names = [str(name) for name in correlation.columns]
    values = correlation.to_numpy(np.float64)
    figure = Figure(
        Heatmap(
            x=names,
            y=names,
            z=values,
            zmin=-1.0,
            zmax=1.0,
            colorscale=[[0.0, colours.lost], [0.5, colours.paper], [1.0, colours.won]],
            text=[[f"{value:.2f}" for value in line] for line in values],
            texttemplate="%{text}",
            hovertemplate="%{y} and %{x}: %{z:.3f}<extra></extra>",
            xgap=2,
            ygap=2,
            showscale=False,
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False, side="bottom")
    return themed(figure, colours, height=90 + 42 * len(names), title=title)
