"""Times one peer on the sweep: 1,000 pairs of EMA periods on the bars it is handed, the rules of `speed.py`.

Averages are computed once for each period. raptorbt runs in batches over all cores with its metrics; vectorbt runs all
columns at once, a group of columns at a time where memory is short, and is asked for the Sharpe ratio. Answers, one JSON
line each: version and the number of combinations; then for each line on its input the seconds and the total return of each
combination; an empty line ends it with the largest resident memory in bytes.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from rules import handed

settings, data = handed()
STOP, TARGET, FEE, CASH = 0.02, 0.05, 0.0001, 100_000.0
FAST, SLOW = settings["fast"], settings["slow"]
PAIRS = [(fast, slow) for fast in FAST for slow in SLOW]
index = pd.DatetimeIndex(data["time"])
frame = pd.DataFrame({name: data[name] for name in ("open", "high", "low", "close")}, index=index)


def crossed(above):
    """Where it is true and was not a bar before."""
    out = np.zeros(len(above), bool)
    out[1:] = above[1:] & ~above[:-1]
    return out


def with_raptorbt():
    averages = {n: np.asarray(raptorbt.ema(data["close"], n)) for n in {*FAST, *SLOW}}
    config = raptorbt.BacktestConfig(initial_capital=CASH, fees=FEE, fill_timing="next_bar_open")
    config.set_fixed_stop(STOP)
    config.set_fixed_target(TARGET)
    prices = [data[name] for name in ("time", "open", "high", "low", "close", "volume")]
    found = []
    for first in range(0, len(PAIRS), BATCH):
        items = []
        for fast, slow in PAIRS[first : first + BATCH]:
            a, b = averages[fast], averages[slow]
            known = ~np.isnan(b)
            up, down = crossed((a > b) & known), crossed((a < b) & known)
            up[:slow] = down[:slow] = False
            items.append(raptorbt.BatchSingleItem(f"{fast}/{slow}", up, down))
        results = raptorbt.batch_single_backtest(*prices, items, config)
        found += [result.metrics.total_return_pct / 100.0 for _, result in results]
    return found


def with_vectorbt():
    close = frame["close"]
    made = vbt.MA.run(close, [*FAST, *SLOW], ewm=True, engine=settings["engine"]).ma.to_numpy()
    averages = dict(zip([*FAST, *SLOW], made.T, strict=True))
    slows = np.column_stack([averages[n] for n in SLOW])
    found = []
    for fast in FAST:
        quick = averages[fast][:, None]
        above, below = quick > slows, quick < slows
        up, down = np.zeros_like(above), np.zeros_like(below)
        # known from the slow average's period on, a cross the bar after, the order a bar later
        up[2:], down[2:] = (above[1:-1] & ~above[:-2])[: len(up) - 2], (below[1:-1] & ~below[:-2])[: len(up) - 2]
        for column, period in enumerate(SLOW):
            up[: period + 1, column] = down[: period + 1, column] = False
        portfolio = vbt.Portfolio.from_signals(
            close, entries=up, exits=down, price=frame["open"], size=10_000.0, fees=FEE, open=frame["open"],
            high=frame["high"], low=frame["low"], sl_stop=STOP, tp_stop=TARGET, stop_entry_price="FillPrice",
            stop_exit_price="StopMarket", init_cash=CASH, freq="1min", engine=settings["engine"],
        )  # fmt: skip
        portfolio.sharpe_ratio()
        found += portfolio.total_return().tolist()
    return found


def say(answer):
    print(json.dumps(answer), flush=True)


BATCH = 50
if settings["peer"] == "raptorbt":
    import raptorbt

    run, version = with_raptorbt, raptorbt.__version__
else:
    import vectorbt as vbt

    run, version = with_vectorbt, vbt.__version__
say({"version": version, "combinations": len(PAIRS)})
for line in sys.stdin:
    if not line.strip():
        break
    began = time.perf_counter()
    returns = run()
    say({"seconds": time.perf_counter() - began, "returns": returns})
with open("/proc/self/status") as status:
    say({"peak_bytes": next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024})
