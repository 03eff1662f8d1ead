"""Sweeps: 1,000 pairs of EMA periods with stops, sptrader and its peers in turn; the best combination must be the same."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.workers import OWN, PEERS
from tests.peers.environment import PROGRAMS, ROOT, peers_python

SPACE = {"fast": list(range(5, 30)), "slow": list(range(40, 240, 5))}
ROUNDS = 3


@dataclass(frozen=True)
class Swept:
    """What one program took for the whole space: seconds of each round, its largest memory, its best combination."""

    version: str
    seconds: tuple[float, ...]
    peak_bytes: int
    best: tuple[int, int]

    @property
    def median(self) -> float:
        """The middle of the rounds, seconds."""
        return statistics.median(self.seconds)


def sweep_race(data: Path, *, rounds: int = ROUNDS) -> dict[str, Swept]:
    """Run every program over the space, a round after another; raise when their best combinations differ."""
    names = (OWN, *(name for name in PEERS if "numba" not in name))
    workers = {name: _start(name, data) for name in names}
    versions = {name: _read(worker)["version"] for name, worker in workers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    best: dict[str, tuple[int, int]] = {}
    for _ in range(rounds):
        for name, worker in workers.items():
            answer = _ask(worker, "go")
            seconds[name].append(answer["seconds"])
            best[name] = _best(answer["returns"])
    peaks = {name: _ask(worker, "")["peak_bytes"] for name, worker in workers.items()}
    for worker in workers.values():
        worker.wait()
    if len(set(best.values())) > 1:
        raise AssertionError(f"the best combinations differ: {best}")
    return {name: Swept(versions[name], tuple(seconds[name]), peaks[name], best[name]) for name in names}


def sweep_lines(found: dict[str, Swept], n_bars: int) -> list[str]:
    """Return the results as Markdown."""
    own = found[OWN]
    n = len(SPACE["fast"]) * len(SPACE["slow"])
    lines = [f"| a sweep of {n:,} combinations, {n_bars:,} bars | seconds | ratio | memory |", "|---|---:|---:|---:|"]
    for name, one in found.items():
        ratio = one.median / own.median
        lines.append(f"| {name} {one.version} | {one.median:.2f} | {ratio:.1f} | {one.peak_bytes / 1e6:,.0f} MB |")
    fast, slow = own.best
    what = (
        "sptrader: all metrics of each combination, the same to the last digit as a single run's. raptorbt: its batch on all "
        f"cores, with its metrics. vectorbt: the Sharpe ratio and the total return. All found EMA {fast}/{slow} to be the best."
    )
    return [*lines, "", what, ""]


def _best(returns: list[float]) -> tuple[int, int]:
    at = max(range(len(returns)), key=returns.__getitem__)
    return SPACE["fast"][at // len(SPACE["slow"])], SPACE["slow"][at % len(SPACE["slow"])]


def _start(name: str, data: Path) -> subprocess.Popen[str]:
    if name == OWN:
        command = [sys.executable, "-m", "tests.benchmarks.own_sweep", str(data), json.dumps(SPACE)]
    else:
        settings = json.dumps({**PEERS[name], **SPACE})
        command = [str(peers_python()), "-W", "ignore", str(PROGRAMS / "sweep_speed.py"), str(data), settings]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, bufsize=1)


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
