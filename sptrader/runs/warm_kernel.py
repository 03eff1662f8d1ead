"""One started kernel: its manager, its life and its end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MOST_SOCKET_PATH = 100  # characters; a Unix socket's path may have 107, of which "-5" is the kernel's own


class WarmKernel:
    """One started kernel: `manager` is what a notebook client takes."""

    def __init__(self, manager: Any) -> None:
        self.manager = manager
        self.pid: int = manager.provisioner.pid

    def is_alive(self) -> bool:
        """Say whether the kernel's process runs."""
        process = self.manager.provisioner.process
        return process is not None and process.poll() is None

    def kill(self) -> None:
        """Kill the kernel and what it has started; any thread may."""
        process = self.manager.provisioner.process
        if process is None or process.poll() is not None:
            return
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not yet made its own process group, or has just ended
            try:
                process.send_signal(signal.SIGKILL)
            except ProcessLookupError:
                return

    def end(self) -> None:
        """Kill the kernel, wait for its end, and remove its sockets."""
        from jupyter_core.utils import run_sync

        self.kill()
        process = self.manager.provisioner.process
        try:
            if process is not None:
                process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:  # inside a system call; the system ends it when that returns
            self.manager.log.warning("kernel %s did not end within 5 s of being killed", self.pid)
        finally:
            run_sync(self.manager.cleanup_resources)()


MakeKernel = Callable[[str], WarmKernel]  # starts a cold kernel in a folder


def make_manager(kernel_name: str, folder: Path, number: int) -> Any:
    """Return the manager of a kernel that is not started: over sockets in `folder`, or TCP where their path is too long."""
    from jupyter_client.manager import AsyncKernelManager

    place = folder / f"k{number}"
    manager = AsyncKernelManager(kernel_name=kernel_name, connection_file=f"{place}.json")
    if os.name == "posix" and len(str(place)) <= _MOST_SOCKET_PATH:
        manager.transport, manager.ip = "ipc", str(place)
    return manager


def close_thread_loop() -> None:
    """Close the event loop that jupyter_client makes for each thread that waits for a kernel; the thread's last act."""
    import asyncio

    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    if not loop.is_running():
        loop.close()
        asyncio.set_event_loop(None)
