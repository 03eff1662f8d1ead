"""The launcher of a private server: a process of its own that ends the server when its owner is no more.

Run as `python -I -S launcher.py OWNER_PID INPUT COMMAND...`; it prints the server's process id. The server reads the file
INPUT. The launcher's own input is a pipe whose other end the owner holds, so that the owner's end, however it comes, is the
end of that input. It imports nothing of the package, to start at once.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

_LOOK_S = 0.5  # how often it looks who its parent is: a fork of the owner may hold the pipe beyond the owner's end
_GRACE_S = 8.0
_SHORT_S = 0.02
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


def main(owner: int, input: str, command: list[str]) -> int:
    """Run `command` until it ends or the owner does; return its exit code."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)  # a signal becomes a byte that the loop below reads
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    server = os.fork()
    if server == 0:
        _become(input, command)
    os.write(1, f"{server}\n".encode())
    while os.getppid() == owner:
        readable = select.select([0, told], [], [], _LOOK_S)[0]
        signals = os.read(told, 64) if told in readable else b""
        code = _exit_code(server)
        if code is not None:
            return code
        if signal.SIGTERM in signals or (0 in readable and not os.read(0, 1)):
            break
    return _end(server)


def _become(input: str, command: list[str]) -> None:
    """Turn this fork into the server, which shall die with the launcher too."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    os.dup2(os.open(input, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
        os._exit(127)


def _end(server: int) -> int:
    os.kill(server, signal.SIGTERM)
    for _ in range(int(_GRACE_S / _SHORT_S)):
        code = _exit_code(server)
        if code is not None:
            return code
        time.sleep(_SHORT_S)
    os.kill(server, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(server, 0)[1])


def _exit_code(server: int) -> int | None:
    pid, status = os.waitpid(server, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


if __name__ == "__main__":
    sys.exit(abs(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])))
