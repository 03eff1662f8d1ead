"""Run: one execution of one strategy on one data set with one parameter set, and everything it made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import RunError
from sptrader.kernel import state as k
from sptrader.orchestrator.audit import Audit, audit
from sptrader.orchestrator.backtest import Outcome
from sptrader.orchestrator.columns import indicator_columns, signal_columns
from sptrader.orchestrator.explain import Explanation, explain
from sptrader.orchestrator.orders import order_tables
from sptrader.orchestrator.scenarios import SCENARIOS, scenario
from sptrader.orchestrator.tables import (
    ClosedTrades,
    closed_trades,
    decisions_table,
    equity_table,
    fill_rows,
    signals_table,
    trades_table,
)
from sptrader.performance.costs import CostSplit
from sptrader.performance.definitions import metric_text
from sptrader.performance.report import metric_row
from sptrader.performance.returns import (
    AccountSeries,
    SessionReturns,
    buy_and_hold_return,
    empty_session_warnings,
    session_returns,
)
from sptrader.runs.config import RunConfig
from sptrader.runs.ledger import ledger_file, n_trials
from sptrader.runs.refusals import KEY, explained, kept_refusals, with_codes
from sptrader.runs.reported import Trials
from sptrader.strategy.plan import signal_type_doubts
from sptrader.strategy.spec import Risk
from sptrader.strategy.strategy import Strategy

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from sptrader.runs.doctor import Finding
    from sptrader.runs.section import Section


class Run:
    """What one run made: `metrics`, the tables of SPEC 9, and how to look at them.

    Tables are made when first asked for and are the same bytes for the same inputs. `run.explain(time)` tells what led to
    the decision of one bar.
    """

    def __init__(
        self,
        outcome: Outcome | Callable[[], Outcome],
        config: RunConfig,
        provenance: Mapping[str, Any],
        *,
        strategy: Strategy,
        warnings: tuple[str, ...] = (),
        stored: Mapping[str, Any] | None = None,
        is_told: bool = False,
    ) -> None:
        """Hold an outcome, or, for a run from a folder, its `stored` tables and what makes the outcome again.

        `is_told` is of one whose fills a venue of its own told of; where the bars do not allow them, that is a warning.
        """
        self._given = outcome
        self._is_told = is_told
        self.config = config
        self.strategy = strategy
        self.provenance = dict(provenance)
        self._warnings = warnings
        self.folder: Path | None = None
        self.__dict__.update(stored or {})
        if stored is None and self.audit.violations:
            raise RunError(
                "the fill audit failed: " + " ".join(self.audit.violations), key="audit", value=self.id, is_failure=True
            )

    @cached_property
    def _outcome(self) -> Outcome:
        return self._given() if callable(self._given) else self._given

    @property
    def id(self) -> str:
        """The run's name: a hash of all it depends on, so that equal inputs give equal ids."""
        return str(self.provenance["id"])

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The value of every parameter of the strategy."""
        return self.config.parameters

    @property
    def symbols(self) -> tuple[str, ...]:
        """The instruments it traded."""
        return tuple(self.provenance["symbols"])

    @cached_property
    def trades(self) -> pd.DataFrame:
        """One row for each closing fill; see `sptrader.orchestrator.tables.trades_table`."""
        return trades_table(self._outcome, self._closed)

    @property
    def orders(self) -> pd.DataFrame:
        """Every order with its status; see `sptrader.orchestrator.orders.order_tables`."""
        return self._order_tables[0]

    @property
    def fills(self) -> pd.DataFrame:
        """Every fill with its costs, account currency."""
        return self._order_tables[1]

    @cached_property
    def equity(self) -> pd.DataFrame:
        """The account at the close of each bar: `time equity cash unrealised margin drawdown`."""
        return self._marks.copy(deep=False)

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """What was decided on each bar on which a signal fired or a condition changed, and why."""
        return decisions_table(self._outcome)

    @cached_property
    def signals(self) -> pd.DataFrame:
        """Every event of the strategy's signals."""
        return signals_table(self._outcome)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Every metric by name; definitions in `sptrader.performance.definitions.DEFINITIONS`."""
        s = self._outcome.state
        return metric_row(
            self._account,
            self.session_returns,
            self._closed.pnl,
            self._closed.held,
            benchmark_return=self._benchmark_return(),
            bars_positioned=int(s[k.N_EXPOSED]),
            traded_notional=float(s[k.TURNOVER]),
            fees=float(s[k.FEES]),
        )

    @cached_property
    def audit(self) -> Audit:
        """The check of every fill and of the books."""
        return audit(self._outcome, self._closed, is_told=self._is_told)

    @cached_property
    def session_returns(self) -> SessionReturns:
        """One return for each trading day."""
        return session_returns(self._account)

    @cached_property
    def costs(self) -> CostSplit:
        """Gross result, each cost, and what is left of it; open positions included."""
        a = self.audit
        return CostSplit(a.gross, a.spread, a.slippage, a.fees, -a.financing, a.net)

    @cached_property
    def scenarios(self) -> pd.DataFrame:
        """The same run with the doubts inside bars resolved against the trader and for them, one row each."""
        return pd.DataFrame([asdict(scenario(self._outcome, name)) for name in SCENARIOS])

    @property
    def bars(self) -> dict[str, pd.DataFrame]:
        """The bars of each instrument in the traded period."""
        market = self._outcome.market
        return {symbol: market.frames[symbol].iloc[self._own(symbol)] for symbol in market.symbols}

    @property
    def inputs(self) -> dict[str, pd.DataFrame]:
        """All bars the run read, warm-up and conversion pairs included."""
        return dict(self._outcome.market.frames)

    @property
    def finer(self) -> dict[str, pd.DataFrame]:
        """The finer bars or ticks inside the bars of the period, by symbol; empty without."""
        return dict(self._outcome.market.finer)

    @property
    def columns(self) -> dict[str, dict[str, NDArray[np.float64]]]:
        """The indicators of each instrument, aligned with `bars`."""
        return {
            symbol: {
                name: values[self._own(symbol)]
                for name, values in indicator_columns(self._outcome.columns[symbol], self._outcome.plan).items()
            }
            for symbol in self._outcome.market.symbols
        }

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before believing the numbers."""
        found = list(self._warnings)
        found += self.strategy.warnings
        if self.audit.odd:
            found.append(f"the venue told of fills that these bars do not allow: {' '.join(self.audit.odd)}")
        symbol = self._outcome.market.symbols[0]
        found += signal_type_doubts(self._outcome.plan, signal_columns(self._outcome.columns[symbol]))
        if self._outcome.market.is_spread_modelled:
            found.append("spread: modelled (from a constant or a mean per bar, not from quotes of both sides).")
        found += self._outcome.market.finer_doubts
        found += empty_session_warnings(self.session_returns)
        return tuple(found)

    @property
    def limits(self) -> dict[str, float]:
        """The risk limits of the strategy by name, those that were set: fractions of equity, a count, money."""
        set_limits = {f.name: getattr(self._outcome.plan.risk, f.name) for f in fields(Risk)}
        return {n: float(v) for n, v in set_limits.items() if v is not None and n != "correlation_lookback"}

    @cached_property
    def look_ahead(self) -> tuple[str, ...]:
        """Columns whose values change when later bars are taken away; none in an honest run."""
        from sptrader.runs.lookahead import look_ahead

        o = self._outcome
        return look_ahead(o.plan, o.market.frames, o.columns, instruments=o.plan.instruments)

    @cached_property
    def trials(self) -> Trials | None:
        """How many backtests the ledger counts on its data now; None where it counts none or cannot be read."""
        data = self.provenance.get("trials_of", ())
        if not data or not ledger_file().is_file():
            return None
        try:
            counted = n_trials(data)
        except RunError:  # the count belongs to the reader's machine, the run does not depend on it
            return None
        return Trials(counted) if counted else None

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What speaks against believing it, gravest first: the doctor's findings."""
        from sptrader.runs.doctor import diagnose
        from sptrader.runs.section_tables import run_intervals

        return diagnose(self, run_intervals(self))

    def remade(self) -> Run:
        """Return this run made again from its inputs: nothing of it is read from stored tables.

        Raises `RunError` as `load_run` says, for inputs, components or an engine that are no longer those it was made with.
        """
        again = self._given() if callable(self._given) else self._given
        made = Run(again, self.config, self.provenance, strategy=self.strategy, stored={"warnings": self.warnings})
        made.folder, made.trials = self.folder, self.trials
        return made

    def explain(self, time: str | pd.Timestamp, symbol: str | None = None) -> Explanation:
        """Tell everything that led to the decision of the bar that opened at `time` (UTC); `symbol` where there are several.

        Of a live session it also says which check, or the broker, refused an order that was decided then, and why.

        Raises `RunError` for a time at which no bar opened, naming the nearest ones.
        """
        try:
            outcome = self._outcome
        except RunError as error:
            if said := kept_refusals(self._refused, time, str(self.provenance["timeframe"])):
                raise RunError(f"{error} Of this bar it kept: {said}.", key="time", value=str(time)) from error
            raise
        return explained(explain(outcome, time, symbol), self._refused)

    @property
    def _refused(self) -> list[dict[str, Any]]:
        return list(self.provenance.get(KEY, ()))

    def plot(self, name: str = "dashboard", *, symbol: str | None = None, theme: str = "light") -> Figure:
        """Return a Plotly figure: `dashboard`, `price`, `equity`, `monthly`, `results`, `costs` or `rolling`."""
        from sptrader.runs.figures import run_figure

        return run_figure(self, name, symbol=symbol, theme=theme)

    def section(self, name: str, *, symbol: str | None = None, theme: str = "light") -> Section:
        """Return one part of the report, which a notebook shows: `summary`, `price`, `metrics`, ..."""
        from sptrader.runs.sections import section

        return section(self, name, symbol=symbol, theme=theme)

    def report(
        self, out: str | Path = "report.html", *, script: str = "inline", theme: str = "light", pdf: bool = False
    ) -> Path:
        """Write the report as one self-contained HTML file and return its path; with `pdf` print it beside as well.

        `script="beside"` keeps the scripts in a file beside it, which the reports of a folder share. `theme` is `light` or
        `dark`. The PDF needs a Chromium or Chrome on this machine.
        """
        from sptrader.runs.report import save_run_report

        path = save_run_report(self, out, script=script, theme=theme)
        if pdf:
            from sptrader.runs.pdf import save_pdf

            save_pdf(path)
        return path

    def save(self, folder: str | Path = "runs") -> Path:
        """Write the run's folder below `folder` and return it."""
        from sptrader.runs.store import save_run

        self.folder = save_run(self, folder)
        return self.folder

    def __repr__(self) -> str:
        m = self.metrics
        return (
            f"Run {self.id}: {self.strategy.name} on {', '.join(self.symbols)}, {m['trades']:.0f} trades, "
            f"return {m['total_return']:.2%}, Sharpe {metric_text('sharpe', m['sharpe'])}, "
            f"largest drawdown {m['max_drawdown']:.2%}"
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self.section("summary")._repr_mimebundle_()["text/html"]}

    @cached_property
    def _order_tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        orders, fills = order_tables(self._outcome)
        return with_codes(orders, self._refused), fills

    @cached_property
    def _closed(self) -> ClosedTrades:
        return closed_trades(fill_rows(self._outcome))

    @cached_property
    def _marks(self) -> pd.DataFrame:
        """The equity table on the books' own arrays; while it lives, a write to `equity` copies first."""
        return equity_table(self._outcome)

    @cached_property
    def _account(self) -> AccountSeries:
        o = self._outcome
        kept = slice(o.first, o.last)
        return AccountSeries(
            o.market.times_ns[kept], o.books.equity[kept], o.cash, o.market.timeframe_ns, o.market.session
        )

    def _own(self, symbol: str) -> slice:
        rows = self._outcome.market.rows[symbol]
        first, last = np.searchsorted(rows, [self._outcome.first, self._outcome.last])
        return slice(int(first), int(last))

    def _benchmark_return(self) -> float:
        """Buy and hold of the same instruments, from the first open to the last close, in account currency."""
        market = self._outcome.market
        first_prices, last_prices = [], []
        for i, symbol in enumerate(market.symbols):
            own = market.rows[symbol][self._own(symbol)]
            if len(own) == 0:
                continue
            rate, kind = market.rates[symbol].rate, market.rates[symbol].kind
            ends = [(own[0], 0, 4), (own[-1], 3, 7)]
            mids = [(market.kernel.price[i, t, bid] + market.kernel.price[i, t, ask]) / 2 for t, bid, ask in ends]
            if kind == "is_base":
                mids = [1.0, 2.0 - mids[0] / mids[1]]  # what a long of the base earns, in the base
            elif rate is not None:
                mids = [mids[0] * rate[own[0], 0], mids[1] * rate[own[-1], 1]]
            first_prices.append(float(mids[0]))
            last_prices.append(float(mids[1]))
        return buy_and_hold_return(first_prices, last_prices)
