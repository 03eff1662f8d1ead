"""Live follow: what can be read of a running session without taking part in it, in rings of bounded length.

Only keys and streams are read, by their history and never through a consumer group, so that nothing is taken from a part and
nothing waits for the reader. A server that is gone is looked for again; what was read stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from sptrader.clock import LiveClock
from sptrader.errors import RunError, SptraderError, StreamError
from sptrader.model.messages import BarMessage, ColumnsMessage, Event, Heartbeat
from sptrader.model.orders import Fill
from sptrader.model.ports import Entry
from sptrader.runs.lease import FEED
from sptrader.runs.leftovers import heartbeats, read_snapshot
from sptrader.runs.live_orders import OrderHistory
from sptrader.runs.sessions import SessionRecord, find_session
from sptrader.streams import keys
from sptrader.streams.codec import decode, event_time_ns
from sptrader.streams.redis import Patience, RedisStreams

MOST_BARS = 5_000
MOST_ROWS = 1_000
PAGE = 1_000  # entries asked for at once
PAGES = 10  # of them in one look, so that no look takes long
BEATS_S = 1.0
AGAIN_S = 0.5  # between two tries to reach a server
RATE_S = 10.0
_PATIENCE = Patience(answer_s=2.0, attempts=1)

_T = TypeVar("_T")


class Ring(Generic[_T]):
    """The last items of a growing list; `total` counts all there ever were."""

    def __init__(self, most: int) -> None:
        self._kept: deque[_T] = deque(maxlen=most)
        self.total = 0

    def add(self, item: _T) -> None:
        """Append, and forget the oldest where it is full."""
        self._kept.append(item)
        self.total += 1

    def replace_last(self, item: _T) -> None:
        """Put `item` in the place of the last one."""
        self._kept[-1] = item

    def since(self, total: int) -> list[_T]:
        """Return what was added since there were `total`, as far as it is kept."""
        n = min(self.total - total, len(self._kept))
        return [] if n <= 0 else [self._kept[k] for k in range(len(self._kept) - n, len(self._kept))]

    def all(self) -> list[_T]:
        """Return what is kept, oldest first."""
        return list(self._kept)

    @property
    def last(self) -> _T | None:
        """The newest, None of an empty one."""
        return self._kept[-1] if self._kept else None


@dataclass(frozen=True)
class Heard:
    """A signal as it came: `source` is `worker` for the strategy's own, else who published it; `came_s` of the clock here."""

    time_ns: int
    symbol: str
    name: str
    type: str
    strength: float
    source: str
    came_s: float


Bar = tuple[float, float, float, float, float]  # seconds since 1970, open, high, low, close


@dataclass
class Seen:
    """What was seen of one session."""

    bars: dict[str, Ring[Bar]] = field(default_factory=dict)
    fills: Ring[Fill] = field(default_factory=lambda: Ring(MOST_ROWS))
    orders: OrderHistory = field(default_factory=lambda: OrderHistory(MOST_ROWS))
    signals: Ring[Heard] = field(default_factory=lambda: Ring(MOST_ROWS))
    notes: Ring[dict[str, Any]] = field(default_factory=lambda: Ring(MOST_ROWS))
    columns: Ring[ColumnsMessage] = field(default_factory=lambda: Ring(MOST_ROWS))
    equity: Ring[tuple[float, float]] = field(default_factory=lambda: Ring(MOST_BARS))
    snapshot: dict[str, Any] = field(default_factory=dict)
    beats: tuple[Heartbeat, ...] = ()
    lengths: dict[str, int] = field(default_factory=dict)


class Follower:
    """Reads one account's session, again and again by `look()`, from one thread.

    Without a `redis_url` the session is found by what its process has noted, in `folder` where that is said; it is looked for
    again whenever its server does not answer. `problem` says why nothing is read, empty while all is well.
    """

    def __init__(self, account: str | None, *, redis_url: str | None = None, folder: Path | None = None) -> None:
        self._wanted, self._url, self._folder = account, redis_url, folder
        self._clock = LiveClock()
        self._streams: RedisStreams | None = None
        self._after: dict[str, str] = {}
        self._next_try_s = self._next_beats_s = 0.0
        self.record: SessionRecord | None = None
        self.account = account or ""
        self.seen = Seen()
        self.sessions = 0  # how many were begun: what was shown of an earlier one is over
        self.problem = "looking for the session"

    @property
    def is_connected(self) -> bool:
        """Whether the server answered the last time."""
        return self._streams is not None

    @property
    def age_s(self) -> float | None:
        """Seconds since the orchestrator's last word; None before the first."""
        told = self.seen.snapshot.get("at_ns")
        return None if told is None else max(0.0, (self._clock.now_ns() - int(told)) / 1e9)

    def look(self) -> bool:
        """Read what is new; return whether the server answered."""
        if self._streams is None and not self._connected():
            return False
        try:
            self._read(cast(RedisStreams, self._streams))
        except StreamError as error:
            self._lost(str(error))
            return False
        self.problem = ""
        return True

    def signals_a_second(self) -> float:
        """Return how many signals came a second, over the last ten."""
        now_s = self._clock.elapsed_s()
        came = [heard.came_s for heard in self.seen.signals.all() if now_s - heard.came_s <= RATE_S]
        is_cut = len(came) == MOST_ROWS
        return len(came) / max(now_s - came[0], 0.1) if is_cut else len(came) / RATE_S

    def close(self) -> None:
        """Let go of the connection."""
        if self._streams is not None:
            self._streams.close()
            self._streams = None

    def _connected(self) -> bool:
        now_s = self._clock.elapsed_s()
        if now_s < self._next_try_s:
            return False
        self._next_try_s = now_s + AGAIN_S
        url = self._url
        try:
            if url is None:
                self.record = find_session(self._wanted, self._folder)
                self.account, url = self.record.account, self.record.url
            self._streams = RedisStreams(url, patience=_PATIENCE, alert=_said_elsewhere)
        except (RunError, StreamError) as error:
            self.problem = str(error)
            return False
        return True

    def _lost(self, why: str) -> None:
        self.problem = why
        self.close()
        self._next_try_s = self._clock.elapsed_s() + AGAIN_S

    def _read(self, streams: RedisStreams) -> None:
        told = read_snapshot(streams, self.account)
        if told is not None:
            self._take_snapshot(cast(dict[str, Any], told))
            for symbol in told["symbols"]:  # type: ignore[attr-defined]
                self._take_bars(streams, str(symbol), str(told["timeframe"]))
        for entry in self._new(streams, keys.SIGNALS):
            self._take_signal(entry)
        self._take_orders(streams)
        now_s = self._clock.elapsed_s()
        if now_s >= self._next_beats_s:
            self._next_beats_s = now_s + BEATS_S
            self.seen.beats = (*heartbeats(streams, self.account), *heartbeats(streams, FEED))
            names = [keys.SIGNALS, keys.orders(self.account), keys.fills(self.account), keys.control(self.account)]
            names += [name for name in self._after if name not in names]
            self.seen.lengths = {name: streams.length(name) for name in names}

    def _take_snapshot(self, told: dict[str, Any]) -> None:
        before = self.seen.snapshot
        if before and told["at_ns"] == before["at_ns"]:
            return
        is_another = before and (told["plan"] != before["plan"] or told["n_bars"] < before["n_bars"])
        if is_another:
            self.seen, self._after = Seen(), {}
        if not before or is_another:
            self.sessions += 1
        seen, last_ns = self.seen, told["last_ns"]
        for note in _unknown(seen.notes, told["recent"]):
            seen.notes.add(note)
        seen.snapshot = told
        if last_ns is not None and "equity" in told:
            point = (last_ns / 1e9, float(told["equity"]))
            if seen.equity.last is not None and seen.equity.last[0] == point[0]:
                seen.equity.replace_last(point)
            else:
                seen.equity.add(point)

    def _take_bars(self, streams: RedisStreams, symbol: str, timeframe: str) -> None:
        ring = self.seen.bars.setdefault(symbol, Ring(MOST_BARS))
        for entry in self._new(streams, keys.bars(symbol, timeframe)):
            message = _message(entry)
            if isinstance(message, BarMessage) and message.kind == "bar":
                prices = (message.open, message.high, message.low, message.close)
                bar = cast(Bar, (message.time_ns / 1e9, *prices))
                if ring.last is None or bar[0] > ring.last[0]:
                    ring.add(bar)

    def _take_orders(self, streams: RedisStreams) -> None:
        """All that waits: a report that were passed over would leave its order working."""
        names = (keys.orders(self.account), keys.fills(self.account))
        asked, told = ([_message(one) for one in self._new(streams, name, most=PAGE * PAGES)] for name in names)
        self.seen.orders.take([*asked, *told])
        for message in told:
            if isinstance(message, Fill):
                self.seen.fills.add(message)

    def _take_signal(self, entry: Entry) -> None:
        message = _message(entry)
        if isinstance(message, ColumnsMessage):
            if message.bar.kind == "bar" and message.plan == self.seen.snapshot.get("plan"):
                self.seen.columns.add(message)
        elif isinstance(message, Event):
            self.seen.signals.add(
                Heard(
                    time_ns=event_time_ns(message),
                    symbol=str(message.metadata["symbol"]),
                    name=message.signal_name,
                    type=message.signal_type,
                    strength=message.strength,
                    source=str(message.metadata.get("source", "elsewhere"))[:40],
                    came_s=self._clock.elapsed_s(),
                )
            )

    def _new(self, streams: RedisStreams, name: str, *, most: int = MOST_BARS) -> list[Entry]:
        """The next entries of a stream: of many that wait only the last `most`, for no ring keeps more."""
        found: list[Entry] = []
        for _ in range(PAGES):
            page = streams.history(name, after=self._after.get(name, "0"), count=PAGE)
            if page:
                self._after[name] = page[-1].id
                found = [*found, *page][-most:]
            if len(page) < PAGE:
                break
        return found


def _message(entry: Entry) -> object:
    """What an entry holds; None for what is not understood, which the session's own parts bury."""
    try:
        return decode(entry.fields)
    except SptraderError:
        return None


def _unknown(kept: Ring[dict[str, Any]], recent: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """What of the session's last notes comes after those that are kept: the two overlap."""
    before = kept.since(kept.total - len(recent))
    for n in range(len(before), 0, -1):
        if before[len(before) - n :] == list(recent[:n]):
            return recent[n:]
    return recent


def _said_elsewhere(_: str) -> None:
    """Leave unlogged that a server is away: `problem` says it."""
