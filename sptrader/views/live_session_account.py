"""Live session account: the tabs of a running session's limits, and of its positions and orders, with what can be done to them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np

from sptrader.runs.live_follow import Follower
from sptrader.runs.riskuse import LimitUse
from sptrader.views.live_monitor_tables import fills_table, positions_table, working_table
from sptrader.views.live_session_controls import SessionControls
from sptrader.views.live_table import Table, offer
from sptrader.views.look import button, column, disable, html, row, show, subheading
from sptrader.views.risk import use_html

_SHOWN = 200
_LIMITS = {
    "max_drawdown": ("equity below its highest", "fraction"),
    "daily_loss_limit": ("equity below the session's first", "fraction"),
    "max_positions": ("open positions", "count"),
    "margin_limit": ("used margin, of equity", "fraction"),
    "position_limit": ("the largest position's notional, of equity", "fraction"),
    "currency_exposure": ("exposure in one currency, of equity", "fraction"),
    "max_order_notional": ("one order's notional", "money"),
}


class LiveRisk:
    """Limits with what is used of them now, what is held, and the change of a limit, which asks first."""

    def __init__(self, controls: SessionControls) -> None:
        self._controls = controls
        self._told: dict[str, Any] = {}
        self._uses = html()
        self._held = Table("no open position", lambda f: positions_table(f.seen.snapshot))
        self._name = widgets.Dropdown(options=list(_LIMITS), description="limit")
        self._value = widgets.FloatText(description="new value", step=0.01)
        self._name.observe(lambda _: self._suggest(), names="value")
        self._question = html()
        self._change = button("Change", self._ask, tooltip="Ask before the limit is changed")
        yes, no = button("Yes, change it", self._agreed), button("No", lambda: show(self._confirm, False))
        self._confirm = row(self._question, yes, no, classes=["sp-confirm"])
        show(self._confirm, False)
        self.view = column(
            html(subheading("Limits and what is used of them now")),
            self._uses,
            row(self._name, self._value, self._change, classes=["sp-tools"]),
            self._confirm,
            html(subheading("What is held")),
            self._held.view,
        )

    def look(self, follower: Follower) -> None:
        """Show what has changed."""
        is_first = not self._told
        self._told = follower.seen.snapshot
        told = f'<div class="sp-use">{"".join(map(use_html, live_uses(self._told)))}</div>'
        if told != self._uses.value:
            self._uses.value = told
        self._held.look(follower)
        if is_first and self._told:
            self._suggest()

    def _suggest(self) -> None:
        limits = self._told.get("limits")
        value = limits.get(self._name.value) if isinstance(limits, dict) else None
        self._value.value = 0.0 if value is None else float(value)

    def _ask(self) -> None:
        self._question.value = (
            f"<b>Set {escape(self._name.value)} to {self._value.value:g}, from the next decision on?</b>"
        )
        show(self._confirm, True)

    def _agreed(self) -> None:
        show(self._confirm, False)
        self._controls.tell("set_limit", self._name.value, float(self._value.value))


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


def live_uses(told: Mapping[str, Any]) -> list[LimitUse]:
    """Return what is used of a session's limits now; nan where the snapshot does not tell it."""
    limits = told.get("limits")
    if not isinstance(limits, dict) or "equity" not in told:
        return []
    used = {
        "max_drawdown": float(told["drawdown"]),
        "daily_loss_limit": max(0.0, float(told["day_loss"])),
        "max_positions": float(len(told["positions"])),
        "margin_limit": float(told["used_margin"]) / float(told["equity"]),
    }
    return [
        LimitUse(
            name, meaning, unit, used.get(name, np.nan), np.inf if limits.get(name) is None else limits[name], None, 0
        )
        for name, (meaning, unit) in _LIMITS.items()
    ]


def _allow(control: widgets.Button, reason: str) -> None:
    if control.disabled != bool(reason):
        disable(control, reason)
