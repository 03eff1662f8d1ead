"""What streams do, in memory and on a server alike."""

from __future__ import annotations

import threading

import pytest

from sptrader.errors import StreamError

NUMBERS = [{"n": str(n).encode()} for n in range(5)]


def numbers(entries):
    return [int(entry.fields["n"]) for entry in entries]


@pytest.fixture
def streams(connect):
    return connect()


@pytest.fixture
def filled(streams):
    streams.add_many([("s", fields) for fields in NUMBERS])
    streams.make_group("g", "s", after="0")
    return streams


def test_ids_follow_each_other(streams):
    ids = [streams.add("s", {"n": "0"}) for _ in range(50)] + streams.add_many([("s", {"n": "0"})] * 50)

    assert ids == sorted(set(ids), key=lambda id: tuple(map(int, id.split("-"))))
    assert [entry.id for entry in streams.history("s")] == ids
    assert streams.last_id("s") == ids[-1]


def test_bytes_come_back_as_they_were(streams):
    streams.add("s", {"a": bytes(range(256)), "b": "ü", "": b""})

    assert streams.history("s")[0].fields == {"a": bytes(range(256)), "b": "ü".encode(), "": b""}
    assert streams.history("s")[0].stream == "s"


def test_an_entry_needs_a_field(streams):
    with pytest.raises(StreamError, match="'s' has none"):
        streams.add("s", {})
    with pytest.raises(StreamError, match="'t' has none"):
        streams.add_many([("s", {"n": "0"}), ("t", {})])

    assert streams.length("s") == 0
    assert streams.add_many([]) == []


def test_a_group_reads_each_entry_once(filled):
    first, second = filled.read("g", "a", ["s"], count=3), filled.read("g", "b", ["s"])

    assert (numbers(first), numbers(second)) == ([0, 1, 2], [3, 4])
    assert filled.read("g", "a", ["s"]) == []
    assert filled.pending("g", "s") == 5


def test_groups_are_independent(filled):
    filled.make_group("h", "s", after="0")

    assert numbers(filled.read("g", "a", ["s"])) == numbers(filled.read("h", "a", ["s"])) == [0, 1, 2, 3, 4]


def test_a_group_reads_on_from_the_recorded_id(streams):
    ids = streams.add_many([("s", fields) for fields in NUMBERS])
    streams.make_group("g", "s", after=ids[2])

    assert numbers(streams.read("g", "a", ["s"])) == [3, 4]


def test_a_group_made_before_its_stream_misses_nothing(streams):
    streams.make_group("g", "s", after=streams.last_id("s"))
    streams.add_many([("s", fields) for fields in NUMBERS])

    assert numbers(streams.read("g", "a", ["s"])) == [0, 1, 2, 3, 4]


def test_making_a_group_again_leaves_it_where_it_is(filled):
    filled.read("g", "a", ["s"], count=3)
    filled.make_group("g", "s", after="0")

    assert numbers(filled.read("g", "a", ["s"])) == [3, 4]


@pytest.mark.parametrize("after", ["$", ">", "", "x", "-1", "1-2-3", str(2**64)])
def test_a_place_in_a_stream_is_a_recorded_id(streams, after):
    for ask in (lambda: streams.make_group("g", "s", after=after), lambda: streams.history("s", after=after)):
        with pytest.raises(StreamError, match="no id"):
            ask()


def test_several_streams_are_read_at_once(filled):
    filled.add("t", {"n": "9"})
    filled.make_group("g", "t", after="0")

    entries = filled.read("g", "a", ["t", "s"], count=2)

    assert {entry.stream: int(entry.fields["n"]) for entry in entries} == {"t": 9, "s": 1}
    assert numbers(entry for entry in entries if entry.stream == "s") == [0, 1]


def test_what_was_acknowledged_is_not_pending(filled):
    entries = filled.read("g", "a", ["s"])
    filled.acknowledge("g", "s", [entry.id for entry in entries[:2]])
    filled.acknowledge("g", "s", [entries[0].id])
    filled.acknowledge("g", "s", [])

    assert filled.pending("g", "s") == 3
    assert numbers(filled.claim("g", "b", "s")) == [2, 3, 4]


def test_a_dead_consumers_entries_are_claimed_from_the_oldest_on(filled):
    filled.read("g", "dead", ["s"])

    assert numbers(filled.claim("g", "b", "s", count=2)) == [0, 1]
    assert numbers(filled.claim("g", "b", "s")) == [0, 1, 2, 3, 4]
    assert filled.pending("g", "s") == 5


def test_entries_in_hand_are_not_claimed(filled):
    filled.read("g", "busy", ["s"])

    assert filled.claim("g", "b", "s", idle_ms=60_000) == []


def test_the_whole_of_what_is_pending_is_walked(streams):
    streams.add_many([("s", {"n": str(n)}) for n in range(350)])
    streams.make_group("g", "s", after="0")
    entries = streams.read("g", "dead", ["s"], count=350)
    streams.acknowledge("g", "s", [entry.id for entry in entries[:340]])

    assert numbers(streams.claim("g", "b", "s", count=20)) == list(range(340, 350))


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.read("g", "a", ["s", "t"]),
        lambda s: s.read("g", "a", ["t"], block_ms=50),
        lambda s: s.claim("g", "a", "t"),
        lambda s: s.pending("g", "t"),
        lambda s: s.acknowledge("g", "t", ["1-1"]),
    ],
    ids=["read", "blocked", "claim", "pending", "acknowledge"],
)
def test_a_missing_group_is_said_and_not_made(filled, ask):
    filled.add("t", {"n": "0"})
    for _ in range(2):
        with pytest.raises(StreamError, match="Stream 't' has no group 'g'") as lost:
            ask(filled)
        assert lost.value.is_failure


def test_a_blocked_reader_wakes_at_an_entry(connect):
    reader, writer = connect(), connect()
    reader.make_group("g", "s", after="0")
    found = []
    thread = threading.Thread(target=lambda: found.extend(reader.read("g", "a", ["s"], block_ms=10_000)))
    thread.start()
    writer.add("s", {"n": "7"})
    thread.join(10)

    assert numbers(found) == [7]


def test_a_reader_that_waits_for_nothing_returns(streams):
    streams.make_group("g", "s", after="0")

    assert streams.read("g", "a", ["s"], block_ms=30) == streams.read("g", "a", ["s"], block_ms=0) == []


def test_history_pages(streams):
    streams.add_many([("s", {"n": str(n)}) for n in range(2_300)])
    entries = streams.history("s")

    assert numbers(entries) == list(range(2_300))
    assert numbers(streams.history("s", after=entries[9].id, count=3)) == [10, 11, 12]
    assert numbers(streams.history("s", after=entries[9].id, count=1_500)) == list(range(10, 1_510))
    assert streams.history("none") == []


def test_a_stream_nobody_reads_is_trimmed(streams):
    for n in range(3_000):
        streams.add("s", {"n": str(n)}, most=100)

    # a server cuts whole blocks of a hundred entries, and not at each addition
    assert 100 <= streams.length("s") <= 300
    assert numbers(streams.history("s"))[-100:] == list(range(2_900, 3_000))


def test_trimming_never_cuts_what_is_pending(streams):
    streams.make_group("quick", "s", after="0")
    streams.make_group("slow", "s", after="0")
    for n in range(1_500):
        streams.add("s", {"n": str(n)}, most=10)
        if n == 700:
            entries = streams.read("slow", "a", ["s"], count=500)
            streams.acknowledge("slow", "s", [entry.id for entry in entries if int(entry.fields["n"]) != 250])
        for entry in streams.read("quick", "a", ["s"]):
            streams.acknowledge("quick", "s", [entry.id])

    assert numbers(streams.history("s"))[-1250:] == list(range(250, 1_500))
    assert streams.length("s") < 1_500
    assert numbers(streams.claim("slow", "b", "s")) == [250]


def test_trimming_never_cuts_what_was_not_delivered_yet(streams):
    streams.make_group("g", "s", after="0")
    streams.add_many([("s", {"n": str(n)}) for n in range(1_000)], most=10)
    entries = streams.read("g", "a", ["s"], count=600)
    streams.acknowledge("g", "s", [entry.id for entry in entries])
    streams.add_many([("s", {"n": str(n)}) for n in range(1_000, 1_200)], most=10)

    assert numbers(streams.read("g", "a", ["s"], count=1_000)) == list(range(600, 1_200))
    assert streams.length("s") < 1_000


def test_keys_hold_what_was_set_last(streams):
    streams.set("state:a", b"1")
    streams.set("state:a", b"\x00\xff")

    assert streams.get("state:a") == b"\x00\xff"
    assert streams.get("state:b") is None


def test_a_key_expires(streams):
    streams.set("a", b"1", expires_ms=20)
    threading.Event().wait(0.06)

    assert streams.get("a") is None
    assert streams.keys("*") == []


def test_one_of_several_that_claim_a_key_gets_it(connect):
    first, second = connect(), connect()

    assert first.set_new("k", b"a", expires_ms=60_000)
    assert not second.set_new("k", b"b", expires_ms=60_000)
    assert first.set_new("k", b"a", expires_ms=60_000)  # an answer that was lost, asked for again
    assert second.get("k") == b"a"
    first.delete("k")
    assert second.set_new("k", b"b", expires_ms=1)
    while first.get("k") is not None:
        threading.Event().wait(0.01)
    assert first.set_new("k", b"c", expires_ms=60_000)


def test_a_deleted_key_is_gone(streams):
    streams.set("kill:a", b"1")
    streams.delete("kill:a")
    streams.delete("kill:a")

    assert streams.get("kill:a") is None


def test_keys_are_found_by_pattern(streams):
    for key in ("heartbeat:a:feed", "heartbeat:a:worker", "heartbeat:b:feed", "state:a", "a[1]?", "a1x"):
        streams.set(key, b"")
    streams.add("bars:a", {"n": "0"})

    assert streams.keys("heartbeat:a:*") == ["heartbeat:a:feed", "heartbeat:a:worker"]
    assert streams.keys("*:a") == ["bars:a", "state:a"]
    assert streams.keys("a[1]?") == ["a[1]?"]


def test_what_one_connection_wrote_another_reads(connect):
    first, second = connect(), connect()
    first.add("s", {"n": "1"})
    first.close()

    assert numbers(second.history("s")) == [1]


def test_a_closed_connection_says_so(streams):
    streams.close()
    streams.close()
    with pytest.raises(StreamError, match="was closed"):
        streams.add("s", {"n": "0"})


def test_consumers_side_by_side_get_each_entry_once(connect):
    writer = connect()
    writer.make_group("g", "s", after="0")
    got = {name: [] for name in "abc"}

    def consume(name):
        streams = connect()
        while entries := streams.read("g", name, ["s"], count=7, block_ms=300):
            got[name].extend(numbers(entries))
            streams.acknowledge("g", "s", [entry.id for entry in entries])

    threads = [threading.Thread(target=consume, args=(name,)) for name in got]
    for thread in threads:
        thread.start()
    for n in range(500):
        writer.add("s", {"n": str(n)})
    for thread in threads:
        thread.join(20)

    assert sorted(n for found in got.values() for n in found) == list(range(500))
    assert all(found == sorted(found) for found in got.values())
    assert writer.pending("g", "s") == 0


def test_what_was_handled_is_acknowledged_with_the_next_read(connect):
    streams = connect()
    streams.make_group("g", "a", after="0")
    first = streams.add("a", {"x": b"1"})
    assert [entry.id for entry in streams.read("g", "c", ["a"])] == [first]
    second = streams.add("a", {"x": b"2"})

    found = streams.read("g", "c", ["a"], handled={"a": [first]})

    assert [entry.id for entry in found] == [second]
    assert streams.pending("g", "a") == 1
    assert streams.read("g", "c", ["a"], block_ms=1, handled={"a": [second]}) == []
    assert streams.pending("g", "a") == 0
    with pytest.raises(StreamError, match="'none'"):
        streams.read("none", "c", ["a"], handled={"a": [second]})


def test_trimming_cuts_what_all_groups_have_acknowledged(connect) -> None:
    streams = connect()
    ids = streams.add_many([("s", {"n": str(k)}) for k in range(300)])
    streams.make_group("g", "s", after="0")
    streams.trim("s", 10)
    assert streams.length("s") == 300  # nothing was read
    streams.read("g", "c", ["s"], count=300)
    streams.acknowledge("g", "s", ids[:250])
    streams.trim("s", 10)
    assert 50 <= streams.length("s") < 300
    assert [entry.id for entry in streams.history("s")][-50:] == ids[250:]


def test_a_group_that_is_dropped_holds_up_trimming_no_longer(connect) -> None:
    streams = connect()
    ids = streams.add_many([("s", {"n": str(k)}) for k in range(300)])
    for group in ("lives", "gone"):
        streams.make_group(group, "s", after="0")
        streams.read(group, "c", ["s"], count=300)
    streams.acknowledge("lives", "s", ids)
    streams.trim("s", 10)
    assert streams.length("s") == 300
    for _ in range(2):  # again is no error, nor is a stream that is not there
        streams.drop_group("gone", "s")
    streams.drop_group("gone", "none")
    streams.trim("s", 10)
    assert streams.length("s") <= 200
    assert list(streams.groups("s")) == ["lives"]
    assert streams.pending("lives", "s") == 0
    with pytest.raises(StreamError, match="has no group 'gone'"):
        streams.pending("gone", "s")


def test_groups_tell_how_long_nobody_has_asked(connect) -> None:
    streams = connect()
    for group in ("asked", "never"):
        streams.make_group(group, "s", after="0")
    streams.add("s", {"n": "0"})
    streams.read("asked", "a", ["s"])
    threading.Event().wait(0.05)
    idle_s = streams.groups("s")
    assert idle_s["never"] is None
    assert idle_s["asked"] >= 0.04
    streams.add("s", {"n": "1"})
    streams.read("asked", "b", ["s"])
    assert streams.groups("s")["asked"] < idle_s["asked"]
    assert streams.groups("none") == {}


def test_dropping_a_group_ends_the_wait_of_its_reader(connect) -> None:
    reader, other = connect(), connect()
    reader.make_group("g", "s", after="0")
    timer = threading.Timer(0.1, other.drop_group, ("g", "s"))
    timer.start()
    with pytest.raises(StreamError, match="has no group 'g'"):
        reader.read("g", "a", ["s"], block_ms=10_000)
    timer.join()
