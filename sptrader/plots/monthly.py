"""The monthly figure: the return of every month of every year, as a heatmap with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sptrader.plots.theme import Theme, theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ROW_HEIGHT = 34


def monthly_figure(monthly: pd.DataFrame, *, title: str = "", theme: str = "light") -> Figure:
    """Draw `performance.returns.monthly_table`: fractions, a row per year, columns `Jan` to `Dec` and `Year`.

    Colour saturates at the largest month, blue for gains and vermillion for losses; the year's column is numbers only.
    """
    from plotly.graph_objects import Figure

    colours = theme_named(theme)
    figure = Figure()
    add_monthly(figure, monthly, colours)
    height = 70 + ROW_HEIGHT * max(2, len(monthly))
    return themed(figure, colours, height=height, title=title)


def add_monthly(
    figure: Figure,
    monthly: pd.DataFrame,
    theme: Theme,
    *,
    side: str = "top",
    row: int | None = None,
    col: int | None = None,
) -> None:
    """Add the heatmap to a figure or a subplot of it, the months named at its `side` (`top` or `bottom`)."""
    from plotly.graph_objects import Heatmap

    columns = [str(name) for name in monthly.columns]
    years = [str(year) for year in monthly.index]
    values = monthly.to_numpy(np.float64)
    is_year = np.array([name == "Year" for name in columns])
    shaded = np.where(is_year, 0.0, values)
    shaded[np.isnan(values)] = np.nan
    largest = float(np.nanmax(np.abs(shaded))) if np.isfinite(shaded).any() else 0.0
    text = [["" if np.isnan(v) else short_percent(v) for v in line] for line in values]
    text = [[f"<b>{t}</b>" if t and year else t for t, year in zip(line, is_year, strict=True)] for line in text]
    figure.add_trace(
        Heatmap(
            x=columns,
            y=years,
            z=shaded,
            zmin=-(largest or 1.0),
            zmax=largest or 1.0,
            customdata=values,
            colorscale=[[0.0, theme.lost], [0.5, theme.paper], [1.0, theme.won]],
            showscale=False,
            xgap=2,
            ygap=2,
            text=text,
            texttemplate="%{text}",
            textfont={"size": 11},
            hovertemplate="%{x} %{y}: %{customdata:+.2%}<extra></extra>",
            hoverongaps=False,
        ),
        row=row,
        col=col,
    )
    figure.update_xaxes(type="category", side=side, showgrid=False, fixedrange=True, row=row, col=col)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, fixedrange=True, row=row, col=col)


def short_percent(value: float) -> str:
    """Return a return in five letters: a decimal below 10%, none from there on."""
    return f"{value:+.1%}" if abs(value) < 0.0995 else f"{value:+.0%}"
