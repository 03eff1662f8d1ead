"""The wall clock, read here and nowhere else, and the clock of a replay."""

from __future__ import annotations

import time


class LiveClock:
    """The machine's UTC clock."""

    def now_ns(self) -> int:
        """Return the time now, int64 nanoseconds since 1970 UTC."""
        return time.time_ns()

    def elapsed_s(self) -> float:
        """Return seconds of a clock that never steps back, for measuring how long work took."""
        return time.perf_counter()


class ReplayClock:
    """A clock that stands where the replayed data has put it."""

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Return the replayed time, int64 nanoseconds since 1970 UTC."""
        return self._now_ns

    def advance_to(self, now_ns: int) -> None:
        """Move to `now_ns`; an earlier time is ignored, for a clock does not step back."""
        self._now_ns = max(self._now_ns, now_ns)
