"""Live session account: the tab of a running session's positions, orders and fills, with what can be done to them."""

from __future__ import annotations

import ipywidgets as widgets
import pandas as pd

from sptrader.runs.live_follow import Follower
from sptrader.runs.live_orders import LiveOrder
from sptrader.views.live_monitor_tables import fills_table, orders_table, positions_table
from sptrader.views.live_session_controls import SessionControls
from sptrader.views.live_table import Table, offer
from sptrader.views.look import button, classed, column, disable, html, row, subheading

_SHOWN = 200
_AT_WORK = ["symbol", "side", "order", "quantity", "price", "stop_price", "status", "placed", "client_order_id"]


class LiveOrders:
    """Open positions and working orders, with close and cancel; what became of every order; every fill.

    A click on a working order chooses its instrument.
    """

    def __init__(self, controls: SessionControls) -> None:
        self._positions = Table("no open position", lambda f: positions_table(f.seen.snapshot))
        self._working = Table(
            "no working order", lambda f: orders_table(f.seen.orders.working()[:_SHOWN])[_AT_WORK], on_pick=self._picked
        )
        self._history = Table("no order yet", lambda f: _history(f.seen.orders.newest()[:_SHOWN]))
        classed(self._history.view, "sp-history")
        self._fills = Table("no fill yet", lambda f: fills_table(f.seen, most=_SHOWN))
        self._symbol = widgets.Dropdown(options=[], description="instrument")
        self._close = button("Close its position", lambda: controls.tell("close", self._symbol.value))
        self._cancel = button("Cancel its order", lambda: controls.tell("cancel", self._symbol.value))
        self.view = column(
            row(self._symbol, self._close, self._cancel, classes=["sp-tools"]),
            html(subheading("Open positions")),
            self._positions.view,
            html(subheading("Working orders")),
            self._working.view,
            html(subheading("What became of every order, newest first")),
            self._history.view,
            html(subheading("Fills, newest first")),
            self._fills.view,
        )

    def look(self, follower: Follower) -> None:
        """Show what has changed."""
        told = follower.seen.snapshot
        offer(self._symbol, tuple(told.get("symbols", ())))
        symbol = self._symbol.value
        has_position = any(one["symbol"] == symbol and not one["is_closing"] for one in told.get("positions", ()))
        has_order = any(one["symbol"] == symbol for one in told.get("working", ()))
        _allow(self._close, "" if has_position else f"{symbol} has no position that is not being closed")
        _allow(self._cancel, "" if has_order else f"{symbol} has no entry that waits for its price")
        for table in (self._positions, self._working, self._history, self._fills):
            table.look(follower)

    def _picked(self, at: int) -> None:
        order = self._working.row(at)
        if order is not None and order["symbol"] in self._symbol.options:
            self._symbol.value = order["symbol"]


def _history(orders: list[LiveOrder]) -> pd.DataFrame:
    """Orders in as few columns as tell them: the price is the limit, else the stop."""
    frame = orders_table(orders)
    return frame.assign(price=frame["price"].fillna(frame["stop_price"])).drop(columns="stop_price")


def _allow(control: widgets.Button, reason: str) -> None:
    if control.disabled != bool(reason):
        disable(control, reason)
