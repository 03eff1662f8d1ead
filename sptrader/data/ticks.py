"""Ticks: quotes from a file, checked at the door as bars are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sptrader.data.checks import row_texts
from sptrader.data.conform import conform_ticks
from sptrader.data.parquet import read_ticks, require_unchanged
from sptrader.errors import DataError
from sptrader.model.bars import facts, with_facts


def load_ticks(source: str | Path | pd.DataFrame, *, symbol: str | None = None) -> pd.DataFrame:
    """Load ticks from a Parquet file (columns `time`, `bid`, `ask`) or a frame of your own.

    Returns a frame with UTC index `time` and float64 columns `bid` and `ask`. Times may repeat, for several quotes fall
    in one millisecond; they may not step back. Raises `DataError` for that, and for a quote that is not
    0 < bid <= ask, finite; nothing is sorted or dropped. `symbol` may not contradict the file.
    """
    where = (
        str(source) if not isinstance(source, pd.DataFrame) else facts(source).get("symbol") or symbol or "the ticks"
    )
    ticks = conform_ticks(source, where=where) if isinstance(source, pd.DataFrame) else read_ticks(source)
    known = facts(ticks).get("symbol")
    if symbol is not None and known and known != symbol:
        raise DataError(
            f"{where}: symbol was given as '{symbol}', the file says '{known}'.", key="symbol", value=symbol
        )
    _require_valid(ticks, where)
    if not isinstance(source, pd.DataFrame):
        require_unchanged(ticks, Path(source))
    return ticks if symbol is None else with_facts(ticks, {"symbol": symbol})


def _require_valid(ticks: pd.DataFrame, where: str) -> None:
    times_ns = pd.DatetimeIndex(ticks.index).asi8
    if len(times_ns) == 0:
        raise DataError(f"{where}: there are no ticks in it.", path=where, key="rows", value=0)
    bid, ask = ticks["bid"].to_numpy(), ticks["ask"].to_numpy()
    is_back = np.append(False, times_ns[1:] < times_ns[:-1])
    is_bad = ~((bid > 0) & (bid <= ask) & (ask < np.inf))
    rules = (
        ("time", times_ns == np.iinfo(np.int64).min, "a tick has no time"),
        ("increasing", is_back, "a time is before the one above it"),
        ("quote", is_bad, "not 0 < bid <= ask, finite"),
    )
    for rule, is_broken, text in rules:
        if is_broken.any():
            rows = np.flatnonzero(is_broken)
            first = "; ".join(row_texts(rows, times_ns, bid=bid, ask=ask))
            raise DataError(
                f"{where}: {rule}: {len(rows)} ticks: {text}. First: {first}. Nothing was repaired; "
                "`sptrader data clean` does so on request.",
                path=where,
                key=rule,
                value=len(rows),
            )
