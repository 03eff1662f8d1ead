"""Workers: child processes that run the same backtest in turn, sptrader and its peers, so that all meet the same weather."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.environment import PROGRAMS, ROOT, peers_python

OWN = "sptrader"
PEERS = {
    "raptorbt": {"peer": "raptorbt"},
    "vectorbt, Rust": {"peer": "vectorbt", "engine": "rust"},
    "vectorbt, numba": {"peer": "vectorbt", "engine": "numba"},
}
ROUNDS = 11


@dataclass(frozen=True)
class Result:
    """What one program took: seconds of each round, its largest resident memory, its version."""

    version: str
    seconds: tuple[float, ...]
    peak_bytes: int

    @property
    def median(self) -> float:
        """The middle of the rounds, seconds."""
        return statistics.median(self.seconds)


def race(data: Path) -> dict[str, Result]:
    """Run every program on the bars in `data`, a round after another; raise when their trades differ."""
    workers = {name: _start(name, data) for name in (OWN, *PEERS)}
    first = {name: _read(worker) for name, worker in workers.items()}
    for name in PEERS:
        _require_same_trades(name, first[name], first[OWN])
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(ROUNDS):
        for name, worker in workers.items():
            seconds[name].append(_ask(worker, "go")["seconds"])
    results = {}
    for name, worker in workers.items():
        results[name] = Result(first[name]["version"], tuple(seconds[name]), _ask(worker, "")["peak_bytes"])
        worker.wait()
    return results


def first_results(name: str, data: Path, *, times: int = 5) -> float:
    """Return the median time from the start of a process to its first result and its end, seconds."""
    return statistics.median(_whole_process(name, data) for _ in range(times))


def cold_result(data: Path) -> float:
    """Return the time of such a process of sptrader that finds nothing compiled, seconds."""
    with tempfile.TemporaryDirectory() as folder:
        return _whole_process(OWN, data, SPTRADER_CACHE=folder)


def _whole_process(name: str, data: Path, **environment: str) -> float:
    began = time.perf_counter()
    worker = _start(name, data, **environment)
    answer, _ = worker.communicate("\n")
    if worker.returncode or not json.loads(answer.splitlines()[0])["entry_bar"]:
        raise AssertionError(f"{name} made no trades")
    return time.perf_counter() - began


def _start(name: str, data: Path, **environment: str) -> subprocess.Popen[str]:
    if name == OWN:
        command = [sys.executable, "-m", "tests.benchmarks.own", str(data)]
    else:
        command = [str(peers_python()), "-W", "ignore", str(PROGRAMS / "speed.py"), str(data), json.dumps(PEERS[name])]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env={**os.environ, **environment}, bufsize=1
    )


def _ask(worker: subprocess.Popen[str], line: str) -> dict[str, Any]:
    assert worker.stdin is not None
    worker.stdin.write(line + "\n")
    worker.stdin.flush()
    return _read(worker)


def _read(worker: subprocess.Popen[str]) -> dict[str, Any]:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError(f"a worker ended with code {worker.wait()}")
    return json.loads(line)


def _require_same_trades(name: str, answer: dict[str, Any], own: dict[str, Any]) -> None:
    for column in ("entry_bar", "exit_bar"):
        if answer[column] != own[column]:
            raise AssertionError(f"{name}: {column} differs from sptrader's")
    apart = max(abs(a - b) for a, b in zip(answer["exit_price"], own["exit_price"], strict=True))
    if apart > 1e-5:  # levels lie on sptrader's price step
        raise AssertionError(f"{name}: an exit price differs by {apart}")
