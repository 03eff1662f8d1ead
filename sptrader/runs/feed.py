"""Feed: bars out of frames onto the streams, as fast as they once came, some times faster, or as fast as it goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sptrader.clock import LiveClock
from sptrader.errors import RunError, StreamError
from sptrader.model.bars import SIDED_COLUMNS, bars_facts, times_ns
from sptrader.model.messages import BarMessage
from sptrader.model.ports import Entry, Streams
from sptrader.model.timeframe import make_timeframe
from sptrader.runs.live_setting import encode_facts
from sptrader.streams import keys
from sptrader.streams.codec import decode, encode

BATCH = 512  # bars published in one round trip
MAX = math.inf


def speed_of(text: str) -> float:
    """Return how many times faster than it happened: `max`, `realtime`, or a number above 0 (`60`, `60x`)."""
    word = text.strip().lower()
    if word in ("max", "realtime"):
        return MAX if word == "max" else 1.0
    try:
        value = float(word.removesuffix("x"))
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise RunError(f"speed was '{text}'; allowed are max, realtime, or a number above 0.", key="speed", value=text)
    return value


class ReplayFeed:
    """Publishes frames of bars. At each time every instrument says what it showed: a bar, or that it had none.

    A feed that is started again goes on behind what its streams hold.
    """

    role = "feed"

    def __init__(
        self,
        streams: Streams,
        frames: Mapping[str, pd.DataFrame],
        *,
        speed: float = MAX,
        tiers: Mapping[str, str] | None = None,
    ) -> None:
        self._streams, self._speed = streams, speed
        self._facts = {symbol: bars_facts(frame) for symbol, frame in frames.items()}
        self._names = {s: keys.bars(s, known.timeframe) for s, known in self._facts.items()}
        self._times = np.unique(np.concatenate([times_ns(frame) for frame in frames.values()]))
        self._bars = {symbol: _bars(symbol, frame) for symbol, frame in frames.items()}
        self._length_ns = make_timeframe(next(iter(self._facts.values())).timeframe).ns
        self._clock = LiveClock()
        for symbol, known in self._facts.items():
            streams.set(keys.facts(symbol, known.timeframe), encode_facts(known, (tiers or {}).get(symbol, "")))
        self._said = {symbol: last_said(streams, name) for symbol, name in self._names.items()}
        self._at = int(np.searchsorted(self._times, min(said for said, _ in self._said.values()), side="right"))
        self._has_ended = all(is_end for _, is_end in self._said.values())
        self._began_s, self._first = self._clock.elapsed_s(), self._at
        self.counters: dict[str, int] = {"published": 0}

    @property
    def is_over(self) -> bool:
        """Whether all bars and the end were published."""
        return self._has_ended

    def step(self, block_ms: int) -> bool:
        """Publish what is due."""
        if self._has_ended:
            return False
        until = self._due()
        entries = []
        for k in range(self._at, until):
            time_ns = int(self._times[k])
            for symbol, name in self._names.items():
                if time_ns > self._said[symbol][0]:
                    bar = self._bars[symbol].get(time_ns)
                    entries.append((name, encode(bar or self._silent(symbol, time_ns, "none"))))
        if until == len(self._times):
            last = int(self._times[-1]) if len(self._times) else 0
            entries += [(name, encode(self._silent(s, last, "end"))) for s, name in self._names.items()]
        if entries:
            self._streams.add_many(entries)
            self.counters["published"] += len(entries)
        self._has_ended = until == len(self._times)
        is_busy = until > self._at
        self._at = until
        return is_busy

    def close(self) -> None:
        """Nothing is held open."""

    def _due(self) -> int:
        """How far the replay has come: a bar is published when its time is over."""
        if self._speed == MAX:
            return min(self._at + BATCH, len(self._times))
        if self._at == len(self._times):
            return self._at
        passed_ns = (self._clock.elapsed_s() - self._began_s) * self._speed * 1e9
        now_ns = int(self._times[min(self._first, len(self._times) - 1)]) + passed_ns
        due = int(np.searchsorted(self._times + self._length_ns, now_ns + self._length_ns, side="right"))
        return min(max(due, self._at), self._at + BATCH, len(self._times))

    def _silent(self, symbol: str, time_ns: int, kind: str) -> BarMessage:
        return BarMessage(
            symbol=symbol,
            timeframe=self._facts[symbol].timeframe,
            time_ns=time_ns,
            kind="end" if kind == "end" else "none",
        )


def _bars(symbol: str, frame: pd.DataFrame) -> dict[int, BarMessage]:
    """Every bar as its message, by its opening time."""
    timeframe = bars_facts(frame).timeframe
    columns = {name: frame[name].to_numpy(np.float64).tolist() for name in frame.columns}
    sided = [columns[name] for name in SIDED_COLUMNS] if all(name in columns for name in SIDED_COLUMNS) else None
    spread = columns.get("spread")
    made = {}
    for k, time_ns in enumerate(times_ns(frame).tolist()):
        volume = columns["volume"][k]
        made[time_ns] = BarMessage(
            symbol=symbol,
            timeframe=timeframe,
            time_ns=time_ns,
            open=columns["open"][k],
            high=columns["high"][k],
            low=columns["low"][k],
            close=columns["close"][k],
            volume=None if math.isnan(volume) else volume,
            spread=None if spread is None else spread[k],
            sides=None if sided is None else tuple(side[k] for side in sided),
        )
    return made


def last_said(streams: Streams, name: str) -> tuple[int, bool]:
    """The last time a stream of bars speaks of, and whether it has ended; before all times where it is empty."""
    last = streams.last_id(name)
    if last == "0-0":
        return -(2**62), False
    milliseconds, _, sequence = last.partition("-")
    before = f"{milliseconds}-{int(sequence) - 1}" if int(sequence) > 0 else f"{int(milliseconds) - 1}-{2**64 - 1}"
    found = _spoken(streams.history(name, after=before)) or _spoken(streams.history(name))
    return found or (-(2**62), False)


def _spoken(entries: Sequence[Entry]) -> tuple[int, bool] | None:
    """What the last of some entries that is a bar's says; what other programs put there is passed over."""
    for entry in reversed(entries):
        try:
            message = decode(entry.fields)
        except StreamError:
            continue
        if isinstance(message, BarMessage):
            return message.time_ns, message.kind == "end"
    return None
