"""Chart: a Plotly figure on the page that zooms, clicks, follows the theme, and is current wherever it is opened again.

Not `plotly.FigureWidget`: that shows a reopened notebook the figure as it was constructed and sends its 5 MB script with
every instance. Here the figure is one synced trait, always the current one, and the vendored script of the reports travels
once for each page, gzipped, in the state of one `PlotlyScript`; a browser that does not know that one asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from sptrader.plots.display import figure_json
from sptrader.plots.theme import DARK, LIGHT
from sptrader.runs.page import plotly_script

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_ASSETS = Path(__file__).parent / "assets"


class PlotlyScript(anywidget.AnyWidget):
    """Carries the gzipped script that all charts of a page draw with."""

    _esm = "export default {};"
    packed = traitlets.Bytes().tag(sync=True)


class Chart(anywidget.AnyWidget):
    """Shows `figure`; `on_window(from, to)` hears of a zoom along the time axis (nothing: all), `on_click` of a point.

    The handlers are called with plain values: times as the browser writes them, and a click's `trace`, `x`, `y`, `at`
    (the point's customdata).
    """

    _esm = _ASSETS / "chart.js"
    figure = traitlets.Dict().tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)
    label = traitlets.Unicode("chart").tag(sync=True)
    script = traitlets.Unicode().tag(sync=True)
    colours = traitlets.Dict().tag(sync=True)
    is_windowed = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        figure: Figure | None = None,
        *,
        label: str = "chart",
        on_window: Callable[[str | None, str | None], None] | None = None,
        on_click: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._on_window, self._on_click = on_window, on_click
        plain = {"data": [], "layout": {}} if figure is None else figure_json(figure)
        super().__init__(
            figure=plain,
            label=label,
            script=_script().model_id,
            colours=dict(dark_colours()),
            is_windowed=on_window is not None,
            version=0 if figure is None else 1,
        )
        self.on_msg(self._heard)

    def show(self, figure: Figure) -> None:
        """Show another figure in place of the one that is shown."""
        with self.hold_sync():
            self.figure = figure_json(figure)
            self.version += 1

    def _heard(self, _: object, content: Mapping[str, Any], __: object) -> None:
        if content.get("kind") == "window" and self._on_window is not None:
            self._on_window(content["from"], content["to"])
        elif content.get("kind") == "click" and self._on_click is not None:
            self._on_click(content)
        elif content.get("kind") == "script":
            self.send({"kind": "script"}, [plotly_script().packed])


@lru_cache(maxsize=1)
def dark_colours() -> tuple[tuple[str, str], ...]:
    """Return each colour of the light theme with its counterpart in the dark one, also as they are written with alpha."""
    pairs: dict[str, str] = {}
    for name in (f.name for f in fields(LIGHT) if f.name != "name"):
        light, dark = getattr(LIGHT, name), getattr(DARK, name)
        together = zip(light, dark, strict=True) if isinstance(light, tuple) else [(light, dark)]
        for a, b in together:
            pairs.setdefault(a, b)
            pairs.setdefault(_with_alpha(a), _with_alpha(b))
    return tuple(pairs.items())


def _with_alpha(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},"


_scripts: list[PlotlyScript] = []


def _script() -> PlotlyScript:
    """The one script of this process; another when something closed it."""
    if not _scripts or _scripts[-1].comm is None:
        _scripts.append(PlotlyScript(packed=plotly_script().packed))
    return _scripts[-1]
