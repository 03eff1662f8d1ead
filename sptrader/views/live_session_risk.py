"""Live session risk: the tab of a running session's limits, alerts, exposure and correlations, with the change of a limit."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd

from sptrader.plots.exposure import correlation_figure
from sptrader.runs.live_follow import Follower, Seen
from sptrader.runs.riskuse import BOUND, LimitUse
from sptrader.views.chart import Chart
from sptrader.views.desk import Desk
from sptrader.views.live_session_controls import SessionControls
from sptrader.views.live_table import Table
from sptrader.views.look import button, column, html, row, show, subheading
from sptrader.views.risk import alerts_html, tone_of, use_html

TOGETHER = 500  # bars whose returns are correlated
_FEWEST = 20
_LIMITS = {
    "max_drawdown": ("equity below its highest", "fraction"),
    "daily_loss_limit": ("equity below the session's first", "fraction"),
    "max_positions": ("open positions, and entries that wait", "count"),
    "margin_limit": ("used and reserved margin, of equity", "fraction"),
    "position_limit": ("the largest position's notional, of equity", "fraction"),
    "currency_exposure": ("net exposure in one currency, of equity", "fraction"),
    "max_order_notional": ("the largest waiting entry's notional", "money"),
}
_TRADING = {
    "halted": "Trading is halted: no entries are made.",
    "halted_for_the_day": "The daily loss limit has halted trading until the next session.",
    "reducing": "Only orders that lower a position are sent.",
}


class LiveRisk:
    """Limits with what is used of them now, alerts, what is held, how it moves together, and the change of a limit, which
    asks first."""

    def __init__(self, desk: Desk, controls: SessionControls) -> None:
        self._desk, self._controls = desk, controls
        self._told: dict[str, Any] = {}
        self._matrix: pd.DataFrame | None = None
        self._uses, self._alerts, self._total = html(), html(), html()
        percent = ("of equity",)
        self._instruments = Table("no bar yet", instruments_table, signed=(), percent=percent)
        self._currencies = Table("no currency but the account's", currencies_table, signed=(), percent=percent)
        self._correlation = Chart(label="correlation of the instruments' returns")
        self._together = column(
            html(subheading(f"How the instruments move together, returns of the last {TOGETHER} bars")),
            self._correlation,
        )
        show(self._together, False)
        self._name = widgets.Dropdown(options=list(_LIMITS), description="limit")
        self._value = widgets.FloatText(description="new value", step=0.01)
        self._unit = html(classes=["sp-small"])
        self._name.observe(lambda _: self._suggest(), names="value")
        self._question = html()
        self._change = button("Change", self._ask, tooltip="Ask before the limit is changed")
        yes, no = button("Yes, change it", self._agreed), button("No", lambda: show(self._confirm, False))
        self._confirm = row(self._question, yes, no, classes=["sp-confirm"])
        show(self._confirm, False)
        self.view = column(
            html(subheading("Limits and what is used of them now")),
            self._uses,
            self._alerts,
            row(self._name, self._value, self._unit, self._change, classes=["sp-tools"]),
            self._confirm,
            self._total,
            html(subheading("Exposure by instrument")),
            self._instruments.view,
            html(subheading("Exposure by currency, net")),
            self._currencies.view,
            self._together,
        )

    def look(self, follower: Follower) -> None:
        """Show what has changed."""
        is_first = not self._told
        self._told = told = follower.seen.snapshot
        uses = live_uses(told)
        _say(self._uses, f'<div class="sp-use">{"".join(map(use_html, uses))}</div>')
        _say(self._alerts, alerts_html(live_alerts(told, uses), none="No alert."))
        _say(self._total, _account_text(told))
        for table in (self._instruments, self._currencies):
            table.look(follower)
        matrix = live_correlation(follower.seen)
        if matrix is not None and (self._matrix is None or not matrix.equals(self._matrix)):
            self._matrix = matrix
            self._desk.do_latest("live correlation", self._draw)
        if is_first and told:
            self._suggest()

    def _draw(self) -> None:
        if self._matrix is not None:
            self._correlation.show(correlation_figure(self._matrix))
            show(self._together, True)

    def _suggest(self) -> None:
        limits = self._told.get("limits")
        value = limits.get(self._name.value) if isinstance(limits, dict) else None
        self._value.value = 0.0 if value is None else float(value)
        meaning, unit = _LIMITS[self._name.value]
        unit = {"fraction": "a fraction: 0.1 is 10%", "money": str(self._told.get("currency", "money"))}.get(unit, unit)
        none = "" if value is not None else "; none is set now"
        self._unit.value = f"{escape(meaning)} ({escape(unit)}{none})"

    def _ask(self) -> None:
        self._question.value = (
            f"<b>Set {escape(self._name.value)} to {self._value.value:g}, from the next decision on?</b>"
        )
        show(self._confirm, True)

    def _agreed(self) -> None:
        show(self._confirm, False)
        self._controls.tell("set_limit", self._name.value, float(self._value.value))


def live_uses(told: Mapping[str, Any]) -> list[LimitUse]:
    """Return what is used of a session's limits now; nan where the snapshot does not tell it."""
    limits, uses = told.get("limits"), told.get("risk", {}).get("uses", {})
    if not isinstance(limits, dict) or "equity" not in told:
        return []
    return [
        LimitUse(name, meaning, unit, _number(uses.get(name)), _number(limits.get(name), np.inf), None, 0)
        for name, (meaning, unit) in _LIMITS.items()
    ]


def live_alerts(told: Mapping[str, Any], uses: list[LimitUse]) -> list[str]:
    """Return what a person should know of a session's risk, a sentence each, what is worst first."""
    found = ["The kill switch is latched: nothing is traded."] if told.get("is_killed") else []
    word = str(told.get("trading", ""))
    if word in _TRADING and not told.get("is_killed"):
        found.append(_TRADING[word])
    for use in uses:
        if tone_of(use) and use.unit != "count":
            state = "is reached" if tone_of(use) == "hit" else "is near"
            found.append(f"{use.name.replace('_', ' ')} {state}: {use.share:.0%} of it is used.")
    found += [f"{one['symbol']} is held without a stop." for one in told.get("positions", ()) if one["stop"] is None]
    checked = told.get("reconciliation") or {}
    found += [f"{symbol} takes no new risk until you resume." for symbol in checked.get("blocked", ())]
    found += [str(one["why"]) for one in checked.get("differences", ())]
    recent = [note for note in told.get("recent", ()) if "outcome" in note]
    for name, words in BOUND.items():
        n = sum(note["reason"] in words or note.get("cap") in words for note in recent)
        if n:
            found.append(f"{name.replace('_', ' ')} bound {n} of the last {len(recent)} decisions.")
    return found


def instruments_table(follower: Follower) -> pd.DataFrame:
    """Return the signed notional of each instrument's position and working entry, account currency."""
    told = follower.seen.snapshot
    rows = [
        (one["symbol"], _number(one["held"]), _number(one["held"]) / _number(told["equity"]), _number(one["working"]))
        for one in told.get("risk", {}).get("by_instrument", ())
    ]
    columns = ["instrument", "notional", "of equity", "waiting entry"]
    return pd.DataFrame(rows, columns=columns).round({"notional": 2, "of equity": 6, "waiting entry": 2})


def currencies_table(follower: Follower) -> pd.DataFrame:
    """Return the net notional of each currency in the account's, in its own, and what one unit of it is worth."""
    told = follower.seen.snapshot
    account = str(told.get("currency", ""))
    rows = []
    for one in told.get("risk", {}).get("by_currency", ()):
        net, rate = _number(one["net"]), _number(one["rate"])
        own = net / rate if rate > 0.0 else np.nan
        rows.append((one["currency"], net, net / _number(told["equity"]), round(own, 2), float(f"{rate:.6g}")))
    names = ["currency", "net notional", "of equity", "in its own", f"one in {account}"]
    return pd.DataFrame(rows, columns=names).round({"net notional": 2, "of equity": 6})


def live_correlation(seen: Seen) -> pd.DataFrame | None:
    """Return the correlation of close to close returns of the last bars that all instruments have, two decimals; None
    where there is one instrument, or fewer than 20 such bars."""
    if len(seen.bars) < 2:
        return None
    closes = {symbol: {bar[0]: bar[4] for bar in ring.all()[-TOGETHER:]} for symbol, ring in seen.bars.items()}
    returns = pd.DataFrame(closes).sort_index().dropna().pct_change().dropna()
    return None if len(returns) < _FEWEST else returns.corr().round(2)


def _account_text(told: Mapping[str, Any]) -> str:
    if "equity" not in told:
        return ""
    currency = escape(str(told["currency"]))
    return (
        f'<div class="sp-small">Notionals at the last mark in {currency}; equity {told["equity"]:,.2f} {currency}, '
        f"used margin {told['used_margin']:,.2f} {currency}. Minus is short, or owed.</div>"
    )


def _say(widget: widgets.HTML, text: str) -> None:
    if widget.value != text:
        widget.value = text


def _number(value: Any, without: float = np.nan) -> float:
    return without if value is None else float(value)
