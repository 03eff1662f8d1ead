"""A Dask cluster of this machine for tests, whose workers can be killed."""

import os
import signal
from contextlib import contextmanager
from importlib import import_module

from sptrader.runs.dask_workers import LocalWorkers


class Cluster:
    """Its `address`, and the processes of its workers."""

    def __init__(self, workers):
        self._workers = workers
        self.address = workers.client.scheduler.address
        self.killed = []

    def kill_one(self, place):
        """Kill a worker's process as the system does for want of memory."""
        pids = sorted(self._workers.client.run(os.getpid).values())
        pid = pids[place % len(pids)]
        os.kill(pid, signal.SIGKILL)
        self.killed.append(pid)


@contextmanager
def cluster(n_workers):
    """A cluster of `n_workers` processes."""
    workers = LocalWorkers(import_module("distributed"), n_workers)
    try:
        yield Cluster(workers)
    finally:
        workers.client.close()
        workers.close()
