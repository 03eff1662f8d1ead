"""Sweep: what came of a space of parameters: a row of metrics for each combination, any of which opens as a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import RunError, did_you_mean
from sptrader.performance.definitions import DEFINITIONS, metric_text
from sptrader.performance.overfit import BLOCKS
from sptrader.performance.stability import stability
from sptrader.runs.backtest import run_prepared
from sptrader.runs.ledger import Opening, note_opening, openings
from sptrader.runs.ledger import n_trials as count_of
from sptrader.runs.objective import make_objective, objective_values
from sptrader.runs.overfit import Overfit, make_overfit
from sptrader.runs.prepare import Prepared
from sptrader.runs.run import Run
from sptrader.runs.space import SYMBOL, TIMEFRAME, Space
from sptrader.runs.sweep_figures import sweep_figure
from sptrader.runs.sweep_inputs import load_task, require_same
from sptrader.runs.sweep_store import ERROR, NUMBER, RETURNS, Rows
from sptrader.runs.sweep_task import METRICS, SweepTask
from sptrader.runs.trials import count_trial, data_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MARKET = (SYMBOL, TIMEFRAME)


class Sweep:
    """The rows of a sweep: `table`, `best()`, `open(row)`, `plot()`, `overfit()`.

    `is_complete` is False after a cancel: the same call of `sp.sweep` goes on. `folder` is where it is kept, if it is.
    """

    def __init__(
        self,
        facts: Mapping[str, Any],
        task: SweepTask,
        rows: Rows,
        *,
        objective: str,
        folder: Path | None,
        is_complete: bool,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.facts = dict(facts)
        self.task = task
        self.objective = objective
        self.folder = folder
        self.is_complete = is_complete
        self.warnings = warnings
        self._rows = rows
        self._objective = make_objective(objective, task.strategy)

    @property
    def id(self) -> str:
        """The sweep's name: a hash of all its rows depend on."""
        return str(self.facts["id"])

    @property
    def space(self) -> Space:
        """The combinations it is about."""
        return self.task.space

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each combination that is done: what varies, every metric of `sp.backtest`, and `error` where one failed.

        The index `combination` is the number that `open` takes.
        """
        found = self._rows.table([NUMBER, *self.space.names, *METRICS, ERROR] if len(self._rows.done()) else None)
        return found if ERROR not in found or (found[ERROR] != "").any() else found.drop(columns=ERROR)

    @cached_property
    def scores(self) -> pd.Series:
        """The objective of each row, by the number of its combination; nan where it is not defined."""
        return pd.Series(objective_values(self._objective, self.table), index=self.table.index, name=self.objective)

    @property
    def returns(self) -> pd.DataFrame:
        """The session returns of the rows that kept theirs, one column each: all rows, or an even share of a large sweep.

        Markets with other sessions have columns of their own length, filled with nan.
        """
        kept = self._kept
        lengths = np.array([len(values) for values in kept], np.int64)
        matrix = np.full((int(lengths.max(initial=0)), len(kept)), np.nan)
        for length in np.unique(lengths):
            own = np.flatnonzero(lengths == length)
            matrix[:length, own] = np.column_stack([kept.iloc[k] for k in own])
        return pd.DataFrame(matrix, columns=kept.index.rename(None))

    @cached_property
    def _kept(self) -> pd.Series:
        """The session returns by the number of their combination, of the rows that kept theirs."""
        if not len(self.table):
            return pd.Series(dtype=object)
        found: pd.Series = self._rows.table([NUMBER, RETURNS])[RETURNS].dropna()
        return found

    def _kept_like(self, number: int) -> pd.Series:
        """The session returns of the rows of a combination's market, itself left out."""
        numbers = self._kept.index.to_numpy(np.int64)
        found: pd.Series = self._kept[self.space.alike(numbers, number, MARKET) & (numbers != number)]
        return found

    def ranked(self, n: int | None = None) -> pd.DataFrame:
        """Return the rows, best first; rows without an objective last. Of equals the lower number comes first."""
        return self.table.loc[self._order()[:n]]

    def _order(self) -> Ints:
        """The numbers of the combinations, best first."""
        scores = self.scores.to_numpy(np.float64)
        numbers = self.table.index.to_numpy(np.int64)
        return numbers[np.argsort(np.where(np.isnan(scores), np.inf, -scores), kind="stable")]

    def best(self) -> pd.Series:
        """Return the best row; its `name` is the number of its combination.

        Raises `RunError` where no row has an objective, as when none made a trade.
        """
        if not np.isfinite(self.scores.to_numpy()).any():
            raise RunError(
                f"no row has a {self.objective}: of {len(self.table):,} rows {int((self.table['trades'] > 0).sum()):,} traded."
                if len(self.table)
                else "the sweep has no rows yet.",
                key="objective",
                value=self.objective,
            )
        return self.ranked(1).astype(object).iloc[0]

    def parameters(self, row: int | pd.Series | Mapping[str, object]) -> dict[str, Any]:
        """Return the values of a row's combination, by name: a row of `table`, its number, or the values themselves."""
        return self.space.combination(self._number(row))

    def open(self, row: int | pd.Series | Mapping[str, object] | None = None) -> Run:
        """Make the run of a row (the best one without): the same as `sp.backtest` with its parameters, id and tables too.

        Raises `RunError` where it does not come to what the row says any more: a component, the financing rates or the engine
        were changed since.
        """
        number = self._number(self.best() if row is None else row)
        run = self.remade(number)
        if number in self.table.index:
            stored, found = float(self.table.loc[number, "final_equity"]), run.metrics["final_equity"]  # type: ignore[arg-type]
            if stored != found:
                raise RunError(
                    f"row {number} of {self.id} ends at {stored:,.2f}, but made again it ends at {found:,.2f}: the engine or a "
                    "package has changed since.",
                    key="row",
                    value=number,
                    is_failure=True,
                )
        return run

    def remade(self, number: int) -> Run:
        """Make the run of the combination `number` of the inputs as they are, whatever its row says."""
        return run_prepared(self._prepared(number))

    def _prepared(self, number: int) -> Prepared:
        ready = self.task.prepared(number)
        require_same(ready, self.facts)
        return ready

    def overfit(self, *, n_blocks: int = BLOCKS, n_trials: float | None = None) -> Overfit:
        """Return how much of the best row is skill and how much is having tried; see `sptrader.runs.overfit`.

        `n_trials` is the number of independent trials to deflate by, else the ledger's count of all trials on these data.
        """
        best = int(str(self.best().name))
        own = self._kept.get(best)
        mine = self.open(best).session_returns.returns if own is None else own
        others = self._kept_like(best).tolist()
        return make_overfit(
            [*others, mine],
            len(others),
            stability(self.table.index.to_numpy(np.int64), self.scores.to_numpy(), self.space.shape, best),
            n_trials=n_trials,
            n_counted=self.n_trials,
            n_blocks=n_blocks,
            openings=tuple(self.openings),
        )

    @property
    def n_trials(self) -> int:
        """How many different trials the ledger counts on the data of this sweep, whoever made them."""
        return count_of(self._data)

    @property
    def openings(self) -> list[Opening]:
        """Every look at the sealed hold-out, oldest first; empty without one."""
        start = self.holdout_start
        return [] if start is None else openings(self._data, start.value)

    @property
    def holdout_start(self) -> pd.Timestamp | None:
        """The first bar of the sealed hold-out, which no row has seen; None without one."""
        start = self.facts.get("holdout_start")
        return None if start is None else pd.Timestamp(start)

    def open_holdout(self, row: int | pd.Series | Mapping[str, object] | None = None, *, why: str = "") -> Run:
        """Run a row (the best one without) on the sealed hold-out, and write in the ledger for good that it was looked at.

        The run is counted as a trial as well. Raises `RunError` for a sweep without a hold-out.
        """
        start = self.holdout_start
        if start is None:
            raise RunError("the sweep has no hold-out; give sp.sweep(..., holdout=0.2).", key="holdout")
        number = self._number(self.best() if row is None else row)
        ready = self._prepared(number)
        sealed = replace(ready, start_ns=start.value, end_ns=None)
        note_opening(data_of(ready), start.value, f"{self.id} row {number}{f': {why}' if why else ''}")
        count_trial(sealed)
        return run_prepared(sealed)

    def growth(self, n: int = 100) -> pd.DataFrame:
        """Return the growth of 1 of the `n` best rows by session, one column each, the best first; index: the sessions.

        Of the best row's market; of rows that did not keep their session returns only the best.
        """
        ranked = self._order()
        best = int(ranked[0])
        found = self.open(best).session_returns
        kept = self._kept_like(best)
        numbers = ranked[np.isin(ranked, kept.index)][: n - 1].tolist()
        columns = {best: found.returns} | {k: kept[k] for k in numbers}
        return (1.0 + pd.DataFrame(columns, index=found.dates)).cumprod()

    @property
    def title(self) -> str:
        """What figures are headed by."""
        return f"{self.task.strategy.name}: {self.objective} of {len(self.table):,} combinations"

    @cached_property
    def _data(self) -> tuple[str, ...]:
        """The names of the data that its rows traded on."""
        firsts = self.space.firsts(self.table.index.to_numpy(np.int64), MARKET)
        return tuple(dict.fromkeys(one for k in firsts.tolist() for one in data_of(self.task.prepared(k))))

    def plot(
        self,
        name: str = "heatmap",
        *,
        x: str | None = None,
        y: str | None = None,
        metric: str | None = None,
        n: int = 100,
        theme: str = "light",
    ) -> Figure:
        """Return a figure: `heatmap` of a metric over two parameters, `parallel` coordinates, or the `equity` fan of the `n` best.

        `metric` is the objective by default; of further parameters the heatmap shows the best value.
        """
        return sweep_figure(self, name, x=x, y=y, metric=metric, n=n, theme=theme)

    def report(self, out: str | Path, *, script: str = "inline", theme: str = "light") -> Path:
        """Write what it found as one self-contained HTML file; `sptrader verify` makes its numbers again.

        `script="beside"` keeps the page's scripts in one file beside it, to be shared by the pages of a folder.
        """
        from sptrader.runs.report_sweep import save_sweep_report

        return save_sweep_report(self, out, script=script, theme=theme)

    def __repr__(self) -> str:
        state = "" if self.is_complete else " so far"
        head = f"Sweep {self.id}: {len(self.table):,} combinations{state}"
        if not np.isfinite(self.scores.to_numpy()).any():
            return head
        best = self.best()
        values = ", ".join(f"{name}={value}" for name, value in self.parameters(best).items())
        score = self.scores[int(str(best.name))]
        return f"{head}, best {self.objective} {score:.4g} at {values}"

    def _repr_html_(self) -> str:
        shown = self.ranked(10)[[*self.space.names, *_SHOWN]].copy()
        for name in _SHOWN:
            currency = str(self.facts["account"]["currency"])
            shown[name] = [metric_text(name, float(v), currency=currency) for v in shown[name]]
        return f"<p>{escape(repr(self))}</p>{shown.to_html()}"

    def _number(self, row: int | pd.Series | Mapping[str, object]) -> int:
        if isinstance(row, pd.Series):
            row = int(str(row.name))
        if isinstance(row, Mapping):
            return self._number_of(row)
        number = int(row)
        if not 0 <= number < self.space.size:
            raise RunError(
                f"row was {number}; allowed is the number of a combination, 0 to {self.space.size - 1:,}.",
                key="row",
                value=row,
            )
        return number

    def _number_of(self, values: Mapping[str, object]) -> int:
        for name in values:
            if name not in self.space.names:
                near = did_you_mean(str(name), self.space.names) or "."
                raise RunError(f"'{name}' does not vary{near} What does: {', '.join(self.space.names)}.", key=str(name))
        for name, own in zip(self.space.names, self.space.values, strict=True):
            if values.get(name) not in own:
                raise RunError(
                    f"{name} was {values.get(name)!r}; allowed are {', '.join(map(str, own[:20]))}"
                    f"{', ...' if len(own) > 20 else ''}.",
                    key=name,
                )
        return self.space.number(
            {name: own for name, own in values.items() if isinstance(own, (int, float, str, bool))}
        )


_SHOWN = tuple(name for name in ("sharpe", "total_return", "max_drawdown", "trades", "win_rate") if name in DEFINITIONS)


def load_sweep(folder: str | Path, *, objective: str | None = None) -> Sweep:
    """Read the sweep kept in `folder`, complete or not; its rows can be opened and looked at, and it needs nothing else.

    Raises `RunError` where there is none or its inputs were changed.
    """
    path = Path(folder)
    facts, task = load_task(path)
    return Sweep(
        facts,
        task,
        Rows(path),
        objective=objective or facts["objective"],
        folder=path,
        is_complete=facts["is_complete"],
    )
