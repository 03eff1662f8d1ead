"""The dashboard: price with trades, equity, drawdown, months and trade results of one run in one figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.plots.decimate import MAX_POINTS
from sptrader.plots.equity import add_drawdown, add_equity
from sptrader.plots.marks import add_trades
from sptrader.plots.monthly import add_monthly
from sptrader.plots.price import add_price, is_on_price, trading_time
from sptrader.plots.theme import theme_named, themed
from sptrader.plots.trades import add_trade_bars

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]

HEIGHT = 940


def dashboard(
    bars: pd.DataFrame,
    trades: pd.DataFrame,
    equity: pd.DataFrame,
    *,
    monthly: pd.DataFrame,
    indicators: Mapping[str, Floats] | None = None,
    benchmark: Floats | None = None,
    currency: str = "",
    title: str = "",
    theme: str = "light",
    max_points: int = MAX_POINTS,
) -> Figure:
    """Draw everything about a run on one instrument's `bars`: what the single figures show, on one time axis.

    Indicators that do not lie on the price are left to `price_figure`.
    """
    from plotly.subplots import make_subplots

    colours = theme_named(theme)
    wide = {"colspan": 2}
    figure = make_subplots(
        rows=4,
        cols=2,
        specs=[[wide, None], [wide, None], [wide, None], [{}, {}]],
        row_heights=[0.42, 0.2, 0.12, 0.26],
        column_widths=[0.55, 0.45],
        vertical_spacing=0.045,
        horizontal_spacing=0.09,
    )
    lines = {name: np.asarray(values, np.float64) for name, values in (indicators or {}).items()}
    overlays = {name: values for name, values in lines.items() if is_on_price(values, bars)}
    drawn = add_price(figure, bars, overlays, colours, row=1, max_points=max_points)
    trading_time(figure, bars, drawn, rows=(1, 2, 3))
    if len(trades):
        add_trades(figure, trades, colours, row=1)
    add_equity(figure, equity, benchmark, colours, row=2, currency=currency, max_points=max_points)
    add_drawdown(figure, equity, colours, row=3, max_points=max_points)
    add_monthly(figure, monthly, colours, side="bottom", row=4, col=1)
    _low_rows(figure, n_years=len(monthly))
    if len(trades):
        add_trade_bars(figure, trades, colours, row=4, col=2, currency=currency, has_legend=False)
    return themed(figure, colours, height=HEIGHT, title=title)


def _low_rows(figure: Figure, *, n_years: int) -> None:
    """Keep the rows of the heatmap as low as they would be with six years."""
    axis = next(figure.select_yaxes(row=4, col=1))
    low, high = axis.domain
    axis.domain = (high - (high - low) * min(1.0, max(n_years, 1) / 6), high)
