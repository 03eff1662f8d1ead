"""Jobs: runs made by a process of their own, watched, cancelled and found again through a folder.

A job's folder, below `<runs>/.jobs/`:

    request.json     what was asked for
    state.json       how far it is, replaced whole at each step
    log.txt          what the process printed, warnings and tracebacks
    alive            locked by the process for as long as it lives: the proof that does not depend on a process id

Nothing is kept in memory that a restarted kernel would need: `find_jobs` reads all of it from the folders.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from sptrader.clock import LiveClock
from sptrader.errors import RunError

FOLDER = ".jobs"
RUNNING = ("starting", "running")
KEPT = 50
_GRACE_S = 1.0
_IMPORT_S = 60.0  # until a process must have spoken: on a machine with more to do than cores, imports alone take ten


@dataclass(frozen=True)
class BarsChoice:
    """Which bars a job reads: a catalog `symbol`, a file (or a folder of files, one an instrument) at `path`, or neither for what
    the strategy's market names."""

    symbol: str = ""
    timeframe: str = ""
    basis: str = ""
    path: str = ""

    @property
    def is_own_market(self) -> bool:
        """Whether the strategy's own market says which bars."""
        return not self.symbol and not self.path


@dataclass(frozen=True)
class JobRequest:
    """What a job shall do; empty fields are the strategy's own. `space` makes it a sweep for the `objective`."""

    strategy: str
    bars: BarsChoice = BarsChoice()
    params: Mapping[str, Any] = field(default_factory=dict)
    cash: float | None = None
    start: str = ""
    end: str = ""
    space: Mapping[str, list[Any]] = field(default_factory=dict)
    objective: str = "sharpe"

    @property
    def kind(self) -> str:
        """`sweep` or `backtest`."""
        return "sweep" if self.space else "backtest"


@dataclass(frozen=True)
class JobState:
    """How far a job is: `status` is `starting`, `running`, `done`, `failed` or `cancelled`; `done` of `total` steps.

    `result` is the folder of what it made; `error` one sentence and `trace` its traceback when it failed.
    """

    status: str
    step: str = ""
    done: int = 0
    total: int = 0
    started_ns: int = 0
    changed_ns: int = 0
    result: str = ""
    error: str = ""
    trace: str = ""

    @property
    def is_running(self) -> bool:
        """Whether more may come."""
        return self.status in RUNNING


class Job:
    """One job by its folder; several of them may look at the same one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        """The job's name."""
        return self.folder.name

    def request(self) -> JobRequest:
        """Return what was asked for."""
        said = json.loads((self.folder / "request.json").read_text())
        return JobRequest(**{**said, "bars": BarsChoice(**said["bars"])})

    def state(self) -> JobState:
        """Return how far it is; a job whose process is gone without a word has failed."""
        is_alive, state = self._is_alive(), read_state(self.folder)
        if not state.is_running or is_alive:
            return state
        is_young = LiveClock().now_ns() - state.started_ns < _IMPORT_S * 1e9
        if state.status == "starting" and is_young and not self._has_begun():
            return state  # the process is still importing
        if self._is_alive():
            return state  # it began between the two looks
        state = read_state(self.folder)
        if not state.is_running:
            return state  # it ended between them
        told = self.log()[-2000:].strip()
        return replace(state, status="failed", error="the process ended without a result", trace=told)

    def log(self) -> str:
        """Return what the process printed so far."""
        path = self.folder / "log.txt"
        return path.read_text(errors="replace") if path.is_file() else ""

    def age_s(self) -> float:
        """Return the seconds since the job last said how far it is."""
        return max(0.0, (LiveClock().now_ns() - read_state(self.folder).changed_ns) / 1e9)

    def cancel(self) -> None:
        """End the job now: its process and what that started are told to stop, and killed a second later if they have not."""
        state = read_state(self.folder)
        if not state.is_running:
            return
        write_state(self.folder, replace(state, status="cancelled", step="cancelled"))
        pid = self._pid()
        if pid is None:
            return
        _signal(pid, signal.SIGTERM)
        if not self._has_ended_in(_GRACE_S):
            _signal(pid, signal.SIGKILL)
            self._has_ended_in(_GRACE_S)

    def wait(self, timeout_s: float | None = None) -> JobState:
        """Wait until it ends, or for `timeout_s`, and return how far it is."""
        waited, state = 0.0, self.state()
        while state.is_running and (timeout_s is None or waited < timeout_s):
            threading.Event().wait(0.05)
            waited += 0.05
            state = self.state()
        return state

    def _pid(self) -> int | None:
        """The process that holds the lock: nothing else can be hit by a signal, however old the folder is."""
        if not self._is_alive():
            return None
        text = (self.folder / "alive").read_text().strip()
        return int(text) if text.isdigit() else None

    def _has_begun(self) -> bool:
        """Whether a process has held the lock, also if it is gone: it writes its number under it."""
        path = self.folder / "alive"
        return path.is_file() and path.stat().st_size > 0

    def _is_alive(self) -> bool:
        path = self.folder / "alive"
        if not path.is_file():
            return False
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _has_ended_in(self, seconds: float) -> bool:
        for _ in range(int(seconds / 0.02)):
            if not self._is_alive():
                return True
            threading.Event().wait(0.02)
        return not self._is_alive()


class Workers:
    """Starts jobs; keeps one process warm, so that the next job does not wait for imports."""

    def __init__(self) -> None:
        self._spare: IO[bytes] | None = None
        self._lock = threading.Lock()

    def start(self, request: JobRequest, runs: str | Path = "runs") -> Job:
        """Start a process that does what `request` says and return its job at once; results go below the folder `runs`.

        Raises `RunError` for a folder that cannot be written to.
        """
        name = f"{request.kind}-{uuid.uuid4().hex[:10]}"
        folder = Path(runs).resolve() / FOLDER / name
        try:
            folder.mkdir(parents=True)
            (folder / "request.json").write_text(json.dumps(asdict(request), default=str))
            write_state(folder, JobState("starting", "starting", started_ns=LiveClock().now_ns()))
        except OSError as error:
            raise RunError(
                f"no job can be started in {folder}: {error.strerror}.", path=folder, key="folder"
            ) from error
        with self._lock:
            spare, self._spare = self._spare, None
            if spare is None or not _is_given(spare, folder):
                _is_given(_worker(folder / "log.txt"), folder)
        _forget_old(folder.parent)
        return Job(folder)

    def warm(self) -> None:
        """Start the process of the next job ahead, unless one is waiting already."""
        with self._lock:
            if self._spare is None:
                self._spare = _worker(Path(os.devnull))  # one that dies unused is replaced, and that one says why

    def close(self) -> None:
        """Let the waiting process go; jobs that run go on."""
        with self._lock:
            if self._spare is not None:
                self._spare.close()
                self._spare = None


def find_jobs(runs: str | Path = "runs") -> list[Job]:
    """Return the jobs below the folder `runs`, newest first, also those another process started."""
    root = Path(runs).resolve() / FOLDER
    found = [path.parent for path in root.glob("*/request.json")] if root.is_dir() else []
    return [Job(folder) for folder in sorted(found, key=lambda f: read_state(f).started_ns, reverse=True)]


def read_state(folder: Path) -> JobState:
    """Return the state a job's folder tells."""
    return JobState(**json.loads((folder / "state.json").read_text()))


def write_state(folder: Path, state: JobState) -> None:
    """Replace a job's state, whole, with the time it changed."""
    draft = folder / f".state-{os.getpid()}-{threading.get_ident()}.part"
    draft.write_text(json.dumps(asdict(replace(state, changed_ns=LiveClock().now_ns()))))
    draft.replace(folder / "state.json")


@contextlib.contextmanager
def held_alive(folder: Path) -> Iterator[None]:
    """Hold the lock that says that this process works on the job in `folder`."""
    with (folder / "alive").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _worker(log: Path) -> IO[bytes]:
    """Start a worker that waits for a job's folder, says to `log` why it cannot, and return the pipe it listens to.

    It forks itself loose, into its own session: a kernel that restarts or ends neither ends it nor has to bury it.
    """
    code = "import os; os.fork() and os._exit(0); os.setsid(); from sptrader.runs.jobwork import main; main()"
    reading, writing = os.pipe()
    with log.open("ab") as said:
        subprocess.run(
            [sys.executable, "-c", code],
            stdin=reading,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
            check=True,
        )
    os.close(reading)
    return os.fdopen(writing, "wb")


def _is_given(pipe: IO[bytes], folder: Path) -> bool:
    """Tell a worker its job and hang up; false for a worker that is gone."""
    try:
        with pipe:
            pipe.write(f"{folder}\n".encode())
    except BrokenPipeError:
        return False
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    """Signal a job's process and all it started, which share its group; it may have ended by itself a moment ago."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def _forget_old(root: Path) -> None:
    """Keep the folders of the newest jobs; what they made lies elsewhere."""
    folders = sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime_ns, reverse=True)
    for folder in folders[KEPT:]:
        if not Job(folder).state().is_running:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
