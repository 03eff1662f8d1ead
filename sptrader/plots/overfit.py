"""The overfit panel: the Sharpe ratio against what luck would show, the logits of the splits, the best among its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sptrader.performance.overfit import BacktestOverfitting, DeflatedSharpe
from sptrader.performance.stability import Stability
from sptrader.plots.theme import MARGIN, theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BINS = 40


def overfit_figure(
    deflated: DeflatedSharpe,
    pbo: BacktestOverfitting | None,
    found: Stability,
    *,
    title: str = "",
    theme: str = "light",
) -> Figure:
    """Draw the three parts side by side; without `pbo` the middle one says so."""
    from plotly.graph_objects import Bar
    from plotly.subplots import make_subplots

    colours = theme_named(theme)
    pbo_title = (
        "too few sessions or rows to split" if pbo is None else f"overfitting in {pbo.probability:.0%} of splits"
    )
    figure = make_subplots(
        rows=1,
        cols=3,
        horizontal_spacing=0.09,
        subplot_titles=(f"deflated Sharpe {deflated.probability:.2f}", pbo_title, "best and its neighbours"),
    )
    figure.add_trace(
        Bar(
            x=["best", "luck's best"],
            y=[deflated.sharpe, deflated.expected_max],
            marker={"color": [colours.won, colours.candle]},
            text=[f"{deflated.sharpe:.3f}", f"{deflated.expected_max:.3f}"],
            hovertemplate="%{x}: %{y:.4f} a session<extra></extra>",
        ),
        row=1,
        col=1,
    )
    figure.update_yaxes(title="Sharpe ratio, a session", row=1, col=1)
    if pbo is not None:
        counts, edges = np.histogram(pbo.logits, bins=BINS)
        centres = (edges[:-1] + edges[1:]) / 2
        figure.add_trace(
            Bar(
                x=centres,
                y=counts,
                width=np.diff(edges),
                marker={"color": [colours.lost if c <= 0 else colours.won for c in centres]},
                hovertemplate="logit %{x:.2f}: %{y} splits<extra></extra>",
            ),
            row=1,
            col=2,
        )
        figure.update_xaxes(title="rank of the best out of sample, logit", row=1, col=2)
        figure.update_yaxes(title="splits", row=1, col=2)
    figure.add_trace(
        Bar(
            x=["best", "median", "worst"],
            y=[found.best, found.median, found.worst],
            marker={"color": [colours.won, colours.candle, colours.lost]},
            hovertemplate="%{x}: %{y:.4g}<extra></extra>",
        ),
        row=1,
        col=3,
    )
    figure.update_yaxes(title="objective", row=1, col=3)
    figure.update_layout(showlegend=False)
    figure = themed(figure, colours, height=330, title=title)
    return figure.update_layout(margin={**MARGIN, "t": 80 if title else 56})  # the buttons stand above the headings
