"""Graves: dead letters of readers without a journal, who read a stream from its beginning again at every start."""

from __future__ import annotations

import logging

from sptrader.clock import LiveClock
from sptrader.model.ports import Entry, Streams
from sptrader.streams import keys
from sptrader.streams.deadletters import MOST_DEAD, encode_dead_letter

_log = logging.getLogger("sptrader.live")


class Graves:
    """Puts what was not understood where a person finds it, once: what an earlier reader put there stands already."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._clock = LiveClock()
        self._known: dict[str, set[bytes]] = {}  # the ids of entries that have a dead letter, by stream

    def bury(self, entry: Entry, reason: str) -> None:
        """Keep an entry beside why it was not understood."""
        name, id = keys.deadletter(entry.stream), entry.id.encode()
        if name not in self._known:
            self._known[name] = {one.fields.get("id", b"") for one in self._streams.history(name)}
        if id not in self._known[name]:
            self._known[name].add(id)
            letter = encode_dead_letter(entry, reason, at_ns=self._clock.now_ns())
            self._streams.add(name, letter, most=MOST_DEAD)
            _log.warning("A message on %s was not understood: %s", entry.stream, reason)
