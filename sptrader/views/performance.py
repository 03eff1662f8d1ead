"""Performance: what a run made, with its price, equity, months, trades and costs, beside earlier runs on request."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from sptrader.performance.definitions import DEFINITIONS, metric_text
from sptrader.plots.compare import comparison_figure
from sptrader.runs.figures import run_figure
from sptrader.runs.reopen import load_run
from sptrader.runs.run import Run
from sptrader.runs.store import saved_runs
from sptrader.views.chart import Chart
from sptrader.views.desk import Desk
from sptrader.views.grid import Grid
from sptrader.views.look import button, column, disable, empty, html, row, show, subheading
from sptrader.views.price import PriceChart

_NONE = ""
_KEPT = 40
_FIGURES = {
    "equity": "Equity and drawdown",
    "monthly": "Monthly returns",
    "results": "Trades",
    "rolling": "Rolling",
    "costs": "Costs",
}
_TRADES = (
    "symbol",
    "side",
    "quantity",
    "entry_time",
    "entry_price",
    "exit_time",
    "exit_price",
    "pnl",
    "return",
    "bars_held",
    "exit_reason",
)


class Performance:
    """The tab of a run's results; `explain(time)` is called for a bar that was clicked on the price."""

    def __init__(self, desk: Desk, runs: Path, *, explain: Callable[[pd.Timestamp], object] | None = None) -> None:
        self._desk, self._runs = desk, runs
        self._run: Run | None = None
        self._shown: dict[str, Run] = {}
        self._none = html(empty("No run yet", "Choose a strategy, look at its data, and press Run backtest."))
        self._summary = html()
        self.price = PriceChart(desk, on_pick=explain)
        self._charts = {name: Chart(label=title) for name, title in _FIGURES.items()}
        parts = {name: column(html(subheading(title)), self._charts[name]) for name, title in _FIGURES.items()}
        self._metrics = Grid()
        self._trades = Grid(empty="no trades")
        self._with = widgets.Dropdown(options=[("compare with …", _NONE)], layout=widgets.Layout(width="300px"))
        self._with.observe(lambda _: desk.do_latest("compare", self._compare), names="value")
        self._report = button(
            "Write report", lambda: desk.do(self._write), tooltip="Write report.html into the run's folder"
        )
        self._where = html()
        self._comparison = Chart(label="comparison of runs")
        self._compared = Grid()
        self._beside = column(html(subheading("Beside the other run")), self._comparison, self._compared)
        self._all = column(
            row(self._with, self._report, self._where, classes=["sp-tools"]),
            self._summary,
            self._beside,
            html(subheading("Price and trades")),
            self.price.view,
            parts["equity"],
            parts["monthly"],
            parts["results"],
            parts["costs"],
            parts["rolling"],
            html(subheading("Every trade")),
            self._trades,
            html(subheading("Every metric")),
            self._metrics,
        )
        show(self._all, False)
        show(self._beside, False)
        self.view = column(self._none, self._all)

    def show(self, run: Run) -> None:
        """Show a run: the summary first, then chart by chart."""
        self._run = run
        self._shown[run.id] = run
        self._summary.value = run.section("summary")._repr_mimebundle_()["text/html"]
        show(self._none, False)
        show(self._all, True)
        self._where.value = ""
        self._offer()
        self.price.show(run)
        for name, chart in self._charts.items():
            chart.show(run_figure(run, name, title=""))
        self._trades.show(run.trades[list(_TRADES)], signed=("pnl", "return"), percent=("return",))
        self._metrics.show(metrics_table({run.strategy.name: run}))

    def _offer(self) -> None:
        """Offer the saved runs to compare with; what was chosen stays chosen."""
        before = self._with.value
        own = "" if self._run is None else self._run.id
        found = [folder for folder in saved_runs(self._runs)[:_KEPT] if folder.name != own]
        self._with.options = [("compare with …", _NONE), *((folder.name, str(folder)) for folder in found)]
        disable(self._with, "" if found else "there is no other saved run")
        if before in [str(folder) for folder in found]:
            self._with.value = before
        self._compare()

    def _compare(self) -> None:
        """Show the chosen run beside this one."""
        show(self._beside, bool(self._with.value) and self._run is not None)
        if not self._with.value or self._run is None:
            return
        folder = Path(self._with.value)
        other = self._shown.setdefault(folder.name, load_run(folder))
        both = dict(zip(run_labels(self._run, other), (self._run, other), strict=True))
        figure = comparison_figure({n: r.equity for n, r in both.items()}, {n: r.config.cash for n, r in both.items()})
        self._comparison.show(figure)
        self._compared.show(metrics_table(both))

    def _write(self) -> None:
        if self._run is not None:
            path = self._run.report(self._runs / self._run.id / "report.html")
            self._where.value = f'<span class="sp-small">written: {escape(str(path))}</span>'


def run_labels(one: Run, other: Run) -> tuple[str, str]:
    """Name two runs by what differs between them: parameters where they do, else their ids."""
    names = [name for name in one.parameters if one.parameters[name] != other.parameters.get(name)]
    if one.strategy.name != other.strategy.name or not names or set(one.parameters) != set(other.parameters):
        return f"this: {one.id}", other.id
    told = [", ".join(f"{name} {run.parameters[name]}" for name in names) for run in (one, other)]
    return f"this: {told[0]}", told[1]


def metrics_table(runs: dict[str, Run]) -> pd.DataFrame:
    """Return every metric of `runs` as text, a column for each, with what it is."""
    names = list(next(iter(runs.values())).metrics)
    columns = {
        label: [metric_text(name, run.metrics[name], currency=run.config.currency) for name in names]
        for label, run in runs.items()
    }
    told = {"metric": names, **columns}
    if len(runs) == 1:
        told["what it is"] = [DEFINITIONS[name].text for name in names]
    return pd.DataFrame(told)
