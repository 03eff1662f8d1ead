"""The scene: everything that is drawn on one instrument's price, and the figure of any window of it.

A window's bars are aggregated anew to at most 2,000 candles, so that a million bars cost what two thousand do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.plots.decimate import MAX_POINTS, time_text
from sptrader.plots.marks import add_trades
from sptrader.plots.price import add_line, add_price, is_on_price, panel_names, trading_time
from sptrader.plots.theme import Theme, theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]

PRICE_HEIGHT = 400
PANEL_HEIGHT = 110
MAX_EVENTS = 500
MAX_TRADES = 500  # drawn in one window, the largest
_EVENTS = ("signal", "refused")


@dataclass(frozen=True, eq=False)
class PriceScene:
    """What there is to draw: `bars`, `trades` (SPEC's table) on them, `lines` (n,) by name, and `events`.

    `events` has columns `time` (a bar's opening time), `kind` (`signal` or `refused`) and `text`. `on_price` are the
    lines on the scale of the price; the others get panels. Both are settled over all bars, so that zooming moves nothing.
    """

    bars: pd.DataFrame
    trades: pd.DataFrame
    lines: Mapping[str, Floats]
    on_price: frozenset[str]
    events: pd.DataFrame


def price_scene(
    bars: pd.DataFrame,
    trades: pd.DataFrame,
    indicators: Mapping[str, Floats] | None = None,
    events: pd.DataFrame | None = None,
) -> PriceScene:
    """Settle what is drawn of one instrument; `indicators` are aligned with `bars`."""
    lines = {name: np.asarray(values, np.float64) for name, values in (indicators or {}).items()}
    on_price = frozenset(name for name, values in lines.items() if is_on_price(values, bars))
    none = pd.DataFrame({"time": bars.index[:0], "kind": [], "text": []})
    return PriceScene(bars, trades, lines, on_price, none if events is None else events)


def scene_figure(
    scene: PriceScene,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
    *,
    marked: pd.Timestamp | None = None,
    theme: str = "light",
    max_points: int = MAX_POINTS,
) -> Figure:
    """Draw the bars that open in [`start`, `end`] with what belongs to them; `marked` is a bar to point out.

    A window without a bar shows all of them.
    """
    from plotly.subplots import make_subplots

    colours = theme_named(theme)
    first, last = _window(scene.bars, start, end)
    bars = scene.bars.iloc[first:last]
    lines = {name: values[first:last] for name, values in scene.lines.items()}
    panels = panel_names([name for name in lines if name not in scene.on_price])
    heights = [PRICE_HEIGHT, *[PANEL_HEIGHT] * len(panels)]
    figure = make_subplots(rows=len(heights), cols=1, row_heights=heights, vertical_spacing=18 / sum(heights))
    overlays = {name: values for name, values in lines.items() if name in scene.on_price}
    drawn = add_price(figure, bars, overlays, colours, row=1, max_points=max_points)
    trading_time(figure, bars, drawn, rows=range(1, len(heights) + 1))
    times = pd.DatetimeIndex(bars.index)
    _add_events(figure, _between(scene.events, "time", "time", times), bars, colours)
    trades = _between(scene.trades, "entry_time", "exit_time", times)
    if len(trades):
        add_trades(figure, trades, colours, row=1, max_trades=MAX_TRADES)
    colour = len(overlays)
    for row, (panel, names) in enumerate(panels.items(), start=2):
        for name in names:
            line = colours.lines[colour % len(colours.lines)]
            add_line(figure, bars.index, lines[name], name, line, row=row, max_points=max_points)
            colour += 1
        figure.update_yaxes(title=panel, row=row, col=1, nticks=5)
    if start is not None and end is not None and (first, last) != (0, len(scene.bars)):
        figure.update_xaxes(range=time_text(pd.DatetimeIndex([start, end])).tolist())
    if marked is not None:
        moment = str(time_text(pd.DatetimeIndex([marked]))[0])
        figure.add_vline(x=moment, line={"color": colours.accent, "width": 1, "dash": "dot"})
    figure.update_layout(hovermode="closest", dragmode="zoom")
    return themed(figure, colours, height=sum(heights))


def _window(bars: pd.DataFrame, start: pd.Timestamp | None, end: pd.Timestamp | None) -> tuple[int, int]:
    times = pd.DatetimeIndex(bars.index)
    first = 0 if start is None else int(times.searchsorted(start, side="left"))
    last = len(times) if end is None else int(times.searchsorted(end, side="right"))
    return (first, last) if last - first > 1 else (0, len(times))


def _between(table: pd.DataFrame, begins: str, ends: str, times: pd.DatetimeIndex) -> pd.DataFrame:
    """The rows that reach into the time of the bars."""
    if len(table) == 0 or len(times) == 0:
        return table.iloc[:0]
    return table[(table[ends] >= times[0]) & (table[begins] <= times[-1])]


def _add_events(figure: Figure, events: pd.DataFrame, bars: pd.DataFrame, theme: Theme) -> None:
    """Add signals and refused decisions as small marks at the close of their bars; a click tells the bar's time."""
    looks: dict[str, dict[str, Any]] = {
        "signal": {"symbol": "diamond", "color": theme.lines[2], "size": 6},
        "refused": {"symbol": "x-thin", "color": theme.lost, "size": 7, "line": {"color": theme.lost, "width": 1.6}},
    }
    times = pd.DatetimeIndex(bars.index)
    for kind in _EVENTS:
        chosen = events[events["kind"] == kind]
        if len(chosen) == 0:
            continue
        step = -(-len(chosen) // MAX_EVENTS)
        note = "" if step == 1 else f" (one in {step} of {len(chosen):,})"
        chosen = chosen.iloc[::step]
        at = times.get_indexer(pd.DatetimeIndex(chosen["time"]), method="ffill")
        texts = time_text(pd.DatetimeIndex(chosen["time"]))
        figure.add_scatter(
            x=texts,
            y=bars["close"].to_numpy(np.float64)[np.maximum(at, 0)],
            mode="markers",
            name=f"{kind}{note}",
            marker=looks[kind],
            customdata=texts.tolist(),
            text=chosen["text"].tolist(),
            hovertemplate="%{text}<extra></extra>",
            row=1,
            col=1,
        )
