"""Own sweep: sptrader as a worker of the sweep's benchmark, as `tests/peers/programs/sweep_speed.py` is for the others.

Arguments: the bars, and a JSON text with the values of `fast` and `slow`. Answers as that program does.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

import sptrader as sp
from tests.benchmarks.data import SWEEP_STRATEGY, frame_of
from tests.benchmarks.own import peak_bytes, say


def main() -> None:
    """Serve one benchmark run."""
    bars = sp.load_bars(frame_of(dict(np.load(sys.argv[1]))), "1m", symbol="AUDUSD", basis="mid")
    settings = json.loads(sys.argv[2])
    space = {name: settings[name] for name in ("fast", "slow")}
    strategy = sp.load_strategy(SWEEP_STRATEGY)
    sp.sweep(strategy, bars, space={name: values[:2] for name, values in space.items()}, out=None)
    say(version=sp.__version__, combinations=len(space["fast"]) * len(space["slow"]))
    for line in sys.stdin:
        if not line.strip():
            break
        began = time.perf_counter()
        table = sp.sweep(strategy, bars, space=space, out=None, progress=False).table
        taken = time.perf_counter() - began
        assert table["sharpe"].notna().all()
        say(seconds=taken, returns=table["total_return"].tolist())
    say(peak_bytes=peak_bytes())


if __name__ == "__main__":
    main()
