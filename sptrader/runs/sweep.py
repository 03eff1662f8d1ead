"""Sweep: a strategy over a space of parameters, on any number of workers; the rows stream to a folder that it goes on from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.data.fingerprint import content_hash
from sptrader.data.load import load_bars
from sptrader.data.resample import resample
from sptrader.errors import RunError, SptraderError, did_you_mean
from sptrader.jit import sources_digest
from sptrader.model.bars import bars_facts
from sptrader.model.period import TimeLike, period_ns, time_text
from sptrader.runs.chunks import Stop
from sptrader.runs.executors import check_executor, n_cores, run_chunks
from sptrader.runs.financing import financing_file
from sptrader.runs.finer import Finer
from sptrader.runs.ledger import count_trials
from sptrader.runs.objective import DEFAULT, make_objective
from sptrader.runs.prepare import Bars, Prepared, prepare
from sptrader.runs.progress import Progress, Told, make_progress
from sptrader.runs.smart import smart_batches
from sptrader.runs.space import Space, make_space
from sptrader.runs.sweep_inputs import save_inputs
from sptrader.runs.sweep_result import Sweep
from sptrader.runs.sweep_store import Rows, write_facts
from sptrader.runs.sweep_task import RETURN_CELLS, ChunkRows, Settings, SweepTask, evaluate_chunk, rows_frame
from sptrader.runs.trials import data_of, trial_of
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.strategy import Strategy

Ints = NDArray[np.int64]

METHODS = ("grid", "random", "smart")
N_TRIALS = 100  # of random and smart searches that do not say
_CHUNK_S = 0.25  # about as much work is handed over at once, so that a cancel ends soon
_BAR_S, _ROW_S = 25e-9, 5e-4


def sweep(
    strategy: Strategy | str | Path,
    bars: Bars = None,
    *,
    space: Mapping[str, object] | None = None,
    objective: str = DEFAULT,
    method: str = "grid",
    n_trials: int | None = None,
    seed: int = 0,
    constraints: Sequence[str] = (),
    params: Mapping[str, object] | None = None,
    symbols: Sequence[str] | None = None,
    timeframes: Sequence[str] | None = None,
    cash: float | None = None,
    currency: str | None = None,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    basis: str | None = None,
    finer: Finer = None,
    holdout: float | TimeLike | None = None,
    executor: str = "threads",
    workers: int | None = None,
    address: str | None = None,
    out: str | Path | None = "sweeps",
    storage: str | None = None,
    progress: bool | Told | None = None,
    cancel: Stop | None = None,
) -> Sweep:
    """Run `strategy` over the combinations of `space` and return their rows of metrics, best first by `objective`.

    `space` maps parameters to values (any iterable, or `{"min", "max", "step"}`); None takes the strategy's `optimize`
    section. `constraints` such as `"fast < slow"` and those of the strategy leave combinations out. `symbols` and
    `timeframes` vary as well: each symbol is then traded by itself, and longer bars are made of those given. `params`, `cash`
    and so on are those of `sp.backtest`, and the metrics are what it would give, to the last digit.

    `method` is `grid` (all), `random` (`n_trials` of them, drawn with `seed`) or `smart` (`n_trials` proposed by Optuna; its
    study is kept in the sweep's folder, or in `storage`, a database's URL that several machines may share). `objective` is a
    metric or an expression over metrics and parameters, to be maximised.

    `finer` bars or ticks are those of `sp.backtest`; they are not kept in the folder, so that rows of a sweep that was read
    back cannot be opened with them. `holdout` seals the last bars: a fraction of them, or a time they begin at. No row sees
    them; `Sweep.open_holdout` does, and each time is written down.

    `executor` is `threads`, `processes` or `dask` (`address` of a scheduler, else a local cluster): the rows are the same.
    Rows are written to `out/<id>` about once a second; the same call goes on where a killed or cancelled one stopped. With
    `out=None` they are kept in memory. `cancel` (a `threading.Event`) or Ctrl-C ends the sweep within two seconds and keeps
    what is done: `is_complete` is then False. Every combination is counted in the ledger of trials.

    The fill audit is made for the first combination and for those that are opened. Raises as `sp.backtest` does, for a
    space that is empty or out of bounds, and for an executor that is not there. A combination that fails alone has its
    error in the column `error`.
    """
    if method not in METHODS:
        raise RunError(
            f"method was '{method}'{did_you_mean(method, METHODS)}; allowed are {', '.join(METHODS)}.",
            key="method",
            value=method,
        )
    if n_trials is not None and n_trials < 1:
        raise RunError(f"n_trials was {n_trials}; allowed is 1 or more.", key="n_trials", value=n_trials)
    check_executor(executor, workers, address)
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    wanted = make_objective(objective, loaded)
    found = make_space(loaded, space, params=params, constraints=constraints, symbols=symbols, timeframes=timeframes)
    settings = Settings(cash, currency, start, end)
    frames, finest = _frames(
        loaded, bars, basis, symbols, timeframes, params=_first(found, loaded), settings=settings, finer=finer
    )
    sealed = None
    if holdout is not None:
        settings, sealed = _sealed(settings, frames, holdout)
    task = SweepTask(loaded, found, frames, settings, {}, finer=finest)
    first = int(next(found.every())[0])
    ready = task.prepared(first)
    task.components = {call.component.name: call.component.source_hash for call in ready.plan.calls}
    total = _total(found, method, n_trials)
    n_sessions = len(task.evaluator(first).ends.ends)
    task.share = min(1.0, RETURN_CELLS / max(1, total * n_sessions))
    search = {"method": method, "n_trials": n_trials, "seed": seed} if method != "grid" else {"method": method}
    if method == "smart":
        search["objective"] = objective
    given = {"params": dict(params or {}), "constraints": list(constraints), "search": search}
    facts = _facts(task, ready, given) | {"holdout_start": sealed, "objective": objective, "is_complete": False}
    folder = None if out is None else Path(out) / facts["id"]
    rows = Rows(folder)
    if folder is not None:
        save_inputs(folder, task)
        write_facts(folder, facts)
    told = make_progress(total, "combinations", shown=progress, done=len(rows.done()))
    job = _Job(task, rows, told, executor, workers, address, cancel)
    try:
        if method == "smart":
            is_complete = _search(job, wanted, total, seed=seed, folder=folder, storage=storage, name=facts["id"])
        else:
            numbers = found.every() if method == "grid" else iter([found.some(total, seed)])
            is_complete = job.run(_chunks(numbers, rows.done(), job.chunk_size(total, ready)))
    finally:
        job.flush()
        told.close()
    facts["is_complete"] = is_complete
    if folder is not None:
        write_facts(folder, facts)
    return Sweep(
        facts, task, rows, objective=objective, folder=folder, is_complete=is_complete, warnings=tuple(job.warnings)
    )


class _Job:
    """The work of one call: chunks out, rows in, counted and written."""

    def __init__(
        self,
        task: SweepTask,
        rows: Rows,
        progress: Progress,
        executor: str,
        workers: int | None,
        address: str | None,
        cancel: Stop | None,
    ) -> None:
        self.task, self.rows, self.progress = task, rows, progress
        self.warnings: dict[str, None] = {}
        self._options: dict[str, Any] = {"executor": executor, "workers": workers, "address": address, "cancel": cancel}
        self._prepared: dict[tuple[str, str], Prepared] = {}

    def chunk_size(self, total: int, ready: Prepared) -> int:
        """How many combinations are handed over at once."""
        n_bars = sum(len(ready.frames[symbol]) for symbol in ready.plan.symbols)
        fair = -(-total // (4 * (self._options["workers"] or n_cores())))
        return max(1, min(500, fair, int(_CHUNK_S / (_ROW_S + _BAR_S * n_bars))))

    def run(self, chunks: Iterator[Ints], *, ahead: int = 1) -> bool:
        """Do `chunks`; return whether all were done."""
        try:
            return run_chunks(
                evaluate_chunk, chunks, shared=self.task, on_done=self._take, ahead=ahead, **self._options
            )
        except KeyboardInterrupt:
            self.warnings["the sweep was interrupted; the same call goes on with it."] = None
            return False

    def flush(self) -> None:
        """Count what waits as trials, then write it: what can be seen is counted."""
        for frame in self.rows.waiting():
            self._count(frame.iloc[:, 0].to_numpy(np.int64))
        self.rows.flush()

    def _take(self, index: int, rows: ChunkRows) -> None:
        if self.rows.add(rows_frame(self.task.space, rows)):
            self.flush()
        self.progress.advance(len(rows.numbers))

    def _count(self, numbers: Ints) -> None:
        by_market: dict[tuple[str, str], list[int]] = {}
        for number in numbers.tolist():
            by_market.setdefault(self.task.market(number), []).append(number)
        for market, own in by_market.items():
            ready = self._ready(market, own)
            if ready is None:
                continue  # all of them failed: nothing was tried
            trials = [trial_of(ready, self.task.parameters(number)) for number in own]
            try:
                count_trials(data_of(ready), trials)
            except RunError as error:
                self.warnings[f"trials were not counted: {error}"] = None

    def _ready(self, market: tuple[str, str], numbers: list[int]) -> Prepared | None:
        """What the runs of a market need, made with the first of its combinations that can run."""
        for number in numbers:
            if market in self._prepared:
                break
            try:
                self._prepared[market] = self.task.prepared(number)
            except SptraderError:
                continue
        return self._prepared.get(market)


def _search(
    job: _Job, objective: Any, total: int, *, seed: int, folder: Path | None, storage: str | None, name: str
) -> bool:
    """Ask Optuna for combinations, a batch at a time, until `total` were tried."""
    batches = smart_batches(
        job.task.space, job.rows, objective, total, seed=seed, folder=folder, storage=storage, name=name
    )
    for numbers in batches:
        size = max(1, -(-len(numbers) // (job._options["workers"] or n_cores())))
        if len(numbers) and not job.run(_chunks(iter([numbers]), np.empty(0, np.int64), size)):
            return False
        job.flush()
    return True


def _chunks(blocks: Iterator[Ints], done: Ints, size: int) -> Iterator[Ints]:
    """Cut the numbers that are not done into chunks."""
    for block in blocks:
        left = block[~np.isin(block, done, assume_unique=True)] if len(done) else block
        for first in range(0, len(left), size):
            yield left[first : first + size]


def _total(space: Space, method: str, n_trials: int | None) -> int:
    allowed = sum(len(block) for block in space.every()) if space.size <= 10**8 else space.size
    return allowed if method == "grid" else min(n_trials or N_TRIALS, allowed)


def _first(space: Space, strategy: Strategy) -> dict[str, object]:
    """The parameters of the first combination."""
    found = space.combination(int(next(space.every())[0]))
    return {name: found.get(name, space.fixed.get(name)) for name in strategy.parameters}


def _frames(
    strategy: Strategy,
    bars: Bars,
    basis: str | None,
    symbols: Sequence[str] | None,
    timeframes: Sequence[str] | None,
    *,
    params: Mapping[str, object],
    settings: Settings,
    finer: Finer,
) -> tuple[dict[str, dict[str, pd.DataFrame]], dict[str, pd.DataFrame]]:
    """The checked bars, by timeframe and symbol, and the finer ones by symbol."""
    if bars is None and timeframes:
        names = tuple(symbols or strategy.market.symbols)
        return {t: {s: load_bars(s, t, basis=basis) for s in names} for t in timeframes}, {}
    ready = prepare(
        strategy,
        bars,
        params=params,
        cash=settings.cash,
        currency=settings.currency,
        start=settings.start,
        end=settings.end,
        basis=basis,
        symbols=symbols,
        finer=finer,
    )
    given, finest = dict(ready.frames), dict(ready.finer)
    if not timeframes:
        return {"": given}, finest
    longer = {
        t: {s: f if bars_facts(f).timeframe == t else resample(f, t) for s, f in given.items()} for t in timeframes
    }
    return longer, finest


def _sealed(
    settings: Settings, frames: Mapping[str, Mapping[str, pd.DataFrame]], holdout: float | TimeLike
) -> tuple[Settings, str]:
    """The settings that end before the hold-out, and the time it begins at."""
    if settings.end is not None:
        raise RunError("end and holdout were both given; the rows end where the hold-out begins.", key="holdout")
    bars = next(iter(next(iter(frames.values())).values()))
    if isinstance(holdout, float):
        if not 0.0 < holdout < 1.0:
            raise RunError(
                f"holdout was {holdout}; allowed is a fraction of the bars such as 0.2, or a time.", key="holdout"
            )
        begins = bars.index[min(len(bars) - 1, int(len(bars) * (1.0 - holdout)))]
    else:
        begins = pd.Timestamp(str(time_text(period_ns(holdout, None)[0] or 0)))
    last = begins - pd.Timedelta(1, unit="ns")
    return replace(settings, end=last), str(begins)


def _facts(task: SweepTask, ready: Prepared, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the rows depend on, as `sweep.json` keeps it, and the id that is made of it."""
    space, settings, strategy = task.space, task.settings, task.strategy
    rates = financing_file(ready.plan)
    facts: dict[str, Any] = {
        "strategy": {
            "name": strategy.name,
            "version": str(strategy.version),
            "source_hash": strategy.source_hash,
        },
        "space": dict(zip(space.names, map(list, space.values), strict=True)),
        **given,
        "settings": {
            "cash": settings.cash,
            "currency": settings.currency,
            "start": None if settings.start is None else str(settings.start),
            "end": None if settings.end is None else str(settings.end),
        },
        "data": {
            timeframe: {
                symbol: {"content_hash": content_hash(f), "timeframe": bars_facts(f).timeframe, "n_bars": len(f)}
                for symbol, f in frames.items()
            }
            for timeframe, frames in task.frames.items()
        },
        "finer": {symbol: content_hash(frame) for symbol, frame in task.finer.items()},
        "symbols": list(ready.plan.symbols),
        "timeframe": ready.plan.timeframe,
        "components": dict(task.components),
        "financing": "" if rates is None else hashlib.sha256(rates.read_bytes()).hexdigest(),
        "engine": sources_digest(),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    return {
        "id": f"{strategy.name}-sweep-{digest[:12]}",
        **facts,
        "account": {"cash": ready.cash, "currency": ready.currency},
        "share": task.share,
        "strategy_path": strategy.source_path,
        "sources": {t: {s: bars_facts(f).source for s, f in frames.items()} for t, frames in task.frames.items()},
    }
