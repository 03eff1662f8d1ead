"""vectorbt's `Portfolio.from_signals` on crossings of two averages; prints every trade and the equity at the end.

What is set so that both programs mean the same: signals are moved one bar on and filled at the open, stops are measured
from the price of the fill, a bar that opens beyond a stop fills at its open, an opposite entry reverses.

What cannot be set: a stop or target never works on the bar of its entry; where a stop is reached on the bar of a signal,
the stop goes first even though the signal's order fills at the open, and the signal is dropped, an entry with it.
"""

import json

import numpy as np
import pandas as pd
import vectorbt as vbt
from rules import crossings, handed
from vectorbt.portfolio.enums import StopEntryPrice, StopExitPrice

settings, data = handed()
up, down = crossings(data["close"], settings["average"], settings["fast"], settings["slow"])
up, down = (np.concatenate([[False], fires[:-1]]) for fires in (up, down))
never = np.zeros(len(up), bool)
index = pd.DatetimeIndex(data["time"])
close = pd.Series(data["close"], index=index)
sides = settings["sides"]
portfolio = vbt.Portfolio.from_signals(
    close,
    entries=up if "long" in sides else never,
    exits=down,
    short_entries=down if "short" in sides else never,
    short_exits=up,
    price=data["open"],
    size=settings["units"],
    fees=settings["fee"],
    open=data["open"],
    high=data["high"],
    low=data["low"],
    sl_stop=np.nan if settings["stop"] is None else settings["stop"],
    tp_stop=np.nan if settings["target"] is None else settings["target"],
    stop_entry_price=StopEntryPrice.FillPrice,
    stop_exit_price=StopExitPrice.StopMarket,
    upon_opposite_entry="reverse",
    init_cash=settings["cash"],
    freq="1min",
    engine=settings["engine"],
)
records = portfolio.exit_trades.values
closed = records[records["status"] == 1]
columns = {
    "entry_bar": closed["entry_idx"].tolist(),
    "exit_bar": closed["exit_idx"].tolist(),
    "quantity": np.where(closed["direction"] == 0, closed["size"], -closed["size"]).tolist(),
    "entry_price": closed["entry_price"].tolist(),
    "exit_price": closed["exit_price"].tolist(),
    "pnl": closed["pnl"].round(8).tolist(),
}
print(
    json.dumps(
        {
            "program": f"vectorbt {vbt.__version__}, engine {settings['engine']}",
            "trades": columns,
            "final_equity": float(portfolio.final_value()),
        }
    )
)
