"""The trade figures: the result of each trade in its order with their sum, and how the results are distributed."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.plots.decimate import MAX_POINTS, extreme_indices
from sptrader.plots.marks import trade_text
from sptrader.plots.theme import Theme, theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]


def trade_pnl_figure(trades: pd.DataFrame, *, currency: str = "", title: str = "", theme: str = "light") -> Figure:
    """Draw the net P&L of each of `trades`, the sum so far, and beside them how many trades ended where.

    Beyond 2,000 trades the bars of each stretch's extremes are drawn; the distribution always counts all of them.
    """
    from plotly.subplots import make_subplots

    colours = theme_named(theme)
    figure = make_subplots(rows=1, cols=2, column_widths=[0.72, 0.28], shared_yaxes=False, horizontal_spacing=0.08)
    add_trade_bars(figure, trades, colours, row=1, col=1, currency=currency)
    add_distribution(figure, trades, colours, row=1, col=2, currency=currency)
    figure.update_layout(barmode="overlay", hovermode="closest")
    return themed(figure, colours, height=320, title=title)


def add_trade_bars(
    figure: Figure,
    trades: pd.DataFrame,
    theme: Theme,
    *,
    row: int,
    col: int,
    currency: str = "",
    has_legend: bool = True,
) -> None:
    """Add a bar for each trade and the running sum of all of them to a subplot."""
    from plotly.graph_objects import Bar, Scatter

    pnl = trades["pnl"].to_numpy(np.float64)
    total = np.cumsum(pnl)
    chosen = extreme_indices(pnl, MAX_POINTS)
    records = trades.iloc[chosen].to_dict("records")
    text = np.array([trade_text(trade) for trade in records], dtype=object)
    has_won = pnl[chosen] > 0.0
    for is_shown, name, colour in ((has_won, "won", theme.won), (~has_won, "lost", theme.lost)):
        if is_shown.any():
            bars = Bar(
                x=chosen[is_shown] + 1,
                y=pnl[chosen][is_shown],
                name=name,
                showlegend=has_legend,
                marker={"color": colour, "line": {"width": 0}},
                text=text[is_shown].tolist(),
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
            figure.add_trace(bars, row=row, col=col)
    line = extreme_indices(total, MAX_POINTS)
    running = Scatter(
        x=line + 1,
        y=total[line],
        name="sum of all so far",
        showlegend=has_legend,
        mode="lines",
        line={"color": theme.accent, "width": 1.4},
        hovertemplate="after trade %{x}: %{y:+,.2f}<extra></extra>",
    )
    figure.add_trace(running, row=row, col=col)
    figure.update_xaxes(title="trade", tickformat=",d", row=row, col=col)
    figure.update_yaxes(title=f"net P&L, {currency}" if currency else "net P&L", row=row, col=col)
    figure.update_yaxes(zeroline=True, zerolinecolor=theme.candle, tickformat=",~f", row=row, col=col)


def add_distribution(
    figure: Figure, trades: pd.DataFrame, theme: Theme, *, row: int, col: int, currency: str = ""
) -> None:
    """Add how many trades ended in each range of P&L to a subplot; zero is always an edge between two ranges."""
    from plotly.graph_objects import Bar

    edges, counts = distribution(trades["pnl"].to_numpy(np.float64))
    centres, width = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    has_won = centres > 0.0
    ranges = [f"{a:+,.0f} to {b:+,.0f}" for a, b in pairwise(edges)]
    for is_shown, name, colour in ((has_won, "won", theme.won), (~has_won, "lost", theme.lost)):
        if is_shown.any():
            bars = Bar(
                x=centres[is_shown],
                y=counts[is_shown],
                width=width[is_shown] * 0.94,
                name=name,
                showlegend=False,
                marker={"color": colour, "line": {"width": 0}},
                customdata=np.array(ranges, dtype=object)[is_shown].tolist(),
                hovertemplate="%{y} trades, %{customdata}<extra></extra>",
            )
            figure.add_trace(bars, row=row, col=col)
    figure.update_xaxes(title=f"net P&L, {currency}" if currency else "net P&L", tickformat=",~f", row=row, col=col)
    figure.update_yaxes(title="trades", rangemode="tozero", tickformat=",d", nticks=6, row=row, col=col)


def distribution(pnl: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the edges (n + 1,) of equally wide ranges, zero among them, and how many of `pnl` lie in each (n,).

    The width follows Freedman and Diaconis, held to between 6 and 40 ranges. A loss of exactly zero counts as lost, as
    everywhere: each range holds what is above its lower edge up to and with its upper one.
    """
    if len(pnl) == 0:
        return np.array([0.0, 1.0]), np.zeros(1, np.int64)
    low, high = min(float(pnl.min()), 0.0), max(float(pnl.max()), 0.0)
    span = (high - low) or 1.0
    spread = float(np.subtract(*np.percentile(pnl, [75, 25])))
    width = 2.0 * spread / len(pnl) ** (1 / 3)
    width = min(max(width, span / 40), span / 6)
    first, last = int(np.floor(low / width)), max(int(np.ceil(high / width)), int(np.floor(low / width)) + 1)
    edges = np.arange(first, last + 1) * width
    ranks = np.clip(np.ceil(pnl / width).astype(np.int64) - 1 - first, 0, last - first - 1)
    return edges, np.bincount(ranks, minlength=last - first)
