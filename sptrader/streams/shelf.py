"""Shelves in a session's journal."""

from __future__ import annotations

from collections.abc import Iterator

from sptrader.streams.journal import Journal


class JournalShelf:
    """A shelf that a fold of the journal's inputs makes anew at each start; it is written within a step."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def put(self, kind: str, key: str, body: bytes) -> None:
        """Keep a thing, over what was there."""
        self._journal.step.shelve(kind, key, body)

    def get(self, kind: str, key: str) -> bytes | None:
        """Return a thing; None where there is none."""
        return self._journal.shelved(kind, key)

    def each(self, kind: str) -> Iterator[bytes]:
        """Return all things of a kind, by their keys."""
        return self._journal.each_shelved(kind)


class StateShelf:
    """A shelf of what the journal's states have already, each time it changes: `prefix` and key are a state's name."""

    def __init__(self, journal: Journal, prefix: str) -> None:
        self._journal, self._prefix = journal, prefix

    def put(self, kind: str, key: str, body: bytes) -> None:
        """It stands in the journal."""

    def get(self, kind: str, key: str) -> bytes | None:
        """Return a thing; None where there is none."""
        return self._journal.state(f"{self._prefix}{key}")

    def each(self, kind: str) -> Iterator[bytes]:
        """Return all things, by their keys."""
        return iter(self._journal.states(self._prefix).values())
