"""Live session account: the tab of a running session's positions and orders, with what can be done to them."""

from __future__ import annotations

import ipywidgets as widgets

from sptrader.runs.live_follow import Follower
from sptrader.views.live_monitor_tables import fills_table, positions_table, working_table
from sptrader.views.live_session_controls import SessionControls
from sptrader.views.live_table import Table, offer
from sptrader.views.look import button, column, disable, html, row, subheading

_SHOWN = 200


class LiveOrders:
    """Open positions and working entries, with cancel and close; every fill."""

    def __init__(self, controls: SessionControls) -> None:
        self._positions = Table("no open position", lambda f: positions_table(f.seen.snapshot))
        self._working = Table("no working order", lambda f: working_table(f.seen.snapshot))
        self._fills = Table("no fill yet", lambda f: fills_table(f.seen, most=_SHOWN))
        self._symbol = widgets.Dropdown(options=[], description="instrument")
        self._close = button("Close its position", lambda: controls.tell("close", self._symbol.value))
        self._cancel = button("Cancel its order", lambda: controls.tell("cancel", self._symbol.value))
        self.view = column(
            row(self._symbol, self._close, self._cancel, classes=["sp-tools"]),
            html(subheading("Open positions")),
            self._positions.view,
            html(subheading("Working entries")),
            self._working.view,
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
        for table in (self._positions, self._working, self._fills):
            table.look(follower)


def _allow(control: widgets.Button, reason: str) -> None:
    if control.disabled != bool(reason):
        disable(control, reason)
