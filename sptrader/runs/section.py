"""Section: one piece of a run to look at, in a notebook, in a report and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sptrader.plots.display import PLOTLY_MIME, figure_json
from sptrader.plots.parts import STYLE

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

METRICS_MIME = "application/vnd.sptrader.metrics+json"


@dataclass(frozen=True)
class Section:
    """One piece of a run to look at: a `title`, and a `figure` or `html`; `data` travels with it for programs.

    A notebook shows it as the last expression of a cell; programs read `data` back from the saved notebook under
    `application/vnd.sptrader.metrics+json`.
    """

    name: str
    title: str
    html: str = ""
    figure: Figure | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": self.title}
        if self.html:
            bundle["text/html"] = STYLE + self.html
        if self.figure is not None:
            bundle[PLOTLY_MIME] = figure_json(self.figure)
        if self.data:
            bundle[METRICS_MIME] = dict(self.data)
        return bundle


@dataclass(frozen=True)
class Look:
    """How a section is wanted: its name and title, the theme, and the instrument of those that show one."""

    name: str
    title: str
    theme: str
    symbol: str
