"""Bar streams: the bars of several instruments read from the first on, by a reader that remembers nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping

from sptrader.clock import LiveClock
from sptrader.errors import StreamError
from sptrader.model.bars import BarsFacts
from sptrader.model.messages import BarMessage
from sptrader.model.ports import Entry, Streams
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.deadletters import MOST_DEAD, encode_dead_letter

BATCH = 2048
_OPTIONAL = ("volume", "spread", "sides")
_log = logging.getLogger("sptrader.live")


class BarStreams:
    """Reads every instrument's stream from its beginning; what follows is found by looking again.

    Bars are read by history and without a consumer group, alone among the parts' arrows: components look at all bars since the
    first, so that every reader that starts, or starts again, needs them from there on, acknowledged or not. A group would
    remember a place that nobody goes on from, and hold none of them back: the stream of bars is not trimmed.

    What is no bar of its stream, or has other columns than those before it, is counted; with `buries` it gets a dead letter too,
    once, whoever reads it again.
    """

    def __init__(self, streams: Streams, facts: Mapping[str, BarsFacts], *, buries: bool = False) -> None:
        self._streams, self._buries = streams, buries
        self._clock = LiveClock()
        self._after = {keys.bars(symbol, known.timeframe): "0" for symbol, known in facts.items()}
        self._columns: dict[str, tuple[str, ...]] = {}
        self._buried: dict[str, set[bytes]] = {}  # the ids of entries that have a dead letter, by stream
        self._pause = threading.Event()
        self.dead = 0  # entries that were no bar

    def read(self, block_ms: int) -> list[BarMessage]:
        """Return what is new, instrument by instrument; wait once up to `block_ms` where there is nothing."""
        found = list(self._new())
        if not found and block_ms > 0:
            self._pause.wait(block_ms / 1000)
            found = list(self._new())
        return found

    def _new(self) -> Iterable[BarMessage]:
        for name, after in self._after.items():
            for entry in self._streams.history(name, after=after, count=BATCH):
                self._after[name] = entry.id
                try:
                    bar = self._bar(entry)
                except StreamError as error:
                    self.dead += 1
                    if self._buries:
                        self._bury(entry, str(error))
                    continue
                yield bar

    def _bar(self, entry: Entry) -> BarMessage:
        """Read an entry; raises `StreamError` for what does not belong on its stream."""
        message = decode(entry.fields)
        if not isinstance(message, BarMessage):
            raise StreamError(f"the stream {entry.stream} carries no {type(message).__name__}.", key="message")
        if keys.bars(message.symbol, message.timeframe) != entry.stream:
            raise StreamError(
                f"the stream {entry.stream} carries no bars of {message.symbol} {message.timeframe}.", key="symbol"
            )
        if message.kind == "bar":
            names = tuple(name for name in _OPTIONAL if getattr(message, name) is not None)
            before = self._columns.setdefault(entry.stream, names)
            if names != before:
                said, had = (", ".join(one) or "prices only" for one in (names, before))
                raise StreamError(f"a bar on {entry.stream} has {said}; those before had {had}.", key="columns")
        return message

    def _bury(self, entry: Entry, reason: str) -> None:
        """Put what is no bar where a person finds it; what an earlier reader put there stands already."""
        grave = keys.deadletter(entry.stream)
        if entry.stream not in self._buried:
            self._buried[entry.stream] = {one.fields.get("id", b"") for one in self._streams.history(grave)}
        if entry.id.encode() not in self._buried[entry.stream]:
            self._buried[entry.stream].add(entry.id.encode())
            at_ns = self._clock.now_ns()
            self._streams.add(grave, encode_dead_letter(entry, reason, at_ns=at_ns), most=MOST_DEAD)
            _log.warning("A message on %s was not understood: %s", entry.stream, reason)
