"""Chunks: the words of work that is spread over workers: what is done, who does it, and what comes back."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any, Protocol

MOST_DEATHS = 3  # a chunk that ended this many workers is given up

Work = Callable[[Any, Any], Any]
Answer = tuple[int, Any, BaseException | None]


class Stop(Protocol):
    """What tells that the work shall end; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to end."""
        ...


class Pool(Protocol):
    """Workers that take chunks by `start` and put an `Answer` on their queue for each."""

    answers: queue.SimpleQueue[Answer]
    size: int

    def start(self, index: int, chunk: Any) -> None:
        """Have a worker do `chunk` when one is free."""
        ...

    def hold(self) -> int:
        """Let no further chunk begin where that can be helped; return how many are in work at most."""
        ...

    def close(self) -> None:
        """End the workers, whatever they are at."""
        ...


class Caller(Protocol):
    """What does one chunk after the other for a thread."""

    def call(self, chunk: Any) -> Any:
        """Return the chunk's result; raise `WorkerDiedError` when what worked on it is gone."""
        ...

    def close(self) -> None:
        """End what works, at once."""
        ...


class WorkerDiedError(Exception):
    """The worker of a chunk is gone, killed from outside or for its memory."""
