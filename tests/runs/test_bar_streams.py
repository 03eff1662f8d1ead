"""The streams of bars over a server: all from the first on, and a dead letter with its reason for what is none, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sptrader.errors import StreamError
from sptrader.model.bars import BarsFacts
from sptrader.model.messages import BarMessage, TickMessage
from sptrader.runs.bar_streams import BarStreams
from sptrader.runs.ticks_to_meet import TicksToMeet
from sptrader.streams import keys
from sptrader.streams.codec import encode
from sptrader.streams.deadletters import decode_dead_letter
from sptrader.streams.embedded import EmbeddedServer, find_server
from sptrader.streams.redis import RedisStreams

NAME = keys.bars("EURUSD", "1h")
FACTS = {"EURUSD": BarsFacts("EURUSD", "1h", basis="mid", session="fx")}
BAR = BarMessage(symbol="EURUSD", timeframe="1h", time_ns=1, open=1.0, high=1.0, low=1.0, close=1.0, volume=5.0)
WRONG = {
    "is not JSON": {"bar": b"{"},
    "this one has 'bra'; did you mean 'bar'": {"bra": b"{}"},
    "carries no TickMessage": encode(TickMessage(symbol="EURUSD", time_ns=1, bid=1.0, ask=1.0)),
    "carries no bars of GBPUSD 1h": encode(msgspec.structs.replace(BAR, symbol="GBPUSD")),
    "carries no bars of EURUSD 1m": encode(msgspec.structs.replace(BAR, timeframe="1m")),
    "has volume, spread; those before had volume": encode(msgspec.structs.replace(BAR, spread=0.1)),
    "finite, above zero": {"bar": encode(BAR)["bar"].replace(b'"open":1.0', b'"open":-1.0')},
}


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[RedisStreams]:
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    with EmbeddedServer(tmp_path / "server") as server, closing(RedisStreams(server.url)) as connected:
        yield connected


def test_what_is_no_bar_gets_a_dead_letter_with_its_reason_once_however_many_read_it(streams: RedisStreams) -> None:
    later = msgspec.structs.replace(BAR, time_ns=2)
    streams.add(NAME, encode(BAR))
    ids = streams.add_many([(NAME, fields) for fields in WRONG.values()])
    streams.add(NAME, encode(later))

    for _ in range(2):  # a second worker, or the same one started again
        reader = BarStreams(streams, FACTS, buries=True)
        assert reader.read(0) == [BAR, later]
        assert reader.dead == len(WRONG)
    letters = [decode_dead_letter(entry.fields) for entry in streams.history(keys.deadletter(NAME))]
    assert [letter.entry.id for letter in letters] == ids
    assert [letter.entry.fields for letter in letters] == list(WRONG.values())
    assert all(why in letter.reason for why, letter in zip(WRONG, letters, strict=True))


def test_who_only_looks_on_buries_nothing(streams: RedisStreams) -> None:
    streams.add_many([(NAME, fields) for fields in (encode(BAR), *WRONG.values())])
    assert BarStreams(streams, FACTS).read(0) == [BAR]
    assert streams.length(keys.deadletter(NAME)) == 0


def test_what_is_no_quote_gets_a_dead_letter_too(streams: RedisStreams) -> None:
    name = keys.ticks("EURUSD")
    quote = TickMessage(symbol="EURUSD", time_ns=5, bid=1.0, ask=1.1)
    wrong = {
        "is not JSON": {"tick": b"{"},
        "carries no BarMessage": encode(BAR),
        "carries no quotes of GBPUSD": encode(msgspec.structs.replace(quote, symbol="GBPUSD")),
        "the bid 1.2 above the ask 1.1": encode(msgspec.structs.replace(quote, bid=1.2)),
    }
    streams.add_many([(name, fields) for fields in (*wrong.values(), encode(quote))])
    for _ in range(2):
        reader = TicksToMeet(streams, ["EURUSD"])
        assert reader.take(lambda: None)
        assert reader.pop("EURUSD") == quote
        assert reader.counters["ticks_dead"] == len(wrong)
    letters = [decode_dead_letter(entry.fields) for entry in streams.history(keys.deadletter(name))]
    assert [letter.entry.fields for letter in letters] == list(wrong.values())
    assert all(why in letter.reason for why, letter in zip(wrong, letters, strict=True))
