"""Benchmarks: `make bench` checks that sptrader and its peers make the same trades, times them, and writes RESULTS.md."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks import live, live_memory
from tests.benchmarks.data import SOURCE, tiled_bars
from tests.benchmarks.growth import growth, growth_lines
from tests.benchmarks.kernel import kernel_speeds
from tests.benchmarks.live_monitor import soak, soak_lines
from tests.benchmarks.notebooks import lines_of, notebook_speeds
from tests.benchmarks.page import page_lines, page_speeds
from tests.benchmarks.sweeps import sweep_lines, sweep_race
from tests.benchmarks.workers import OWN, PEERS, Result, cold_result, first_results, race
from tests.peers.environment import make_environment

RESULTS = Path(__file__).parent / "RESULTS.md"
COMMAND = "make bench"


def main() -> None:
    """Run all benchmarks and write their results as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=main.__doc__)
    parser.add_argument("--bars", type=int, nargs="+", default=[100_000, 1_000_000], help="numbers of 1-minute bars")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the Markdown file to write")
    parser.add_argument(
        "--soak", type=float, default=30.0, help="seconds of LiveMonitor's soak; 600 for the whole of it"
    )
    chosen = parser.parse_args()
    if not SOURCE.is_file():
        sys.exit("the benchmarks need the minutes of ../shared/data, which are not here.")
    make_environment()
    with tempfile.TemporaryDirectory() as folder:
        files = {n: _saved(Path(folder) / f"{n}.npz", n) for n in chosen.bars}
        lines = [*_head(), *_races({n: race(file) for n, file in files.items()})]
        smallest = files[min(files)]
        lines += sweep_lines(sweep_race(smallest), min(files))
        lines += _fresh(
            {name: first_results(name, smallest) for name in (OWN, *PEERS)}, cold_result(smallest), min(files)
        )
    lines += _kernel(kernel_speeds(tiled_bars(max(chosen.bars))), max(chosen.bars))
    chosen.out.write_text("\n".join(lines) + "\n")  # what follows may fail for want of a browser
    for more in (
        lambda: growth_lines(growth()),
        lambda: lines_of(notebook_speeds()),
        lambda: live.lines_of(live.live_speeds()),
        lambda: live_memory.lines_of(live_memory.held_over_signals()),
        lambda: page_lines(page_speeds()),
        lambda: soak_lines(soak(chosen.soak)),
    ):
        lines += ["", *more()]
        chosen.out.write_text("\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


def _saved(path: Path, n_bars: int) -> Path:
    np.savez(path, **tiled_bars(n_bars))
    return path


def _head() -> list[str]:
    today = datetime.datetime.now(datetime.UTC).date()
    return [
        f"Measured {today} with `{COMMAND}` on {_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}. "
        "EMA 12/26 on 1-minute bars (AUDUSD, tiled), long only, stop 2 %, target 5 %, fee 1 bp, orders at the next open; all "
        "programs made the same trades. Medians of runs in turn, each program in its own process with its data loaded.",
        "",
    ]


def _processor() -> str:
    names = [line.split(":")[1].strip() for line in _cpu_lines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.is_file() else []


def _races(races: dict[int, dict[str, Result]]) -> list[str]:
    names = {name: f"{name} {result.version}" for name, result in next(iter(races.values())).items()}
    counts = list(races)
    lines = [
        "| one backtest | " + " | ".join(f"{n:,} bars | ratio | memory" for n in counts) + " |",
        "|---|" + "---:|---:|---:|" * len(counts),
    ]
    for name, shown in names.items():
        cells = []
        for n in counts:
            own, result = races[n][OWN], races[n][name]
            ratio = "1" if name == OWN else f"{result.median / own.median:.2f}"
            cells += [f"{result.median * 1e3:.1f} ms", ratio, f"{result.peak_bytes / 1e6:,.0f} MB"]
        lines.append(f"| {shown} | " + " | ".join(cells) + " |")
    what = (
        "sptrader: indicators, trades, equity and all metrics. raptorbt: indicators, trades, equity and its metrics. "
        "vectorbt: indicators, trade records, equity and the total return, no statistics. Ratio: time over sptrader's. "
        "Memory: the largest resident memory of the process, its data included."
    )
    return [*lines, "", what, ""]


def _fresh(seconds: dict[str, float], cold: float, n_bars: int) -> list[str]:
    own = seconds[OWN]
    return [
        f"| a fresh process to its first result, {n_bars:,} bars | seconds | ratio |",
        "|---|---:|---:|",
        *[f"| {name} | {value:.2f} | {value / own:.2f} |" for name, value in seconds.items()],
        f"| {OWN}, nothing compiled yet | {cold:.2f} | {cold / own:.2f} |",
        "",
    ]


def _kernel(speeds: dict[str, float], n_bars: int) -> list[str]:
    return [
        f"| the compiled step, {n_bars:,} bars | |",
        "|---|---:|",
        f"| replay, with books | {speeds['replay'] * 1e9:.1f} ns a bar ({1 / speeds['replay'] / 1e6:.1f} M bars a second) |",
        f"| one call a bar, as in live use | {speeds['live'] * 1e6:.2f} µs a bar |",
        f"| a bare loop of the same rules, for comparison | {speeds['bare'] * 1e9:.1f} ns a bar |",
    ]


if __name__ == "__main__":
    main()
