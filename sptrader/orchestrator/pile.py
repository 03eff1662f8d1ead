"""Pile: rows of numbers that grow at the end; those that are no longer worked with lie in a file, or are gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import RunError

Place = Callable[[], IO[bytes]]  # opens an empty file for reading and writing that nobody else sees
BLOCK = 1024  # rows that leave memory together
_LEAST = 256  # rows that there is room for at least

_N = TypeVar("_N", np.float64, np.int64, np.uint8)


class Pile(Generic[_N]):
    """Rows of `width` numbers like `like`, counted from 0 over all there ever were.

    What is released lies in a file from `place` and can still be read; without a place it is gone. What is in memory are
    the rows that were not released, and fewer than `BLOCK` that were.
    """

    def __init__(self, width: int, like: type[_N], place: Place | None = None) -> None:
        self._rows: NDArray[_N] = np.empty((_LEAST, width), like)
        self._place = place
        self._file: IO[bytes] | None = None
        self._first = 0  # the first row that is in memory
        self.count = 0

    @property
    def n_held(self) -> int:
        """How many rows are in memory."""
        return self.count - self._first

    def append(self, row: Sequence[float] | NDArray[_N]) -> None:
        """Add one row."""
        n = self.n_held
        if n == len(self._rows):
            self._make_room(2 * n)
        self._rows[n] = row
        self.count += 1

    def extend(self, rows: NDArray[_N]) -> None:
        """Add several rows."""
        n = self.n_held
        if n + len(rows) > len(self._rows):
            self._make_room(2 * (n + len(rows)))
        self._rows[n : n + len(rows)] = rows
        self.count += len(rows)

    def put_last(self, row: Sequence[float]) -> None:
        """Write a row over the last one, which must not have been released."""
        self._rows[self.n_held - 1] = row

    def part(self, first: int, last: int) -> NDArray[_N]:
        """Return the rows from `first` to `last`, not included: a view where they are in memory.

        Raises `RunError` for rows that are gone.
        """
        if first >= self._first:
            return self._rows[first - self._first : last - self._first]
        if self._file is None:
            raise RunError(f"row {first} is gone; the first that is kept is {self._first}.", is_failure=True)
        stored = min(last, self._first)
        self._file.seek(first * self._row_bytes)
        body = self._file.read((stored - first) * self._row_bytes)
        found = np.frombuffer(body, self._rows.dtype).reshape(stored - first, self._rows.shape[1])
        return np.concatenate([found, self._rows[: last - stored]]) if last > stored else found.copy()

    def release(self, before: int) -> None:
        """Let the rows before `before` leave memory, when they are many enough."""
        gone = min(before, self.count) - self._first
        if gone < BLOCK:
            return
        if self._place is not None:
            self._write(gone)
        left = self._rows[gone : self.n_held]
        self._rows, self._first = self._with_room(left, 2 * len(left)), self._first + gone

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    @property
    def _row_bytes(self) -> int:
        return int(self._rows.itemsize * self._rows.shape[1])

    def _write(self, gone: int) -> None:
        try:
            if self._file is None and self._place is not None:
                self._file = self._place()
            if self._file is not None:
                self._file.seek(self._first * self._row_bytes)
                self._file.write(self._rows[:gone].tobytes())
                self._file.flush()
        except OSError as error:
            raise RunError(f"what the session has made could not be written: {error}.", is_failure=True) from error

    def _make_room(self, n: int) -> None:
        self._rows = self._with_room(self._rows[: self.n_held], n)

    def _with_room(self, rows: NDArray[_N], n: int) -> NDArray[_N]:
        made = np.empty((max(n, _LEAST), rows.shape[1]), rows.dtype)
        made[: len(rows)] = rows
        return made
