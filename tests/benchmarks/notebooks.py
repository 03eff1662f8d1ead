"""Notebooks: a batch on warm kernels beside a papermill loop, the same notebooks, the same number of workers, the same outputs.

`python -m tests.benchmarks.notebooks [N]` runs it alone.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

import sptrader as sp
from sptrader.runs.warm_kernels import close_shared_kernels, shared_kernels

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"
WORKERS = 2


@dataclass(frozen=True)
class NotebookSpeeds:
    """Seconds: of `n` notebooks in a papermill loop and in a batch, of warming up once, of one notebook on a warm kernel."""

    n: int
    loop: float
    batch: float
    warming: float
    first: float


def notebook_speeds(n: int = 40) -> NotebookSpeeds:
    """Run the quickstart notebook with `n` parameter sets both ways; raise when an output differs."""
    sets = [{"fast": 5 + k % 20, "slow": 30 + k // 20} for k in range(n)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for given in sets:  # all trials are in the ledger already: how many there are shows in a run's verdict
            sp.backtest("ma_crossover", sp.sample("EURUSD", "1h"), params=given, cash=100_000)
        _papermill(sets[0], folder / "unmeasured.ipynb")  # compiled code and files are in their caches for both
        began = time.perf_counter()
        outs = [folder / f"loop-{k}.ipynb" for k in range(n)]
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(_papermill, sets, outs))
        loop = time.perf_counter() - began
        began = time.perf_counter()
        shared_kernels().take("python3", name).end()  # waits until kernels are warm
        warming = time.perf_counter() - began
        first = _first(sets[0], folder / "first.ipynb")
        began = time.perf_counter()
        made = sp.batch(NOTEBOOK, sets, out=folder / "batch", workers=WORKERS)
        batch = time.perf_counter() - began
        if len(made.failed):
            raise AssertionError(f"{len(made.failed)} notebooks of the batch failed")
        for given, cold, warm in zip(sets, outs, made.table["notebook"], strict=True):
            for cell, (one, other) in enumerate(
                zip(_outputs(cold), _outputs(made.folder / warm), strict=True), start=1
            ):
                if one != other:
                    raise AssertionError(
                        f"{given}: cell {cell} shows\n{one[:2000]}\nin the loop, in the batch\n{other[:2000]}"
                    )
        close_shared_kernels()
        return NotebookSpeeds(n, loop, batch, warming, first)


def _first(given: dict[str, Any], out: Path) -> float:
    """Seconds of one notebook when kernels are warm."""
    began = time.perf_counter()
    _papermill(given, out, engine="sptrader-warm")
    return time.perf_counter() - began


def _papermill(given: dict[str, Any], out: Path, engine: str | None = None) -> None:
    from papermill.execute import execute_notebook

    execute_notebook(str(NOTEBOOK), str(out), given, engine_name=engine, progress_bar=False)


def _outputs(path: Path) -> list[str]:
    cells = nbformat.read(path, 4).cells
    return [re.sub(r"ipykernel_\d+", "ipykernel", str(cell.get("outputs", []))) for cell in cells]


def lines_of(speeds: NotebookSpeeds) -> list[str]:
    """Return the results as Markdown."""
    n = speeds.n
    return [
        f"| {n} notebooks with charts (`01_quickstart`), {WORKERS} workers, outputs equal | seconds | a notebook | ratio |",
        "|---|---:|---:|---:|",
        f"| `sp.batch` on warm kernels | {speeds.batch:.1f} | {speeds.batch / n:.2f} | 1 |",
        f"| a papermill loop | {speeds.loop:.1f} | {speeds.loop / n:.2f} | {speeds.loop / speeds.batch:.1f} |",
        "",
        f"Warming up, once a batch: {speeds.warming:.1f} s. One notebook on a warm kernel, from the call to the saved file: "
        f"{speeds.first:.2f} s.",
    ]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines_of(notebook_speeds(int((sys.argv[1:] or ["40"])[0])))) + "\n")
