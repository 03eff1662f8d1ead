"""The kernel parent, a program: it preloads once, then forks a real IPython kernel for each request.

`python -P -m sptrader.runs.kernel_parent FD`, FD a Unix socket that keeps messages apart (SOCK_SEQPACKET):

    parent → owner  {"ready": true}                             preloaded
    owner → parent  {"file": ..., "cwd": ..., "env": {...}}     a kernel for this connection file, please
    parent → owner  {"pid": ...} with the process's pidfd, or {"error": ...}
    end of the socket: the owner is gone; every kernel is killed, and the parent ends

A kernel that loses its parent is killed by the system. Linux only.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
from typing import Any

MESSAGE_BYTES = 1 << 20
_PR_SET_PDEATHSIG = 1
_REAP_EVERY_S = 0.5


def main() -> None:
    """Serve the socket named on the command line until its other end is closed."""
    server = socket.socket(fileno=int(sys.argv[1]))
    server.set_inheritable(False)
    from sptrader.runs.kernel_preload import preload

    preload()
    server.send(json.dumps({"ready": True}).encode())
    alive: set[int] = set()
    while request := _received(server, alive):
        _answer(server, json.loads(request), alive)
    for pid in alive - _ended():
        os.killpg(pid, signal.SIGKILL)


def _received(server: socket.socket, alive: set[int]) -> bytes:
    """Return the next request, empty when the owner is gone; meanwhile see to the children that end."""
    while not select.select([server], [], [], _REAP_EVERY_S)[0]:
        alive -= _ended()
    try:
        return server.recv(MESSAGE_BYTES)
    except ConnectionResetError:  # the owner was killed with an answer unread
        return b""


def _answer(server: socket.socket, request: dict[str, Any], alive: set[int]) -> None:
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        server.send(json.dumps({"error": f"no kernel could be forked: {error.strerror}"}).encode())
        return
    if pid == 0:
        _become_kernel(server, request, parent)
    alive.add(pid)
    # Opened before the child can be waited for, so that it never means another process.
    pidfd = os.pidfd_open(pid)
    try:
        socket.send_fds(server, [json.dumps({"pid": pid}).encode()], [pidfd])
    except OSError:
        os.killpg(pid, signal.SIGKILL)
    finally:
        os.close(pidfd)


def _become_kernel(server: socket.socket, request: dict[str, Any], parent: int) -> None:
    """Be the kernel of `request` to its end; never returns."""
    code = 1
    try:
        server.close()
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            os.environ.clear()
            os.environ.update(request["env"])
            os.chdir(request["cwd"])
            _serve_kernel(request["file"])
            code = 0
    finally:
        os._exit(code)


def _serve_kernel(connection_file: str) -> None:
    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    np.random.seed()  # forks would all draw the same numbers; the standard library sees to its own
    app = IPKernelApp.instance()
    app.initialize(["-f", connection_file, "--HistoryManager.hist_file=:memory:"])  # type: ignore[no-untyped-call]
    app.start()  # type: ignore[no-untyped-call]


def _ended() -> set[int]:
    """Return the children that have ended since the last call, and let the system forget them."""
    found: set[int] = set()
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.add(pid)


if __name__ == "__main__":
    main()
