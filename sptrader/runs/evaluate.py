"""Evaluate: one row of metrics for one set of parameters, without a table made for it; what a sweep does a thousand times."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sptrader.clock import LiveClock
from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.model.recent import Recent
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.backtest import fold
from sptrader.orchestrator.tables import closed_trades
from sptrader.performance.report import metric_row
from sptrader.performance.returns import AccountSeries, session_ends, session_returns
from sptrader.runs.backtest import make_run, outcome_of
from sptrader.runs.parts import MOST_PLANS, Parts
from sptrader.runs.prepare import Prepared
from sptrader.strategy.document import Scalar
from sptrader.strategy.plan import Plan

Floats = NDArray[np.float64]


class Evaluator:
    """One strategy on one prepared market: `row(values)` gives what `sp.backtest(...).metrics` would, to the last digit.

    Columns, rules and the market's arrays are shared by all rows; each thread has books of its own, used again and again.
    """

    def __init__(self, ready: Prepared) -> None:
        """Run what was prepared once, in full: faults of data and strategy show here."""
        outcome = outcome_of(ready)
        run = make_run(ready, outcome, seed=0, began_s=LiveClock().elapsed_s())
        self._benchmark_return = run.metrics["benchmark_return"]
        self._market, self._first, self._last = outcome.market, outcome.first, outcome.last
        self._cash = ready.cash
        self._times_ns = outcome.market.times_ns[self._first : self._last]
        self.ends = session_ends(self._times_ns, outcome.market.session)
        self._parts = Parts(ready.strategy, outcome.plan, outcome.market)
        self._openings: Recent[Plan, Floats] = Recent(MOST_PLANS)
        self._own = threading.local()

    def row(self, values: Mapping[str, Scalar]) -> tuple[dict[str, float], Floats]:
        """Return the metrics and the session returns of a run with the parameters `values`, all of them, checked."""
        plan, orders = self._parts.plan(values)
        opening = self._openings.get(plan)
        if opening is None:
            opening = opening_state(plan, self._market, self._cash)
            self._openings.put(plan, opening)
        state = opening.copy()
        books = fold(
            self._market,
            orders,
            state,
            self._first,
            self._last,
            has_end=plan.execution.close_at_end,
            for_figures=True,
            books=getattr(self._own, "books", None),
        )
        self._own.books = books
        account = AccountSeries(
            self._times_ns,
            books.equity[self._first : self._last],
            self._cash,
            self._market.timeframe_ns,
            self._market.session,
        )
        result = session_returns(account, self.ends)
        closed = closed_trades(books.fills[: books.counts[m.N_FILLS]])
        found = metric_row(
            account,
            result,
            closed.pnl,
            closed.held,
            benchmark_return=self._benchmark_return,
            bars_positioned=int(state[k.N_EXPOSED]),
            traded_notional=float(state[k.TURNOVER]),
            fees=float(state[k.FEES]),
        )
        return found, result.returns
