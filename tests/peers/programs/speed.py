"""Times one peer on the benchmark's backtest: a worker that runs once for each line on its input.

EMA 12 / 26, long only, a stop of 2 % and a target of 5 %, 1 bp a fill, market orders at the next open, 10,000 units, on
the bars it is handed. From prices to trades and equity; raptorbt makes its metrics with them, vectorbt is asked for its
total return only (its `stats()` take seconds). raptorbt trades all of its cash, and closes on the last bar what is open:
that trade is left out. Answers, one JSON line each: the trades of the first run, then seconds; an empty line ends it with
the largest resident memory in bytes.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from rules import handed

settings, data = handed()
FAST, SLOW, STOP, TARGET, FEE, CASH = 12, 26, 0.02, 0.05, 0.0001, 100_000.0
index = pd.DatetimeIndex(data["time"])
frame = pd.DataFrame({name: data[name] for name in ("open", "high", "low", "close")}, index=index)


def crossed(above):
    """Where it is true and was not a bar before."""
    out = np.zeros(len(above), bool)
    out[1:] = above[1:] & ~above[:-1]
    return out


def with_raptorbt():
    fast, slow = np.asarray(raptorbt.ema(data["close"], FAST)), np.asarray(raptorbt.ema(data["close"], SLOW))
    known = ~np.isnan(slow)
    config = raptorbt.BacktestConfig(initial_capital=CASH, fees=FEE, fill_timing="next_bar_open")
    config.set_fixed_stop(STOP)
    config.set_fixed_target(TARGET)
    up, down = crossed((fast > slow) & known), crossed((fast < slow) & known)
    up[:SLOW] = down[:SLOW] = False
    result = raptorbt.run_single_backtest(
        timestamps=data["time"],
        open=data["open"],
        high=data["high"],
        low=data["low"],
        close=data["close"],
        volume=data["volume"],
        entries=up,
        exits=down,
        config=config,
    )
    result.equity_curve()
    trades = result.trades()
    return trades, result.metrics


def raptorbt_trades(found):
    trades = [t for t in found[0] if t.exit_reason != "EndOfData"]
    return [t.entry_idx for t in trades], [t.exit_idx for t in trades], [t.exit_price for t in trades]


def with_vectorbt():
    close = frame["close"]
    fast = vbt.MA.run(close, FAST, ewm=True, engine=settings["engine"])
    slow = vbt.MA.run(close, SLOW, ewm=True, engine=settings["engine"])
    up, down = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
    portfolio = vbt.Portfolio.from_signals(
        close,
        entries=up.shift(1, fill_value=False),
        exits=down.shift(1, fill_value=False),
        price=frame["open"],
        size=10_000.0,
        fees=FEE,
        open=frame["open"],
        high=frame["high"],
        low=frame["low"],
        sl_stop=STOP,
        tp_stop=TARGET,
        stop_entry_price="FillPrice",
        stop_exit_price="StopMarket",
        init_cash=CASH,
        freq="1min",
        engine=settings["engine"],
    )
    portfolio.value()
    portfolio.total_return()
    return portfolio.exit_trades.values


def vectorbt_trades(records):
    closed = records[records["status"] == 1]
    return closed["entry_idx"].tolist(), closed["exit_idx"].tolist(), closed["exit_price"].tolist()


def say(answer):
    print(json.dumps(answer), flush=True)


if settings["peer"] == "raptorbt":
    import raptorbt

    run, read, version = with_raptorbt, raptorbt_trades, raptorbt.__version__
else:
    import vectorbt as vbt

    run, read, version = with_vectorbt, vectorbt_trades, vbt.__version__
entry, exit_, price = read(run())
say({"version": version, "entry_bar": entry, "exit_bar": exit_, "exit_price": price})
for line in sys.stdin:
    if not line.strip():
        break
    began = time.perf_counter()
    run()
    say({"seconds": time.perf_counter() - began})
# `ru_maxrss` may be what the parent had when it started this program
with open("/proc/self/status") as status:
    say({"peak_bytes": next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024})
