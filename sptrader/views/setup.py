"""Setup: the left of the page: strategy, data, parameters and money, and the button that runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets

from sptrader.errors import StrategyError
from sptrader.runs.jobs import JobRequest, Workers
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.strategy import Strategy
from sptrader.views.desk import Desk
from sptrader.views.form import ParameterForm
from sptrader.views.look import column, heading
from sptrader.views.market import DataSource
from sptrader.views.runner import Runner
from sptrader.views.strategies import StrategyList


class Setup:
    """What shall be run; `finished(folder)` hears of a result, `chosen(strategy)` of another strategy, `allowed(reason)` why
    nothing can be run now ("": it can), `switched()` of another choice of bars. `beside` is shown below the button that runs."""

    def __init__(
        self,
        desk: Desk,
        runs: Path,
        workers: Workers,
        *,
        finished: Callable[[Path], object],
        chosen: Callable[[Strategy], object],
        allowed: Callable[[str], object],
        switched: Callable[[], object],
        beside: widgets.Widget,
    ) -> None:
        self._desk, self._runs, self._chosen, self._allowed = desk, runs, chosen, allowed
        self._switched = switched
        self.strategy: Strategy | None = None
        self.strategies = StrategyList(lambda path: desk.do_latest("strategy", self._read, path))
        self.data = DataSource(lambda: desk.do_latest("data", self._judge))
        self.form = ParameterForm(self._allow)
        self._cash = widgets.FloatText(description="cash", continuous_update=False)
        self._cash.observe(lambda _: self._allow(), names="value")
        self.runner = Runner(
            desk, runs, label="Run backtest", kind="backtest", request=self.request, finished=finished, workers=workers
        )
        self.view = column(
            heading("Strategy"),
            self.strategies.view,
            heading("Data"),
            self.data.view,
            heading("Parameters"),
            self.form.view,
            column(self._cash, classes=["sp-cash"]),
            self.runner.view,
            beside,
            classes=["sp-side"],
        )

    def open(self, name: str | None) -> None:
        """Look for strategies and choose one; then find what a restarted kernel has left running."""
        self.strategies.refresh()
        self.strategies.choose(name)
        left = self.runner.reattach()
        if left is not None:
            self.strategies.choose(left.strategy)
            self._read(left.strategy)
            self.form.set(left.params)

    def request(self) -> JobRequest:
        """Return what the controls say now; of a live stream the bars so far are written down first."""
        asked = self.session_request()
        if self.data.is_live and self.strategy is not None:
            return replace(asked, bars=self.data.stored_choice(self.strategy, self._runs))
        return asked

    def session_request(self) -> JobRequest:
        """Return what the controls say of a session, which reads a live stream itself."""
        start, end = self.data.dates
        own = None if self.strategy is None else self.strategy.backtest.cash
        cash = None if self._cash.value == own else self._cash.value
        path = self.strategies.path
        return JobRequest(path, self.data.choice, self.form.changes(), cash, start, end)

    def _read(self, path: str) -> None:
        try:
            strategy = load_strategy(path)
        except StrategyError as error:
            self.strategy = None
            self.strategies.fail(error)
            self._allow()
            return
        self.strategy = strategy
        self.strategies.show(strategy)
        self.form.show(strategy)
        if strategy.backtest.cash is not None:
            self._cash.value = strategy.backtest.cash
        self.data.refresh(strategy)
        self._judge()
        self._chosen(strategy)

    def _judge(self) -> None:
        if self.strategy is not None:
            self.data.judge(self.strategy)
            self._switched()

    def _allow(self) -> None:
        """Say why a run cannot start now."""
        if self.strategy is None:
            reason = "the strategy has faults" if self.strategies.path else "choose a strategy first"
        elif self.form.problem:
            reason = self.form.problem
        else:
            reason = "" if self._cash.value > 0 else "cash must be above 0"
        self.runner.allow(reason)
        self._allowed(reason)
