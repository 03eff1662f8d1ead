"""Live session tabs: what the page's tabs show while a session runs: its chart, signals, order flow and processes."""

from __future__ import annotations

from html import escape
from typing import Protocol

import ipywidgets as widgets
import pandas as pd

from sptrader.model.reasons import Reason
from sptrader.plots.flow import Flow, flow_figure
from sptrader.runs.live_follow import Follower, Seen
from sptrader.views.chart import Chart
from sptrader.views.desk import Desk
from sptrader.views.live_monitor_chart import LiveChart
from sptrader.views.live_monitor_tables import (
    beats_table,
    decisions_table,
    fills_table,
    signals_table,
)
from sptrader.views.live_session import LiveSession
from sptrader.views.live_table import Table, offer
from sptrader.views.look import button, classed, column, disable, html, show, subheading

_SENTENCES = {reason.word: reason.sentence for reason in Reason}
_SHOWN = 200


class LiveTab(Protocol):
    """A tab of a running session."""

    view: widgets.Widget

    def look(self, follower: Follower) -> None:
        """Show what has changed."""
        ...


class LivePerformance:
    """Candles, fills, equity and the account's numbers."""

    def __init__(self) -> None:
        self.chart = LiveChart()
        self._symbols = widgets.Dropdown(options=[], layout=widgets.Layout(width="130px"))
        self._symbols.observe(lambda _: self._chosen(), names="value")
        self._fills = Table("no fill yet", lambda f: fills_table(f.seen))
        show(self._symbols, False)
        self.view = column(self._symbols, self.chart, html(subheading("Fills, newest first")), self._fills.view)

    def look(self, follower: Follower) -> None:
        """Show what has changed."""
        symbols = tuple(follower.seen.bars)
        if symbols != tuple(self._symbols.options):
            offer(self._symbols, symbols)
            show(self._symbols, len(symbols) > 1)
        self._fills.look(follower)

    def _chosen(self) -> None:
        self.chart.symbol = self._symbols.value or ""


class LiveSignals:
    """Events as they come, with rate and age; a form publishes a test signal, on paper alone."""

    def __init__(self, desk: Desk, session: LiveSession) -> None:
        self._session = session
        self._rate = html()
        self._events = Table("no signal yet", lambda f: signals_table(f.seen, most=_SHOWN))
        self._symbol, self._name = widgets.Dropdown(options=[]), widgets.Dropdown(options=[])
        self._type = widgets.Combobox(placeholder="type, as golden_cross", continuous_update=True)
        self._strength = widgets.FloatSlider(value=1.0, min=0.0, max=1.0, step=0.05, description="strength")
        self._send = button("Publish", lambda: desk.do(self._publish), tooltip="Put the signal onto signals:live")
        self._told = html()
        self._type.observe(lambda _: self._allow(), names="value")
        form = classed(widgets.Box([self._symbol, self._name, self._type, self._strength, self._send]), "sp-test")
        self._form = column(html(subheading("Publish a test signal, on paper alone")), form, self._told)
        self.view = column(html(subheading("Signals, newest first")), self._rate, self._events.view, self._form)
        self._allow()

    def look(self, follower: Follower) -> None:
        """Show what has changed."""
        self._events.look(follower)
        seen = follower.seen
        last = seen.signals.last
        rate = f"{follower.signals_a_second():.1f} a second, {seen.signals.total:,} seen"
        told = f'<div class="sp-small" data-signals="{seen.signals.total}">{rate}</div>'
        if told != self._rate.value:
            self._rate.value = told
        show(self._form, seen.snapshot.get("mode") == "paper")
        offer(self._symbol, tuple(seen.snapshot.get("symbols", ())))
        columns = seen.columns.last
        offer(self._name, () if columns is None else tuple(columns.signals))
        if last is not None:
            self._type.options = tuple(sorted({one.type for one in seen.signals.all()}))

    def _allow(self) -> None:
        disable(self._send, "" if self._type.value.strip() else "say the signal's type first")

    def _publish(self) -> None:
        symbol, name, kind = self._symbol.value, self._name.value, self._type.value.strip()
        if not symbol or not name:
            self._told.value = '<div class="sp-problem" role="alert">The strategy has no signal that could come.</div>'
            return
        self._session.publish(symbol=symbol, name=name, type=kind, strength=self._strength.value)
        self._told.value = (
            f'<div class="sp-small" role="status">Published {escape(name)} {escape(kind)} of {escape(symbol)}; '
            "what became of it stands on the order flow.</div>"
        )


class LiveFlow:
    """Signals, decisions, refusals, orders and fills since the page follows; a picked decision is explained."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._totals = (-1, -1, -1)
        self._sankey = Chart(label="from signals to fills, of the running session")
        show(self._sankey, False)
        self._why = classed(html(), "sp-explain")
        self._decisions = Table(
            "no decision yet",
            lambda f: decisions_table(f.seen, most=_SHOWN),
            on_pick=lambda at: desk.do_latest("live why", self._explain, at),
        )
        self._follower: Follower | None = None
        self.view = column(
            html(subheading("From signals to fills, so far")),
            self._sankey,
            html(subheading("Decisions and answers, newest first")),
            self._decisions.view,
            self._why,
        )

    def look(self, follower: Follower) -> None:
        """Show what has changed."""
        self._follower, seen = follower, follower.seen
        self._decisions.look(follower)
        totals = (follower.sessions, seen.notes.total, seen.fills.total)
        if totals != self._totals:
            self._totals = totals
            self._desk.do_latest("live flow", self._draw, seen)

    def _draw(self, seen: Seen) -> None:
        flow = live_flow(seen)
        if flow.paths:
            self._sankey.show(flow_figure(flow))
            show(self._sankey, True)

    def _explain(self, at: int) -> None:
        picked = self._decisions.row(at)
        if picked is None or self._follower is None:
            return
        time, symbol, reason = picked["time"], picked["symbol"], str(picked["reason"]).replace(" ", "_")
        said = _SENTENCES.get(reason, str(picked["reason"]))
        found = [m for m in self._follower.seen.columns.all() if (m.bar.time_ns, m.bar.symbol) == (time.value, symbol)]
        values: dict[str, object] = {}
        if found:
            bar = found[-1].bar
            values = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close, **found[-1].indicators}
            values |= {name: one.type or "no event" for name, one in found[-1].signals.items()}
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(_value(value))}</td></tr>" for name, value in values.items()
        )
        self._why.value = (
            f'<div class="sp sp-explain" data-time="{time:%Y-%m-%d %H:%M}"><b>{time:%Y-%m-%d %H:%M} {escape(str(symbol))}: '
            f"{escape(str(picked['action']))}, {escape(str(picked['outcome']))}</b><p>{escape(said)}</p>"
            f"<table>{rows}</table></div>"
        )


class LiveSystem:
    """The session's parts and their heartbeats, its streams, its folder and what its process said."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._beats = Table("no part has spoken", lambda f: beats_table(f.seen.beats))
        self._streams = Table("no stream yet", streams_table)
        self._told = html()
        self.view = column(
            html(subheading("Parts of the running session")),
            self._beats.view,
            html(subheading("Streams")),
            self._streams.view,
            self._told,
        )

    def look(self, follower: Follower) -> None:
        """Show what has changed."""
        self._beats.look(follower)
        self._streams.look(follower)
        process = self._session.process
        if process is None:
            return
        journals = {path.name: path.stat().st_size for path in sorted(process.folder.glob("*.sqlite"))}
        sizes = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in journals.items()) or "no journal yet"
        log = escape(process.log()[-2000:].strip() or "It said nothing.")
        connection = escape(follower.problem or "connected")
        behind = bars_behind(follower.seen)
        told = (
            f'<div class="sp-small">{escape(str(process.folder))}<br>{sizes}<br>server: {connection}<br>'
            f"the orchestrator is {behind:,} bars behind the feed</div>"
            f"<details><summary>log</summary><pre class='sp-log'>{log}</pre></details>"
        )
        if told != self._told.value:
            self._told.value = told


def live_flow(seen: Seen) -> Flow:
    """Follow each decision from the signal of its bar to the fill after it; orders without one are `sent`."""
    fired = {
        (one.time_ns, one.symbol): one.type.replace("_", " ") for one in seen.signals.all() if one.source == "worker"
    }
    fills = seen.fills.all()
    paths: list[tuple[str, ...]] = []
    for note in seen.notes.all():
        if "what" in note:
            verdict = str(note["verdict"])
            paths.append((str(note["what"]).replace("_", " "), verdict))
            continue
        action, outcome = str(note["action"]), str(note["outcome"])
        start = fired.get((note["time_ns"], note["symbol"]), "no event")
        path = [start, action.replace("_", " ") if action != "stay" else "no action"]
        if outcome != "ordered":
            path.append(f"{outcome}: {str(note['reason']).replace('_', ' ')}")
        else:
            is_filled = any(one.symbol == note["symbol"] and one.time > note["time_ns"] for one in fills)
            path += ["passed", "order filled" if is_filled else "order sent"]
        paths.append(tuple(path))
    return Flow(tuple(paths))


def bars_behind(seen: Seen) -> int:
    """Return how many of the bars that were published are not booked yet, of the instrument with the most."""
    last_ns = seen.snapshot.get("last_ns")
    if last_ns is None:
        return max((ring.total for ring in seen.bars.values()), default=0)
    return max((sum(bar[0] > last_ns / 1e9 for bar in ring.all()) for ring in seen.bars.values()), default=0)


def streams_table(follower: Follower) -> pd.DataFrame:
    """Return how many entries the server keeps of each stream."""
    rows = [(name, float(length)) for name, length in follower.seen.lengths.items()]
    return pd.DataFrame(rows, columns=["stream", "entries"])


def _value(value: object) -> str:
    return "n/a" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
