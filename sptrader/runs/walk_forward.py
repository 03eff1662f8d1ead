"""Walk-forward: choose parameters on one stretch of time, trade them on the next, and go on; what is traded is out of sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sptrader.errors import RunError
from sptrader.model.bars import bars_facts
from sptrader.model.timeframe import make_timeframe
from sptrader.performance.returns import AccountSeries
from sptrader.plots.sweep import walk_forward_figure
from sptrader.runs.backtest import backtest
from sptrader.runs.finer import Finer
from sptrader.runs.objective import DEFAULT, make_objective, objective_values
from sptrader.runs.prepare import Bars, Prepared, prepare
from sptrader.runs.progress import Told, make_progress
from sptrader.runs.run import Run
from sptrader.runs.sweep import sweep
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.strategy import Strategy

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Window:
    """One step, as places of bars: train on [train_first, train_last), trade on [test_first, test_last)."""

    train_first: int
    train_last: int
    test_first: int
    test_last: int


@dataclass(frozen=True)
class WalkForward:
    """What a walk forward came to.

    `windows` has a row for each step: its periods, the parameters that were chosen, and the objective in and out of sample.
    `equity` (`time`, `equity`) is stitched: each step starts flat with what the one before left. `runs` are the steps' own.
    """

    objective: str
    windows: pd.DataFrame
    equity: pd.DataFrame
    runs: tuple[Run, ...]
    cash: float

    @property
    def account(self) -> AccountSeries:
        """The stitched equity as an account, for every figure of `sptrader.performance`."""
        first = self.runs[0]
        facts = bars_facts(first.inputs[first.symbols[0]])
        times = pd.DatetimeIndex(self.equity["time"]).as_unit("ns").asi8
        length = make_timeframe(facts.timeframe).ns
        return AccountSeries(
            np.asarray(times), self.equity["equity"].to_numpy(np.float64), self.cash, length, facts.session
        )

    @property
    def efficiency(self) -> float:
        """The mean objective out of sample over the mean in sample: near 1 holds up, near 0 or below does not; nan where the
        objective in sample is not above 0."""
        inside = float(self.windows["train_score"].mean())
        return float(self.windows["test_score"].mean()) / inside if inside > 0 else math.nan

    def plot(self, *, theme: str = "light") -> Figure:
        """Return the walk-forward chart."""
        title = f"{self.runs[0].strategy.name}: walk forward, {len(self.runs)} steps"
        return walk_forward_figure(self.equity, self.windows, title=title, theme=theme)

    def __repr__(self) -> str:
        gain = float(self.equity["equity"].iloc[-1]) / self.cash - 1.0
        return (
            f"Walk forward of {len(self.runs)} steps: {gain:.2%} out of sample, {self.objective} "
            f"{self.windows['test_score'].mean():.3g} there and {self.windows['train_score'].mean():.3g} in sample"
        )


def walk_forward(
    strategy: Strategy | str | Path,
    bars: Bars = None,
    *,
    space: Mapping[str, object] | None = None,
    n_windows: int = 5,
    train: int | None = None,
    is_anchored: bool = False,
    purge: int = 0,
    embargo: int = 0,
    objective: str = DEFAULT,
    constraints: Sequence[str] = (),
    params: Mapping[str, object] | None = None,
    cash: float | None = None,
    currency: str | None = None,
    finer: Finer = None,
    method: str = "grid",
    n_trials: int | None = None,
    seed: int = 0,
    executor: str = "threads",
    workers: int | None = None,
    address: str | None = None,
    progress: bool | Told | None = None,
) -> WalkForward:
    """Choose by `sp.sweep` on a training period, trade the best combination on the period after it, `n_windows` times.

    The bars are cut into `n_windows` test periods of one length after a first training period of `train` bars (as long as
    one test period when it is not said). Training is `rolling`: its last `train` bars, or, when `is_anchored`, all bars since
    the first. `purge` bars are left out at the end of each training period, so that no position that was opened in it reaches
    into the test; `embargo` bars are left out at the start of each test period, while what happened before still echoes.
    Other arguments are those of `sp.sweep`. Every run is counted in the ledger. Raises `RunError` for windows that do not fit.
    """
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    ready = prepare(loaded, bars, params=params, cash=cash, currency=currency, finer=finer)
    index = _index(ready)
    steps = make_windows(len(index), n_windows, train=train, is_anchored=is_anchored, purge=purge, embargo=embargo)
    search: dict[str, Any] = {
        "space": space, "objective": objective, "constraints": constraints, "method": method, "n_trials": n_trials,
        "seed": seed, "executor": executor, "workers": workers, "address": address,
    }  # fmt: skip
    walk = _Walk(ready, index, dict(params or {}), search)
    told = make_progress(len(steps), "windows", shown=progress)
    runs: list[Run] = []
    rows: list[dict[str, Any]] = []
    money = ready.cash
    for step in steps:
        run, row = walk.step(step, money)
        runs.append(run)
        rows.append(row)
        told.advance(1)
        money = run.metrics["final_equity"]
        if not money > 0.0:
            break
    told.close()
    equity = pd.concat([run.equity[["time", "equity"]] for run in runs], ignore_index=True)
    return WalkForward(objective, pd.DataFrame(rows), equity, tuple(runs), ready.cash)


def _index(ready: Prepared) -> pd.DatetimeIndex:
    """The times of the bars between the start and the end."""
    times = pd.DatetimeIndex(ready.frames[ready.plan.symbols[0]].index)
    first = 0 if ready.start_ns is None else int(times.searchsorted(pd.Timestamp(ready.start_ns, tz="UTC")))
    if ready.end_ns is None:
        return times[first:]
    return times[first : int(times.searchsorted(pd.Timestamp(ready.end_ns, tz="UTC"), side="right"))]


@dataclass(frozen=True)
class _Walk:
    """What every step has in common: what was prepared, its times, the parameters that stay, and how to search."""

    ready: Prepared
    index: pd.DatetimeIndex
    params: Mapping[str, object]
    search: Mapping[str, Any]

    def step(self, window: Window, cash: float) -> tuple[Run, dict[str, Any]]:
        """Choose on the training period, trade `cash` on the test period; return that run and the row of the step."""
        ready = self.ready
        shared: dict[str, Any] = {"currency": ready.currency, "finer": dict(ready.finer) or None}
        train_start, train_end = self.index[window.train_first], self.index[window.train_last - 1]
        test_start, test_end = self.index[window.test_first], self.index[window.test_last - 1]
        trained = sweep(
            ready.strategy, dict(ready.frames), params=self.params, cash=ready.cash, start=train_start, end=train_end,
            out=None, progress=False, **shared, **self.search,
        )  # fmt: skip
        best = trained.best()
        chosen = trained.parameters(best)
        run = backtest(
            ready.strategy, dict(ready.frames), params={**self.params, **chosen}, cash=cash, start=test_start,
            end=test_end, **shared,
        )  # fmt: skip
        wanted = make_objective(self.search["objective"], ready.strategy)
        row = {
            "train_start": train_start,
            "train_end": train_end,
            "test_start": test_start,
            "test_end": test_end,
            **chosen,
            "train_score": float(trained.scores[int(str(best.name))]),
            "test_score": float(objective_values(wanted, pd.DataFrame([{**run.parameters, **run.metrics}]))[0]),
            "test_return": run.metrics["total_return"],
            "trades": int(run.metrics["trades"]),
        }
        return run, row


def make_windows(
    n_bars: int,
    n_windows: int,
    *,
    train: int | None = None,
    is_anchored: bool = False,
    purge: int = 0,
    embargo: int = 0,
) -> list[Window]:
    """Cut `n_bars` into training and test periods; see `walk_forward`.

    >>> make_windows(100, 4, purge=2, embargo=1)[1]
    Window(train_first=20, train_last=38, test_first=41, test_last=60)
    """
    for name, value, least in (("n_windows", n_windows, 1), ("purge", purge, 0), ("embargo", embargo, 0)):
        if value < least:
            raise RunError(f"{name} was {value}; allowed is {least} or more.", key=name, value=value)
    length = n_bars // (n_windows + 1) if train is None else (n_bars - train) // n_windows
    before = length if train is None else train
    if length - embargo < 2 or before - purge < 2:
        raise RunError(
            f"{n_windows} windows with {before} bars to train on, purge {purge} and embargo {embargo} do not fit into "
            f"{n_bars} bars; each period needs 2 bars at least.",
            key="n_windows",
            value=n_windows,
        )
    found = []
    for k in range(n_windows):
        begins = before + k * length
        ends = n_bars if k == n_windows - 1 else begins + length
        found.append(Window(0 if is_anchored else begins - before, begins - purge, begins + embargo, ends))
    return found
