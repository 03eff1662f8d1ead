"""A batch: one notebook over many parameter sets, on many warm kernels, that can be interrupted and resumed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sptrader.errors import RunError, did_you_mean
from sptrader.runs.batch_execution import Settings, execute
from sptrader.runs.batch_folder import DONE, BatchFolder, Record, opened, saved_record
from sptrader.runs.batch_index import index_table, save_index
from sptrader.runs.batch_parameters import checked_sets, combinations, kernel_of, read_parameter_file
from sptrader.runs.batch_plan import Execution, plan
from sptrader.runs.executors import check_executor, n_cores, run_chunks
from sptrader.runs.notebook import read_notebook
from sptrader.runs.warm_kernels import close_shared_kernels, has_shared_kernels, shared_kernels

EXECUTORS = ("local", "dask")
TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class Batch:
    """What a batch made: its folder, and the table of its index (see `index_table`)."""

    folder: Path
    table: pd.DataFrame

    @property
    def failed(self) -> pd.DataFrame:
        """The rows that are not done."""
        return self.table[self.table["status"] != DONE]

    @property
    def page(self) -> Path:
        """The index as a page."""
        return self.folder / "index.html"


@dataclass(frozen=True)
class Progress:
    """How far a batch is: `n_done` of `n_all` have ended, `n_kept` of them in an earlier batch; `record` is the newest."""

    n_done: int
    n_all: int
    n_kept: int
    n_failed: int
    record: Record | None


def batch(
    notebook: str | Path,
    params: Sequence[Mapping[str, Any]] | str | Path | None = None,
    *,
    space: Mapping[str, Sequence[Any]] | None = None,
    out: str | Path = "batch",
    workers: int | None = None,
    timeout_s: float = TIMEOUT_S,
    retries: int = 2,
    fresh: bool = False,
    executor: str = "local",
    address: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Batch:
    """Execute `notebook` once for each parameter set, and write executed notebooks and an index to the folder `out`.

    `params` are mappings or a YAML file of them; `space` is every combination of its values; given both, every combination is
    added to every set. All are checked against the notebook's `parameters` cell before anything runs. `workers` notebooks run
    at a time (as many as there are cores), each on a kernel of its own, in this process's folder; one that takes longer than
    `timeout_s` is killed; one whose kernel died is run again, `retries` times. A notebook that failed does not stop the others.

    What an earlier batch finished is kept, when notebook, parameters and sptrader are the same; `fresh` runs it again. With
    `executor="dask"` a cluster works, a local one or that at `address`; it must see `out` under the same path.

    Raises `RunError` for wrong input. An interrupt ends the kernels, writes the index of what there is, and is raised again.
    """
    _check(executor, workers, timeout_s, retries, address)
    node, _ = read_notebook(notebook)
    sets = checked_sets(notebook, _sets(params, space))
    executions = plan(node, Path(notebook).stem, sets)
    kernel = kernel_of(node)
    with opened(out, notebook) as folder:
        settings = Settings(folder, kernel, os.getcwd(), timeout_s, retries)
        records = {} if fresh else _kept(folder, executions)
        try:
            _run(settings, executions, records, executor, workers, address, fresh, on_progress)
        finally:
            table = index_table(executions, records)
            save_index(folder, table, Path(notebook).name)
        return Batch(folder.root, table)


def _run(
    settings: Settings,
    executions: Sequence[Execution],
    records: dict[str, Record],
    executor: str,
    workers: int | None,
    address: str | None,
    fresh: bool,
    on_progress: Callable[[Progress], None] | None,
) -> None:
    """Execute what has no record yet, and add to `records` what ends."""
    n_kept = len(records)
    todo = [execution for execution in executions if execution.key not in records]
    if fresh:
        for execution in todo:
            settings.folder.record(execution).unlink(missing_ok=True)

    def told(record: Record | None) -> None:
        if on_progress is not None:
            n_failed = sum(found.status != DONE for found in records.values())
            on_progress(Progress(len(records), len(executions), n_kept, n_failed, record))

    def ended(index: int, record: Record | None) -> None:
        if record is not None:
            records[record.key] = record
            told(record)

    told(None)
    if not todo:
        return
    if executor == "dask":
        run_chunks(execute, todo, on_done=ended, shared=settings, executor="dask", workers=workers, address=address)
        return
    size = min(workers or n_cores(), len(todo))
    _run_here(settings, todo, ended, size)


def _run_here(
    settings: Settings, todo: Sequence[Execution], ended: Callable[[int, Record | None], None], size: int
) -> None:
    cancelled = threading.Event()

    def work(shared: Settings, execution: Execution) -> Record | None:
        return None if cancelled.is_set() else execute(shared, execution, cancelled.is_set)

    is_own = not has_shared_kernels()
    shared_kernels().prepare(settings.kernel, size)
    try:
        run_chunks(work, todo, on_done=ended, shared=settings, executor="threads", workers=size, ahead=0)
    except BaseException:
        cancelled.set()
        raise
    finally:
        if is_own:
            close_shared_kernels()


def _sets(
    params: Sequence[Mapping[str, Any]] | str | Path | None, space: Mapping[str, Sequence[Any]] | None
) -> list[dict[str, Any]]:
    if params is None and not space:
        raise RunError("neither params nor a space was given; a batch needs one of them.", key="params")
    given = read_parameter_file(params) if isinstance(params, (str, Path)) else [dict(one) for one in params or [{}]]
    added = combinations(space or {})
    for name in space or {}:
        if any(name in one for one in given):
            raise RunError(f"'{name}' is in params and in the space; give it once.", key=name)
    return [{**one, **other} for one in given for other in added]


def _kept(folder: BatchFolder, executions: Sequence[Execution]) -> dict[str, Record]:
    found = (saved_record(folder, execution) for execution in executions)
    return {record.key: record for record in found if record is not None and record.status == DONE}


def _check(executor: str, workers: int | None, timeout_s: float, retries: int, address: str | None) -> None:
    if executor not in EXECUTORS:
        raise RunError(
            f"executor was '{executor}'{did_you_mean(executor, EXECUTORS)}; allowed are {', '.join(EXECUTORS)}.",
            key="executor",
            value=executor,
        )
    check_executor("threads" if executor == "local" else executor, workers, address)
    if not 0 < timeout_s < threading.TIMEOUT_MAX:
        raise RunError(
            f"timeout was {timeout_s}; allowed is a positive number of seconds.", key="timeout", value=timeout_s
        )
    if retries < 0:
        raise RunError(f"retries was {retries}; allowed is 0 or more.", key="retries", value=retries)
