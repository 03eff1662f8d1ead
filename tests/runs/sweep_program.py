"""A small sweep, in this process or as a program to be killed: `python -m tests.runs.sweep_program FOLDER`."""

import sys

import numpy as np
import pandas as pd

import sptrader as sp
from sptrader.model.bars import with_facts
from sptrader.strategy.loader import read_strategy

TEXT = """
name: crossover
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1h}
parameters:
  fast: {default: 12, min: 2, max: 60}
  slow: {default: 40, min: 10, max: 200}
  stop: {default: 2.0, min: 0.5, max: 9.0}
constraints: [fast < slow]
indicators:
  fast_ma: {type: ema, period: $fast}
  slow_ma: {type: ema, period: $slow}
  atr: {type: talib.ATR, timeperiod: 14}
signals:
  cross: {type: ma_crossover, fast: fast_ma, slow: slow_ma}
entry:
  long: {when: {signal: cross, type: golden_cross}}
  short: {when: {signal: cross, type: death_cross}}
exit:
  long: {when: {signal: cross, type: death_cross}}
  short: {when: {signal: cross, type: golden_cross}}
  stop_loss: $stop * atr
sizing: {method: percent, value: 100%}
execution: {order: market, spread: 0.8 pips, commission: 0.002%}
backtest: {cash: 100000, currency: USD}
"""
SPACE = {"fast": [5, 8, 12, 20], "slow": [20, 40, 60], "stop": [1.5, 3.0]}
MANY = {"fast": range(2, 20), "slow": range(30, 130, 2), "stop": [1.5, 3.0]}


def strategy():
    return read_strategy(TEXT, registry=sp.registry())


def year(n=3000, seed=5):
    """Hourly bars of a random walk without a drift, on the price's step."""
    rng = np.random.default_rng(seed)
    close = np.round(1.1 * np.exp(np.cumsum(rng.normal(0.0, 0.001, n))), 5)
    open_ = np.concatenate([[1.1], close[:-1]])
    reach = np.round(np.abs(rng.normal(0.0, 0.0005, (2, n))), 5)
    index = pd.date_range("2018-01-01", periods=7 * n // 5 + 200, freq="1h", tz="UTC", name="time")
    index = index[(index.day_of_week < 4) | ((index.day_of_week == 4) & (index.hour < 22))][:n].as_unit("ns")
    high, low = np.maximum(open_, close) + reach[0], np.minimum(open_, close) - reach[1]
    prices = {"open": open_, "high": np.round(high, 5), "low": np.round(low, 5), "close": close}
    frame = pd.DataFrame({**prices, "volume": 1.0}, index=index)
    return with_facts(frame, {"symbol": "EURUSD", "timeframe": "1h", "basis": "mid", "session": "fx"})


def sweep_to(out):
    return sp.sweep(strategy(), year(), space=MANY, out=out, progress=False)


if __name__ == "__main__":
    sweep_to(sys.argv[1])
