"""Growth: a sweep of 1,000, 10,000 and 100,000 combinations, each in a process of its own: its time and memory, and what it
takes to go on with it, to open it and to look at it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from tests.benchmarks.data import ROOT

N_BARS = 5_000
SPACES = {1_000: (10, 10, 10), 10_000: (20, 25, 20), 100_000: (50, 50, 40)}  # fast, slow, stop


@dataclass(frozen=True)
class Grown:
    """What a sweep of one size took: seconds of each step by its name, and the largest memory at the start, after the sweep
    and at the end."""

    seconds: dict[str, float]
    start_bytes: int
    swept_bytes: int
    peak_bytes: int
    report_bytes: int


def growth() -> dict[int, Grown]:
    """Measure every size."""
    found = {}
    for n, shape in SPACES.items():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tests.benchmarks.own_growth", folder, json.dumps(shape)]
            answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True).stdout
        found[n] = Grown(**json.loads(answer.splitlines()[-1]))
    return found


def growth_lines(found: dict[int, Grown]) -> list[str]:
    """Return the results as Markdown."""
    lines = [
        f"| a sweep, {N_BARS:,} bars | " + " | ".join(f"{n:,} combinations" for n in found) + " |",
        "|---|" + "---:|" * len(found),
        _row("the sweep", [f"{g.seconds['sweep']:.1f} s" for g in found.values()]),
        _row("a combination", [f"{g.seconds['sweep'] / n * 1e3:.2f} ms" for n, g in found.items()]),
        _row("memory it adds", [f"{(g.swept_bytes - g.start_bytes) / 1e6:,.0f} MB" for g in found.values()]),
        _row("memory, with opening and report", [f"{g.peak_bytes / 1e6:,.0f} MB" for g in found.values()]),
    ]
    steps = ("the same call again", "load_sweep", "table", "best", "three figures", "overfit", "report", "verify")
    lines += [_row(name, [f"{g.seconds[name]:.2f} s" for g in found.values()]) for name in steps]
    return [*lines, _row("the report's size", [f"{g.report_bytes / 1e6:.2f} MB" for g in found.values()]), ""]


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(growth_lines(growth())))
