"""Ports: what the core asks of its edges, as protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Clock(Protocol):
    """Tells the time: the machine's, or that of the replayed data."""

    def now_ns(self) -> int:
        """Return the time now, int64 nanoseconds since 1970 UTC."""
        ...


class BarsSource(Protocol):
    """Gives bars: files of the catalog, a history in memory, or a running feed's stream."""

    def read_bars(self, symbol: str, timeframe: str, *, start_ns: int | None, end_ns: int | None) -> pd.DataFrame:
        """Return checked bars with their facts that open in [`start_ns`, `end_ns`] (UTC nanoseconds, None: no bound).

        Raises `DataError` when there are none.
        """
        ...
