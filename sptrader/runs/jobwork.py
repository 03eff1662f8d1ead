"""Job work: what a job's process does, from the folder's name on its input to the result or why there is none."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sptrader.data.load import load_bars
from sptrader.data.sample import sample
from sptrader.errors import SptraderError
from sptrader.model.bars import bars_facts
from sptrader.runs.backtest import backtest
from sptrader.runs.jobs import BarsChoice, Job, JobRequest, JobState, held_alive, read_state, write_state
from sptrader.runs.sweep import sweep
from sptrader.strategy.loader import load_strategy, shipped_folder


def main() -> None:
    """Get ready, wait for a folder's name on the input and do its job; leave quietly when none comes."""
    _load_compiled()
    line = sys.stdin.readline().strip()
    if line:
        work(Path(line))


def work(folder: Path) -> None:
    """Do the job in `folder` and leave its result, or why there is none, in its state."""
    with held_alive(folder), (folder / "log.txt").open("ab", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        if not read_state(folder).is_running:
            return  # cancelled before this process was ready
        try:
            result = _done(folder)
            _say(folder, status="done", step="done", result=str(result))
        except Exception as error:
            trace = traceback.format_exc()
            log.write(trace.encode())
            told = str(error) if isinstance(error, SptraderError) else f"{type(error).__name__}: {error}"
            _say(folder, status="failed", step="failed", error=told, trace=trace)


def job_bars(choice: BarsChoice) -> pd.DataFrame | dict[str, pd.DataFrame] | None:
    """Return the bars a request names, by instrument for a folder of files, None for those of the strategy's market."""
    if choice.is_own_market:
        return None
    if choice.path and Path(choice.path).is_dir():
        frames = [load_bars(path) for path in sorted(Path(choice.path).glob("*.parquet"))]
        return {bars_facts(frame).symbol: frame for frame in frames}
    source: str | Path = Path(choice.path) if choice.path else choice.symbol
    return load_bars(
        source,
        choice.timeframe or None,
        symbol=choice.symbol or None if choice.path else None,
        basis=choice.basis or None,
    )


def _load_compiled() -> None:
    """Load what is compiled before it is needed: a small run on bars that come with the package."""
    bars = sample("EURUSD", "1h").iloc[:500]
    backtest(load_strategy(shipped_folder() / "ma_crossover.yaml"), bars, start=bars.index[0], end=bars.index[-1])


def _done(folder: Path) -> Path:
    request = Job(folder).request()
    return _sweep(folder, request) if request.kind == "sweep" else _backtest(folder, request)


def _sweep(folder: Path, request: JobRequest) -> Path:
    _say(folder, status="running", step="getting ready")
    out = folder.parent.parent.parent / "sweeps"
    made = sweep(
        request.strategy,
        job_bars(request.bars),
        space=request.space,
        objective=request.objective,
        params=request.params,
        cash=request.cash,
        start=request.start or None,
        end=request.end or None,
        out=out,
        progress=lambda done, total: _say(folder, step="combinations", done=done, total=total),
    )
    return out / made.id


def _backtest(folder: Path, request: JobRequest) -> Path:
    _say(folder, status="running", step="reading the strategy", done=0, total=4)
    strategy = load_strategy(request.strategy)
    runs = folder.parent.parent
    _say(folder, step="loading bars", done=1)
    bars = job_bars(request.bars)
    _say(folder, step="running", done=2)
    run = backtest(
        strategy,
        bars,
        params=request.params,
        cash=request.cash,
        start=request.start or None,
        end=request.end or None,
    )
    _say(folder, step="saving", done=3)
    return run.save(runs)


def _say(folder: Path, **changed: object) -> None:
    """Change the state, unless somebody cancelled the job meanwhile."""
    state: JobState = read_state(folder)
    if state.is_running:
        write_state(folder, replace(state, **changed))  # type: ignore[arg-type]
