"""Trades as marks on a price: where each was entered and left, whether it won, and why it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sptrader.plots.decimate import time_text
from sptrader.plots.theme import Theme

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_TRADES = 1500


def add_trades(
    figure: Figure, trades: pd.DataFrame, theme: Theme, *, row: int, col: int = 1, max_trades: int = MAX_TRADES
) -> None:
    """Add the entries, the exits and a line between them of `trades` (SPEC's table) to a subplot.

    Entries are triangles that point the way of the trade, exits are rings where it won and squares where it lost: open,
    so that a reversal shows the next entry inside the exit. Beyond `max_trades` the largest by absolute P&L are drawn,
    and the legend says so.
    """
    from plotly.graph_objects import Scatter

    shown = largest_trades(trades, max_trades)
    note = "" if len(shown) == len(trades) else f" (the {len(shown):,} largest of {len(trades):,})"
    text = np.array([trade_text(trade) for trade in shown.to_dict("records")], dtype=object)
    has_won = shown["pnl"].to_numpy(np.float64) > 0.0
    is_long = (shown["side"] == "long").to_numpy()
    entry = _ends(shown, "entry")
    exit_ = _ends(shown, "exit")
    for chosen, name, colour, dash in (
        (has_won, "won", theme.won, "solid"),
        (~has_won, "lost", theme.lost, "dot"),
    ):
        if chosen.any():
            x, y = _segments(entry, exit_, chosen)
            line = {"color": colour, "width": 1.6, "dash": dash}
            figure.add_trace(
                Scatter(x=x, y=y, mode="lines", line=line, name=name, showlegend=False, hoverinfo="skip"),
                row=row,
                col=col,
            )
    marks = (
        (has_won, exit_, "exit, won", "circle-open", theme.won, 11),
        (~has_won, exit_, "exit, lost", "square-open", theme.lost, 10),
        (is_long, entry, f"long entry{note}", "triangle-up", theme.accent, 8),
        (~is_long, entry, f"short entry{note}", "triangle-down", theme.accent, 8),
    )
    for chosen, (times, prices), name, symbol, colour, size in marks:
        if chosen.any():
            marker = {"symbol": symbol, "color": colour, "size": size, "line": {"color": colour, "width": 1.6}}
            if not symbol.endswith("-open"):
                marker["line"] = {"color": theme.paper, "width": 0.5}
            figure.add_trace(
                Scatter(
                    x=times[chosen],
                    y=prices[chosen],
                    mode="markers",
                    name=name,
                    marker=marker,
                    text=text[chosen].tolist(),
                    hovertemplate="%{text}<extra></extra>",
                ),
                row=row,
                col=col,
            )


def largest_trades(trades: pd.DataFrame, max_trades: int = MAX_TRADES) -> pd.DataFrame:
    """Return `trades`, or the `max_trades` of the largest absolute P&L in their own order."""
    if len(trades) <= max_trades:
        return trades
    largest = np.argsort(-np.abs(trades["pnl"].to_numpy(np.float64)), kind="stable")[:max_trades]
    return trades.iloc[np.sort(largest)]


def trade_text(trade: dict[Any, Any]) -> str:
    """Return what is said of a trade when it is pointed at: way, quantity, times, prices, reason, result."""
    reason = str(trade["exit_reason"]).replace("_", " ")
    return (
        f"<b>{trade['side']} {quantity_text(trade['quantity'])}</b> {trade['symbol']}"
        f"<br>in {_moment(trade['entry_time'])} at {trade['entry_price']:.8g}"
        f"<br>out {_moment(trade['exit_time'])} at {trade['exit_price']:.8g}"
        f"<br>{reason}, {int(trade['bars_held']):,} bars"
        f"<br><b>{trade['pnl']:+,.2f}</b> ({trade['return']:+.2%})"
    )


def quantity_text(quantity: float) -> str:
    """Return a quantity with thousands separated and no empty decimals.

    >>> quantity_text(20000.0), quantity_text(0.125)
    ('20,000', '0.125')
    """
    return f"{quantity:,.8f}".rstrip("0").rstrip(".")


def _moment(time: Any) -> str:
    return f"{pd.Timestamp(time):%Y-%m-%d %H:%M}"


def _ends(trades: pd.DataFrame, end: str) -> tuple[Any, Any]:
    times = time_text(pd.DatetimeIndex(trades[f"{end}_time"]))
    return times, trades[f"{end}_price"].to_numpy(np.float64)


def _segments(entry: tuple[Any, Any], exit_: tuple[Any, Any], chosen: Any) -> tuple[list[Any], list[Any]]:
    """Return one polyline through all chosen trades, broken between them."""
    n = int(chosen.sum())
    x = np.full((n, 3), None, dtype=object)
    y = np.full((n, 3), None, dtype=object)
    x[:, 0], x[:, 1] = entry[0][chosen], exit_[0][chosen]
    y[:, 0], y[:, 1] = entry[1][chosen], exit_[1][chosen]
    return x.ravel().tolist(), y.ravel().tolist()
