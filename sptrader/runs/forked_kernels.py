"""Forked kernels, seen by their owner: the kernel parent is started once, and asked for a process for each kernel."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from sptrader.errors import RunError

READY_S = 120.0
_ANSWER_S = 30.0


def can_fork() -> bool:
    """Say whether kernels can be forked and watched here: on Linux 5.3 and newer."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


class ForkedProcess:
    """A process that another one forked, with the methods of a `Popen` that kernel managers use.

    It is held by its pidfd: it can be waited for without being a child, and never means another process with its number.
    Its exit code cannot be known here; -9 stands for every end.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._pidfd = pidfd

    def poll(self) -> int | None:
        """Return None while the process runs."""
        return -9 if self._pidfd < 0 or self._has_ended(0.0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Return when the process has ended; raise `subprocess.TimeoutExpired` after `timeout` seconds."""
        if self._pidfd >= 0:
            if not self._has_ended(timeout):
                raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
            os.close(self._pidfd)
            self._pidfd = -1
        return -9

    def send_signal(self, number: int) -> None:
        """Signal the process; raise `ProcessLookupError` when it has ended."""
        if self._pidfd < 0:
            raise ProcessLookupError(3, "the process has ended")
        signal.pidfd_send_signal(self._pidfd, number)

    def _has_ended(self, timeout_s: float | None) -> bool:
        watched = select.poll()
        watched.register(self._pidfd, select.POLLIN)
        return bool(watched.poll(None if timeout_s is None else timeout_s * 1000.0))


class KernelParent:
    """The connection to one kernel parent; safe to use from many threads.

    `folder` is where the parent works and writes what it has to say. Raises `RunError` when it cannot be started.
    """

    def __init__(self, folder: Path) -> None:
        self._log = folder / "parent.log"
        self._lock = threading.Lock()
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: value for name, value in os.environ.items() if name != "SPTRADER_WORKSPACE"}
        with other, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sptrader.runs.kernel_parent", str(other.fileno())],
                pass_fds=(other.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        self._socket.settimeout(READY_S)
        self._is_ready = False

    @property
    def pid(self) -> int:
        """The parent's process number."""
        return self._process.pid

    def fork(self, connection_file: str, cwd: str, environment: dict[str, str]) -> ForkedProcess:
        """Return the process of a new kernel for `connection_file`, working in `cwd`.

        Waits for the parent to be ready. Raises `RunError` when the parent has ended, and after that at each call.
        """
        asked = json.dumps({"file": connection_file, "cwd": cwd, "env": environment}).encode()
        with self._lock:
            if not self._is_ready:
                self._answer()
                self._socket.settimeout(_ANSWER_S)
                self._is_ready = True
            try:
                self._socket.send(asked)
            except OSError as error:
                raise self._ended() from error
            answer, descriptors = self._answer()
        if "pid" not in answer:
            raise RunError(f"{answer.get('error')}.", key="kernel", is_failure=True)
        return ForkedProcess(int(answer["pid"]), descriptors[0])

    def close(self) -> None:
        """End the parent and every kernel of it."""
        self._socket.close()
        try:
            self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _answer(self) -> tuple[dict[str, Any], list[int]]:
        try:
            text, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 1)
        except OSError as error:
            raise self._ended() from error
        if not text:
            raise self._ended()
        return json.loads(text), descriptors

    def _ended(self) -> RunError:
        said = self._log.read_text(errors="replace").strip().splitlines()[-1:] if self._log.is_file() else []
        return RunError(
            f"the process that kernels are forked from has ended{': ' + said[0] if said else ''}.",
            key="kernel",
            value=self.pid,
            is_failure=True,
        )
