"""Sessions: which sessions this user has started, where their folders and servers are, as one small file for each process.

They stand in `SPTRADER_SESSIONS`, else in `sptrader/sessions` in the user's data folder (`XDG_DATA_HOME` or
`~/.local/share`). A process takes its file away when it ends; one that is left over tells of a process that was killed.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sptrader.clock import LiveClock
from sptrader.errors import RunError, did_you_mean


@dataclass(frozen=True)
class SessionRecord:
    """One process of a session. `url` has no password of a server that was given; a private server's is whole."""

    account: str
    mode: str
    strategy: str
    folder: str
    url: str
    roles: tuple[str, ...]
    pid: int
    host: str
    started_ns: int

    @property
    def is_here(self) -> bool:
        """Whether the process runs, or ran, on this machine."""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs on this machine."""
        if not self.is_here:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # another user's: the number was given away again
            return False
        return True


def sessions_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return where the sessions' files, and the folders of sessions that were given none, are kept."""
    known = os.environ if environ is None else environ
    if known.get("SPTRADER_SESSIONS"):
        return Path(known["SPTRADER_SESSIONS"])
    root = known.get("XDG_DATA_HOME")
    return (Path(root) if root else Path.home() / ".local" / "share") / "sptrader" / "sessions"


@contextmanager
def registered(
    *, account: str, mode: str, strategy: str, folder: Path, url: str, is_private: bool, roles: tuple[str, ...]
) -> Iterator[SessionRecord]:
    """Keep a record of this process while the block runs; those that killed processes left of the same folder go."""
    record = SessionRecord(
        account=account,
        mode=mode,
        strategy=strategy,
        folder=str(folder.resolve()),
        url=url if is_private else without_password(url),
        roles=roles,
        pid=os.getpid(),
        host=socket.gethostname(),
        started_ns=LiveClock().now_ns(),
    )
    root = sessions_folder()
    path = root / f"{re.sub('[^A-Za-z0-9_-]', '_', account)}.{os.getpid()}.{'-'.join(roles)}.json"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for other, found in _records():
            if found.folder == record.folder and found.is_here and not found.is_alive:
                other.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(record), file)
    except OSError as error:
        raise RunError(
            f"the session cannot be noted in {root}: {error.strerror}; SPTRADER_SESSIONS names another folder.",
            path=root,
        ) from error
    try:
        yield record
    finally:
        path.unlink(missing_ok=True)


def known_sessions() -> list[SessionRecord]:
    """Return the records of all processes that run, or were killed, oldest first."""
    return sorted((record for _, record in _records()), key=lambda record: record.started_ns)


def find_session(account: str | None = None, folder: Path | None = None) -> SessionRecord:
    """Return the newest record of an account or a folder; the only one there is where neither is said."""
    found = known_sessions()
    names = sorted({record.account for record in found})
    if folder is not None:
        found = [record for record in found if record.folder == str(folder.resolve())]
    if account is not None:
        found = [record for record in found if record.account == account]
    if not found:
        asked = f"account '{account}'" if account is not None else f"folder {folder}" if folder else "any account"
        near = did_you_mean(account, names) if account is not None else ""
        raise RunError(
            f"no session of {asked} is known here{near or '.'} `sptrader live-list` shows those that are; one on another "
            "server needs --redis-url and --account.",
            key="account",
            value=account,
        )
    if len({record.account for record in found}) > 1:
        raise RunError(
            f"there are sessions of several accounts ({', '.join(names)}); say which with --account.", key="account"
        )
    living = [record for record in found if record.is_alive]
    return (living or found)[-1]


def without_password(url: str) -> str:
    """Return an address of a server without user and password; behind the `?`, which may hold some too, `db` alone stays."""
    parts = urlsplit(url)
    kept = [part for part in parts.query.split("&") if part.startswith("db=")]
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{'?' if kept else ''}{'&'.join(kept)}"


def _records() -> Iterator[tuple[Path, SessionRecord]]:
    """The files that can be read; one that is just being written is left for the next look."""
    for path in sessions_folder().glob("*.json"):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            yield path, SessionRecord(**{**told, "roles": tuple(told["roles"])})
        except (OSError, ValueError, TypeError, KeyError):
            continue
