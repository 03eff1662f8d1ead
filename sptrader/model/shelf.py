"""Shelf: where a part of a session puts what it knows and need not have in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

KEPT_ENDED = 1_000  # orders that have ended stay in memory; twice as many before some are put on a shelf


class Shelf(Protocol):
    """Things by kind and key, on a disk."""

    def put(self, kind: str, key: str, body: bytes) -> None:
        """Keep a thing, over what was there."""
        ...

    def get(self, kind: str, key: str) -> bytes | None:
        """Return a thing; None where there is none."""
        ...

    def each(self, kind: str) -> Iterator[bytes]:
        """Return all things of a kind, by their keys."""
        ...
