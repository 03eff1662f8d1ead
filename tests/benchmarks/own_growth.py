"""Own growth: one sweep of the benchmark of growth. Arguments: a folder, and how many values each parameter has, as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import sptrader as sp
from sptrader.runs.verify import verify_report
from tests.benchmarks.data import frame_of, tiled_bars
from tests.benchmarks.growth import N_BARS
from tests.benchmarks.own import peak_bytes, say

STRATEGY = Path(__file__).parent / "growth.yaml"


def main() -> None:
    """Sweep, go on with it, open it, and look at it; each step is timed."""
    folder, (n_fast, n_slow, n_stop) = Path(sys.argv[1]), json.loads(sys.argv[2])
    os.environ["SPTRADER_LEDGER"] = str(folder / "ledger.sqlite")
    space = {
        "fast": range(2, 2 + n_fast),
        "slow": range(60, 60 + 2 * n_slow, 2),
        "stop": [round(1.0 + 0.1 * k, 1) for k in range(n_stop)],
    }
    bars = sp.load_bars(frame_of(tiled_bars(N_BARS)), "1m", symbol="AUDUSD", basis="mid")
    strategy = sp.load_strategy(STRATEGY)
    sp.sweep(strategy, bars, space={"stop": [1.0, 2.0]}, out=None)  # compiles
    start_bytes = peak_bytes()
    seconds: dict[str, float] = {}
    began = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal began
        now = time.perf_counter()
        seconds[name], began = now - began, now

    made = sp.sweep(strategy, bars, space=space, out=folder, progress=False)
    lap("sweep")
    swept_bytes = peak_bytes()
    sp.sweep(strategy, bars, space=space, out=folder, progress=False)
    lap("the same call again")
    found = sp.load_sweep(made.folder or folder)
    lap("load_sweep")
    assert len(found.table) == n_fast * n_slow * n_stop
    lap("table")
    found.best()
    lap("best")
    for name in ("heatmap", "parallel", "equity"):
        found.plot(name)
    lap("three figures")
    found.overfit()
    lap("overfit")
    report = found.report(folder / "report.html")
    lap("report")
    assert verify_report(report).is_true
    lap("verify")
    say(
        seconds=seconds,
        start_bytes=start_bytes,
        swept_bytes=swept_bytes,
        peak_bytes=peak_bytes(),
        report_bytes=report.stat().st_size,
    )


if __name__ == "__main__":
    main()
