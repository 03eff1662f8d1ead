"""Sweep job: the work of one call: chunks out to the workers, rows in, counted as trials and written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import RunError, SptraderError
from sptrader.runs.chunks import Stop
from sptrader.runs.executors import n_cores, run_chunks
from sptrader.runs.ledger import count_trials
from sptrader.runs.objective import objective_values
from sptrader.runs.prepare import Prepared
from sptrader.runs.progress import Progress
from sptrader.runs.smart import smart_batches
from sptrader.runs.sweep_plan import Planned
from sptrader.runs.sweep_store import NUMBER, Rows
from sptrader.runs.sweep_task import ChunkRows, evaluate_chunk, rows_frame
from sptrader.runs.trials import data_of, trials_of

Ints = NDArray[np.int64]

_CHUNK_S = 0.25  # about as much work is handed over at once, so that a cancel ends soon
_BAR_S, _ROW_S = 25e-9, 5e-4


@dataclass(frozen=True)
class Crew:
    """Who works, as `run_chunks` describes it."""

    executor: str
    workers: int | None
    address: str | None
    cancel: Stop | None


class Job:
    """Does what a sweep plans, but for the rows that are there."""

    def __init__(self, planned: Planned, rows: Rows, progress: Progress, crew: Crew) -> None:
        self.warnings: dict[str, None] = {}
        self._planned, self._task, self._rows = planned, planned.task, rows
        self._progress, self._crew = progress, crew
        self._prepared: dict[tuple[str, str], Prepared] = {}
        self._known: dict[int, float] | None = None

    def every(self) -> bool:
        """Do every combination of the space, or those that were drawn of it; return whether all were done."""
        search, space, total = self._planned.search, self._task.space, self._planned.total
        numbers = space.every() if search.method == "grid" else iter([space.some(total, search.seed)])
        return self._run(_chunks(numbers, self._rows.done(), self._chunk_size()))

    def search(self, folder: Path | None) -> bool:
        """Ask Optuna for combinations, a batch at a time, until as many were tried as shall be; return whether they were."""
        planned = self._planned
        self._known = {}
        self._know(self._rows.table().reset_index())
        batches = smart_batches(
            self._task.space,
            self._known,
            planned.total,
            seed=planned.search.seed,
            folder=folder,
            storage=planned.search.storage,
            name=planned.facts["id"],
        )
        for numbers in batches:
            size = max(1, -(-len(numbers) // (self._crew.workers or n_cores())))
            if len(numbers) and not self._run(_chunks(iter([numbers]), np.empty(0, np.int64), size)):
                return False
            self.flush()
        return True

    def flush(self) -> None:
        """Count what waits as trials, then write it: what can be seen is counted."""
        for frame in self._rows.waiting():
            self._count(frame[NUMBER].to_numpy(np.int64))
        self._rows.flush()

    def _chunk_size(self) -> int:
        """How many combinations are handed over at once."""
        ready = self._planned.ready
        n_bars = sum(len(ready.frames[symbol]) for symbol in ready.plan.symbols)
        fair = -(-self._planned.total // (4 * (self._crew.workers or n_cores())))
        return max(1, min(500, fair, int(_CHUNK_S / (_ROW_S + _BAR_S * n_bars))))

    def _run(self, chunks: Iterator[Ints]) -> bool:
        """Do `chunks`; return whether all were done."""
        crew = self._crew
        try:
            return run_chunks(
                evaluate_chunk,
                chunks,
                shared=self._task,
                on_done=self._take,
                executor=crew.executor,
                workers=crew.workers,
                address=crew.address,
                cancel=crew.cancel,
            )
        except KeyboardInterrupt:
            self.warnings["the sweep was interrupted; the same call goes on with it."] = None
            return False

    def _take(self, index: int, rows: ChunkRows) -> None:
        frame = rows_frame(self._task.space, rows)
        self._know(frame)
        if self._rows.add(frame):
            self.flush()
        self._progress.advance(len(rows.numbers))

    def _know(self, frame: pd.DataFrame) -> None:
        """Keep the objective of rows for the search that asks for it: to read all files at each batch is quadratic."""
        if self._known is not None and len(frame):
            values = objective_values(self._planned.objective, frame)
            self._known.update(zip(frame[NUMBER].tolist(), values.tolist(), strict=True))

    def _count(self, numbers: Ints) -> None:
        by_market: dict[tuple[str, str], list[int]] = {}
        for number in numbers.tolist():
            by_market.setdefault(self._task.market(number), []).append(number)
        for market, own in by_market.items():
            ready = self._ready(market, own)
            if ready is None:
                continue  # all of them failed: nothing was tried
            try:
                count_trials(data_of(ready), list(trials_of(ready, map(self._task.parameters, own))))
            except RunError as error:
                self.warnings[f"trials were not counted: {error}"] = None

    def _ready(self, market: tuple[str, str], numbers: list[int]) -> Prepared | None:
        """What the runs of a market need, made with the first of its combinations that can run."""
        for number in numbers:
            if market in self._prepared:
                break
            try:
                self._prepared[market] = self._task.prepared(number)
            except SptraderError:
                continue
        return self._prepared.get(market)


def _chunks(blocks: Iterator[Ints], done: Ints, size: int) -> Iterator[Ints]:
    """Cut the numbers that are not `done`, which is sorted, into chunks."""
    for block in blocks:
        left = block
        if len(done):
            near = done[np.minimum(np.searchsorted(done, block), len(done) - 1)]
            left = block[near != block]
        for first in range(0, len(left), size):
            yield left[first : first + size]
