"""Tick feed: quotes out of frames onto the streams, and the bars made of them as they go, at any speed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.clock import LiveClock
from sptrader.errors import RunError, StreamError
from sptrader.model.aggregate import TICK_BASES, Bar, BarAggregator
from sptrader.model.bars import MARKET_COLUMNS, SIDED_COLUMNS, BarsFacts, facts, with_facts
from sptrader.model.grid import bar_span
from sptrader.model.instrument import Instrument, instrument
from sptrader.model.messages import BarMessage, TickMessage
from sptrader.model.ports import Streams
from sptrader.model.timeframe import make_timeframe
from sptrader.runs.feed import MAX, last_said
from sptrader.runs.live_setting import encode_facts
from sptrader.streams import keys
from sptrader.streams.codec import decode, encode

SOURCE = "feed of ticks"  # of the bars, as their facts say
BATCH = 512  # messages published in one round trip
_FOREVER_NS = 2**62
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Said:
    """A message, its stream, and when it is due."""

    due_ns: int
    stream: str
    message: BarMessage | TickMessage


class _Maker:
    """The bars of one instrument in the making: of the side asked for, of bid and of ask."""

    def __init__(self, symbol: str, timeframe: str, session: str, basis: str) -> None:
        self.symbol, self._timeframe = symbol, timeframe
        self._basis = basis
        self._makers = {side: BarAggregator(timeframe, session, basis=side) for side in sorted({basis, "bid", "ask"})}
        self.main = self._makers[basis]

    def add(self, time_ns: int, bid: float, ask: float) -> bool:
        """Take a quote whose time all bars were advanced to; False where it comes too late for its bar."""
        n_late = self.main.n_late
        for one in self._makers.values():
            one.add_tick(time_ns, bid, ask)
        return self.main.n_late == n_late

    def advance_to(self, now_ns: int) -> BarMessage | None:
        """Return the bar that is complete at `now_ns`."""
        made = {side: bar for side, one in self._makers.items() for bar in one.advance_to(now_ns)}
        if not made:
            return None
        bar, bid, ask = made[self._basis], made["bid"], made["ask"]
        return BarMessage(
            symbol=self.symbol,
            timeframe=self._timeframe,
            time_ns=bar.time_ns,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            spread=bar.spread,
            sides=(*_prices(bid), *_prices(ask)),
        )


class TickFeed:
    """Publishes quotes in the order in which they stand in their frames, and every bar where it is complete: before the
    first quote at or after its end. The bars carry both sides, so that a fill at any quote lies inside its bar.

    A quote older than one before it arrives with that one: it counts in its bar while that is growing (`out_of_order`), is
    dropped where the bar is out (`late`), and is no price to fill at; what is no price is `rejected`. Quotes off the price step
    are put on it, bid down and ask up (`snapped`). The bar in which the frames end is complete with them. A feed that is started
    again makes everything anew and goes on behind what its streams hold; nobody else may write there.
    """

    role = "feed"

    def __init__(
        self,
        streams: Streams,
        ticks: Mapping[str, pd.DataFrame],
        timeframe: str,
        *,
        basis: str = "bid",
        speed: float = MAX,
        instruments: Mapping[str, Instrument] | None = None,
    ) -> None:
        if not ticks:
            raise RunError("no ticks were given; there is nothing to publish.", key="ticks")
        self._streams, self._speed, self._clock = streams, speed, LiveClock()
        known = {symbol: (instruments or {}).get(symbol) or instrument(symbol) for symbol in sorted(ticks)}
        self.facts = tick_facts(ticks, known, timeframe, basis)
        self._timeframe = make_timeframe(timeframe)
        self._session = next(iter(self.facts.values())).session
        self._makers = [_Maker(s, one.timeframe, one.session, basis) for s, one in self.facts.items()]
        self._bars = [keys.bars(s, one.timeframe) for s, one in self.facts.items()]
        self._counts = {"published": 0, "ticks": 0, "bars": 0, "rejected": 0, "snapped": 0}
        self._rows = self._merged({symbol: ticks[symbol] for symbol in self.facts}, known)
        self._times = [-1, -1]  # opening and end of the bars that grow
        for symbol, one in self.facts.items():
            streams.set(keys.facts(symbol, one.timeframe), encode_facts(one, "unchecked"))
        self._messages = self._behind(self._told())
        self._next = next(self._messages, None)
        self._began_s, self._first_ns = self._clock.elapsed_s(), 0 if self._next is None else self._next.due_ns

    @property
    def is_over(self) -> bool:
        """Whether all quotes, bars and the end were published."""
        return self._next is None

    @property
    def counters(self) -> dict[str, int]:
        """What it has published, and what the quotes read so far were, those of an earlier start included."""
        mains = [maker.main for maker in self._makers]
        return {
            **self._counts,
            "late": sum(one.n_late for one in mains),
            "out_of_order": sum(one.n_out_of_order for one in mains),
        }

    def step(self, block_ms: int) -> bool:
        """Publish what is due."""
        until_ns: float = math.inf
        if self._speed != MAX:
            until_ns = self._first_ns + (self._clock.elapsed_s() - self._began_s) * self._speed * 1e9
        due: list[_Said] = []
        while self._next is not None and self._next.due_ns <= until_ns and len(due) < BATCH:
            due.append(self._next)
            self._next = next(self._messages, None)
        if due:
            self._streams.add_many([(one.stream, encode(one.message)) for one in due])
            n_ticks = sum(isinstance(one.message, TickMessage) for one in due)
            self._counts["published"] += len(due)
            self._counts["ticks"] += n_ticks
            self._counts["bars"] += len(due) - n_ticks
        return bool(due)

    def messages(self) -> Iterator[BarMessage | TickMessage]:
        """Return what is left to be published, which then never is."""
        while self._next is not None:
            yield self._next.message
            self._next = next(self._messages, None)

    def close(self) -> None:
        """Nothing is held open."""

    def _merged(
        self, ticks: Mapping[str, pd.DataFrame], known: Mapping[str, Instrument]
    ) -> tuple[Ints, Ints, Ints, Floats, Floats]:
        """Arrival, instrument, time, bid and ask of all quotes in the order in which they arrive; ties in the instruments'."""
        parts = []
        for i, (symbol, frame) in enumerate(ticks.items()):
            times_ns = pd.DatetimeIndex(frame.index).as_unit("ns").asi8
            sides = frame[["bid", "ask"]].to_numpy(np.float64)
            is_quote = (times_ns > 0) & (sides[:, 0] > 0) & (sides[:, 0] <= sides[:, 1]) & (sides[:, 1] < np.inf)
            self._counts["rejected"] += int((~is_quote).sum())
            times_ns, sides = times_ns[is_quote], sides[is_quote]
            bid = _snapped(sides[:, 0], known[symbol], np.floor)
            ask = _snapped(sides[:, 1], known[symbol], np.ceil)
            self._counts["snapped"] += int(((bid != sides[:, 0]) | (ask != sides[:, 1])).sum())
            parts.append((np.maximum.accumulate(times_ns), np.full(len(times_ns), i), times_ns, bid, ask))
        arrival, which, times, bids, asks = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.lexsort((which, arrival))
        return arrival[order], which[order], times[order], bids[order], asks[order]

    def _told(self) -> Iterator[_Said]:
        """All that is to be said, in its order."""
        names = [keys.ticks(symbol) for symbol in self.facts]
        symbols = list(self.facts)
        for arrival_ns, i, time_ns, bid, ask in zip(*(column.tolist() for column in self._rows), strict=True):
            yield from self._completed(arrival_ns)
            is_taken = self._makers[i].add(time_ns, bid, ask)
            if is_taken and self._times[0] < 0:
                span = bar_span(arrival_ns, self._timeframe, self._session)
                self._times = [span.start_ns, span.end_ns]
            if is_taken and time_ns == arrival_ns:
                yield _Said(arrival_ns, names[i], TickMessage(symbol=symbols[i], time_ns=time_ns, bid=bid, ask=ask))
        last_ns, end_ns = self._times
        yield from self._completed(_FOREVER_NS)
        for symbol, name in zip(symbols, self._bars, strict=True):
            silent = BarMessage(symbol=symbol, timeframe=self._timeframe.name, time_ns=max(last_ns, 0), kind="end")
            yield _Said(max(end_ns, 0), name, silent)

    def _completed(self, now_ns: int) -> Iterator[_Said]:
        """The bars that are complete at `now_ns`: what every instrument showed; nothing where none showed a whole one."""
        start_ns, end_ns = self._times
        if start_ns < 0 or now_ns < end_ns:
            return
        made = [maker.advance_to(now_ns) for maker in self._makers]
        self._times = [-1, -1] if now_ns < _FOREVER_NS else self._times
        if any(bar is not None for bar in made):
            for symbol, name, bar in zip(self.facts, self._bars, made, strict=True):
                silent = BarMessage(symbol=symbol, timeframe=self._timeframe.name, time_ns=start_ns, kind="none")
                yield _Said(end_ns, name, bar or silent)

    def _behind(self, messages: Iterator[_Said]) -> Iterator[_Said]:
        """What the streams do not hold yet."""
        said = {name: last_said(self._streams, name) for name in self._bars}
        held = {keys.ticks(symbol): self._streams.length(keys.ticks(symbol)) for symbol in self.facts}
        if any(held.values()):
            messages = self._passed_over(messages, held)
        for one in messages:
            if isinstance(one.message, TickMessage):
                yield one
                continue
            last_ns, has_ended = said[one.stream]
            if not has_ended and (one.message.time_ns > last_ns or one.message.kind == "end"):
                yield one

    def _passed_over(self, messages: Iterator[_Said], held: dict[str, int]) -> Iterator[_Said]:
        """All but the quotes that their streams hold; raises `StreamError` where those are of other ticks than these."""
        left = dict(held)
        for one in messages:
            if left.get(one.stream):
                left[one.stream] -= 1
                if left[one.stream] == 0:
                    self._require_last(one)
                continue
            yield one
        if any(left.values()):
            name = next(name for name in left if left[name])
            raise StreamError(f"{name} holds {left[name]} quotes more than these ticks; it is of others.", key=name)

    def _require_last(self, one: _Said) -> None:
        milliseconds, _, sequence = self._streams.last_id(one.stream).partition("-")
        before = f"{milliseconds}-{int(sequence) - 1}" if int(sequence) > 0 else f"{int(milliseconds) - 1}-{2**64 - 1}"
        found = self._streams.history(one.stream, after=before)
        if not found or decode(found[-1].fields) != one.message:
            raise StreamError(
                f"{one.stream} holds other quotes than these ticks; take them off the server, or publish elsewhere.",
                key="ticks",
                value=one.stream,
            )


def bars_of_ticks(
    ticks: Mapping[str, pd.DataFrame],
    timeframe: str,
    *,
    basis: str = "bid",
    instruments: Mapping[str, Instrument] | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the bars that a feed of `ticks` publishes, by symbol, with their facts and both sides."""
    from sptrader.streams.memory import MemoryStreams

    streams = MemoryStreams()
    feed = TickFeed(streams, ticks, timeframe, basis=basis, instruments=instruments)
    made: dict[str, list[BarMessage]] = {symbol: [] for symbol in feed.facts}
    for one in feed.messages():
        if isinstance(one, BarMessage) and one.kind == "bar":
            made[one.symbol].append(one)
    return {symbol: with_facts(_frame(bars), feed.facts[symbol]) for symbol, bars in made.items()}


def _frame(bars: list[BarMessage]) -> pd.DataFrame:
    columns = {name: [getattr(bar, name) for bar in bars] for name in MARKET_COLUMNS}
    sides = np.array([bar.sides for bar in bars], np.float64).reshape(-1, len(SIDED_COLUMNS))
    index = pd.DatetimeIndex(np.array([bar.time_ns for bar in bars], "datetime64[ns]"), tz="UTC", name="time")
    frame = pd.DataFrame(columns, index=index, dtype=np.float64)
    return frame.assign(**{name: sides[:, k] for k, name in enumerate(SIDED_COLUMNS)})


def tick_facts(
    ticks: Mapping[str, pd.DataFrame], instruments: Mapping[str, Instrument], timeframe: str, basis: str
) -> dict[str, BarsFacts]:
    """Return what is known of the bars that ticks are made into; raises `RunError` for what cannot be made together."""
    if basis not in TICK_BASES:
        raise RunError(f"basis was '{basis}'; ticks give {', '.join(TICK_BASES)}.", key="basis", value=basis)
    name = make_timeframe(timeframe).name
    found = {
        symbol: BarsFacts(
            symbol=symbol,
            timeframe=name,
            basis=basis,
            session=facts(ticks[symbol]).get("session") or instruments[symbol].session,
            source=SOURCE,
        )
        for symbol in sorted(ticks)
    }
    sessions = sorted({one.session for one in found.values()})
    if len(sessions) > 1:
        raise RunError(
            f"the ticks were of different sessions ({', '.join(sessions)}); allowed is one, so that bars end together.",
            key="session",
        )
    return found


def _prices(bar: Bar) -> tuple[float, float, float, float]:
    return bar.open, bar.high, bar.low, bar.close


def _snapped(prices: Floats, known: Instrument, to: np.ufunc) -> Floats:
    """Put what is off the price step on it; what is on it stays bit for bit, and what is no price too."""
    step = float(known.price_step)
    digits = max(0, -int(known.price_step.as_tuple().exponent))
    with np.errstate(invalid="ignore"):
        ratio = prices / step
        is_off = np.isfinite(ratio) & (np.abs(ratio - np.rint(ratio)) > 1e-5)
    return np.where(is_off, np.round(to(np.where(is_off, ratio, 0.0)) * step, digits), prices)
