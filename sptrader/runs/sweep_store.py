"""Sweep store: a sweep's folder, which a killed sweep goes on from: what it is, its inputs, and the rows that are done.

sweep.json               what was asked for, with the hashes of all it depends on
inputs/                  the strategy and the bars, so that any row can be opened as a run
parts/*.parquet          rows in the order in which they were done; a file is whole or not there
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.clock import LiveClock
from sptrader.errors import RunError, did_you_mean

Ints = NDArray[np.int64]

NUMBER, ERROR, RETURNS = "combination", "error", "returns"
_PART_ROWS = 20_000
_PART_S = 1.0
_PART_SHARE = (
    0.01  # of the time spent: a kill costs no more of it, and ten hours leave some 700 files instead of 36,000
)


class Rows:
    """The rows of a sweep: kept in memory or, with a folder, in files that are written about once a second, in a long sweep
    after every hundredth of its time."""

    def __init__(self, folder: Path | None) -> None:
        """Read what is done already."""
        self._folder = None if folder is None else folder / "parts"
        self._clock = LiveClock()
        self._waiting: list[pd.DataFrame] = []
        self._kept: list[pd.DataFrame] = []
        self._began_s = self._written_s = self._clock.elapsed_s()
        self._n_files = 0
        if self._folder is not None:
            make_folder(self._folder)
            found = sorted(self._folder.glob("*.parquet"))
            self._n_files = 1 + max((int(path.stem) for path in found), default=-1)

    def done(self) -> Ints:
        """Return the numbers of the combinations that are done, sorted."""
        found = [_read(path, [NUMBER])[NUMBER].to_numpy(np.int64) for path in self._files()]
        kept = [frame[NUMBER].to_numpy(np.int64) for frame in (*self._kept, *self._waiting)]
        return np.sort(np.concatenate([np.empty(0, np.int64), *found, *kept]))

    def add(self, rows: pd.DataFrame) -> bool:
        """Take `rows`; return whether it is time to `flush`."""
        self._waiting.append(rows)
        now_s = self._clock.elapsed_s()
        is_late = now_s - self._written_s > max(_PART_S, _PART_SHARE * (now_s - self._began_s))
        return is_late or sum(map(len, self._waiting)) >= _PART_ROWS

    def waiting(self) -> list[pd.DataFrame]:
        """Return the rows that are not written yet."""
        return list(self._waiting)

    def flush(self) -> None:
        """Write what waits as one more file."""
        self._written_s = self._clock.elapsed_s()
        if not self._waiting:
            return
        rows = pd.concat(self._waiting, ignore_index=True)
        self._waiting = []
        if self._folder is None:
            self._kept.append(rows)
            return
        path = self._folder / f"{self._n_files:06d}.parquet"
        draft = path.with_suffix(".part")
        rows.to_parquet(draft, index=False)
        draft.replace(path)
        self._n_files += 1

    def table(self, columns: list[str] | None = None) -> pd.DataFrame:
        """Return the rows, by the number of their combination; the session returns only where they are asked for."""
        frames = [_read(path, columns) for path in self._files()]
        frames += [frame if columns is None else frame[columns] for frame in (*self._kept, *self._waiting)]
        if not frames:
            return pd.DataFrame({NUMBER: np.empty(0, np.int64)}).set_index(NUMBER)
        whole = pd.concat(frames, ignore_index=True)
        return whole.sort_values(NUMBER, kind="stable", ignore_index=True).set_index(NUMBER)

    def _files(self) -> list[Path]:
        return [] if self._folder is None else sorted(self._folder.glob("*.parquet"))


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write `sweep.json`, whole."""
    make_folder(folder)
    draft = folder / ".sweep.json.part"
    draft.write_text(json.dumps(facts, indent=2, default=str) + "\n")
    draft.replace(folder / "sweep.json")


def read_facts(folder: Path) -> dict[str, Any]:
    """Read `sweep.json`; raise `RunError` where there is none or it cannot be read."""
    path = folder / "sweep.json"
    if not path.is_file():
        near = (
            [p.name for p in folder.parent.iterdir() if (p / "sweep.json").is_file()] if folder.parent.is_dir() else []
        )
        raise RunError(
            f"{folder} holds no sweep (no sweep.json){did_you_mean(folder.name, near) or '.'}", path=folder, key="sweep"
        )
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: the sweep cannot be read: {error}.", path=path) from error
    return found


def _read(path: Path, columns: list[str] | None) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: these rows of the sweep cannot be read: {error}.", path=path) from error


def make_folder(folder: Path) -> None:
    """Make `folder` where it is not there; raise `RunError` where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"the sweep cannot be saved to {folder}: {error.strerror}.", path=folder, key="out") from error
