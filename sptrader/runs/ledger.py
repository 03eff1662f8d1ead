"""Ledger: every trial ever made on a data set, across notebooks, sweeps and processes; it only grows.

One SQLite file for the user: `SPTRADER_LEDGER`, else `sptrader/ledger.sqlite` in the user's data folder (`XDG_DATA_HOME` or
`~/.local/share`). A trial is a strategy with its parameters, account and period on certain bars; made again it is the same
trial. Data are named by the hash of their content. Triggers in the file refuse to change or remove what it holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sptrader.clock import LiveClock
from sptrader.errors import RunError
from sptrader.model.period import time_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS trials (data TEXT NOT NULL, trial BLOB NOT NULL, made_ns INTEGER NOT NULL,
    PRIMARY KEY (data, trial)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS openings (data TEXT NOT NULL, from_ns INTEGER NOT NULL, opened_ns INTEGER NOT NULL,
    what TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS trials_stay BEFORE DELETE ON trials BEGIN SELECT RAISE(ABORT, 'trials stay'); END;
CREATE TRIGGER IF NOT EXISTS trials_keep BEFORE UPDATE ON trials BEGIN SELECT RAISE(ABORT, 'trials stay'); END;
CREATE TRIGGER IF NOT EXISTS openings_stay BEFORE DELETE ON openings BEGIN SELECT RAISE(ABORT, 'openings stay'); END;
CREATE TRIGGER IF NOT EXISTS openings_keep BEFORE UPDATE ON openings BEGIN SELECT RAISE(ABORT, 'openings stay'); END;
"""
_WAIT_S = 20.0
_lock = threading.Lock()


@dataclass(frozen=True)
class Opening:
    """One look at a sealed hold-out: the bars from `start` on were opened at `opened_at` (UTC) by `what`."""

    start: str
    opened_at: str
    what: str


def ledger_file(environ: Mapping[str, str] | None = None) -> Path:
    """Return where the ledger is kept."""
    known = os.environ if environ is None else environ
    if known.get("SPTRADER_LEDGER"):
        return Path(known["SPTRADER_LEDGER"])
    root = known.get("XDG_DATA_HOME")
    return (Path(root) if root else Path.home() / ".local" / "share") / "sptrader" / "ledger.sqlite"


def trial_ids(shared: Sequence[object], own: Iterable[object]) -> Iterator[bytes]:
    """Yield the name of each trial: a hash of what they all depend on besides their data, and of what is its `own`."""
    begun = hashlib.blake2b(_text(shared)[:-1].encode(), digest_size=16)  # without the list's end
    for one in own:
        whole = begun.copy()
        whole.update(f", {_text(one)}]".encode())
        yield whole.digest()


def _text(facts: object) -> str:
    return json.dumps(facts, sort_keys=True, default=str)


def count_trials(data: Iterable[str], trials: Iterable[bytes]) -> None:
    """Add `trials` to each of the data sets `data`; those known already are left as they are."""
    now = LiveClock().now_ns()
    rows = [(one, trial, now) for one in sorted(set(data)) for trial in trials]
    with _opened() as ledger:
        ledger.executemany("INSERT OR IGNORE INTO trials VALUES (?, ?, ?)", rows)


def n_trials(data: Iterable[str]) -> int:
    """Return how many different trials were made on any of the data sets `data`."""
    names = sorted(set(data))
    asked = ", ".join("?" * len(names))
    with _opened() as ledger:
        return int(
            ledger.execute(f"SELECT COUNT(DISTINCT trial) FROM trials WHERE data IN ({asked})", names).fetchone()[0]
        )


def note_opening(data: Iterable[str], from_ns: int, what: str) -> None:
    """Write down that the bars from `from_ns` on were looked at by `what`."""
    now = LiveClock().now_ns()
    with _opened() as ledger:
        ledger.executemany(
            "INSERT INTO openings VALUES (?, ?, ?, ?)", [(one, from_ns, now, what) for one in sorted(set(data))]
        )


def openings(data: Iterable[str], from_ns: int) -> list[Opening]:
    """Return every look at bars at or after `from_ns` of any of the data sets, oldest first."""
    names = sorted(set(data))
    asked = ", ".join("?" * len(names))
    with _opened() as ledger:
        rows = ledger.execute(
            "SELECT DISTINCT from_ns, opened_ns, what FROM openings WHERE data IN "
            f"({asked}) AND from_ns >= ? ORDER BY opened_ns",
            (*names, from_ns),
        ).fetchall()
    return [Opening(time_text(start), time_text(opened), what) for start, opened, what in rows]


@contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
    """The ledger's connection for one transaction; each process has its own, made when it is first needed."""
    path = ledger_file()
    with _lock:
        try:
            if not path.exists():
                _connection.cache_clear()
            with _connection(os.getpid(), path) as ledger:
                yield ledger
        except (OSError, sqlite3.Error) as error:
            raise RunError(
                f"the ledger of trials at {path} cannot be used: {error}. SPTRADER_LEDGER names another place.",
                path=path,
                key="ledger",
                is_failure=True,
            ) from error


@lru_cache(maxsize=1)
def _connection(process: int, path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False)
    ledger.execute("PRAGMA journal_mode=WAL")
    ledger.execute("PRAGMA synchronous=NORMAL")
    ledger.executescript(_SCHEMA)
    return ledger
