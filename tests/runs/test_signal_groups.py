"""Groups on the stream of signals: those that are gone for good hold it up no longer, those that are not stay."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sptrader.errors import RunError, StreamError
from sptrader.runs.inbox import group_of
from sptrader.runs.lease import leased
from sptrader.runs.leftovers import forget
from sptrader.runs.orchestrator_desk import JOURNAL, OrchestratorDesk
from sptrader.runs.part import Pulse
from sptrader.runs.signal_groups import require_all_signals, shorten_signals
from sptrader.streams import keys
from sptrader.streams.embedded import EmbeddedServer, find_server
from sptrader.streams.journal_reader import JournalReader
from sptrader.streams.redis import RedisStreams
from tests.runs.faulty import setting, together

DEAD_S = 0.05


@pytest.fixture
def streams(tmp_path: Path) -> Iterator[RedisStreams]:
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    with EmbeddedServer(tmp_path / "server") as server, closing(RedisStreams(server.url)) as connected:
        yield connected


def filled(streams: RedisStreams, groups: list[str], n: int = 400) -> list[str]:
    """Put signals on their stream, half of which each group has read and acknowledged; then wait until they are dead."""
    ids = streams.add_many([(keys.SIGNALS, {"price_update": b'{"EURUSD": 1.0}'})] * n)
    for group in groups:
        streams.make_group(group, keys.SIGNALS, after="0")
        streams.read(group, "only", [keys.SIGNALS], count=n // 2)
        streams.acknowledge(group, keys.SIGNALS, ids[: n // 2])
    threading.Event().wait(2 * DEAD_S)
    return ids


def test_a_forgotten_session_holds_up_the_signals_of_others_no_longer(streams: RedisStreams) -> None:
    ids = filled(streams, [group_of("gone"), group_of("lives")])
    streams.read(group_of("lives"), "only", [keys.SIGNALS], count=400)
    streams.acknowledge(group_of("lives"), keys.SIGNALS, ids)
    Pulse(streams, "lives", "orchestrator").beat({}, is_due=True)
    streams.trim(keys.SIGNALS, 10)
    assert streams.length(keys.SIGNALS) >= 200

    forget(streams, "gone")

    assert list(streams.groups(keys.SIGNALS)) == [group_of("lives")]
    streams.trim(keys.SIGNALS, 10)
    assert streams.length(keys.SIGNALS) < 200


def test_groups_that_have_not_asked_for_long_are_dropped_where_they_hold_up_trimming(streams: RedisStreams) -> None:
    ids = filled(streams, [group_of("gone"), "another.program", group_of("quiet"), group_of("own")])
    streams.make_group("about.to.begin", keys.SIGNALS, after=ids[-1])
    with leased(streams, "quiet", ["orchestrator"]):
        assert shorten_signals(streams, own="own", most=1_000, dead_s=DEAD_S) == []  # nothing is to be trimmed
        assert shorten_signals(streams, own="own", most=10, dead_s=60.0) == []
        dropped = shorten_signals(streams, own="own", most=10, dead_s=DEAD_S)

    assert sorted(dropped) == ["another.program", group_of("gone")]
    assert sorted(streams.groups(keys.SIGNALS)) == ["about.to.begin", group_of("own"), group_of("quiet")]
    assert streams.keys("dropped:*") == [keys.dropped("gone")]
    assert streams.length(keys.SIGNALS) < 400


def test_the_group_of_a_session_that_is_over_is_dropped_at_once(streams: RedisStreams) -> None:
    filled(streams, [group_of("over"), group_of("stopped"), group_of("odd")])
    for account, said in (("over", b'{"is_over": true}'), ("stopped", b'{"is_over": false}'), ("odd", b"?")):
        streams.set(keys.state(account), said)
    assert shorten_signals(streams, most=10, dead_s=60.0) == [group_of("over")]
    assert sorted(streams.groups(keys.SIGNALS)) == [group_of("odd"), group_of("stopped")]


def test_a_session_that_comes_back_too_late_is_told_that_signals_are_gone(
    streams: RedisStreams, tmp_path: Path
) -> None:
    live, frames = setting(tmp_path, 60)
    desk = together(live, frames, tmp_path / "session", streams=streams)
    desk.steps(1)  # what the orchestrator has read is behind what is on its stream
    desk.close()
    with JournalReader(tmp_path / "session" / JOURNAL) as journal:
        after = journal.last_ids()[keys.SIGNALS]
    streams.add_many([(keys.SIGNALS, {"price_update": b'{"EURUSD": 1.0}'})] * 600)
    threading.Event().wait(2 * DEAD_S)

    assert shorten_signals(streams, times=0, most=10, dead_s=DEAD_S) == [group_of("paper")]
    require_all_signals(streams, "paper", after=after)  # nothing was trimmed yet
    shorten_signals(streams, most=10, dead_s=DEAD_S)
    with pytest.raises(RunError, match=r"account 'paper' was away for longer than 7 days.*live-forget --account paper"):
        OrchestratorDesk(streams, live, tmp_path / "session")

    forget(streams, "paper")
    together(live, frames, tmp_path / "anew", streams=streams).close()
