"""Warm kernels: real Jupyter kernels with everything imported and drawn once, each used for one notebook.

On Linux they are forked from a preloaded parent (`forked_kernels`), elsewhere started ahead (`kernels_ahead`). A kernel of
another language or another Python is started cold. All of a process share one source, which ends with the process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from sptrader.errors import RunError
from sptrader.runs.forked_kernels import KernelParent, can_fork
from sptrader.runs.kernels_ahead import KernelsAhead
from sptrader.runs.warm_kernel import WarmKernel, make_manager

_LAUNCHERS = ("ipykernel_launcher", "ipykernel")


class KernelSource(Protocol):
    """Where warm kernels of this Python come from."""

    def prepare(self, n_ahead: int) -> None: ...
    def take(self, cwd: str) -> WarmKernel: ...
    def close(self) -> None: ...


class ForkedKernels:
    """Kernels forked from one parent, which is started when it is first needed and again when it has ended."""

    def __init__(self, folder: Path, kernel_name: str, environment: Mapping[str, str]) -> None:
        self._folder, self._kernel_name, self._environment = folder, kernel_name, environment
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._parent: KernelParent | None = None

    @property
    def parent_pid(self) -> int | None:
        """The process number of the parent; None before it is needed."""
        return None if self._parent is None else self._parent.pid

    def prepare(self, n_ahead: int) -> None:
        """Start the parent; its preloading goes on while other work is done."""
        self._living_parent()

    def take(self, cwd: str) -> WarmKernel:
        """Return a new kernel working in `cwd`; raise `RunError` when a second parent fails as well."""
        manager = make_manager(self._kernel_name, self._folder, next(self._numbers))
        manager.write_connection_file()
        environment = {**os.environ, **self._environment}
        parent = self._living_parent()
        try:
            process = parent.fork(manager.connection_file, cwd, environment)
        except RunError:
            self._forget(parent)
            process = self._living_parent().fork(manager.connection_file, cwd, environment)
        from jupyter_client.provisioning.local_provisioner import LocalProvisioner

        provisioner = LocalProvisioner(
            kernel_id=f"forked-{process.pid}", kernel_spec=manager.kernel_spec, parent=manager
        )
        held: Any = provisioner  # its process is declared as a Popen
        held.process, held.pid, held.pgid = process, process.pid, process.pid
        manager.provisioner = provisioner
        return WarmKernel(manager)

    def close(self) -> None:
        """End the parent and its kernels."""
        if self._parent is not None:
            self._forget(self._parent)

    def _living_parent(self) -> KernelParent:
        with self._lock:
            if self._parent is None:
                self._parent = KernelParent(self._folder)
            return self._parent

    def _forget(self, parent: KernelParent) -> None:
        with self._lock:
            if self._parent is parent:
                self._parent = None
        parent.close()


class Kernels:
    """All kernels of this process: warm ones of this Python by name, and cold ones of any other."""

    def __init__(self, *, is_forking: bool | None = None) -> None:
        self._is_forking = can_fork() if is_forking is None else is_forking
        self._folder = Path(tempfile.mkdtemp(prefix="sptrader-"))
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._sources: dict[str, KernelSource] = {}
        self.owner = os.getpid()

    def prepare(self, kernel_name: str, n_ahead: int) -> None:
        """Begin to warm kernels, so that the first notebook waits less."""
        if _is_this_python(_spec(kernel_name)):
            self.source(kernel_name).prepare(n_ahead)

    def take(self, kernel_name: str, cwd: str) -> WarmKernel:
        """Return a started kernel in `cwd` that nobody has used.

        Raises `RunError` when it cannot be started, jupyter_client's `NoSuchKernel` for a name that is not installed.
        """
        if _is_this_python(_spec(kernel_name)):
            return self.source(kernel_name).take(cwd)
        return self._cold(kernel_name, cwd)

    def source(self, kernel_name: str) -> KernelSource:
        """Return where the warm kernels of that name come from."""
        with self._lock:
            if kernel_name not in self._sources:
                folder = self._folder / str(len(self._sources))
                folder.mkdir()
                environment = {name: str(value) for name, value in _spec(kernel_name).env.items()}
                self._sources[kernel_name] = (
                    ForkedKernels(folder, kernel_name, environment)
                    if self._is_forking
                    else KernelsAhead(lambda cwd: self._cold(kernel_name, cwd))
                )
            return self._sources[kernel_name]

    def close(self) -> None:
        """End every kernel in waiting and every forked one."""
        with self._lock:
            sources, self._sources = list(self._sources.values()), {}
        if os.getpid() == self.owner:
            for source in sources:
                source.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _cold(self, kernel_name: str, cwd: str) -> WarmKernel:
        from jupyter_core.utils import run_sync

        manager = make_manager(kernel_name, self._folder, next(self._numbers))
        run_sync(manager.start_kernel)(cwd=cwd)
        return WarmKernel(manager)


_shared: Kernels | None = None
_shared_lock = threading.Lock()


def shared_kernels() -> Kernels:
    """Return the kernels of this process, which end with it; a forked child of it begins its own."""
    global _shared
    with _shared_lock:
        if _shared is None or _shared.owner != os.getpid():
            _shared = Kernels()
            atexit.register(_shared.close)
        return _shared


def has_shared_kernels() -> bool:
    """Say whether this process has begun any."""
    return _shared is not None and _shared.owner == os.getpid()


def close_shared_kernels() -> None:
    """End the kernels of this process now; the next use begins anew."""
    global _shared
    with _shared_lock:
        closed, _shared = _shared, None
    if closed is not None:
        atexit.unregister(closed.close)
        closed.close()


def _spec(kernel_name: str) -> Any:
    from jupyter_client.kernelspec import KernelSpecManager

    return KernelSpecManager().get_kernel_spec(kernel_name)


def _is_this_python(spec: Any) -> bool:
    """Say whether a kernel of `spec` is an IPython kernel of this interpreter, started without options of its own."""
    program, *arguments = spec.argv or [""]
    version = sys.version_info
    generic = {"python", f"python{version.major}", f"python{version.major}.{version.minor}"}
    if program not in generic and os.path.abspath(program) != os.path.abspath(sys.executable):
        return False
    plain = [argument for argument in arguments if not argument.startswith("-X")]
    return len(plain) == 4 and plain[0] == "-m" and plain[1] in _LAUNCHERS and plain[2:] == ["-f", "{connection_file}"]
