"""Rubbish from another program on every stream of a running session: its run is as if it had not been, and the journal replays."""

from __future__ import annotations

import random

import pytest
import redis

from sptrader.errors import StreamError
from sptrader.model.ids import PAPER
from sptrader.runs.journal_replay import replay_journal
from sptrader.runs.session_file import keep_setting
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.deadletters import decode_dead_letter
from sptrader.streams.journal_reader import JournalReader
from sptrader.streams.redis import RedisStreams
from tests.faults.session import IS_LONG, FaultySession, assert_same_run
from tests.faults.worlds import made

BARS = 150
N_LARGE = 2_000_000  # bytes of the largest message
STREAMS = (keys.SIGNALS, keys.fills(PAPER), keys.orders(PAPER), keys.control(PAPER), keys.bars("EURUSD", "1h"))
FIELDS = (b"signal", b"columns", b"price_update", b"report", b"order", b"command", b"bar", b"\xff\xfe", b"")


class Vandal:
    """Another program on the server: what it adds is no message of ours, nearly one, too large, or one that was there before."""

    def __init__(self, url: str, seed: int) -> None:
        self._client = redis.Redis.from_url(url)
        self._chance = random.Random(seed)
        self.n_dead = dict.fromkeys(STREAMS, 0)  # that cannot be understood

    def add(self) -> None:
        """Add one entry to one of the streams."""
        stream = self._chance.choice(STREAMS)
        fields = self._fields(stream)
        try:
            decode({name.decode("utf-8", "backslashreplace"): body for name, body in fields.items()})
        except StreamError:
            self.n_dead[stream] += 1
        else:
            if fields not in [known for _, known in self._client.xrange(stream)]:
                return  # what is well-formed and new is a message, whoever sends it
        self._client.xadd(stream, fields)

    def close(self) -> None:
        self._client.close()

    def _fields(self, stream: str) -> dict[bytes, bytes]:
        kind = self._chance.randrange(8)
        there = [dict(fields) for _, fields in self._client.xrange(stream, count=400)]
        if kind == 0:
            size = N_LARGE if self._chance.randrange(10) == 0 else 100_000
            return {self._chance.choice(FIELDS): self._chance.randbytes(1) * size}
        if kind < 3 or not there:
            n = self._chance.randrange(1, 4)
            return {self._chance.choice(FIELDS): self._chance.randbytes(self._chance.randrange(60)) for _ in range(n)}
        fields = self._chance.choice(there)
        if kind == 3 and stream != keys.orders(PAPER):  # the same again
            return fields
        name = self._chance.choice(sorted(fields))
        body = bytearray(fields[name])
        for _ in range(self._chance.randrange(1, 5)):
            if body:
                body[self._chance.randrange(len(body))] = self._chance.randrange(256)
        return {**fields, name: bytes(body)}


@pytest.mark.parametrize("seed", range(10 if IS_LONG else 1))
def test_rubbish_is_counted_and_kept_and_changes_nothing(begin, expected, seed: int) -> None:
    session: FaultySession = begin(bars=BARS, seconds=1.5)
    vandal = Vandal(session.server.url, seed)

    def meanwhile(session: FaultySession, passed: float) -> None:
        if passed < 1.3:
            vandal.add()

    session.run(meanwhile=meanwhile)
    vandal.close()

    assert not session.kills
    assert not session.stops
    counters = assert_same_run(session, expected(BARS))
    streams = RedisStreams(session.server.url)
    try:
        for stream in STREAMS[:-1]:  # readers of bars have no journal: they pass over what is none
            letters = [decode_dead_letter(entry.fields) for entry in streams.history(keys.deadletter(stream))]
            assert all(letter.reason for letter in letters)
            assert len(letters) >= vandal.n_dead[stream]
            assert streams.pending(f"{'execution' if 'orders' in stream else 'orchestrator'}:{PAPER}", stream) == 0
        assert counters["read"] == streams.length(keys.SIGNALS)
    finally:
        streams.close()
    assert sum(vandal.n_dead.values()) > 20
    assert counters["dead"] >= vandal.n_dead[keys.SIGNALS]
    with JournalReader(session.folder / "session.sqlite") as journal:
        assert len(journal.dead_letters()) == counters["dead"] + counters["dead_elsewhere"]

    keep_setting(session.folder, made(session.world, session.folder).live)
    replayed = replay_journal(session.folder)
    assert replayed.n_bars == BARS
    assert replayed.is_same
