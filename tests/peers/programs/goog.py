"""Prints the daily bars of GOOG that the package `backtesting` ships."""

import json

import backtesting
from backtesting.test import GOOG

columns = {name.lower(): GOOG[name].tolist() for name in ("Open", "High", "Low", "Close", "Volume")}
dates = [f"{day:%Y-%m-%d}" for day in GOOG.index]
print(json.dumps({"program": f"backtesting {backtesting.__version__}", "date": dates, **columns}))
