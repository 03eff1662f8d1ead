"""Data: the benchmark's bars and its strategy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sptrader.model.session import sessions
from sptrader.model.timeframe import DAY_NS

MINUTE_NS = 60 * 10**9

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "../shared/data/bars/AUDUSD-1m-bid-2025H1.parquet"
PRICES = ("open", "high", "low", "close")
STRATEGY = Path(__file__).parent / "ema.yaml"
SWEEP_STRATEGY = Path(__file__).parent / "ema_sweep.yaml"


def tiled_bars(n_bars: int) -> dict[str, np.ndarray]:
    """Return `n_bars` minutes of AUDUSD: the real bars again and again, each time scaled to begin where the last ended.

    Prices are on the step of 0.00001; times are the minutes of FX sessions from 2019 on, without a gap.
    """
    bars = pd.read_parquet(SOURCE)
    repeats = -(-n_bars // len(bars))
    growth = float(bars["close"].iloc[-1] / bars["open"].iloc[0])
    factors = np.repeat(growth ** np.arange(repeats), len(bars))[:n_bars]
    out = {name: np.round(np.tile(bars[name].to_numpy(float), repeats)[:n_bars] * factors, 5) for name in PRICES}
    out["volume"] = np.tile(bars["volume"].to_numpy(float), repeats)[:n_bars]
    first = pd.Timestamp("2019-01-08", tz="UTC").value
    days = sessions("fx", first, first + n_bars // 900 * DAY_NS)
    minutes = [np.arange(a, b, MINUTE_NS) for a, b in zip(days.opens_ns, days.closes_ns, strict=True)]
    return {"time": np.concatenate(minutes)[:n_bars], **out}


def frame_of(data: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return bars from their arrays."""
    index = pd.DatetimeIndex(data["time"], tz="UTC", name="time")
    return pd.DataFrame({name: data[name] for name in (*PRICES, "volume")}, index=index)
