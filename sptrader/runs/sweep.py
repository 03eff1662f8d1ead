"""Sweep: a strategy over a space of parameters, on any number of workers; the rows stream to a folder that it goes on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sptrader.model.period import TimeLike
from sptrader.runs.chunks import Stop
from sptrader.runs.executors import check_executor
from sptrader.runs.finer import Finer
from sptrader.runs.objective import DEFAULT
from sptrader.runs.prepare import Bars
from sptrader.runs.progress import Told, make_progress
from sptrader.runs.space import make_space
from sptrader.runs.sweep_inputs import save_inputs
from sptrader.runs.sweep_job import Crew, Job
from sptrader.runs.sweep_plan import Planned, Search, SweptBars, plan_sweep
from sptrader.runs.sweep_result import Sweep
from sptrader.runs.sweep_store import Rows, write_facts
from sptrader.runs.sweep_task import Settings
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.strategy import Strategy


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

    `finer` bars or ticks are those of `sp.backtest`. `holdout` seals the last bars: a fraction of them, or a time they begin
    at. No row sees them; `Sweep.open_holdout` does, and each time is written down.

    `executor` is `threads`, `processes` or `dask` (`address` of a scheduler, else a local cluster): the rows are the same.
    Rows are written to `out/<id>` about once a second, in a long sweep after every hundredth of its time; the same call goes
    on where a killed or cancelled one stopped. With `out=None` they are kept in memory. `cancel` (a `threading.Event`) or
    Ctrl-C ends the sweep within two seconds and keeps what is done: `is_complete` is then False. Every combination is counted
    in the ledger of trials.

    The fill audit is made for the first combination and for those that are opened. Raises as `sp.backtest` does, for a
    space that is empty or out of bounds, and for an executor that is not there. A combination that fails alone has its
    error in the column `error`.
    """
    search = Search(method, n_trials, seed, objective, storage)
    check_executor(executor, workers, address)
    loaded = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
    found = make_space(loaded, space, params=params, constraints=constraints, symbols=symbols, timeframes=timeframes)
    read = SweptBars(bars, basis, symbols, timeframes, finer)
    settings = Settings(cash, currency, start, end)
    given = {"params": dict(params or {}), "constraints": list(constraints)}
    planned = plan_sweep(loaded, found, read, settings, search, holdout=holdout, given=given)
    folder = None if out is None else Path(out) / planned.facts["id"]
    return _done(planned, Crew(executor, workers, address, cancel), folder, progress)


def _done(planned: Planned, crew: Crew, folder: Path | None, progress: bool | Told | None) -> Sweep:
    """Do what is not done yet."""
    facts = dict(planned.facts)
    rows = Rows(folder)
    if folder is not None:
        save_inputs(folder, planned.task)
        write_facts(folder, facts)
    told = make_progress(planned.total, "combinations", shown=progress, done=len(rows.done()))
    job = Job(planned, rows, told, crew)
    try:
        facts["is_complete"] = job.search(folder) if planned.search.method == "smart" else job.every()
    finally:
        job.flush()
        told.close()
    if folder is not None:
        write_facts(folder, facts)
    return Sweep(
        facts,
        planned.task,
        rows,
        objective=planned.search.objective,
        folder=folder,
        is_complete=facts["is_complete"],
        warnings=tuple(job.warnings),
    )
