"""A lock file: one process at a time; the lock of a process that died is free, its file stays and harms nobody."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import IO

from sptrader.clock import LiveClock

_LOOK_S = 0.02


class HeldBy(Exception):  # noqa: N818 - not a fault: its catchers say what the holder keeps from whom
    """The lock is held; `pid` is the holder's process id as text."""

    def __init__(self, pid: str) -> None:
        super().__init__(pid)
        self.pid = pid


def lock(path: Path, *, wait_s: float = 0.0) -> IO[str]:
    """Return the open lock file; closing it gives the lock back. Raises `HeldBy` after `wait_s`.

    A child made by fork holds the lock too until it ends or becomes another program.
    """
    clock = LiveClock()
    until = clock.elapsed_s() + wait_s
    file = path.open("a+", encoding="utf-8")
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.elapsed_s() >= until:
                file.seek(0)
                pid = file.read().strip() or "unknown"
                file.close()
                raise HeldBy(pid) from None
            threading.Event().wait(_LOOK_S)
        else:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            return file
