"""The price figure: candles, indicators and the trades that were made on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.plots.decimate import (
    MAX_POINTS,
    Candles,
    candles,
    closed_hours,
    common_decimals,
    extreme_indices,
    time_range,
    time_text,
)
from sptrader.plots.marks import add_trades
from sptrader.plots.theme import Theme, theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]

PRICE_HEIGHT = 430
PANEL_HEIGHT = 120


def price_figure(
    bars: pd.DataFrame,
    trades: pd.DataFrame | None = None,
    indicators: Mapping[str, Floats] | None = None,
    *,
    title: str = "",
    theme: str = "light",
    max_points: int = MAX_POINTS,
) -> Figure:
    """Draw the candles of `bars` with `indicators` (aligned with the bars) and the entries and exits of `trades`.

    Indicators on the scale of the price lie on the candles; the others get a panel below, one for each component. More
    bars than `max_points` are aggregated to longer candles, lines keep the extremes of each stretch. Nights, weekends
    and holidays take no room.
    """
    from plotly.subplots import make_subplots

    colours = theme_named(theme)
    lines = {name: np.asarray(values, np.float64) for name, values in (indicators or {}).items()}
    on_price = [name for name, values in lines.items() if is_on_price(values, bars)]
    panels = panel_names([name for name in lines if name not in on_price])
    heights = [PRICE_HEIGHT, *[PANEL_HEIGHT] * len(panels)]
    figure = make_subplots(rows=len(heights), cols=1, row_heights=heights, vertical_spacing=18 / sum(heights))
    overlays = {name: lines[name] for name in on_price}
    drawn = add_price(figure, bars, overlays, colours, row=1, max_points=max_points)
    trading_time(figure, bars, drawn, rows=range(1, len(heights) + 1))
    if trades is not None and len(trades):
        add_trades(figure, trades, colours, row=1)
    colour = len(on_price)
    for row, (panel, names) in enumerate(panels.items(), start=2):
        for name in names:
            add_line(
                figure, bars.index, lines[name], name, _line_colour(colours, colour), row=row, max_points=max_points
            )
            colour += 1
        figure.update_yaxes(title=panel, row=row, col=1, nticks=5)
    figure.update_layout(hovermode="closest")
    return themed(figure, colours, height=sum(heights), title=title)


def add_price(
    figure: Figure,
    bars: pd.DataFrame,
    overlays: Mapping[str, Floats],
    theme: Theme,
    *,
    row: int,
    col: int = 1,
    max_points: int = MAX_POINTS,
) -> Candles:
    """Add candles and the lines on them to a subplot, cut out the closed hours, and return what was drawn."""
    from plotly.graph_objects import Candlestick

    drawn = candles(bars, max_points)
    decimals = common_decimals(drawn.close)
    label = "price" if drawn.bars_each == 1 else f"price ({drawn.bars_each} bars a candle)"
    figure.add_trace(
        Candlestick(
            x=time_text(drawn.time),
            open=drawn.open,
            high=drawn.high,
            low=drawn.low,
            close=drawn.close,
            name=label,
            increasing={"line": {"color": theme.candle, "width": 1}, "fillcolor": theme.rising},
            decreasing={"line": {"color": theme.candle, "width": 1}, "fillcolor": theme.falling},
            whiskerwidth=0,
        ),
        row=row,
        col=col,
    )
    for number, (name, values) in enumerate(overlays.items()):
        colour = _line_colour(theme, number)
        add_line(figure, bars.index, values, name, colour, row=row, col=col, max_points=max_points)
    figure.update_yaxes(tickformat=f".{min(decimals, 4)}f", hoverformat=f".{decimals}f", row=row, col=col)
    return drawn


def add_line(
    figure: Figure,
    times: pd.Index,
    values: Floats,
    name: str,
    colour: str,
    *,
    row: int,
    col: int = 1,
    max_points: int = MAX_POINTS,
) -> None:
    """Add one indicator's line to a subplot, drawn by the extremes of each stretch."""
    from plotly.graph_objects import Scatter

    defined = np.flatnonzero(~np.isnan(values))
    first = int(defined[0]) if len(defined) else 0
    chosen = first + extreme_indices(values[first:], max_points)
    figure.add_trace(
        Scatter(
            x=time_text(pd.DatetimeIndex(times[chosen])),
            y=values[chosen],
            name=name,
            mode="lines",
            line={"color": colour, "width": 1.4},
            hovertemplate=f"{name} %{{y:,.6~g}}<extra></extra>",
        ),
        row=row,
        col=col,
    )


def trading_time(figure: Figure, bars: pd.DataFrame, drawn: Candles, *, rows: Sequence[int], col: int = 1) -> None:
    """Give the subplots of `rows` one time axis without the hours in which `bars` did not trade, named at the last."""
    times = pd.DatetimeIndex(bars.index)
    breaks = closed_hours(times, drawn.bars_each * usual_step(times))
    first = next(figure.select_xaxes(row=rows[0], col=col)).plotly_name.replace("xaxis", "x")
    axis = {"type": "date", "rangeslider_visible": False, "rangebreaks": breaks, "range": time_range(times)}
    for row in rows:
        figure.update_xaxes(**axis, row=row, col=col)
        figure.update_xaxes(showticklabels=row == rows[-1], matches=None if row == rows[0] else first, row=row, col=col)


def is_on_price(values: Floats, bars: pd.DataFrame) -> bool:
    """Whether an indicator is a price that follows the price: inside its range, and moving with it.

    The range alone would put an RSI on a share that costs 50; the correlation keeps it off.
    """
    close = bars["close"].to_numpy(np.float64)
    known = np.isfinite(values) & np.isfinite(close)
    if known.sum() < 3:
        return False
    line, price = values[known], close[known]
    low, high = float(price.min()), float(price.max())
    room = 0.5 * (high - low)
    inside = np.mean((line >= low - room) & (line <= high + room))
    if inside < 0.9 or np.std(price) == 0.0:
        return bool(inside >= 0.9)
    return bool(np.std(line) > 0.0 and np.corrcoef(line, price)[0, 1] > 0.5)


def panel_names(names: list[str]) -> dict[str, list[str]]:
    """Group lines off the price by component: `macd.signal` and `macd.histogram` share the panel `macd`."""
    panels: dict[str, list[str]] = {}
    for name in names:
        panels.setdefault(name.partition(".")[0], []).append(name)
    return panels


def usual_step(times: pd.DatetimeIndex) -> pd.Timedelta:
    """Return the median distance between `times`, nothing for fewer than two."""
    ns = np.asarray(times.as_unit("ns").asi8)
    return pd.Timedelta(int(np.median(np.diff(ns))) if len(ns) > 1 else 0)


def _line_colour(theme: Theme, number: int) -> str:
    return theme.lines[number % len(theme.lines)]
