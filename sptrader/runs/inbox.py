"""Inbox: the entries of some streams, each once, in order, for one part with a journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sptrader.model.ports import Entry, Streams
from sptrader.streams.ids import parse_id
from sptrader.streams.journal import Journal

CONSUMER = "only"  # a part is one process: its journal has a lock


def group_of(account: str) -> str:
    """Return the name under which an account's orchestrator reads its streams."""
    return f"orchestrator:{account}"


class Inbox:
    """Reads as a consumer group that began where the journal says it did; what was read and not journalled comes again.

    Order holds within a stream. Between streams there is none: whatever order they are read in is a session's, and
    becomes the one that its journal repeats.
    """

    def __init__(
        self,
        streams: Streams,
        journal: Journal,
        group: str,
        names: Sequence[str],
        *,
        count: int = 256,
        begins: Mapping[str, str] | None = None,
    ) -> None:
        """`begins` is after which id a stream is read that the journal says nothing of; from the first entry on without."""
        self._streams, self._group, self._names, self._count = streams, group, tuple(names), count
        done = {**(begins or {}), **journal.last_ids()}
        for name in names:
            streams.make_group(group, name, after=done.get(name, "0"))
        self._last = {name: parse_id(done.get(name, "0-0")) for name in names}
        self._handled: dict[str, list[str]] = {}
        self._claimed = [entry for name in names for entry in self._claim(name)]

    def read(self, block_ms: int) -> list[Entry]:
        """Return what has not been handled, oldest first within a stream."""
        found, self._claimed = self._claimed, []
        if not found:
            found = self._streams.read(
                self._group, CONSUMER, self._names, count=self._count, block_ms=block_ms or None, handled=self._handled
            )
            self._handled = {}
        fresh, stale = [], []
        for entry in found:
            id = parse_id(entry.id)
            if id > self._last[entry.stream]:
                self._last[entry.stream] = id
                fresh.append(entry)
            else:
                stale.append(entry)
        self.acknowledge(stale)
        return fresh

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        """Say that the entries are in the journal; the server hears it with the next read, in one round trip."""
        for entry in entries:
            self._handled.setdefault(entry.stream, []).append(entry.id)

    def pending(self) -> int:
        """Return how many entries were read and not acknowledged."""
        for name, ids in self._handled.items():
            self._streams.acknowledge(self._group, name, ids)
        self._handled = {}
        return sum(self._streams.pending(self._group, name) for name in self._names)

    def _claim(self, name: str) -> list[Entry]:
        """Return all that was delivered to the group and not acknowledged, oldest first."""
        most = self._streams.pending(self._group, name)
        return self._streams.claim(self._group, CONSUMER, name, count=most) if most else []
