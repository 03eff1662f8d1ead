"""Orchestrator: the page: one place to choose, run, watch, understand and stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import ipywidgets as widgets

from sptrader.runs.jobs import Workers
from sptrader.runs.reopen import load_run
from sptrader.runs.run import Run
from sptrader.runs.sweep_result import Sweep
from sptrader.strategy.strategy import Strategy
from sptrader.views.desk import Desk, answer_anytime
from sptrader.views.flow import OrderFlow
from sptrader.views.guard import Guard
from sptrader.views.header import Header
from sptrader.views.live_session_page import LivePage
from sptrader.views.look import classed, column, html, show, style_sheet
from sptrader.views.performance import Performance
from sptrader.views.risk import Risk
from sptrader.views.setup import Setup
from sptrader.views.sweeps import Sweeps
from sptrader.views.system import System
from sptrader.views.tables import Orders, Signals


class Tab(Protocol):
    """A part of the page that shows a run."""

    view: widgets.Widget

    def show(self, run: Run) -> None:
        """Show a run."""
        ...


class Orchestrator:
    """The page of one workspace: the last expression of a cell shows it.

    Runs are made by processes of their own and saved below `runs`; `page.run` is the one that is shown, with all of its
    tables. In the modes paper and live the page starts a session in a process of its own below `runs/.sessions`, which goes
    on when the kernel ends; another page finds it again. While it runs the tabs show it, afterwards the run that it left.

    The emergency stop pulls the session's kill switch: a file in its folder, then its server. JupyterLab hands the click to
    a thread beside the one that runs cells, so it works while a cell runs; where the front end has no such threads (a
    kernel older than ipykernel 7, or a busy one that holds the interpreter for good) it waits, and `sptrader live-kill` in a
    terminal does not.

    `page.close()` ends the page's threads.
    """

    def __init__(self, strategy: str | Path | None = None, *, runs: str | Path = "runs") -> None:
        """Open the page on the current folder, with `strategy` (a file, or a known name) chosen."""
        self.run: Run | None = None
        folder = self._runs = Path(runs).resolve()
        self._guard = Guard()
        self._desk = Desk(self._guard)
        self._workers = Workers()
        self._header = Header(changed=self._mode_changed, stop=self._stop)
        self._is_live = False
        self._live = LivePage(
            self._desk,
            self._header,
            folder,
            request=lambda: self._setup.session_request(),
            stream=lambda: self._setup.data.picked,
            shown=self._live_shown,
            ended=self._finished,
        )
        self._setup = Setup(
            self._desk,
            folder,
            self._workers,
            finished=self._finished,
            chosen=self._chosen,
            allowed=self._live.controls.allow,
            switched=self._live.switched,
            beside=self._live.controls.view,
        )
        flow = OrderFlow(self._desk)
        self._performance = Performance(self._desk, folder, explain=self._explain)
        self._system = System(self._desk, folder)
        self._flow = flow
        self._tabs: dict[str, Tab] = {
            "Performance": self._performance,
            "Signals": Signals(),
            "Order flow": flow,
            "Risk": Risk(),
            "Orders": Orders(),
        }
        self._sweeps = Sweeps(self._desk, folder, self._workers, request=self._setup.request, opened=self._open)
        self._shown: dict[str, Run] = {}
        names = [*self._tabs, "Sweep", "System"]
        self._choice = classed(widgets.ToggleButtons(options=names), "sp-tabs")
        self._choice.observe(lambda _: self._turned(), names="value")
        stored = {**{name: tab.view for name, tab in self._tabs.items()}, "Sweep": self._sweeps.view}
        self._stored = {**stored, "System": self._system.view}
        self._pages = widgets.Stack([self._both(name) for name in names], selected_index=0)
        main = column(self._choice, self._pages, classes=["sp-main"])
        body = classed(widgets.Box([self._setup.view, main]), "sp-body")
        style = html(style_sheet())
        show(style, False)
        self.view = column(style, self._header.view, self._guard.view, body, classes=["sp-page"])
        self._desk.root = self.view
        self._arrange()
        self._desk.start()
        self._desk.do(self._sweeps.runner.reattach)
        self._desk.do(self._setup.open, None if strategy is None else str(strategy))
        self._desk.do(self._live.reattach)
        self._desk.do(self._workers.warm)
        self._desk.do(_warm_figures)

    @property
    def sweep(self) -> Sweep | None:
        """The sweep that is shown, with all of its rows."""
        return self._sweeps.sweep

    def close(self) -> None:
        """End the page's threads and its waiting process; a job or a session that runs goes on."""
        self._live.close()
        self._desk.close()
        self._workers.close()
        self.view.close()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        answer_anytime(self.view)
        return self.view._repr_mimebundle_()

    def _finished(self, folder: Path) -> None:
        self.run = load_run(folder)
        self._show()

    def _open(self, run: Run) -> None:
        """A row of a sweep: save it like any run, and show it."""
        run.save(self._runs)
        self.run = run
        self._choice.value = "Performance"
        self._show()

    def _turned(self) -> None:
        self._pages.selected_index = list(self._choice.options).index(self._choice.value)
        self._live.turn(self._choice.value)
        self._desk.do_latest("tab", self._show)

    def _show(self) -> None:
        """Bring the open tab up to date."""
        name = self._choice.value
        if name == "System":
            self._system.refresh()
        elif name in self._tabs and self.run is not None and self._shown.get(name) is not self.run:
            self._tabs[name].show(self.run)
            self._shown[name] = self.run

    def _explain(self, time: Any) -> None:
        """A bar clicked on the performance chart: its explanation is on the order flow's tab."""
        self._choice.value = "Order flow"
        self._show()
        self._flow.explain(time)

    def _chosen(self, strategy: Strategy) -> None:
        self._guard.clear()
        self._sweeps.choose(strategy)
        self._live.choose(strategy)

    def _both(self, name: str) -> widgets.Widget:
        """A tab's two faces: of the run, and of the session while it runs."""
        live = self._live.tabs.get(name)
        return column(*([] if live is None else [live.view]), self._stored[name])

    def _mode_changed(self, mode: str, _: str) -> None:
        """A confirmed mode; a session that runs goes on whatever the page shows, and the emergency stop reaches it."""
        self._guard.clear()
        self._live.enter(mode)
        self._arrange()

    def _live_shown(self, is_live: bool) -> None:
        self._is_live = is_live
        self._arrange()

    def _arrange(self) -> None:
        """Show what belongs to the mode: the button that runs or the session's, and in the tabs the run or the session."""
        is_backtest = self._header.mode == "backtest"
        show(self._setup.runner.view, is_backtest)
        show(self._live.controls.view, not is_backtest)
        for name, tab in self._live.tabs.items():
            is_live = self._is_live and not is_backtest
            show(tab.view, is_live)
            show(self._stored[name], not is_live or name == "System")

    def _stop(self) -> None:
        """The emergency stop: at once, in the thread that heard it."""
        self._guard.run(self._live.stop)


def _warm_figures() -> None:
    """Make a figure before one is wanted: the first in a process takes two seconds."""
    from plotly.subplots import make_subplots

    make_subplots(rows=2, cols=1).add_candlestick(x=[0], open=[1], high=[1], low=[1], close=[1]).to_json()
