"""Bar streams: the bars of several instruments read from the first on, by a reader that remembers nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from sptrader.errors import StreamError
from sptrader.model.bars import BarsFacts
from sptrader.model.messages import BarMessage
from sptrader.model.ports import Streams
from sptrader.streams import keys
from sptrader.streams.codec import decode

BATCH = 2048


class BarStreams:
    """Reads every instrument's stream from its beginning; what follows is found by looking again."""

    def __init__(self, streams: Streams, facts: Mapping[str, BarsFacts]) -> None:
        self._streams = streams
        self._after = {keys.bars(symbol, known.timeframe): "0" for symbol, known in facts.items()}
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
                    message = decode(entry.fields)
                except StreamError:
                    self.dead += 1
                    continue
                if isinstance(message, BarMessage):
                    yield message
                else:
                    self.dead += 1
