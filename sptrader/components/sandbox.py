"""The sandbox: a component in a child process with limits on time and memory, so that it can fail only itself."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sptrader.components.check import Verdict, check_component
from sptrader.components.compute import Columns, compute
from sptrader.components.contract import Component
from sptrader.components.loader import load_component
from sptrader.components.signals import Signals
from sptrader.components.talib import PREFIX, talib_component
from sptrader.errors import ComponentError

_MEGABYTE = 2**20
_OUT_OF_MEMORY = 77
_REQUEST, _ANSWER = "request", "answer"


@dataclass(frozen=True)
class Limits:
    """What a child process may use: seconds of wall time, and megabytes beyond what it needs to start."""

    time_s: float = 120.0
    memory_mb: int = 2_048


@dataclass(frozen=True)
class _Request:
    place: str
    params: Mapping[str, object]
    market: Mapping[str, np.ndarray] = field(default_factory=dict)
    index: pd.Index | None = None
    wired: Mapping[str, np.ndarray] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


def compute_apart(
    component: Component,
    bars: pd.DataFrame,
    wired: Mapping[str, np.ndarray],
    params: Mapping[str, object],
    *,
    limits: Limits | None = None,
) -> Columns | Signals:
    """Compute as `compute` does, in a child process; raise `ComponentError` also when it exceeds its limits or dies."""
    component.check_parameters(params)
    market = {str(name): bars[name].to_numpy() for name in bars}
    request = _Request(_place(component), params, market, bars.index, wired, limits or Limits())
    answer: Columns | Signals = _ask(component, request)
    return answer


def check_apart(
    component: Component, params: Mapping[str, object] | None = None, *, limits: Limits | None = None
) -> tuple[Verdict, ...]:
    """Try all laws as `check_component` does, in a child process; raise `ComponentError` when it exceeds its limits."""
    answer: tuple[Verdict, ...] = _ask(component, _Request(_place(component), params or {}, limits=limits or Limits()))
    return answer


def _place(component: Component) -> str:
    if component.source_path is None and not component.name.startswith(PREFIX):
        raise ComponentError(
            f"{component.kind} '{component.name}' is in no file; only a component's file can run in a process of its own.",
            value=component.name,
        )
    return component.place


def _ask(component: Component, request: _Request) -> Any:
    limits = request.limits
    with tempfile.TemporaryDirectory(prefix="sptrader-") as folder:
        Path(folder, _REQUEST).write_bytes(pickle.dumps(request, pickle.HIGHEST_PROTOCOL))
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from sptrader.components.sandbox import serve; serve({folder!r})"],
            stdin=subprocess.DEVNULL,
            stdout=2,  # what a component prints is for people; standard output may be a program's
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_python_path())},
            start_new_session=True,
        )
        try:
            code = child.wait(limits.time_s)
        except subprocess.TimeoutExpired as error:
            raise _broken(component, request, f"did not finish within {limits.time_s:g} s") from error
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if code == _OUT_OF_MEMORY:
            raise _broken(component, request, f"needed more than {limits.memory_mb:,} MB of memory")
        answer = Path(folder, _ANSWER)
        if not answer.exists():
            cause = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise _broken(component, request, f"ended its process ({cause}) without an answer")
        result = pickle.loads(answer.read_bytes())
    if isinstance(result, ComponentError):
        raise result
    return result


def serve(folder: str) -> None:
    """Answer the request in `folder`: the child's whole life."""
    request: _Request = pickle.loads(Path(folder, _REQUEST).read_bytes())
    limit_memory(request.limits.memory_mb)
    try:
        answer = pickle.dumps(_answer(request), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    Path(folder, _ANSWER).write_bytes(answer)


def limit_memory(memory_mb: int) -> None:
    """Bound this process's memory to so much more than it has now; beyond it, allocating fails or the process ends.

    The address space is bounded where the system does so (Linux). Everywhere the memory in use is looked at as well,
    twenty times a second.
    """
    status = Path("/proc/self/statm")
    if status.exists():
        mapped = int(status.read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        bound = mapped + memory_mb * _MEGABYTE
        resource.setrlimit(resource.RLIMIT_AS, (bound if hard == resource.RLIM_INFINITY else min(bound, hard), hard))
    threading.Thread(target=_watch_memory, args=(_used_bytes() + memory_mb * _MEGABYTE,), daemon=True).start()


def _watch_memory(bound_bytes: int) -> None:
    while _used_bytes() <= bound_bytes:
        time.sleep(0.05)
    os._exit(_OUT_OF_MEMORY)


def _used_bytes() -> int:
    """The memory in use now on Linux, where the peak of a child begins at its parent's; elsewhere the peak."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _answer(request: _Request) -> Any:
    name = request.place
    try:
        component = talib_component(name) if name.startswith(PREFIX) else load_component(name)
        if request.index is None:
            return check_component(component, params=request.params)
        bars = pd.DataFrame(dict(request.market), index=request.index, copy=False)
        return compute(component, bars, request.wired, request.params)
    except ComponentError as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from error
        # Only the text, which holds the original traceback, can be sent to another process.
        return ComponentError(str(error), path=error.path, key=error.key, value=repr(error.value))


def _python_path() -> list[str]:
    package = str(Path(__file__).resolve().parents[2])
    return [package, *filter(None, [os.environ.get("PYTHONPATH")])]


def _broken(component: Component, request: _Request, how: str) -> ComponentError:
    told = ", ".join(f"{name}={value}" for name, value in request.params.items()) or "default parameters"
    data = "made-up bars"
    if request.index is not None:
        data = f"{len(request.index):,} bars"
        data += f" from {request.index[0]} to {request.index[-1]}" if len(request.index) else ""
    return ComponentError(
        f"{component.place}: {component.kind} '{component.name}' with {told} on {data} {how}.",
        path=component.source_path,
        key=component.name,
    )
