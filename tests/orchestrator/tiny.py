"""Tiny runs: a strategy of one line a section and a few bars, whose volume says what is asked for.

Volume 1 enters long, 2 enters short, 3 leaves a long, 4 leaves a short, 5 enters both sides; any other asks for nothing.
"""

from __future__ import annotations

import pandas as pd

import sptrader as sp
from sptrader.model.bars import with_facts
from sptrader.strategy.loader import read_strategy

MONDAY = "2017-03-06 10:00"
FLAT = 1.1
ROWS = [FLAT, FLAT, 1.1010, 1.1020, 1.1020]  # a rise, to buy before
SECTIONS = {
    "market": "{symbols: [EURUSD], timeframe: 1h}",
    "entry": "{long: {when: {any: [volume == 1, volume == 5]}}, short: {when: {any: [volume == 2, volume == 5]}}}",
    "exit": "{long: {when: volume == 3}, short: {when: volume == 4}}",
    "sizing": "{method: units, value: 1000}",
    "execution": "{spread: 0}",
    "backtest": "{cash: 10000, currency: USD}",
}
SIDES = "long: {when: volume == 3}, short: {when: volume == 4}"  # the exit conditions, to put distances beside
REVERSING = (
    "{long: {when: {any: [volume == 3, volume == 2]}}, short: {when: {any: [volume == 4, volume == 1]}}}"  # an
    # entry of the other side is a reason to leave
)


def text_of(**sections):
    """The YAML text of a strategy; `sections` stand instead of the usual ones, None leaves one out."""
    found = {"name": "tiny", "version": "1.0.0", **SECTIONS, **sections}
    return "".join(f"{name}: {value}\n" for name, value in found.items() if value is not None)


def rules(**sections):
    """The strategy of `text_of`."""
    return read_strategy(text_of(**sections), path="tiny.yaml")


def bars(rows, asked=(), *, start=MONDAY, symbol="EURUSD", timeframe="1h", basis="mid", times=None, **columns):
    """Bars of `rows`, each (open, high, low, close) or one price for all four; `asked` are the first volumes."""
    prices = [row if isinstance(row, tuple) else (row,) * 4 for row in rows]
    unit = {"1h": "1h", "1m": "1min", "1d": "1D"}[timeframe]
    index = pd.date_range(start, periods=len(rows), freq=unit, tz="UTC") if times is None else pd.DatetimeIndex(times)
    index = (index.tz_localize("UTC") if index.tz is None else index).as_unit("ns").rename("time")
    frame = pd.DataFrame(prices, columns=["open", "high", "low", "close"], index=index, dtype="float64")
    frame["volume"] = [*map(float, asked), *[0.0] * (len(rows) - len(asked))]
    for name, values in columns.items():
        frame[name] = values
    return with_facts(frame, {"symbol": symbol, "timeframe": timeframe, "basis": basis, "session": "fx"})


def run_of(rows, asked=(), *, frame=None, **sections):
    """The run of a tiny strategy on tiny bars of EURUSD."""
    return sp.backtest(rules(**sections), bars(rows, asked) if frame is None else frame)


def hour(n, start=MONDAY):
    """The open of bar `n`."""
    return pd.Timestamp(start, tz="UTC") + pd.Timedelta(n, unit="h")


def told(run, *names):
    """The decisions of a run as (bar, action, outcome, reason) or the `names` asked for."""
    table = run.decisions
    first = run.equity["time"].iloc[0]
    number = ((table["time"] - first) / pd.Timedelta(1, unit="h")).astype(int)
    return list(zip(number, *(table[name] for name in names or ("action", "outcome", "reason")), strict=True))
