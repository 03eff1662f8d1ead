"""Chart: a Plotly figure that a notebook shows as data alone, and so stays small."""

from __future__ import annotations

from typing import Any

from plotly.graph_objects import Figure

from sptrader.plots.display import PLOTLY_MIME, figure_json


class Chart(Figure):  # type: ignore[misc]
    """A figure as any of Plotly's; as the last expression of a cell it is its data, which JupyterLab draws.

    Plotly's own way adds a page of HTML to each chart and its script of 5 MB to each notebook.
    """

    _ipython_display_ = _repr_html_ = None  # IPython would ask these too

    def _repr_mimebundle_(self, include: object = None, exclude: object = None, **kwargs: object) -> dict[str, Any]:
        title = self.layout.title.text
        return {"text/plain": title or "chart", PLOTLY_MIME: figure_json(self)}
