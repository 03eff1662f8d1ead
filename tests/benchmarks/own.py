"""Own: sptrader as a worker of the benchmark, as `tests/peers/programs/speed.py` is for the others.

Runs `sp.backtest` once for each line on its input, touching trades, equity and metrics. Answers, one JSON line each: the
trades of the first run, then seconds; an empty line ends it with the largest resident memory in bytes.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import sptrader as sp
from tests.benchmarks.data import STRATEGY, frame_of


def main() -> None:
    """Serve one benchmark run."""
    bars = sp.load_bars(frame_of(dict(np.load(sys.argv[1]))), "1m", symbol="AUDUSD", basis="mid")
    strategy = sp.load_strategy(STRATEGY)
    run = _touched(strategy, bars)
    say(
        version=sp.__version__,
        entry_bar=bars.index.get_indexer(run.trades.entry_time).tolist(),
        exit_bar=bars.index.get_indexer(run.trades.exit_time).tolist(),
        exit_price=run.trades.exit_price.tolist(),
    )
    del run
    for line in sys.stdin:
        if not line.strip():
            break
        began = time.perf_counter()
        _touched(strategy, bars)
        say(seconds=time.perf_counter() - began)
    say(peak_bytes=peak_bytes())


def _touched(strategy: Any, bars: Any) -> Any:
    run = sp.backtest(strategy, bars)
    assert len(run.trades)
    assert len(run.equity) == len(bars)
    assert run.metrics["trades"] == len(run.trades)
    return run


def peak_bytes() -> int:
    """Of this program alone: `ru_maxrss` may be what its parent had when it started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def say(**answer: Any) -> None:
    """Answer with one line of JSON."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
