"""The package `backtesting` on crossings of two averages; prints every trade and the equity at the end.

Its conventions: market orders fill at the next open (`trade_on_close=False`); a stop is looked at before the target; both
work on the bar of the entry too; a stop that the bar opens beyond fills at the open, a target as well; the commission
is a share of the price at entry and at exit; no spread; equity is marked at the close. A reversal is a close and an
opposite order, both filled at the same open.

It takes the levels of stop and target with the order, when the price of the fill is not known yet. Here they are shares
of that price, so this program looks it up: the order is placed bare and gets its levels from the next bar's open.
"""

import json

import backtesting
import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from rules import crossings, handed, on_step

settings, data = handed()
up, down = crossings(data["close"], settings["average"], settings["fast"], settings["slow"])
STEP, N = settings["price_step"], len(up)


def order_levels(price, is_long):
    """The levels of stop and target of an entry at `price`, away from the market on the step."""
    way = 1 if is_long else -1
    stop, target = settings["stop"], settings["target"]
    return {
        "sl_price": None if stop is None else on_step(price * (1 - way * stop), STEP, not is_long),
        "tp_price": None if target is None else on_step(price * (1 + way * target), STEP, is_long),
    }


class Crossings(Strategy):
    def init(self):
        pass

    def next(self):
        bar = len(self.data) - 1
        is_long, is_short = self.position.is_long, self.position.is_short
        if (up[bar] and is_short) or (down[bar] and is_long):
            self.position.close()
        for fires, is_buy, side in ((up[bar], True, "long"), (down[bar], False, "short")):
            if fires and side in settings["sides"] and not (is_long if is_buy else is_short) and bar + 1 < N:
                order = (self.buy if is_buy else self.sell)(size=settings["units"])
                order._replace(**order_levels(data["open"][bar + 1], is_buy))


frame = pd.DataFrame(
    {name.capitalize(): data[name] for name in ("open", "high", "low", "close", "volume")},
    index=pd.DatetimeIndex(data["time"]),
)
stats = Backtest(
    frame,
    Crossings,
    cash=settings["cash"],
    commission=settings["fee"],
    spread=0.0,
    margin=settings["margin"],
    trade_on_close=False,
    exclusive_orders=False,
    hedging=False,
    finalize_trades=False,
).run()
trades = stats._trades.sort_values("EntryBar", kind="stable")
fees = (trades.EntryPrice + trades.ExitPrice) * trades.Size.abs() * settings["fee"]
columns = {
    "entry_bar": trades.EntryBar.tolist(),
    "exit_bar": trades.ExitBar.tolist(),
    "quantity": trades.Size.tolist(),
    "entry_price": trades.EntryPrice.tolist(),
    "exit_price": trades.ExitPrice.tolist(),
    "pnl": np.round((trades.ExitPrice - trades.EntryPrice) * trades.Size - fees, 8).tolist(),
}
print(
    json.dumps(
        {
            "program": f"backtesting {backtesting.__version__}",
            "trades": columns,
            "final_equity": float(stats["Equity Final [$]"]),
        }
    )
)
