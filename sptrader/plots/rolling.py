"""The rolling figure: Sharpe ratio, volatility and return of the last sessions, through time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sptrader.plots.theme import theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_PANELS = (("sharpe", "Sharpe", ".2f"), ("volatility", "volatility", ".1%"), ("return", "return", ".1%"))


def rolling_figure(table: pd.DataFrame, *, window: int, title: str = "", theme: str = "light") -> Figure:
    """Draw the columns `sharpe volatility return` of a rolling table over `window` sessions, indexed by trading day."""
    from plotly.subplots import make_subplots

    colours = theme_named(theme)
    figure = make_subplots(rows=len(_PANELS), cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for row, (column, name, form) in enumerate(_PANELS, start=1):
        figure.add_scatter(
            x=pd.DatetimeIndex(table.index).tz_localize(None),
            y=table[column].to_numpy(np.float64),
            name=name,
            line={"color": colours.won if column == "sharpe" else colours.candle, "width": 1.5},
            hovertemplate=f"%{{y:{form}}}",
            row=row,
            col=1,
        )
        figure.update_yaxes(title_text=name, tickformat=form, zeroline=True, row=row, col=1)
    figure.update_layout(hovermode="x unified", showlegend=False)
    return themed(figure, colours, height=420, title=title or f"Last {window} sessions")
