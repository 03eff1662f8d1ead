"""Figures of a sweep: a heatmap of two parameters, parallel coordinates of all, the fan of its equities."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.plots.theme import Theme, theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]

MOST_TICKS = 12  # of an axis of a sweep's parameter
MOST_LINES = 5000  # of parallel coordinates; of more rows the best and an even share
MOST_CELLS = 200  # of a heatmap's side; of more values neighbours share a cell, which shows the best of them


def heatmap_figure(
    table: pd.DataFrame, x: str, y: str | None, metric: str, *, title: str = "", theme: str = "light"
) -> Figure:
    """Draw the best `metric` of each pair of values of the columns `x` and `y`; a line over `x` when there is no `y`.

    Where a column has more than `MOST_CELLS` values, neighbours share a cell, and its label tells the first and the last.
    """
    from plotly.graph_objects import Figure, Heatmap, Scatter

    colours = theme_named(theme)
    figure = Figure()
    if y is None:
        best = table.groupby(x)[metric].max()
        figure.add_trace(
            Scatter(
                x=best.index.tolist(),
                y=best.to_numpy(np.float64),
                mode="lines+markers",
                line={"color": colours.won},
                hovertemplate=f"{x} %{{x}}: {metric} %{{y:.4g}}<extra></extra>",
            )
        )
        figure.update_xaxes(title=x)
        figure.update_yaxes(title=metric)
        return themed(figure, colours, height=360, title=title)
    across, up = _places(table[x]), _places(table[y])
    best_of = table[metric].groupby([up.places, across.places]).max()
    cells = best_of.unstack().reindex(index=range(len(up.labels)), columns=range(len(across.labels)))
    values = cells.to_numpy(np.float64)
    figure.add_trace(
        Heatmap(
            x=across.labels,
            y=up.labels,
            z=values,
            colorscale=_scale(values, colours),
            zmid=_middle(values),
            colorbar={"title": {"text": metric}, "thickness": 12},
            hovertemplate=f"{x} %{{x}}, {y} %{{y}}: {metric} %{{z:.4g}}<extra></extra>",
            hoverongaps=False,
        )
    )
    _mark_best(figure, values, colours)
    figure.update_xaxes(type="category", title=x, showgrid=False)
    figure.update_yaxes(type="category", title=y, showgrid=False)
    return themed(figure, colours, height=min(720, max(320, 140 + 18 * len(values))), title=title)


def parallel_figure(
    table: pd.DataFrame, names: list[str], metric: str, *, title: str = "", theme: str = "light"
) -> Figure:
    """Draw each row as a line through the values of the columns `names` to its `metric`, which gives it its colour."""
    from plotly.graph_objects import Figure, Parcoords

    colours = theme_named(theme)
    shown = table[np.isfinite(table[metric].to_numpy(np.float64))].sort_values(metric, kind="stable")
    if len(shown) > MOST_LINES:
        shown = shown.iloc[np.unique(np.linspace(0, len(shown) - 1, MOST_LINES).astype(np.int64))]
    dimensions = [_dimension(shown, name) for name in names]
    values = shown[metric].to_numpy(np.float64)
    figure = Figure(
        Parcoords(
            line={
                "color": values,
                "colorscale": _scale(values, colours, middle=colours.candle),
                "cmid": _middle(values),
                "showscale": True,
                "colorbar": {"title": {"text": metric}, "thickness": 12},
            },
            # the colour bar beside it has the ticks, where no line runs over them
            dimensions=[*dimensions, {"label": metric, "values": values, "tickvals": [], "tickformat": ".4~g"}],
            labelfont={"color": colours.ink},
            tickfont={"color": colours.muted},
        )
    )
    figure = themed(figure, colours, height=420, title=title)
    return figure.update_layout(margin={"l": 70, "r": 40, "t": 90 if title else 60, "b": 30})


def fan_figure(dates: pd.DatetimeIndex, growth: Floats, best: int, *, title: str = "", theme: str = "light") -> Figure:
    """Draw the growth of 1 by session of many rows, (sessions, rows): the bands of their quantiles, and the row `best`."""
    from plotly.graph_objects import Figure, Scatter

    colours = theme_named(theme)
    figure = Figure()
    times = [f"{date:%Y-%m-%d}" for date in dates]
    low, first, middle, third, high = np.quantile(growth, (0.0, 0.25, 0.5, 0.75, 1.0), axis=1)
    for lower, upper, name, strength in ((low, high, "all", 0.12), (first, third, "middle half", 0.22)):
        line = {"width": 0, "color": colours.candle}
        figure.add_trace(Scatter(x=times, y=lower, mode="lines", line=line, showlegend=False, hoverinfo="skip"))
        figure.add_trace(
            Scatter(
                x=times,
                y=upper,
                mode="lines",
                line=line,
                fill="tonexty",
                fillcolor=_faint(colours.won, strength),
                name=name,
                hoverinfo="skip",
            )
        )
    for values, name, colour, width in (
        (middle, "median", colours.candle, 1.4),
        (growth[:, best], "best", colours.won, 2.0),
    ):
        figure.add_trace(
            Scatter(
                x=times,
                y=values,
                mode="lines",
                name=name,
                line={"color": colour, "width": width},
                hovertemplate=f"{name} %{{y:.3f}}<extra></extra>",
            )
        )
    figure.update_yaxes(title="growth of 1")
    figure.update_layout(hovermode="x unified")
    return themed(figure, colours, height=400, title=title)


def walk_forward_figure(
    equity: pd.DataFrame, windows: pd.DataFrame, *, title: str = "", theme: str = "light"
) -> Figure:
    """Draw the stitched out-of-sample equity (`time`, `equity`), the windows it is made of, and the objective of each in and
    out of sample (`test_start`, `test_end`, `train_score`, `test_score`)."""
    from plotly.graph_objects import Bar, Scatter
    from plotly.subplots import make_subplots

    colours = theme_named(theme)
    figure = make_subplots(rows=2, cols=1, row_heights=[0.65, 0.35], vertical_spacing=0.12)
    times = pd.DatetimeIndex(equity["time"])
    chosen = np.unique(np.linspace(0, len(times) - 1, min(len(times), 2000)).astype(np.int64))
    figure.add_trace(
        Scatter(
            x=[f"{t:%Y-%m-%d %H:%M}" for t in times[chosen]],
            y=equity["equity"].to_numpy(np.float64)[chosen],
            mode="lines",
            name="out of sample",
            line={"color": colours.won, "width": 1.8},
            hovertemplate="%{y:,.2f}<extra></extra>",
        ),
        row=1,
        col=1,
    )
    for k, start in enumerate(pd.DatetimeIndex(windows["test_start"])):
        if k:
            figure.add_vline(x=f"{start:%Y-%m-%d %H:%M}", line={"color": colours.grid, "dash": "dot"}, row=1, col=1)
    labels = [f"{start:%Y-%m-%d}" for start in pd.DatetimeIndex(windows["test_start"])]
    bars = (("train_score", "in sample", colours.candle), ("test_score", "out of sample", colours.won))
    for name, label, colour in bars:
        figure.add_trace(
            Bar(
                x=labels,
                y=windows[name].to_numpy(np.float64),
                name=label,
                marker={"color": colour},
                showlegend=name == "train_score",
                hovertemplate=f"{label} %{{y:.4g}}<extra></extra>",
            ),
            row=2,
            col=1,
        )
    figure.update_xaxes(type="date", row=1, col=1)
    figure.update_xaxes(type="category", row=2, col=1)
    figure.update_yaxes(title="equity", tickformat=",~f", row=1, col=1)
    figure.update_yaxes(title="objective", row=2, col=1)
    return themed(figure, colours, height=520, title=title)


class _Places(NamedTuple):
    """The place of each row on an axis, and the axis's labels."""

    places: NDArray[np.int64]
    labels: list[str]


def _places(column: pd.Series) -> _Places:
    codes, found = pd.factorize(column, sort=True)
    size = -(-len(found) // MOST_CELLS)
    if size <= 1:
        return _Places(codes, [str(value) for value in found])
    firsts = range(0, len(found), size)
    labels = [f"{found[k]} to {found[min(k + size, len(found)) - 1]}" for k in firsts]
    return _Places(codes // size, labels)


def _mark_best(figure: Figure, values: Floats, theme: Theme) -> None:
    if not np.isfinite(values).any():
        return
    row, column = divmod(int(np.nanargmax(values)), values.shape[1])
    figure.add_annotation(
        x=int(column),  # places, for Plotly takes a category that reads as a number for one
        y=int(row),
        text="best",
        showarrow=True,
        arrowhead=2,
        font={"size": 11, "color": theme.ink},
        arrowcolor=theme.ink,
        bgcolor=theme.paper,
    )


def _dimension(table: pd.DataFrame, name: str) -> dict[str, object]:
    """An axis with a tick at each of its values where they are few."""
    if pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name]):
        values = table[name].to_numpy(np.float64)
        known = np.unique(values)
        few = {"tickvals": known.tolist()} if len(known) <= MOST_TICKS else {}
        return {"label": name, "values": values, **few}
    codes, words = pd.factorize(table[name], sort=True)
    return {"label": name, "values": codes, "tickvals": list(range(len(words))), "ticktext": [str(w) for w in words]}


def _scale(values: Floats, theme: Theme, *, middle: str = "") -> list[list[object]]:
    """From lost over `middle` (the paper's colour where none is said) to won where both signs are there, else to won."""
    if _middle(values) is not None:
        return [[0.0, theme.lost], [0.5, middle or theme.paper], [1.0, theme.won]]
    return [[0.0, middle or theme.grid], [1.0, theme.won]]


def _middle(values: Floats) -> float | None:
    """0 where both signs are there: what is in the middle of the colours."""
    known = values[np.isfinite(values)]
    return 0.0 if len(known) and known.min() < 0 < known.max() else None


def _faint(colour: str, strength: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{strength})"
