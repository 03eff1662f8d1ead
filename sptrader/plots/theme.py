"""The theme: the colours, fonts and margins every figure shares, in a light and a dark variant.

The colours are Okabe and Ito's, which people with any colour vision can tell apart; what is won is blue, what is lost
is vermillion, and each is drawn in its own shape as well, so that colour never carries a meaning alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sptrader.errors import RunError, did_you_mean

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"
MARGIN = {"l": 64, "r": 16, "t": 34, "b": 34}


@dataclass(frozen=True)
class Theme:
    """Colours by their use; `lines` are for indicators, in the order they are given out."""

    name: str
    paper: str
    ink: str
    muted: str
    grid: str
    won: str
    lost: str
    accent: str
    rising: str
    falling: str
    candle: str
    lines: tuple[str, ...]


LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#1f2933",
    muted="#52606d",
    grid="#e4e7eb",
    won="#0072b2",
    lost="#d55e00",
    accent="#1f2933",
    rising="#ffffff",
    falling="#9aa5b1",
    candle="#7b8794",
    lines=("#e69f00", "#56b4e9", "#cc79a7", "#009e73", "#b8a800", "#4b0092"),
)
DARK = Theme(
    name="dark",
    paper="#14181d",
    ink="#e4e7eb",
    muted="#9aa5b1",
    grid="#2a313a",
    won="#56b4e9",
    lost="#e69f00",
    accent="#f5f7fa",
    rising="#14181d",
    falling="#616e7c",
    candle="#7b8794",
    lines=("#f0e442", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#b39ddb"),
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def theme_named(name: str) -> Theme:
    """Return the theme `light` or `dark`; raise `RunError` for any other name."""
    if name not in THEMES:
        raise RunError(
            f"theme was '{name}'{did_you_mean(name, THEMES)}; allowed is {' or '.join(THEMES)}.",
            key="theme",
            value=name,
        )
    return THEMES[name]


def themed(figure: Figure, theme: Theme, *, height: int, title: str = "") -> Figure:
    """Dress `figure` in `theme`, `height` pixels tall, and return it, as a `Chart`."""
    from sptrader.plots.chart import Chart

    figure.__class__ = Chart  # a copy would check all of its data again
    margin = {**MARGIN, "t": 60 if title else MARGIN["t"]}
    figure.update_layout(template=_template(theme.name), height=height, margin=margin)
    if title:
        figure.update_layout(title=title)
    return figure


@lru_cache(maxsize=2)
def _template(name: str) -> Any:
    """Return the Plotly template of a theme: small, so that each figure's JSON stays small."""
    from plotly.graph_objs.layout import Template

    theme = THEMES[name]
    axis = {
        "gridcolor": theme.grid,
        "linecolor": theme.grid,
        "zerolinecolor": theme.grid,
        "zeroline": False,
        "ticks": "",
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 12, "color": theme.muted}},
        "tickfont": {"size": 11, "color": theme.muted},
    }
    layout = {
        "font": {"family": FONT, "size": 12, "color": theme.ink},
        "title": {"x": 0, "xanchor": "left", "xref": "paper", "y": 0.985, "yanchor": "top", "font": {"size": 14}},
        "paper_bgcolor": theme.paper,
        "plot_bgcolor": theme.paper,
        "colorway": list(theme.lines),
        "hoverlabel": {
            "bgcolor": theme.paper,
            "bordercolor": theme.candle,
            "font": {"family": FONT, "size": 12, "color": theme.ink},
            "align": "left",
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "font": {"size": 11},
            "bgcolor": "rgba(0,0,0,0)",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": theme.candle, "activecolor": theme.won},
        "xaxis": axis,
        "yaxis": axis,
        "bargap": 0.15,
        "dragmode": "zoom",
        "separators": ".,",
    }
    return Template(layout=layout)
