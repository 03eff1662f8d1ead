"""Display: how notebooks and pages show a figure, as plain data with our settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PLOTLY_MIME = "application/vnd.plotly.v1+json"
# Plotly's own button to share a chart uploads it to its maker's servers.
STAY_HERE = {"showSendToCloud": False, "plotlyServerURL": ""}
PLOTLY_CONFIG = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d"],
    **STAY_HERE,
}


def figure_json(figure: Figure) -> dict[str, Any]:
    """Return a figure as plain JSON data with our display settings, as a notebook stores it."""
    plain: dict[str, Any] = json.loads(figure.to_json())
    return {**plain, "config": PLOTLY_CONFIG}
