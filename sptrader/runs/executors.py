"""Executors: the same function over many chunks of work, on threads, on processes of this machine, or on a Dask cluster.

    threads    in this process, for work that lets go of the GIL
    processes  `python -m sptrader.runs.chunk_worker`, one each; needs no `if __name__ == "__main__"` in the caller's script
    dask       the workers of a running scheduler (`address`), or of a local cluster that lives as long as the call

What all chunks need (`shared`) is sent to each worker once. Results come in the order in which they are done. A chunk
whose worker died is done again by another worker; one that killed `MOST_DEATHS` of them is an error.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any

from sptrader.clock import LiveClock
from sptrader.errors import RunError, did_you_mean
from sptrader.runs.chunks import MOST_DEATHS, Answer, Caller, Pool, Stop, Work, WorkerDiedError

EXECUTORS = ("threads", "processes", "dask")
GRACE_S = 1.2  # how long chunks in work may take to end after a cancel; what is left then is dropped
_POLL_S = 0.1


def run_chunks(
    function: Work,
    chunks: Iterable[Any],
    *,
    on_done: Callable[[int, Any], None],
    shared: Any = None,
    executor: str = "threads",
    workers: int | None = None,
    address: str | None = None,
    cancel: Stop | None = None,
    ahead: int = 1,
) -> bool:
    """Call `function(shared, chunk)` for each of `chunks` and hand each result to `on_done(index, result)`.

    `on_done` is called in this thread. `function` is one that other processes can import by its name, `shared`, chunks and
    results can be pickled (not needed on threads). `workers` are as many as there are cores by default. `chunks` are
    taken when they are needed, `ahead` more for each worker than it works on. When `cancel` is set no further chunk begins,
    those in work have `GRACE_S` to end, and False is returned; True when all is done. An interrupt (Ctrl-C) does the same
    and is raised again. An error of `function` ends the work and is raised; results that came before were handed over.
    """
    check_executor(executor, workers, address)
    pool = _make_pool(function, shared, executor, workers, address)
    try:
        return _feed(pool, iter(enumerate(chunks)), on_done, cancel, ahead)
    except KeyboardInterrupt:
        _drain(pool, on_done)
        raise
    finally:
        pool.close()


def check_executor(executor: str, workers: int | None, address: str | None) -> None:
    """Raise `RunError` for an executor, a number of workers or an address that cannot be."""
    if executor not in EXECUTORS:
        raise RunError(
            f"executor was '{executor}'{did_you_mean(executor, EXECUTORS)}; allowed are {', '.join(EXECUTORS)}.",
            key="executor",
            value=executor,
        )
    if workers is not None and workers < 1:
        raise RunError(f"workers was {workers}; allowed is 1 or more.", key="workers", value=workers)
    if address is not None and executor != "dask":
        raise RunError(
            f"the scheduler's address was {address}, but the executor is {executor}; an address is for executor dask.",
            key="address",
            value=address,
        )


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _make_pool(function: Work, shared: Any, executor: str, workers: int | None, address: str | None) -> Pool:
    size = workers or n_cores()
    if executor == "threads":
        return ThreadPool(size, lambda: _Direct(function, shared))
    if executor == "processes":
        from sptrader.runs.process_workers import make_process_maker

        return ThreadPool(size, make_process_maker(function, shared))
    from sptrader.runs.dask_workers import DaskPool

    return DaskPool(function, shared, workers=size, address=address)


def _feed(
    pool: Pool,
    source: Iterable[tuple[int, Any]],
    on_done: Callable[[int, Any], None],
    cancel: Stop | None,
    ahead: int,
) -> bool:
    waiting = iter(source)
    n_open, is_dry = 0, False
    while True:
        while not is_dry and n_open < pool.size * (1 + ahead):
            if cancel is not None and cancel.is_set():
                break
            try:
                index, chunk = next(waiting)
            except StopIteration:
                is_dry = True
                break
            pool.start(index, chunk)
            n_open += 1
        if cancel is not None and cancel.is_set():
            _drain(pool, on_done)
            return False
        if n_open == 0:
            return True
        try:
            answer = pool.answers.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        n_open -= 1
        _hand_over(answer, on_done)


def _hand_over(answer: Answer, on_done: Callable[[int, Any], None]) -> None:
    index, result, error = answer
    if error is not None:
        raise error
    on_done(index, result)


def _drain(pool: Pool, on_done: Callable[[int, Any], None]) -> None:
    """Hand over what is done within the grace; chunks that have not begun are not waited for."""
    clock = LiveClock()
    end_s = clock.elapsed_s() + GRACE_S
    n_working = pool.hold()
    while n_working > 0 and (left_s := end_s - clock.elapsed_s()) > 0:
        try:
            answer = pool.answers.get(timeout=left_s)
        except queue.Empty:
            return
        n_working -= 1
        _hand_over(answer, on_done)


class _Direct:
    def __init__(self, function: Work, shared: Any) -> None:
        self._function, self._shared = function, shared

    def call(self, chunk: Any) -> Any:
        return self._function(self._shared, chunk)

    def close(self) -> None:
        """Nothing to end."""


class ThreadPool:
    """Threads that each own a `Caller`, made anew when it died."""

    def __init__(self, size: int, make_caller: Callable[[], Caller]) -> None:
        self.size = size
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._chunks: queue.SimpleQueue[tuple[int, Any] | None] = queue.SimpleQueue()
        self._make_caller = make_caller
        self._is_closed = False
        self._is_held = False
        self._lock = threading.Lock()
        self._callers: dict[int, Caller] = {}
        self._n_working = 0
        self._threads = [threading.Thread(target=self._work, args=(k,), daemon=True) for k in range(size)]
        for thread in self._threads:
            thread.start()

    def start(self, index: int, chunk: Any) -> None:
        """Put `chunk` where the next free thread takes it."""
        self._chunks.put((index, chunk))

    def hold(self) -> int:
        """Let no further chunk begin; return how many are in work."""
        with self._lock:
            self._is_held = True
            return self._n_working

    def close(self) -> None:
        """Let the threads end; callers in work are closed under them."""
        with self._lock:
            self._is_closed = self._is_held = True
            callers = list(self._callers.values())
        for _ in self._threads:
            self._chunks.put(None)
        for caller in callers:
            caller.close()

    def _work(self, place: int) -> None:
        while (task := self._chunks.get()) is not None:
            with self._lock:
                if self._is_held:
                    continue
                self._n_working += 1
            index, chunk = task
            try:
                answer: Answer = (index, self._done(place, index, chunk), None)
            except BaseException as error:  # handed to the caller's thread, which raises it
                answer = (index, None, error)
            with self._lock:
                self._n_working -= 1
            self.answers.put(answer)

    def _done(self, place: int, index: int, chunk: Any) -> Any:
        for _ in range(MOST_DEATHS):
            try:
                return self._caller(place).call(chunk)
            except WorkerDiedError:
                with self._lock:
                    gone = self._callers.pop(place, None)
                    is_closed = self._is_closed
                if gone is not None:
                    gone.close()
                if is_closed:
                    raise
        raise RunError(
            f"chunk {index} of the work ended {MOST_DEATHS} workers in a row; it may need more memory than there is.",
            key="chunk",
            value=index,
            is_failure=True,
        )

    def _caller(self, place: int) -> Caller:
        with self._lock:
            found = self._callers.get(place)
        if found is None:
            found = self._make_caller()
            with self._lock:
                self._callers[place] = found
                is_closed = self._is_closed
            if is_closed:
                found.close()
        return found
