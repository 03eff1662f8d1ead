"""Live process: a session in a process of its own that outlives who started it, found again and read through its folder.

A session's folder, below `<runs>/.sessions/`, holds beside its journals and its private server:

    request.json     what was asked for
    result.json      what `sptrader live --json` printed: the run, when it is over
    log.txt          what the process said
    alive            locked by the process for as long as it lives
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sptrader.clock import LiveClock
from sptrader.errors import RunError
from sptrader.runs.jobs import BarsChoice

FOLDER = ".sessions"
URL = "REDIS_URL"
# The lock is taken before the fork, which shares it: whoever waits for the starter finds it held.
_START = """import fcntl, os, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
os.set_inheritable(file.fileno(), True)
os.fork() and os._exit(0)
os.setsid()
os.execv(sys.executable, [sys.executable, "-m", "sptrader", *sys.argv[2:]])"""


@dataclass(frozen=True)
class SessionRequest:
    """What a session shall trade, and on which bars: those of a feed on the server `REDIS_URL` names, or `bars` replayed at
    `speed` (`symbols` where the strategy's own market says which)."""

    strategy: str
    mode: str
    account: str
    bars: BarsChoice = field(default_factory=BarsChoice)
    symbols: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    cash: float | None = None
    start: str = ""
    end: str = ""
    speed: str = "max"
    is_following: bool = False
    asked_ns: int = 0


class SessionProcess:
    """One session by its folder; several of these may look at the same one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        """The session's name."""
        return self.folder.name

    @property
    def is_alive(self) -> bool:
        """Whether its process lives."""
        try:
            with (self.folder / "alive").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def request(self) -> SessionRequest:
        """Return what was asked for."""
        told = json.loads((self.folder / "request.json").read_text())
        told |= {"bars": BarsChoice(**told["bars"]), "symbols": tuple(told["symbols"])}
        return SessionRequest(**told)

    def log(self) -> str:
        """Return what the process said."""
        path = self.folder / "log.txt"
        return path.read_text(errors="replace") if path.is_file() else ""

    def result(self) -> Path | None:
        """Return the folder of the run it has left; None before its end, and where it has left none."""
        path = self.folder / "result.json"
        text = path.read_text().strip() if path.is_file() else ""
        return Path(json.loads(text)["folder"]) if text else None


def start_session(request: SessionRequest, runs: str | Path = "runs", *, url: str | None = None) -> SessionProcess:
    """Start a session's process and return at once; its run is saved below the folder `runs`. A feed is followed on the
    server at `url`, else on the one `REDIS_URL` names.

    Raises `RunError` for a folder that cannot be written to.
    """
    root = Path(runs).resolve()
    folder = root / FOLDER / f"{request.account}-{uuid.uuid4().hex[:8]}"
    told = {**asdict(request), "asked_ns": LiveClock().now_ns()}
    try:
        folder.mkdir(parents=True)
        (folder / "alive").touch()
        (folder / "request.json").write_text(json.dumps(told, default=str))
        with (folder / "result.json").open("wb") as out, (folder / "log.txt").open("wb") as log:
            subprocess.run(
                [sys.executable, "-c", _START, str(folder / "alive"), *command(request, folder, root)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=_environment(request, url),
                start_new_session=True,
                check=True,
            )
    except OSError as error:
        raise RunError(
            f"no session can be started in {folder}: {error.strerror}.", path=folder, key="folder"
        ) from error
    return SessionProcess(folder)


def find_sessions(runs: str | Path = "runs") -> list[SessionProcess]:
    """Return the sessions below the folder `runs`, newest first."""
    found = [SessionProcess(path.parent) for path in (Path(runs).resolve() / FOLDER).glob("*/request.json")]
    return sorted(found, key=lambda one: one.request().asked_ns, reverse=True)


def command(request: SessionRequest, folder: Path, out: Path) -> list[str]:
    """Return the arguments of `sptrader` that trade what is asked for."""
    told = ["live", request.strategy, "--mode", request.mode, "--account", request.account]
    told += ["--folder", str(folder), "--out", str(out), "--json"]
    told += [part for name, value in request.params.items() for part in ("--param", f"{name}={value}")]
    if request.cash is not None:
        told += ["--cash", repr(request.cash)]
    if request.start:
        told += ["--start", request.start]
    if request.mode == "live":
        told += ["--arm", request.account]
    if request.is_following:
        return told
    told += ["--speed", request.speed, *(["--end", request.end] if request.end else [])]
    bars = request.bars
    if bars.is_own_market:
        return [*told, *(part for symbol in request.symbols for part in ("--replay", symbol))]
    given = {"--symbol": bars.symbol if bars.path else "", "--timeframe": bars.timeframe, "--basis": bars.basis}
    told += ["--replay", bars.path or bars.symbol]
    return told + [part for name, value in given.items() if value for part in (name, value)]


def _environment(request: SessionRequest, url: str | None) -> dict[str, str]:
    """A replay has a server of its own, whatever the environment names."""
    given = {**os.environ, **({} if url is None else {URL: url})}
    return {name: value for name, value in given.items() if name != URL or request.is_following}
