"""Price: the chart of one instrument with trades, signals and indicators, aggregated anew for every window of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ipywidgets as widgets
import pandas as pd

from sptrader.plots.scene import PriceScene, price_scene, scene_figure
from sptrader.runs.run import Run
from sptrader.views.chart import Chart
from sptrader.views.desk import Desk
from sptrader.views.look import button, column, row, show

_MAX_CANDLES = 1000  # the chart is some 800 pixels wide; twice as many cost twice the time
_SPANS = (("day", 1), ("week", 7), ("month", 31), ("quarter", 92), ("all", 0))


class PriceChart:
    """Shows a scene; zooming asks the desk for the window's figure. `on_pick(time)` hears of a clicked bar or mark."""

    def __init__(self, desk: Desk, *, on_pick: Callable[[pd.Timestamp], object] | None = None) -> None:
        self._desk, self._on_pick = desk, on_pick
        self._scene: PriceScene | None = None
        self._window: tuple[pd.Timestamp | None, pd.Timestamp | None] = (None, None)
        self._marked: pd.Timestamp | None = None
        self.chart = Chart(label="price with trades", on_window=self._zoomed, on_click=self._clicked)
        spans = [button(name, partial(self._span, days), tooltip=f"Show one {name}") for name, days in _SPANS]
        self._symbols = widgets.Dropdown(options=[], layout=widgets.Layout(width="110px"))
        self._symbols.observe(lambda _: desk.do(self._another), names="value")
        self._run: Run | None = None
        self.view = column(row(self._symbols, *spans, classes=["sp-tools"]), self.chart)

    def show(self, run: Run) -> None:
        """Show the first instrument of a run, all of its bars."""
        self._run = None
        self._symbols.options = list(run.bars)
        self._symbols.value = next(iter(run.bars))
        show(self._symbols, len(run.bars) > 1)
        self._run = run
        self._another()

    def point(self, time: pd.Timestamp, symbol: str, n_bars: int = 60) -> None:
        """Show the bars around `time` and mark it."""
        if self._run is None or self._scene is None:
            return
        if symbol != self._symbols.value:
            self._scene = run_scene(self._run, symbol)
        times = pd.DatetimeIndex(self._scene.bars.index)
        at = int(times.searchsorted(time))
        self._marked = time
        self._window = (times[max(at - n_bars, 0)], times[min(at + n_bars, len(times) - 1)])
        self._draw()

    def _another(self) -> None:
        if self._run is not None and self._symbols.value is not None:
            self._scene = run_scene(self._run, self._symbols.value)
            self._window, self._marked = (None, None), None
            self._draw()

    def _span(self, days: int) -> None:
        """The last `days` before the end of what is shown; all for none."""
        if self._scene is None:
            return
        end = self._window[1] or self._scene.bars.index[-1]
        self._window = (end - pd.Timedelta(days=days), end) if days else (None, None)
        self._desk.do_latest(f"window {id(self)}", self._draw)

    def _zoomed(self, start: str | None, end: str | None) -> None:
        ends = (None, None) if start is None or end is None else (_moment(start), _moment(end))
        self._window = ends
        self._desk.do_latest(f"window {id(self)}", self._draw)

    def _draw(self) -> None:
        if self._scene is not None:
            self.chart.show(scene_figure(self._scene, *self._window, marked=self._marked, max_points=_MAX_CANDLES))

    def _clicked(self, click: Mapping[str, Any]) -> None:
        moment = click.get("at") if isinstance(click.get("at"), str) else click.get("x")
        if self._on_pick is not None and isinstance(moment, str):
            self._desk.do_latest(f"pick {id(self)}", self._on_pick, _moment(moment))


def run_scene(run: Run, symbol: str) -> PriceScene:
    """Return what a run has to draw of one instrument: bars, trades, indicators, its signals and refused decisions."""
    signals = run.signals[run.signals["symbol"] == symbol]
    refused = run.decisions[(run.decisions["symbol"] == symbol) & (run.decisions["outcome"] == "refused")]
    fired = zip(signals["type"], signals["strength"], strict=True)
    told = [f"{str(kind).replace('_', ' ')}, strength {strength:.3g}" for kind, strength in fired]
    why = [f"refused: {str(reason).replace('_', ' ')}" for reason in refused["reason"]]
    events = pd.DataFrame(
        {
            "time": pd.concat([signals["time"], refused["time"]], ignore_index=True),
            "kind": ["signal"] * len(signals) + ["refused"] * len(refused),
            "text": [*told, *why],
        }
    )
    trades = run.trades[run.trades["symbol"] == symbol]
    return price_scene(run.bars[symbol], trades, run.columns.get(symbol, {}), events)


def _moment(text: str) -> pd.Timestamp:
    found = pd.Timestamp(text)
    return found.tz_localize("UTC") if found.tzinfo is None else found.tz_convert("UTC")
