"""Process workers: chunks done by child processes of this one, over their standard input and output."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from sptrader.runs.chunk_worker import read_message, write_message
from sptrader.runs.chunks import Caller, Work, WorkerDiedError


def make_process_maker(function: Work, shared: Any) -> Callable[[], Caller]:
    """Return what starts a worker for `function` and `shared`; they are pickled once for all workers."""
    task = pickle.dumps((function, shared), pickle.HIGHEST_PROTOCOL)
    return lambda: ProcessCaller(task)


class ProcessCaller:
    """One child process; it ends when this process does."""

    def __init__(self, task: bytes) -> None:
        # A session of its own: Ctrl-C is for the parent, which decides what becomes of the work.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sptrader.runs.chunk_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._send(pickle.dumps(sys.path))
        self._send(task)

    def call(self, chunk: Any) -> Any:
        """Return the worker's result, or raise its error."""
        self._send(pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL))
        answer = read_message(self._process.stdout)
        if answer is None:
            raise WorkerDiedError
        result, error = pickle.loads(answer)
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """Kill the worker."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                pipe.close()  # type: ignore[union-attr]  # both are pipes
            except BrokenPipeError:
                continue  # what was left to send has no reader any more

    def _send(self, message: bytes) -> None:
        try:
            write_message(self._process.stdin, message)
        except (BrokenPipeError, ValueError) as error:  # ValueError: closed
            raise WorkerDiedError from error
