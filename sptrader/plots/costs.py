"""The costs figure: from what the trades made at mid prices to what was left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sptrader.performance.costs import COSTS, CostSplit
from sptrader.plots.theme import theme_named, themed

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def costs_figure(costs: CostSplit, *, currency: str = "", title: str = "", theme: str = "light") -> Figure:
    """Draw how the gross result becomes the net one: a step for each cost, to the right where it was received."""
    from plotly.graph_objects import Bar, Figure

    colours = theme_named(theme)
    steps = costs.table()
    amounts = [amount + 0.0 for amount in steps["amount"].tolist()]  # a cost of zero is not written -0.00
    is_total = [name not in COSTS for name in steps.index]
    base = [
        0.0 if total else after - amount
        for total, amount, after in zip(is_total, amounts, steps["balance"], strict=True)
    ]
    fills = [colours.won if amount > 0 else colours.lost for amount in amounts]
    fills[0] = colours.candle
    figure = Figure(
        Bar(
            y=[f"{name} " for name in steps.index],
            x=amounts,
            base=base,
            orientation="h",
            marker={"color": fills, "line": {"width": 0}},
            text=[f"{amount:+,.2f}" for amount in amounts],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
            showlegend=False,
        )
    )
    ends = [value for amount, start in zip(amounts, base, strict=True) for value in (start, start + amount)]
    room = 0.2 * ((max(ends) - min(ends)) or 1.0)  # for the amounts, which stand outside of their bars
    figure.update_xaxes(range=[min(*ends, 0.0) - room * any(e < 0 for e in ends), max(*ends, 0.0) + room])
    figure.update_xaxes(title=currency or None, tickformat=",~f", zeroline=True, zerolinecolor=colours.candle)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return themed(figure, colours, height=250, title=title)
