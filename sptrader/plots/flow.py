"""The order flow: from signals over decisions, risk and orders to fills, as a Sankey diagram and along time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from sptrader.plots.decimate import time_text
from sptrader.plots.theme import Theme, theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STAGES = ("signal", "decision", "risk", "order", "fill")
ROWS = ("fill", "order", "refused", "ignored", "signal")
CHILDREN = ("stop_loss", "take_profit", "trailing_stop")
MAX_MARKS = 1500


@dataclass(frozen=True)
class Flow:
    """The way of each decision: `paths[i]` are the stops of row i of the decisions, `STAGES` long or shorter where it ended."""

    paths: tuple[tuple[str, ...], ...]

    def links(self) -> Counter[tuple[int, str, str]]:
        """Count the decisions that went from one stop to the next, by the stage of the first one."""
        return Counter((stage, a, b) for path in self.paths for stage, (a, b) in enumerate(pairwise(path)))

    def rows(self, stop: str) -> list[int]:
        """Return the rows of the decisions that passed through `stop`, or along the link `a → b`."""
        start, arrow, end = stop.partition(" → ")
        if not arrow:
            return [i for i, path in enumerate(self.paths) if stop in path]
        return [i for i, path in enumerate(self.paths) if (start, end) in set(pairwise(path))]


def order_flow(decisions: pd.DataFrame, signals: pd.DataFrame, orders: pd.DataFrame) -> Flow:
    """Follow each row of `decisions` (SPEC's tables) from the signal of its bar to what became of its order."""
    fired: dict[tuple[object, object], str] = {}
    for time, symbol, kind in zip(signals["time"], signals["symbol"], signals["type"], strict=True):
        word = str(kind).replace("_", " ")
        fired[time, symbol] = f"{fired[time, symbol]} + {word}" if (time, symbol) in fired else word
    own = orders[~orders["type"].isin(CHILDREN)]
    status = dict(zip(zip(own["created_at"], own["symbol"], strict=True), own["status"], strict=True))
    columns = ("time", "symbol", "action", "outcome", "reason", "decided_at")
    rows = zip(*(decisions[name] for name in columns), strict=True)
    paths = []
    for time, symbol, action, outcome, reason, decided_at in rows:
        path = [
            fired.get((time, symbol), "no event"),
            str(action).replace("_", " ") if action != "stay" else "no action",
        ]
        if outcome == "ordered":
            became = str(status.get((decided_at, symbol), "sent"))
            path += ["passed", f"order {became}"]
            if became == "filled":
                path.append("closed" if action == "leave" else "reversed" if "reverse" in action else "opened")
        else:
            path.append(f"{outcome}: {str(reason).replace('_', ' ')}")
        paths.append(tuple(path))
    return Flow(tuple(paths))


def flow_figure(flow: Flow, *, title: str = "", theme: str = "light") -> Figure:
    """Draw a flow as a Sankey diagram; a node's customdata is its stop, a link's both, for `Flow.rows`."""
    from plotly.graph_objects import Figure, Sankey

    colours = theme_named(theme)
    links = flow.links()
    stops: dict[tuple[int, str], int] = {}
    for stage, a, b in links:
        stops.setdefault((stage, a), len(stops))
        stops.setdefault((stage + 1, b), len(stops))
    ends = [(stops[stage, a], stops[stage + 1, b]) for stage, a, b in links]
    labels = [stop for _, stop in stops]
    figure = Figure(
        Sankey(
            arrangement="snap",
            node={
                "label": labels,
                "customdata": labels,
                "color": [_colour(stop, colours) for stop in labels],
                "pad": 14,
                "align": "left",
                "thickness": 14,
                "line": {"width": 0},
                "hovertemplate": "%{label}: %{value}<extra></extra>",
            },
            link={
                "source": [a for a, _ in ends],
                "target": [b for _, b in ends],
                "value": list(links.values()),
                "customdata": [f"{a} → {b}" for _, a, b in links],
                "color": [_faint(_colour(b, colours)) for _, _, b in links],
                "hovertemplate": "%{customdata}: %{value}<extra></extra>",
            },
            textfont={"size": 12, "color": colours.ink},
        )
    )
    height = 130 + 34 * max([3, *Counter(stage for stage, _ in stops).values()])
    themed(figure, colours, height=height, title=title)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 30, "b": 14})
    deepest = max((stage for stage, _ in stops), default=0)
    for stage, name in enumerate(STAGES[: deepest + 1]):
        where = stage / max(deepest, 1)
        anchor = "left" if stage == 0 else "right" if stage == deepest else "center"
        figure.add_annotation(
            x=where,
            y=1,
            xref="paper",
            yref="paper",
            text=name,
            showarrow=False,
            xanchor=anchor,
            yanchor="bottom",
            font={"size": 12, "color": colours.muted},
        )
    return figure


def timeline_figure(
    decisions: pd.DataFrame,
    signals: pd.DataFrame,
    orders: pd.DataFrame,
    fills: pd.DataFrame,
    *,
    title: str = "",
    theme: str = "light",
) -> Figure:
    """Draw when signals fired, what was refused or ignored, ordered and filled; a decision's customdata is its row."""
    from plotly.graph_objects import Figure

    colours = theme_named(theme)
    figure = Figure()
    own = orders[~orders["type"].isin(CHILDREN)]
    told = decisions.assign(row=range(len(decisions)))
    refused, ignored = told[told["outcome"] == "refused"], told[told["outcome"] == "ignored"]
    parts: tuple[tuple[str, pd.DataFrame, str, str, str, str], ...] = (
        ("signal", signals, "time", "type", colours.lines[2], "diamond"),
        ("ignored", ignored, "time", "reason", colours.candle, "circle-open"),
        ("refused", refused, "time", "reason", colours.lost, "x"),
        ("order", own, "created_at", "status", colours.accent, "triangle-right"),
        ("fill", fills, "time", "reason", colours.won, "circle"),
    )
    for name, table, time, word, colour, symbol in parts:
        step = max(1, -(-len(table) // MAX_MARKS))
        shown = table.iloc[::step]
        figure.add_scatter(
            x=time_text(pd.DatetimeIndex(shown[time])),
            y=[name] * len(shown),
            mode="markers",
            name=name if step == 1 else f"{name} (one in {step})",
            marker={"symbol": symbol, "color": colour, "size": 8, "opacity": 0.75},
            customdata=shown["row"].tolist() if "row" in shown else None,
            text=shown[word].astype(str).str.replace("_", " ").tolist(),
            hovertemplate="%{x}<br>%{text}<extra>" + name + "</extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=list(ROWS), type="category", showgrid=True)
    figure.update_xaxes(type="date")
    figure.update_layout(showlegend=False, hovermode="closest", dragmode="zoom")
    return themed(figure, colours, height=230, title=title)


def _colour(stop: str, theme: Theme) -> str:
    if stop.startswith("refused"):
        return theme.lost
    if stop.startswith("ignored") or stop in ("no action", "no event"):
        return theme.candle
    return theme.won if stop.startswith(("passed", "order", "opened", "closed", "reversed")) else theme.lines[2]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.28)"
