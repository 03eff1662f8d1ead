"""Inbox: the entries of some streams, each once, in order, for one part with a journal."""

from __future__ import annotations

from collections.abc import Sequence

from sptrader.model.ports import Entry, Streams
from sptrader.streams.ids import parse_id
from sptrader.streams.journal import Journal

CONSUMER = "only"  # a part is one process: its journal has a lock


class Inbox:
    """Reads as a consumer group that began where the journal says it did; what was read and not journalled comes again."""

    def __init__(
        self, streams: Streams, journal: Journal, group: str, names: Sequence[str], *, count: int = 256
    ) -> None:
        self._streams, self._group, self._names, self._count = streams, group, tuple(names), count
        done = journal.last_ids()
        for name in names:
            streams.make_group(group, name, after=done.get(name, "0"))
        self._last = {name: parse_id(done.get(name, "0-0")) for name in names}
        self._claimed: list[Entry] = []
        for name in names:
            while found := streams.claim(group, CONSUMER, name, count=1000):
                known = [entry.id for entry in found if parse_id(entry.id) <= self._last[name]]
                streams.acknowledge(group, name, known)
                fresh = [entry for entry in found if parse_id(entry.id) > self._last[name]]
                self._claimed += [entry for entry in fresh if entry not in self._claimed]
                if not known:
                    break

    def read(self, block_ms: int) -> list[Entry]:
        """Return what has not been handled, oldest first within a stream."""
        found, self._claimed = self._claimed, []
        if not found:
            found = self._streams.read(self._group, CONSUMER, self._names, count=self._count, block_ms=block_ms or None)
        fresh = [entry for entry in found if parse_id(entry.id) > self._last[entry.stream]]
        for entry in fresh:
            self._last[entry.stream] = parse_id(entry.id)
        stale = [entry for entry in found if entry not in fresh]
        self.acknowledge(stale)
        return fresh

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        """Say that the entries are in the journal."""
        for name in self._names:
            ids = [entry.id for entry in entries if entry.stream == name]
            if ids:
                self._streams.acknowledge(self._group, name, ids)

    def pending(self) -> int:
        """Return how many entries were read and not acknowledged."""
        return sum(self._streams.pending(self._group, name) for name in self._names)
