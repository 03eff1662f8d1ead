"""Bar streams: the bars of several instruments read from the first on, by a reader that remembers nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from sptrader.errors import StreamError
from sptrader.model.bars import BarsFacts
from sptrader.model.messages import BarMessage
from sptrader.model.ports import Entry, Streams
from sptrader.runs.graves import Graves
from sptrader.streams import keys
from sptrader.streams.codec import decode

BATCH = 2048
_OPTIONAL = ("volume", "spread", "sides")


class BarStreams:
    """Reads every instrument's stream from its beginning; what follows is found by looking again.

    Bars, and ticks, are read by history and without a consumer group, alone among the parts' arrows: components look at all bars
    since the first, so that every reader that starts, or starts again, needs them from there on, acknowledged or not. A group
    would remember a place that nobody goes on from, and hold none of them back: a feed's streams are not trimmed.

    What is no bar of its stream, or has other columns than those before it, is counted; with `buries` it gets a dead letter too,
    once, whoever reads it again.
    """

    def __init__(self, streams: Streams, facts: Mapping[str, BarsFacts], *, buries: bool = False) -> None:
        self._streams = streams
        self._graves = Graves(streams) if buries else None
        self._after = {keys.bars(symbol, known.timeframe): "0" for symbol, known in facts.items()}
        self._columns: dict[str, tuple[str, ...]] = {}
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
                    if self._graves is not None:
                        self._graves.bury(entry, str(error))
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
