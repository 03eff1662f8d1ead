"""Dask workers: chunks done by a Dask cluster, a running one or one of this machine that lives as long as the work."""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from importlib import import_module
from typing import Any

from sptrader.errors import RunError
from sptrader.runs.chunks import MOST_DEATHS, Answer, Work

_CONNECT_S = 10
_START_S = 60


class DaskPool:
    """A client of a cluster; a chunk whose worker died, or whose data went with it, is sent again."""

    def __init__(self, function: Work, shared: Any, *, workers: int, address: str | None) -> None:
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._function, self._shared = function, shared
        self._chunks: dict[int, tuple[Any, int]] = {}
        self._futures: dict[int, Any] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        self._data: Any = None
        self._cluster, self._client = _connect(workers, address)
        try:
            self.size: int = max(1, sum(self._client.nthreads().values()))
            self._data = self._client.scatter(shared, broadcast=True, hash=False)
        except BaseException:
            self.close()
            raise

    def start(self, index: int, chunk: Any) -> None:
        """Submit `chunk`."""
        with self._lock:
            self._chunks[index] = (chunk, 0)
        self._submit(index)

    def hold(self) -> int:
        """Return how many chunks may be in work: one a thread of the cluster's."""
        with self._lock:
            return min(len(self._futures), self.size)

    def close(self) -> None:
        """Cancel what is left, leave the cluster, and end it if it is our own."""
        with self._lock:
            self._is_closed = True
            left = list(self._futures.values())
        if left:
            self._client.cancel(left, force=True)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _submit(self, index: int) -> None:
        chunk = self._chunks[index][0]
        future = self._client.submit(self._function, self._data, chunk, pure=False)
        with self._lock:
            self._futures[index] = future
        future.add_done_callback(lambda done: self._note(index, done))

    def _note(self, index: int, future: Any) -> None:
        """Answer for a future that is done; runs in a thread of Dask's."""
        with self._lock:
            is_current = self._futures.get(index) is future
            if self._is_closed or not is_current:
                return
        try:
            if future.status == "finished":
                answer: Answer = (index, future.result(), None)
            elif (error := self._fault(index, future)) is not None:
                answer = (index, None, error)
            else:
                return
        except Exception as error:
            answer = (index, None, error)
        with self._lock:
            self._futures.pop(index, None)
            self._chunks.pop(index, None)
        self.answers.put(answer)

    def _fault(self, index: int, future: Any) -> BaseException | None:
        """The error of a future's own work; None when its worker or its data were lost and it was sent again."""
        from distributed import KilledWorker

        error = future.exception() if future.status == "error" else None
        if error is not None and not isinstance(error, KilledWorker):
            return error  # type: ignore[no-any-return]
        chunk, deaths = self._chunks[index]
        if deaths + 1 >= MOST_DEATHS:
            return RunError(
                f"chunk {index} of the work was lost {MOST_DEATHS} times with its Dask worker.",
                key="chunk",
                value=index,
                is_failure=True,
            )
        with self._lock:
            self._chunks[index] = (chunk, deaths + 1)
            if self._data.status != "finished":
                self._data = self._client.scatter(self._shared, broadcast=True, hash=False)
        self._submit(index)
        return None


def _connect(workers: int, address: str | None) -> tuple[Any, Any]:
    """The cluster if it is ours, and a client of it."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise RunError(
            "executor dask needs the package distributed; install it with: pip install 'sptrader[dask]'.",
            key="executor",
            value="dask",
        ) from error
    if address is not None:
        try:
            client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise RunError(
                f"no Dask scheduler answered at {address}; start one with `dask scheduler`, or leave the address out for "
                "a cluster of this machine.",
                key="address",
                value=address,
            ) from error
        if not client.nthreads():
            client.close()
            raise RunError(
                f"the Dask scheduler at {address} has no workers; start one with `dask worker {address}`.",
                key="address",
                value=address,
            )
        return None, client
    cluster = LocalWorkers(distributed, workers)
    return cluster, cluster.client


class LocalWorkers:
    """A scheduler in this process and worker processes beside it, started by Dask's own command.

    `LocalCluster` would start them by importing the caller's script again, which few scripts are written for.
    """

    def __init__(self, distributed: Any, workers: int) -> None:
        self._scheduler = distributed.LocalCluster(
            n_workers=0, processes=True, dashboard_address=None, silence_logs=logging.CRITICAL
        )
        options = ["--nworkers", str(workers), "--nthreads", "1", "--no-dashboard", "--death-timeout", "60"]
        address = self._scheduler.scheduler_address
        self._workers = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "dask", "worker", address, *options],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.client = distributed.Client(self._scheduler, set_as_default=False)
        try:
            self.client.wait_for_workers(workers, timeout=_START_S)
        except TimeoutError as error:
            self.close()
            raise RunError("the local Dask workers did not start.", key="executor", is_failure=True) from error

    def close(self) -> None:
        """End scheduler and workers."""
        os.killpg(self._workers.pid, signal.SIGTERM)
        self._scheduler.close()
        try:
            self._workers.wait(_CONNECT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._workers.pid, signal.SIGKILL)
            self._workers.wait()
