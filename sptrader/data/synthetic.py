"""Synthetic: seeded random bars, the in-memory member of the sources of bars."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sptrader.data.conform import make_frame
from sptrader.data.load import cut, load_bars
from sptrader.errors import DataError
from sptrader.model.bars import BarsFacts, with_facts
from sptrader.model.grid import expected_starts
from sptrader.model.instrument import instrument
from sptrader.model.period import TimeLike, period_ns
from sptrader.model.timeframe import DAY_NS, make_timeframe


def synthetic_bars(
    symbol: str,
    timeframe: str,
    *,
    start: TimeLike,
    end: TimeLike,
    price: float,
    seed: int,
    session: str | None = None,
    basis: str = "mid",
    volatility: float = 0.10,
    spread: float | None = None,
    missing: float = 0.0,
) -> pd.DataFrame:
    """Make a random walk of bars that open in [`start`, `end`] (UTC, inclusive), while the market is open.

    `price` is the first open; `volatility` a fraction a year, spread over the year's seconds; `spread` (price units) adds
    a constant spread column; `missing` is the fraction of bars left out at random. Each bar is a walk of eight steps, so
    that its open is the last one's close. The same arguments give the same bars.
    """
    if not (price > 0.0 and volatility >= 0.0 and 0.0 <= missing < 1.0):
        raise DataError(
            f"price was {price}, volatility {volatility}, missing {missing}; allowed are price above 0, volatility 0 or "
            "more, missing from 0 to below 1.",
            key="price",
            value=price,
        )
    length = make_timeframe(timeframe)
    market = session or instrument(symbol).session
    first_ns, last_ns = period_ns(start, end)
    if first_ns is None or last_ns is None:
        raise DataError("synthetic bars need a start and an end.", key="start")
    times_ns = expected_starts(first_ns, last_ns, length, market)
    random = np.random.default_rng(seed)
    n_bars, n_steps = len(times_ns), 8
    step_deviation = volatility * np.sqrt(length.ns / (365 * DAY_NS) / n_steps)
    walk = price * np.exp(np.cumsum(random.normal(0.0, step_deviation, n_bars * n_steps))).reshape(n_bars, n_steps)
    closes = walk[:, -1]
    opens = np.concatenate([[price], closes[:-1]])[:n_bars]
    columns = {
        "open": opens,
        "high": np.maximum(opens, walk.max(axis=1)),
        "low": np.minimum(opens, walk.min(axis=1)),
        "close": closes.copy(),
        "volume": random.integers(1, 200, n_bars).astype(np.float64),
    }
    if spread is not None:
        columns["spread"] = np.full(n_bars, spread)
    is_kept = random.random(n_bars) >= missing
    index = pd.DatetimeIndex(times_ns[is_kept].astype("datetime64[ns]"), tz="UTC", name="time")
    frame = make_frame(index, {name: values[is_kept] for name, values in columns.items()})
    return load_bars(with_facts(frame, BarsFacts(symbol, length.name, basis, market, source=f"synthetic, seed {seed}")))


class SyntheticBars:
    """A source of bars that holds its history in memory (see `model/ports.BarsSource`)."""

    def __init__(self, *histories: pd.DataFrame) -> None:
        self._histories = {(f.attrs["sptrader.symbol"], f.attrs["sptrader.timeframe"]): f for f in histories}

    def read_bars(self, symbol: str, timeframe: str, *, start_ns: int | None, end_ns: int | None) -> pd.DataFrame:
        """Return checked bars that open in [`start_ns`, `end_ns`]; raise `DataError` when there are none."""
        history = self._histories.get((symbol, timeframe))
        if history is None:
            known = ", ".join(f"{s} {t}" for s, t in self._histories) or "none"
            raise DataError(
                f"there are no {timeframe} bars of '{symbol}'; there are: {known}.", key="symbol", value=symbol
            )
        return cut(history, start_ns, end_ns)
