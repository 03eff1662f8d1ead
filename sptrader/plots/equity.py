"""The equity figure: the account marked to market, buy and hold beside it, the drawdown below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.plots.decimate import MAX_POINTS, closed_hours, extreme_indices, frame_times, time_range, time_text
from sptrader.plots.theme import Theme, theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]


def equity_figure(
    equity: pd.DataFrame,
    benchmark: Floats | None = None,
    *,
    currency: str = "",
    title: str = "",
    theme: str = "light",
    max_points: int = MAX_POINTS,
) -> Figure:
    """Draw the columns `equity` and `drawdown` of a run's equity table, and `benchmark`: (n,), account currency."""
    from plotly.subplots import make_subplots

    colours = theme_named(theme)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.05)
    add_equity(figure, equity, benchmark, colours, row=1, currency=currency, max_points=max_points)
    add_drawdown(figure, equity, colours, row=2, max_points=max_points)
    times = frame_times(equity)
    figure.update_xaxes(type="date", rangebreaks=closed_hours(times), range=time_range(times))
    figure.update_layout(hovermode="x unified")
    return themed(figure, colours, height=420, title=title)


def add_equity(
    figure: Figure,
    equity: pd.DataFrame,
    benchmark: Floats | None,
    theme: Theme,
    *,
    row: int,
    col: int = 1,
    currency: str = "",
    max_points: int = MAX_POINTS,
) -> None:
    """Add the equity and its benchmark to a subplot."""
    times = frame_times(equity)
    lines = [("equity", equity["equity"].to_numpy(np.float64), {"color": theme.won, "width": 1.8})]
    if benchmark is not None:
        values = np.asarray(benchmark, np.float64)
        lines.insert(0, ("buy and hold", values, {"color": theme.candle, "width": 1.2}))
    for name, values, line in lines:
        figure.add_trace(_line(times, values, name, line, "%{y:,.2f}", max_points), row=row, col=col)
    figure.update_yaxes(title=f"equity, {currency}" if currency else "equity", tickformat=",~f", row=row, col=col)


def add_drawdown(
    figure: Figure, equity: pd.DataFrame, theme: Theme, *, row: int, col: int = 1, max_points: int = MAX_POINTS
) -> None:
    """Add how far the equity is below its highest to a subplot, downwards, with its deepest point named."""
    times = frame_times(equity)
    below = -equity["drawdown"].to_numpy(np.float64)
    trace = _line(times, below, "drawdown", {"color": theme.lost, "width": 1.2}, "%{y:.2%}", max_points)
    trace.update(fill="tozeroy", fillcolor=_faint(theme.lost), showlegend=False)
    figure.add_trace(trace, row=row, col=col)
    figure.update_yaxes(title="drawdown", tickformat=".1~%", row=row, col=col, rangemode="tozero", nticks=5)
    if len(below) and np.nanmin(below) < 0:
        worst = int(np.nanargmin(below))
        figure.add_annotation(
            x=str(time_text(times[worst : worst + 1])[0]),
            y=float(below[worst]),
            text=f"−{-below[worst]:.1%}",
            showarrow=False,
            yshift=-9,
            font={"size": 11, "color": theme.lost},
            row=row,
            col=col,
        )


def buy_and_hold(bars: Mapping[str, pd.DataFrame], times: pd.DatetimeIndex, cash: float) -> Floats:
    """Return what `cash`, spread equally over the instruments at the first of `times`, is worth at each of them.

    Quote-currency prices as they are: for a chart beside the equity, not for an account. An instrument that has not
    traded yet counts with its money unchanged.
    """
    parts = []
    for frame in bars.values():
        close = frame["close"].reindex(frame.index.union(times)).ffill().reindex(times).to_numpy(np.float64)
        known = np.flatnonzero(np.isfinite(close))
        first = close[known[0]] if len(known) else np.nan
        parts.append(np.nan_to_num(close / first, nan=1.0))
    return np.asarray(cash * np.mean(parts, axis=0) if parts else np.full(len(times), cash), np.float64)


def _line(
    times: pd.DatetimeIndex, values: Floats, name: str, line: dict[str, object], number: str, max_points: int
) -> Any:
    from plotly.graph_objects import Scatter

    chosen = extreme_indices(values, max_points)
    return Scatter(
        x=time_text(times[chosen]),
        y=values[chosen],
        name=name,
        mode="lines",
        line=line,
        hovertemplate=f"{name} {number}<extra></extra>",
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"
