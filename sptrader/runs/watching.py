"""Watching: which session of elsewhere a page watches, noted below its runs, so that the page finds it again."""

from __future__ import annotations

import json
from pathlib import Path

from sptrader.errors import RunError
from sptrader.runs.live_process import FOLDER
from sptrader.runs.sessions import SessionRecord, find_session

_NOTE = "watched.json"


def note_watched(runs: Path, record: SessionRecord) -> None:
    """Keep in `runs` which session is watched, in place of an earlier one; raises `RunError` where it cannot be written."""
    path = runs / FOLDER / _NOTE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"folder": record.folder, "account": record.account}), encoding="utf-8")
    except OSError as error:
        raise RunError(f"what is watched cannot be noted in {path}: {error.strerror}.", path=path) from error


def watched_session(runs: Path) -> SessionRecord | None:
    """Return the session that `note_watched` has kept in `runs`; None where there is none, or it is over."""
    try:
        told = json.loads((runs / FOLDER / _NOTE).read_text(encoding="utf-8"))
        record = find_session(str(told["account"]), Path(told["folder"]))
    except (OSError, ValueError, KeyError, TypeError, RunError):  # no note, or half of one, or of a session long gone
        return None
    return record if record.is_alive else None


def forget_watched(runs: Path) -> None:
    """Watch nothing any more."""
    (runs / FOLDER / _NOTE).unlink(missing_ok=True)
