"""Recorded: the bars that a stream server keeps, found by their names, read as frames, and written down for a backtest."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from sptrader.clock import LiveClock
from sptrader.data.conform import make_frame
from sptrader.data.parquet import save_bars
from sptrader.errors import DataError
from sptrader.model.bars import COLUMNS, SIDED_COLUMNS, BarsFacts, with_facts
from sptrader.model.messages import BarMessage
from sptrader.model.ports import Streams
from sptrader.runs.bar_streams import BarStreams
from sptrader.runs.live_setting import decode_facts
from sptrader.streams import keys

FOLDER = ".recorded"


@dataclass(frozen=True)
class RecordedStream:
    """A stream of bars: what its feed said of them, how many entries it has, and the age of the last in seconds."""

    facts: BarsFacts
    tier: str
    n_entries: int
    age_s: float

    @property
    def name(self) -> str:
        """Instrument and timeframe."""
        return f"{self.facts.symbol} {self.facts.timeframe}"


def recorded_streams(streams: Streams) -> list[RecordedStream]:
    """Return the streams of bars that a server keeps, those a feed has announced, by instrument and timeframe."""
    now_ms = LiveClock().now_ns() / 1e6
    found = []
    for name in streams.keys("facts:*"):
        body = streams.get(name)
        if body is None:
            continue
        known, tier = decode_facts(body)
        stream = keys.bars(known.symbol, known.timeframe)
        n_entries = streams.length(stream)
        said_ms = float(streams.last_id(stream).partition("-")[0]) if n_entries else np.nan
        found.append(RecordedStream(known, tier, n_entries, max(0.0, (now_ms - said_ms) / 1e3)))
    return sorted(found, key=lambda one: one.name)


def recorded_bars(streams: Streams, known: BarsFacts) -> pd.DataFrame:
    """Return the bars of a stream so far, with their facts. Raises `DataError` where there is none yet."""
    bars: dict[int, BarMessage] = {}
    reader = BarStreams(streams, {known.symbol: known})
    while found := reader.read(0):
        bars |= {bar.time_ns: bar for bar in found if bar.kind == "bar"}
    if not bars:
        raise DataError(f"the stream of {known.symbol} {known.timeframe} has no bar yet.", key="stream")
    times = sorted(bars)
    rows = [bars[time_ns] for time_ns in times]
    names = [*COLUMNS, *(["spread"] if any(one.spread is not None for one in rows) else [])]
    columns = {
        name: np.array([np.nan if (value := getattr(one, name)) is None else value for one in rows]) for name in names
    }
    if all(one.sides is not None for one in rows):
        sides = np.array([one.sides for one in rows], np.float64)
        columns |= {name: sides[:, k].copy() for k, name in enumerate(SIDED_COLUMNS)}
    index = pd.DatetimeIndex(np.array(times, np.int64), tz="UTC", name="time")
    return with_facts(make_frame(index, columns), replace(known, content_hash=""))


def write_down(streams: Streams, chosen: Sequence[BarsFacts], runs: str | Path) -> Path:
    """Write the bars of some streams, as they are now, below the folder `runs`; return the file of one, the folder of more."""
    folder = Path(runs).resolve() / FOLDER / uuid.uuid4().hex[:8]
    paths = []
    for known in chosen:
        paths.append(folder / f"{known.symbol}-{known.timeframe}.parquet")
        folder.mkdir(parents=True, exist_ok=True)
        save_bars(recorded_bars(streams, known), paths[-1])
    return paths[0] if len(paths) == 1 else folder
