"""Backtest: a strategy and bars in, a run out; keeps what all came from, and counts the trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sptrader.clock import LiveClock
from sptrader.data.fingerprint import content_hash
from sptrader.model.period import TimeLike, time_text
from sptrader.orchestrator.backtest import Outcome, run_plan
from sptrader.runs.config import RunConfig
from sptrader.runs.finer import Finer
from sptrader.runs.prepare import Bars, Prepared, prepare
from sptrader.runs.provenance import make_provenance
from sptrader.runs.run import Run
from sptrader.runs.trials import count_trial, data_of
from sptrader.strategy.strategy import Strategy

__all__ = ["Bars", "backtest", "run_prepared"]


def backtest(
    strategy: Strategy | str | Path,
    bars: Bars = None,
    *,
    params: Mapping[str, object] | None = None,
    cash: float | None = None,
    currency: str | None = None,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    basis: str | None = None,
    symbols: Sequence[str] | None = None,
    finer: Finer = None,
    seed: int = 0,
) -> Run:
    """Run `strategy` over `bars` and return the run.

    `bars` is a frame, `{symbol: frame}` (symbols the strategy does not trade serve to convert currencies), the path of a
    Parquet file, or None for what the strategy's market names, from the catalog. A frame without facts is taken as the
    strategy's market; its prices' `basis` must then be said, unless the spread is 0. `params` change the strategy's
    parameters. `symbols` are traded instead of the strategy's. `cash` and `currency` (of the account), `start` and `end`
    (UTC, inclusive) come before the strategy's own `backtest` section; bars before `start` warm up the components. `finer` are
    the bars of a shorter timeframe, or the ticks (columns `bid` and `ask`), that `execution.intrabar: finer` asks where a bar
    cannot tell: a frame, a Parquet file, or either by symbol; bars of the catalog find theirs there. `seed` is kept with the run.

    Raises `StrategyError`, `DataError`, `ComponentError` or `RunError`, each saying what was wrong and what is allowed.
    """
    clock = LiveClock()
    began = clock.elapsed_s()
    ready = prepare(
        strategy,
        bars,
        params=params,
        cash=cash,
        currency=currency,
        start=start,
        end=end,
        basis=basis,
        symbols=symbols,
        finer=finer,
    )
    outcome = outcome_of(ready)
    counted = replace(ready, notes=(*ready.notes, *count_trial(ready)))
    return make_run(counted, outcome, seed=seed, began_s=began)


def run_prepared(ready: Prepared, *, seed: int = 0, began_s: float | None = None) -> Run:
    """Run what was prepared; `began_s`, of `LiveClock.elapsed_s`, is when the work on it began."""
    began = LiveClock().elapsed_s() if began_s is None else began_s
    return make_run(ready, outcome_of(ready), seed=seed, began_s=began)


def outcome_of(ready: Prepared) -> Outcome:
    """Return what the kernel makes of what was prepared."""
    return run_plan(
        ready.plan,
        ready.frames,
        ready.instruments,
        cash=ready.cash,
        currency=ready.currency,
        start_ns=ready.start_ns,
        end_ns=ready.end_ns,
        nights=ready.nights,
        hashes=ready.hashes,
        finer=ready.finer,
    )


def make_run(ready: Prepared, outcome: Outcome, *, seed: int, began_s: float) -> Run:
    """Put an outcome and where it came from together, and audit it."""
    clock = LiveClock()
    config = RunConfig(
        mode="backtest",
        cash=ready.cash,
        currency=ready.currency,
        start="" if ready.start_ns is None else time_text(ready.start_ns),
        end="" if ready.end_ns is None else time_text(ready.end_ns),
        seed=seed,
        parameters=dict(ready.plan.parameters),
    )
    read, given = outcome.market.frames, ready.frames
    provenance = make_provenance(
        outcome,
        config,
        hashes={s: h if len(read[s]) == len(given[s]) else content_hash(read[s]) for s, h in ready.hashes.items()},
        wall_time_s=clock.elapsed_s() - began_s,
        made_at_ns=clock.now_ns(),
    )
    provenance["trials_of"] = list(data_of(ready))
    return Run(outcome, config, provenance, strategy=ready.strategy, warnings=ready.notes)
