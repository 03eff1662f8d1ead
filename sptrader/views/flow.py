"""Order flow: signals, decisions, risk, orders and fills of a run, and why each decision was what it was, beside the price."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import ipywidgets as widgets
import pandas as pd

from sptrader.model.reasons import Reason
from sptrader.plots.flow import Flow, flow_figure, order_flow, timeline_figure
from sptrader.runs.run import Run
from sptrader.views.chart import Chart
from sptrader.views.desk import Desk
from sptrader.views.grid import Grid
from sptrader.views.look import button, classed, column, empty, html, row, show, subheading
from sptrader.views.price import PriceChart

_COLUMNS = ("time", "symbol", "action", "outcome", "reason", "cap", "close")
_SENTENCES = {reason.word: reason.sentence for reason in Reason}


class OrderFlow:
    """The tab that answers why: pick a stream of the diagram, a mark of the timeline, or a row, and read its explanation."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._run: Run | None = None
        self._flow = Flow(())
        self._rows: list[int] = []
        self._none = html(
            empty("No decisions yet", "Run a backtest: every signal, decision, refusal, order and fill appears here.")
        )
        self._sankey = Chart(label="from signals to fills", on_click=self._stream)
        self._timeline = Chart(label="when it happened", on_click=self._mark)
        self._told = html()
        self._every = button("all decisions", lambda: desk.do(self._narrow, ""), kind="sp-link")
        self._table = Grid(empty="no decisions", on_pick=lambda at: desk.do_latest("explain", self._picked, at))
        self._price = PriceChart(desk, on_pick=self.explain)
        self._why = classed(html(), "sp-explain")
        beside = classed(widgets.Box([column(self._price.view), self._why]), "sp-why")
        self._all = column(
            html(subheading("From signals to fills")),
            self._sankey,
            html(subheading("When")),
            self._timeline,
            row(self._told, self._every, classes=["sp-tools"]),
            self._table,
            html(subheading("Why")),
            beside,
        )
        show(self._all, False)
        self.view = column(self._none, self._all)

    def show(self, run: Run) -> None:
        """Show the decisions of a run."""
        self._run = run
        self._flow = order_flow(run.decisions, run.signals, run.orders)
        show(self._none, False)
        show(self._all, True)
        self._sankey.show(flow_figure(self._flow))
        self._timeline.show(timeline_figure(run.decisions, run.signals, run.orders, run.fills))
        self._narrow("")
        self._price.show(run)
        self._why.value = (
            '<div class="sp-small">Click a decision in the table, a mark on the timeline or a bar of the chart.</div>'
        )

    def explain(self, time: pd.Timestamp, symbol: str | None = None) -> None:
        """Show what led to the decision of the bar at `time`, and the price around it."""
        if self._run is None:
            return
        chosen = symbol or self._run.symbols[0]
        bars = self._run.bars[chosen].index
        at = bars[max(int(bars.searchsorted(time, side="right")) - 1, 0)]
        told = self._run.explain(at, chosen if len(self._run.symbols) > 1 else None)
        self._price.point(at, chosen)
        self._why.value = f'<div class="sp sp-explain" data-time="{at:%Y-%m-%d %H:%M}">{told._repr_html_()}</div>'

    def _picked(self, at: int) -> None:
        if self._run is not None and at < len(self._rows):
            decision = self._run.decisions.iloc[self._rows[at]]
            self.explain(decision["time"], str(decision["symbol"]))

    def _stream(self, click: Mapping[str, Any]) -> None:
        if isinstance(click.get("at"), str):
            self._desk.do_latest("narrow", self._narrow, click["at"])

    def _mark(self, click: Mapping[str, Any]) -> None:
        if self._run is None:
            return
        if isinstance(click.get("at"), int):
            decision = self._run.decisions.iloc[click["at"]]
            self._desk.do_latest("explain", self.explain, decision["time"], str(decision["symbol"]))
        elif isinstance(click.get("x"), str):
            moment = pd.Timestamp(click["x"], tz="UTC")
            is_decided_before = click.get("trace", "").startswith(("order", "fill"))
            step = pd.Timedelta(seconds=1) if is_decided_before else pd.Timedelta(0)
            self._desk.do_latest("explain", self.explain, moment - step)

    def _narrow(self, stop: str) -> None:
        """Show the decisions that passed `stop`, all for none."""
        if self._run is None:
            return
        decisions = self._run.decisions
        self._rows = self._flow.rows(stop) if stop else list(range(len(decisions)))
        said = _SENTENCES.get(stop.partition(": ")[2].replace(" ", "_"), "")
        what = f"<b>{escape(stop)}</b>{': ' + escape(said) if said else ''}" if stop else "Every decision"
        self._told.value = f'<span class="sp-small">{what} ({len(self._rows):,})</span>'
        show(self._every, bool(stop))
        self._table.show(decisions.iloc[self._rows][list(_COLUMNS)])
