"""Tables: the tabs that list a run's signals and its orders."""

from __future__ import annotations

import pandas as pd

from sptrader.runs.run import Run
from sptrader.views.grid import Grid
from sptrader.views.look import column, empty, html, show, subheading

_ORDERS = (
    "created_at",
    "symbol",
    "side",
    "type",
    "quantity",
    "price",
    "stop_price",
    "status",
    "reason",
    "ended_at",
    "ended_by",
)
_FILLS = (
    "time",
    "symbol",
    "side",
    "quantity",
    "price",
    "fee",
    "effect",
    "reason",
    "spread_cost",
    "slippage_cost",
    "ambiguous",
)


class Signals:
    """The tab of events: how many of each, and each of them."""

    def __init__(self) -> None:
        self._none = html(empty("No signals yet", "Run a backtest, or connect to a running session."))
        self._counts, self._events = Grid(), Grid(empty="no signal fired")
        self._all = column(html(subheading("How often")), self._counts, html(subheading("Every event")), self._events)
        show(self._all, False)
        self.view = column(self._none, self._all)

    def show(self, run: Run) -> None:
        """Show the signals of a run."""
        show(self._none, False)
        show(self._all, True)
        self._events.show(run.signals)
        self._counts.show(signal_counts(run.signals, run.equity["time"]))


class Orders:
    """The tab of orders and fills."""

    def __init__(self) -> None:
        self._none = html(empty("No orders yet", "Run a backtest, or connect to a running session."))
        self._working, self._orders, self._fills = Grid(empty="none"), Grid(empty="no orders"), Grid(empty="no fills")
        self._all = column(
            html(subheading("Still working at the end")),
            self._working,
            html(subheading("Every order")),
            self._orders,
            html(subheading("Every fill")),
            self._fills,
        )
        show(self._all, False)
        self.view = column(self._none, self._all)

    def show(self, run: Run) -> None:
        """Show the orders and fills of a run."""
        show(self._none, False)
        show(self._all, True)
        orders = run.orders[list(_ORDERS)]
        self._working.show(orders[orders["status"] == "working"])
        self._orders.show(orders)
        fills = run.fills[list(_FILLS)]
        self._fills.show(fills.round(dict.fromkeys(("fee", "spread_cost", "slippage_cost"), 2)))


def signal_counts(signals: pd.DataFrame, times: pd.Series) -> pd.DataFrame:
    """Count the events of each signal and type: how many, how many a month of `times`, mean strength, the last one."""
    months = max((times.iloc[-1] - times.iloc[0]).days / 30.4, 1 / 30.4) if len(times) else 1.0
    grouped = signals.groupby(["symbol", "signal", "type"], observed=True)
    table = grouped.agg(events=("time", "size"), strength=("strength", "mean"), last=("time", "max")).reset_index()
    table.insert(4, "a month", (table["events"] / months).round(1))
    return table.assign(strength=table["strength"].round(4))
