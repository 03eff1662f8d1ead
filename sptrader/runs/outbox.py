"""Outbox: what the journal says is to be sent, sent in its order; a message that may have gone out before goes again.

Readers know a message by its own id, so that one sent twice is taken once.
"""

from __future__ import annotations

from sptrader.model.ports import Entry, Streams
from sptrader.streams import keys
from sptrader.streams.deadletters import MOST_DEAD, encode_dead_letter
from sptrader.streams.ids import parse_id
from sptrader.streams.journal import Journal, Step

MOST_SENT = 10_000  # messages kept on a stream once every reader has acknowledged them


class Outbox:
    """Sends what is pending; that it was sent is noted with the next step.

    What a server lost that came back with less than it had been given is sent again by the next outbox.
    """

    def __init__(self, streams: Streams, journal: Journal) -> None:
        self._streams, self._journal = streams, journal
        self._sent: list[tuple[int, str]] = []  # of which the journal does not know yet
        self._until = 0
        self._take_back_lost()

    def send(self) -> int:
        """Send everything that is not known to have arrived; return how many messages that were."""
        waiting = self._journal.unsent(after=self._until)
        if waiting:
            ids = self._streams.add_many([(one.stream, one.fields) for one in waiting], most=MOST_SENT)
            self._sent += [(one.seq, id) for one, id in zip(waiting, ids, strict=True)]
            self._until = waiting[-1].seq
        return len(waiting)

    def note_sent(self, step: Step) -> None:
        """Write into the journal what has arrived."""
        for seq, id in self._sent:
            step.mark_sent(seq, id)
        self._sent = []

    def dead(self, entry: Entry, reason: str, *, at_ns: int) -> None:
        """Put an entry that was not understood where a person finds it; the journal keeps those that its stream no longer does."""
        self._streams.add(keys.deadletter(entry.stream), encode_dead_letter(entry, reason, at_ns=at_ns), most=MOST_DEAD)

    def _take_back_lost(self) -> None:
        """Call unsent what the server has no memory of: entries behind the last one that it knows."""
        sent = self._journal.last_sent()
        last = {stream: parse_id(self._streams.last_id(stream)) for stream in {one.stream for one in sent}}
        lost = [one.seq for one in sent if parse_id(one.stream_id) > last[one.stream]]
        if lost:
            with self._journal.transaction() as step:
                step.mark_sending(lost)
