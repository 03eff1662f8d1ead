"""Tick files: which files are of ticks, their ticks as a feed takes them, in their order and not cleaned, and the feed at work."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from sptrader.data.parquet import read_ticks, stored_columns
from sptrader.errors import RunError
from sptrader.model.bars import facts
from sptrader.runs.live import connected
from sptrader.runs.live_part import Work, publish
from sptrader.runs.tick_feed import TickFeed


def are_ticks(files: Sequence[str]) -> bool:
    """Return whether the files are of ticks; raises `RunError` for files of both kinds."""
    kinds = {_is_of_ticks(text) for text in files}
    if len(kinds) > 1:
        raise RunError(f"some of {', '.join(files)} are of ticks and some of bars; give one kind.", key="replay")
    return kinds == {True}


def ticks_of(files: Sequence[str], symbols: Sequence[str] | None) -> dict[str, pd.DataFrame]:
    """Return the ticks of files by symbol; raises `RunError` where a symbol is not known."""
    named = list(symbols or [])
    if named and len(named) != len(files):
        raise RunError(
            f"--symbol was given {len(named)} times for {len(files)} files; give it once a file, in their order.",
            key="symbol",
        )
    found: dict[str, pd.DataFrame] = {}
    for k, text in enumerate(files):
        ticks = read_ticks(Path(text).expanduser())
        symbol = named[k] if named else facts(ticks).get("symbol", "")
        if not symbol or symbol in found:
            what = f"is of {symbol}, as a file before it" if symbol else "does not say of what its ticks are"
            raise RunError(f"{text} {what}; give --symbol once a file.", key="symbol", value=symbol)
        found[symbol] = ticks
    return found


def work_tick_feed(
    ticks: Mapping[str, pd.DataFrame],
    timeframe: str,
    *,
    basis: str,
    speed: float,
    redis_url: str,
    stop: threading.Event,
) -> Work:
    """Publish ticks and their bars until they end or `stop` is set; goes on behind what the streams hold."""
    with connected(redis_url, Path()) as (streams, _):
        return publish(
            lambda: TickFeed(streams, ticks, timeframe, basis=basis, speed=speed), streams, ticks, timeframe, stop=stop
        )


def _is_of_ticks(text: str) -> bool:
    path = Path(text).expanduser()
    return path.suffix.lower() in (".parquet", ".pq") and path.exists() and {"bid", "ask"} <= set(stored_columns(path))
