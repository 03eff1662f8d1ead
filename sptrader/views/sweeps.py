"""Sweep: a space of parameters, its runs made by another process, what came of them, and any row opened as a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from sptrader.errors import RunError, SptraderError
from sptrader.plots.parts import part
from sptrader.runs.jobs import JobRequest, Workers
from sptrader.runs.objective import make_objective
from sptrader.runs.run import Run
from sptrader.runs.space import Space, make_space, read_values
from sptrader.runs.sweep_result import Sweep, load_sweep
from sptrader.strategy.strategy import Strategy
from sptrader.views.chart import Chart
from sptrader.views.desk import Desk
from sptrader.views.grid import Grid
from sptrader.views.look import column, html, row, show, subheading
from sptrader.views.runner import Runner

_OBJECTIVES = ("sharpe", "total_return", "calmar", "sortino", "profit_factor", "sqn", "-max_drawdown")
_METRICS = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate", "profit_factor")
_MOST = 200_000


class Sweeps:
    """The tab of sweeps. `request()` is what a backtest would be asked now; `opened(run)` hears of a row made a run."""

    def __init__(
        self,
        desk: Desk,
        runs: Path,
        workers: Workers,
        *,
        request: Callable[[], JobRequest],
        opened: Callable[[Run], object],
    ) -> None:
        self._desk, self._asked, self._opened = desk, request, opened
        self._strategy: Strategy | None = None
        self._rows: pd.DataFrame = pd.DataFrame()
        self.sweep: Sweep | None = None
        self._values: dict[str, widgets.Text] = {}
        self._space = column(classes=["sp-space"])
        self._count = html(classes=["sp-small"])
        self._objective = widgets.Combobox(options=_OBJECTIVES, value=_OBJECTIVES[0], ensure_option=False)
        self._objective.tooltip = "A metric, or an expression over metrics and parameters; the largest is the best"
        self._objective.continuous_update = False
        self._objective.observe(lambda _: self._check(), names="value")
        self.runner = Runner(
            desk, runs, label="Run sweep", kind="sweep", request=self.request, finished=self.show, workers=workers
        )
        self._told = html()
        self._kind = widgets.ToggleButtons(options=["heatmap", "parallel", "equity"])
        self._kind.observe(lambda _: desk.do_latest("sweep figure", self._draw), names="value")
        self._chart = Chart(label="the sweep", on_click=self._clicked)
        self._overfit_chart = Chart(label="overfitting")
        self._overfit = html()
        self._table = Grid(empty="no rows", on_pick=lambda at: desk.do_latest("open row", self._open, at))
        told = html('<div class="sp-small">Click a row, or a cell of the heatmap, to open it as a run.</div>')
        self._results = column(
            self._told,
            row(self._kind, classes=["sp-tools", "sp-choice"]),
            self._chart,
            told,
            self._table,
            html(subheading("Skill, or having tried")),
            self._overfit,
            self._overfit_chart,
        )
        show(self._results, False)
        about = '<div class="sp-small">Values of each parameter: <code>5,8,12</code> or <code>5:50:5</code>; empty keeps it.</div>'
        asked = column(html(subheading("What to vary")), html(about), self._space, self._count)
        how = column(html(subheading("What to look for")), self._objective, self.runner.view)
        self.view = column(row(asked, how, classes=["sp-two"]), self._results)

    def choose(self, strategy: Strategy) -> None:
        """Show the parameters of another strategy, with the values its file proposes."""
        self._strategy = strategy
        self._values = {name: _values_box(name, strategy.space.get(name, ())) for name in strategy.parameters}
        for box in self._values.values():
            box.observe(lambda _: self._check(), names="value")
        self._space.children = list(self._values.values())
        self._check()

    def request(self) -> JobRequest:
        """Return what the controls say now; the parameters that are not varied are those of the form."""
        asked, made = self._asked(), self._made()
        space = dict(zip(made.names, map(list, made.values), strict=True))
        params = {name: value for name, value in asked.params.items() if name not in space}
        return JobRequest(
            asked.strategy, asked.bars, params, asked.cash, asked.start, asked.end, space, self._objective.value
        )

    def show(self, folder: Path) -> None:
        """Show the sweep kept in `folder`."""
        self.sweep = load_sweep(folder)
        self._rows = self.sweep.ranked(1000)
        state = "" if self.sweep.is_complete else " It was not finished; the same sweep goes on where it stopped."
        self._told.value = part(f"<p><b>{escape(repr(self.sweep))}</b>{state}</p>")
        show(self._results, True)
        names = [*self.sweep.space.names, *dict.fromkeys([*_METRICS])]
        rows = self._rows[names].round(dict.fromkeys(("sharpe", "profit_factor"), 3))
        self._table.show(rows, percent=("total_return", "max_drawdown", "win_rate"), signed=("total_return",))
        self._draw()
        try:
            found = self.sweep.overfit()
        except RunError as error:
            self._overfit.value = f'<div class="sp-small">{escape(str(error))}</div>'
            show(self._overfit_chart, False)
            return
        self._overfit.value = part(found._repr_html_())
        show(self._overfit_chart, True)
        self._overfit_chart.show(found.plot())

    def _draw(self) -> None:
        if self.sweep is not None:
            figure = self.sweep.plot(self._kind.value)
            figure.update_layout(title=None)
            self._chart.show(figure)

    def _clicked(self, click: Mapping[str, Any]) -> None:
        if self.sweep is None or self._kind.value != "heatmap":
            return
        self._desk.do_latest("open row", self._open_cell, click.get("x"), click.get("y"))

    def _open_cell(self, x: object, y: object) -> None:
        """Open the best row of a heatmap's cell."""
        if self.sweep is None:
            return
        layout = self._chart.figure["layout"]
        names = [layout[axis]["title"]["text"] for axis in ("xaxis", "yaxis") if "title" in layout.get(axis, {})]
        rows = self._rows
        for name, value in zip(names, (x, y), strict=False):
            if name in rows:
                rows = rows[rows[name].astype(str) == str(value)]
        if len(rows):
            self._open(self._rows.index.get_loc(rows.index[0]))

    def _open(self, at: Any) -> None:
        if self.sweep is not None:
            self._table.point(int(at))
            self._opened(self.sweep.open(int(self._rows.index[at])))

    def _made(self) -> Space:
        if self._strategy is None:
            raise RunError("choose a strategy first.", key="strategy")
        given = {name: read_values(box.value) for name, box in self._values.items() if box.value.strip()}
        if not given:
            raise RunError("give at least one parameter values to try.", key="space")
        make_objective(self._objective.value, self._strategy)
        return make_space(self._strategy, given)

    def _check(self) -> None:
        """Count the combinations, or say what is wrong."""
        try:
            space = self._made()
            found = f"{space.size:,} combinations"
            reason = (
                "" if space.size <= _MOST else f"{found} are more than {_MOST:,}; use sp.sweep with a random search"
            )
        except SptraderError as error:
            found, reason = "", str(error)
        kind = "sp-problem" if reason else "sp-small"
        self._count.value = f'<div class="{kind}">{escape(reason or found)}</div>'
        self.runner.allow(reason)


def _values_box(name: str, values: tuple[object, ...]) -> widgets.Text:
    text = ",".join(map(str, values))
    return widgets.Text(value=text, description=name, placeholder="not varied", continuous_update=False)
