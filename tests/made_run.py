"""A run as reports see it, made of simple numbers."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from sptrader.performance.costs import CostSplit
from sptrader.performance.report import metrics
from sptrader.performance.returns import AccountSeries, session_returns


def made_run(symbols=("EURUSD",), n_trades=40, seed=7):
    """Three months of hourly bars for each of `symbols`; trades of ten bars one after the other, 1,000 units each."""
    seeded = np.random.default_rng(seed)
    index = pd.date_range("2017-01-02", "2017-03-31 20:00", freq="1h", tz="UTC", name="time")
    index = index[index.day_of_week < 5]
    bars = {}
    for symbol in symbols:
        close = 1.1 * np.exp(np.cumsum(seeded.normal(0, 0.001, len(index))))
        opened = np.append(1.1, close[:-1])
        high, low = np.maximum(opened, close) * 1.0005, np.minimum(opened, close) * 0.9995
        frame = pd.DataFrame({"open": opened, "high": high, "low": low, "close": close, "volume": 1.0}, index=index)
        frame.attrs = {"sptrader.symbol": symbol, "sptrader.timeframe": "1h", "sptrader.session": "fx"}
        bars[symbol] = frame.round(5)
    first = bars[symbols[0]]
    entries = 20 + 25 * np.arange(n_trades)
    way = np.where(np.arange(n_trades) % 2 == 0, 1.0, -1.0)
    bought, sold = first["open"].to_numpy()[entries], first["open"].to_numpy()[entries + 10]
    pnl = way * (sold - bought) * 1000.0 - 0.2
    trades = pd.DataFrame(
        {
            "symbol": symbols[0],
            "side": np.where(way > 0, "long", "short"),
            "quantity": 1000.0,
            "entry_time": index[entries],
            "entry_price": bought,
            "exit_time": index[entries + 10],
            "exit_price": sold,
            "pnl": pnl,
            "return": pnl / (1000.0 * bought),
            "fees": 0.2,
            "bars_held": 10,
            "exit_reason": "signal",
            "mae": -np.abs(pnl),
            "mfe": np.abs(pnl),
        }
    )
    gains = np.zeros(len(index))
    gains[entries + 10] = pnl
    marks = 10_000.0 + np.cumsum(gains)
    equity = pd.DataFrame({"time": index, "equity": marks, "cash": marks, "unrealised": 0.0, "margin": 0.0})
    equity["drawdown"] = 1.0 - marks / np.maximum.accumulate(np.append(10_000.0, marks))[1:]
    account = AccountSeries(index.as_unit("ns").asi8, marks, 10_000.0, 3_600_000_000_000, "fx")
    fee = 0.2 * n_trades
    decisions = pd.DataFrame(
        {
            "time": index[:6],
            "symbol": symbols[0],
            "action": "enter_long",
            "outcome": ["ordered", "refused", "refused", "ignored", "ordered", "refused"],
            "reason": ["golden cross", "margin", "margin", "already long", "golden cross", "max_positions"],
        }
    )
    return SimpleNamespace(
        id="20170331-ma-0a1b2c",
        strategy=SimpleNamespace(name="ma_crossover", version="1.0.0"),
        config=SimpleNamespace(mode="backtest", cash=10_000.0, currency="USD", seed=0),
        parameters={"fast": 12, "slow": 26},
        metrics=metrics(
            account, trades, benchmark_return=0.01, bars_positioned=400, traded_notional=88_000.0, fees=fee
        ),
        trades=trades,
        fills=made_fills(trades),
        equity=equity,
        decisions=decisions,
        bars=bars,
        columns={symbol: {"slow_ma": frame["close"].to_numpy()} for symbol, frame in bars.items()},
        costs=CostSplit(pnl.sum() + fee, 0.0, 0.0, fee, 0.0, pnl.sum()),
        session_returns=session_returns(account),
        scenarios=pd.DataFrame(
            {
                "intrabar": ["pessimistic", "optimistic"],
                "final_equity": [marks[-1], marks[-1] + 5.0],
                "total_return": [marks[-1] / 10_000.0 - 1.0, marks[-1] / 10_000.0 - 0.9995],
                "max_drawdown": [0.02, 0.01],
                "trades": [n_trades, n_trades],
                "win_rate": [0.5, 0.55] if n_trades else [np.nan, np.nan],
            }
        ),
        limits={"max_drawdown": 0.15, "max_positions": 2.0, "position_limit": 0.5},
        look_ahead=(),
        trials=None,
        folder=None,
        warnings=("spread: modelled (from a constant).",),
        provenance={"data": {"EURUSD": "sha256:0123"}, "seed": 0},
    )


def made_fills(trades):
    """An opening and a closing fill for each of `trades`; the first opening is ambiguous."""
    parts = [
        pd.DataFrame(
            {
                "symbol": trades["symbol"],
                "side": np.where((trades["side"] == "long") == (effect == "open"), "buy", "sell"),
                "quantity": trades["quantity"],
                "price": trades[f"{end}_price"],
                "time": trades[f"{end}_time"],
                "effect": effect,
                "rate": 1.0,
                "ambiguous": False,
            }
        )
        for effect, end in (("open", "entry"), ("close", "exit"))
    ]
    fills = pd.concat(parts, ignore_index=True).sort_values("time", kind="stable", ignore_index=True)
    fills["ambiguous"] = np.arange(len(fills)) == 0
    return fills
