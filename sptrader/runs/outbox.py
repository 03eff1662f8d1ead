"""Outbox: what the journal says is to be sent, sent in its order; a message that may have gone out before goes again.

Readers know a message by its own id, so that one sent twice is taken once.
"""

from __future__ import annotations

from sptrader.model.ports import Entry, Streams
from sptrader.streams import keys
from sptrader.streams.deadletters import encode_dead_letter
from sptrader.streams.journal import Journal

MOST_DEAD = 10_000  # dead letters kept on a stream


class Outbox:
    """Sends what is pending; that it was sent is noted with the next step."""

    def __init__(self, streams: Streams, journal: Journal) -> None:
        self._streams, self._journal = streams, journal

    def send(self) -> int:
        """Send everything that is not known to have arrived; return how many messages that were."""
        waiting = self._journal.unsent()
        if waiting:
            ids = self._streams.add_many([(one.stream, one.fields) for one in waiting])
            with self._journal.transaction() as step:
                for one, id in zip(waiting, ids, strict=True):
                    step.mark_sent(one.seq, id)
        return len(waiting)

    def dead(self, entry: Entry, reason: str, *, at_ns: int) -> None:
        """Put an entry that was not understood where a person finds it."""
        self._streams.add(keys.deadletter(entry.stream), encode_dead_letter(entry, reason, at_ns=at_ns), most=MOST_DEAD)
