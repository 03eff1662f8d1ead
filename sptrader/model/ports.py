"""Ports: what the core asks of its edges, as protocols."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Tells the time: the machine's, or that of the replayed data."""

    def now_ns(self) -> int:
        """Return the time now, int64 nanoseconds since 1970 UTC."""
        ...
