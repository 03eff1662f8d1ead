"""Bars and trades that are simple enough to work the drawn numbers out by hand."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def bars() -> pd.DataFrame:
    """Ten hourly bars from Friday 12:00 UTC, the weekend after the fifth: closes 1.10, 1.11, ... 1.19."""
    first = pd.date_range("2017-03-03 17:00", periods=5, freq="1h", tz="UTC")
    then = pd.date_range("2017-03-05 22:00", periods=5, freq="1h", tz="UTC")
    index = pd.DatetimeIndex(first.append(then), name="time")
    close = 1.10 + 0.01 * np.arange(10)
    prices = {"open": close - 0.005, "high": close + 0.02, "low": close - 0.02, "close": close}
    return pd.DataFrame({**prices, "volume": 1.0}, index=index)


@pytest.fixture
def trades(bars: pd.DataFrame) -> pd.DataFrame:
    """A long trade that won 200 and a short one that lost 50, the second entered where the first was left."""
    return pd.DataFrame(
        {
            "symbol": "EURUSD",
            "side": ["long", "short"],
            "quantity": [20_000.0, 10_000.0],
            "entry_time": bars.index[[1, 6]],
            "entry_price": [1.105, 1.155],
            "exit_time": bars.index[[6, 8]],
            "exit_price": [1.155, 1.175],
            "pnl": [200.0, -50.0],
            "return": [0.009, -0.004],
            "fees": [1.0, 1.0],
            "bars_held": [5, 2],
            "exit_reason": ["take_profit", "stop_loss"],
            "mae": [-10.0, -60.0],
            "mfe": [210.0, 5.0],
        }
    )


@pytest.fixture
def equity(bars: pd.DataFrame) -> pd.DataFrame:
    marks = np.array([1000.0, 1010, 1100, 1045, 1045, 1050, 1100, 1200, 1140, 1150])
    peak = np.maximum.accumulate(marks)
    return pd.DataFrame({"time": bars.index, "equity": marks, "drawdown": 1 - marks / peak})
