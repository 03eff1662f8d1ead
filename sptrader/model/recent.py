"""Recent: results kept for as long as they are among the last asked for, within bounds; the oldest are forgotten."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At most `most` values by key, of at most `most_bytes` together; for any number of threads.

    A key must say all the value depends on: data are named by the hash of their content, never by the object that holds
    them, for an object may change.
    """

    def __init__(self, most: int, *, most_bytes: int = 0) -> None:
        """Keep nothing yet; `most_bytes` 0 means that values are not weighed."""
        self._most, self._most_bytes = most, most_bytes
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return the value kept for `key`, which makes it the youngest; None when there is none."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V, *, n_bytes: int = 0) -> None:
        """Keep `value`, which weighs `n_bytes`, and forget the oldest beyond the bounds; one too heavy is not kept."""
        if self._most_bytes and n_bytes > self._most_bytes:
            return
        with self._lock:
            self._bytes -= self._values.pop(key, (value, 0))[1]
            self._values[key] = (value, n_bytes)
            self._bytes += n_bytes
            while len(self._values) > self._most or (self._most_bytes and self._bytes > self._most_bytes):
                self._bytes -= self._values.popitem(last=False)[1][1]
