"""Live monitor: follows a running session from a notebook, reading only; the session neither waits for it nor hears of it."""

from __future__ import annotations

import shlex
from html import escape
from typing import Any

import ipywidgets as widgets

from sptrader.clock import LiveClock
from sptrader.model.ids import PAPER
from sptrader.runs.live_follow import Follower
from sptrader.views.desk import answer_anytime
from sptrader.views.guard import Guard
from sptrader.views.live_feed import LiveFeed
from sptrader.views.live_monitor_chart import LiveChart
from sptrader.views.live_monitor_tables import (
    beats_table,
    decisions_table,
    fills_table,
    positions_table,
    signals_table,
    working_table,
)
from sptrader.views.live_table import Table, offer
from sptrader.views.look import column, html, show, style_sheet, subheading

TABLES_S = 0.5


class LiveMonitor:
    """A running session in a cell: candles with fills, equity, positions, orders, decisions, fills, signals, heartbeats.

    It follows the session of `account`, which `redis_url` or, without one, what the session's process has noted on this machine
    leads to; it waits for one that has not begun. A daemon thread reads ten times a second at most, also while a cell runs; a
    server that is gone is tried again, the age of the last word growing meanwhile. What is kept is bounded: 5,000 bars of an
    instrument, 1,000 rows of all else. The equity's line begins where the monitor did.

    The monitor cannot stop a session, on purpose: a kernel that is busy or dead would not hear it. `sptrader live-kill` in a
    terminal always works; it is shown below the chart. `close()` ends the thread, and so does the kernel's end.
    """

    def __init__(self, redis_url: str | None = None, account: str = PAPER) -> None:
        self._clock = LiveClock()
        self._guard = Guard()
        self._chart = LiveChart()
        self._symbols = widgets.Dropdown(options=[], layout=widgets.Layout(width="130px"))
        self._symbols.observe(lambda _: self._chosen(), names="value")
        self._tables = LiveTables()
        style = html(style_sheet())
        show(style, False)
        show(self._symbols, False)
        kill = f"sptrader live-kill --account {shlex.quote(account)}"
        if redis_url is not None:
            kill += " --redis-url ..."
        told = html(
            f'<div class="sp-small">This only reads. To stop everything, in a terminal: <code>{escape(kill)}</code></div>'
        )
        main = column(self._guard.view, self._symbols, self._chart, told, self._tables.view, classes=["sp-main"])
        self.view = column(style, main, classes=["sp-page"])
        self._feed = LiveFeed(self._guard, Follower(account, redis_url=redis_url))
        self._feed.every(self._chart.show)
        self._feed.every(self._look)
        self._feed.start()

    def close(self) -> None:
        """End the monitor's thread and take its view away; the session goes on."""
        self._feed.close()
        self.view.close()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        answer_anytime(self.view)
        return self.view._repr_mimebundle_()

    def _chosen(self) -> None:
        self._chart.symbol = self._symbols.value or ""

    def _look(self, follower: Follower) -> None:
        symbols = tuple(follower.seen.bars)
        if symbols != tuple(self._symbols.options):
            offer(self._symbols, symbols)
            show(self._symbols, len(symbols) > 1)
        self._tables.look(follower)


class LiveTables:
    """The tables of a monitor, brought up to date twice a second where something has changed."""

    def __init__(self) -> None:
        self._clock = LiveClock()
        self._next_s = 0.0
        self._rate = html()
        self._all = [
            Table("no open position", lambda f: positions_table(f.seen.snapshot)),
            Table("no working order", lambda f: working_table(f.seen.snapshot)),
            Table("no decision yet", lambda f: decisions_table(f.seen)),
            Table("no fill yet", lambda f: fills_table(f.seen)),
            Table("no signal yet", lambda f: signals_table(f.seen)),
            Table("no part has spoken", lambda f: beats_table(f.seen.beats)),
        ]
        names = ("Positions", "Working orders", "Decisions", "Fills", "Signals", "Parts")
        parts: list[widgets.Widget] = []
        for name, table in zip(names, self._all, strict=True):
            parts += [html(subheading(name)), *([self._rate] if name == "Signals" else []), table.view]
        self.view = column(*parts)

    def look(self, follower: Follower) -> None:
        """Show what has changed, if it is time to."""
        now_s = self._clock.elapsed_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + TABLES_S
        for table in self._all:
            table.look(follower)
        rate = f"{follower.signals_a_second():.1f} a second, {follower.seen.signals.total:,} seen"
        told = f'<div class="sp-small" data-signals="{follower.seen.signals.total}">{rate}</div>'
        if told != self._rate.value:
            self._rate.value = told
