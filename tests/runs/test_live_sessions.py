"""Sessions are found again: records of processes, a session's own file, what is left on a server, being asked to stop."""

import json
import threading

import pytest

import sptrader as sp
from sptrader.errors import RunError
from sptrader.model.messages import Heartbeat
from sptrader.runs.leftovers import feed_role, forget, require_new, require_stopped
from sptrader.runs.live import facts_of, make_parts
from sptrader.runs.live_setting import decode_facts, encode_facts, make_live_setting
from sptrader.runs.part import Pulse
from sptrader.runs.session_file import FILE, keep_setting, kept_setting
from sptrader.runs.sessions import find_session, known_sessions, registered, sessions_folder, without_password
from sptrader.runs.stopping import StopKey, ask_to_stop
from sptrader.streams import keys
from sptrader.streams.codec import decode_body
from sptrader.streams.memory import MemoryServer, MemoryStreams

NAMED = {"mode": "paper", "strategy": "s", "url": "redis://ann:secret@host:6379/0", "is_private": False}


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_SESSIONS", str(tmp_path / "sessions"))


@pytest.fixture
def streams():
    return MemoryStreams(MemoryServer())


def test_a_process_is_known_while_it_runs_and_its_record_holds_no_password(tmp_path):
    with registered(account="a", folder=tmp_path, roles=("worker",), **NAMED):
        (found,) = known_sessions()
        assert found.is_alive
        assert found.url == "redis://host:6379/0"
        assert find_session("a") == find_session(folder=tmp_path) == find_session() == found
        (file,) = sessions_folder().iterdir()
        assert "secret" not in file.read_text()
        assert file.stat().st_mode & 0o077 == 0
    assert known_sessions() == []


def test_the_record_of_a_killed_process_stays_until_its_session_goes_on(tmp_path):
    with registered(account="a", folder=tmp_path, roles=("all",), **NAMED) as record:
        (file,) = sessions_folder().iterdir()
        dead = json.loads(file.read_text()) | {"pid": 2**22 + 1}
    file.write_text(json.dumps(dead))
    (sessions_folder() / "half.json").write_text("{")

    (left,) = known_sessions()
    assert not left.is_alive
    with registered(account="a", folder=tmp_path, roles=("worker",), **NAMED):
        assert [one.pid for one in known_sessions()] == [record.pid]


def test_several_accounts_must_be_told_apart(tmp_path):
    with (
        registered(account="ann", folder=tmp_path / "a", roles=("all",), **NAMED),
        registered(account="bob", folder=tmp_path / "b", roles=("all",), **NAMED),
    ):
        with pytest.raises(RunError, match=r"several accounts \(ann, bob\)"):
            find_session()
        with pytest.raises(RunError, match="did you mean 'ann'"):
            find_session("anne")


def test_addresses_without_password():
    assert without_password("rediss://:pw@h:1/2?x=pw") == "rediss://h:1/2"
    assert without_password("redis://h:1/2?username=ann&password=pw") == "redis://h:1/2"
    assert without_password("unix://ann:pw@/a/b.sock?db=1&password=pw") == "unix:///a/b.sock?db=1"
    assert without_password("unix:///a/b.sock") == "unix:///a/b.sock"


def test_what_a_session_trades_is_read_back_as_it_was(tmp_path):
    frames = {"EURUSD": sp.sample("EURUSD", "1h").iloc[:10]}
    live = make_live_setting(
        "ma_crossover", facts_of(frames), params={"fast": 8}, cash=5000.0, start="2017-01-02", account="x"
    )
    keep_setting(tmp_path, live)

    again = kept_setting(tmp_path)
    assert again.plan_id == live.plan_id
    assert again.account == "x"
    assert again.setting.facts == live.setting.facts
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(RunError, match="cannot be read"):
        kept_setting(tmp_path)
    with pytest.raises(RunError, match=r"holds no session \(no session.json\)"):
        kept_setting(tmp_path / "none")


def test_facts_travel_with_their_tier():
    facts = facts_of({"EURUSD": sp.sample("EURUSD", "1h")})["EURUSD"]

    assert decode_facts(encode_facts(facts, "checked")) == (facts, "checked")
    assert decode_facts(encode_facts(facts)) == (facts, "unchecked")


def test_a_session_that_is_not_over_is_not_begun_over(streams):
    require_new(streams, "a")
    streams.add(keys.orders("a"), {"order": b"1"})
    with pytest.raises(RunError, match="was not finished; go on with its --folder"):
        require_new(streams, "a")
    streams.set(keys.state("a"), b'{"is_over": true}')
    require_new(streams, "a")

    Pulse(streams, "a", "worker").beat({}, is_due=True)
    with pytest.raises(RunError, match=r"is traded on this server by process \d+"):
        require_stopped(streams, "a")


def test_forgetting_leaves_what_other_sessions_need(streams):
    for name in (keys.orders("a"), keys.fills("a"), keys.SIGNALS, keys.bars("EURUSD", "1h"), keys.orders("b")):
        streams.add(name, {"x": b"1"})
    Pulse(streams, "b", "worker").beat({}, is_due=True)

    assert forget(streams, "a", bars=[("EURUSD", "1h")]) == ["orders:a", "fills:a", "bars:EURUSD:1h"]
    assert set(streams.keys("*")) == {keys.SIGNALS, keys.orders("b"), keys.began("a"), "heartbeat:b:worker"}
    Pulse(streams, "feed", feed_role(["EURUSD"], "1h")).beat({}, is_due=True)
    with pytest.raises(RunError, match="a feed publishes EURUSD 1h"):
        forget(streams, "a", bars=[("EURUSD", "1h")])


def test_an_account_trades_again_beside_another_session(tmp_path):
    server = MemoryServer()
    frames = {"EURUSD": sp.sample("EURUSD", "1h").iloc[:60]}
    for name, n_bars in (("first", 40), ("again", 60)):
        streams = MemoryStreams(server)
        Pulse(streams, "other", "orchestrator").beat({})
        given = {"EURUSD": frames["EURUSD"].iloc[:n_bars]}
        live = make_live_setting("ma_crossover", facts_of(given), account="a")
        forget(streams, "a", bars=[("EURUSD", "1h")])
        parts = make_parts(
            ("feed", "worker", "execution", "orchestrator"), streams, live, tmp_path / name, frames=given
        )
        is_over = None
        for _ in range(400):
            worked = [part.step(0) for part in parts]
            is_over = all(part.is_over for part in parts)
            if is_over or not any(worked):
                break
        desk = parts[-1]
        assert (is_over, desk.session.done, desk.counters["dead"]) == (True, n_bars, 0)
        for part in parts:
            part.close()


def test_two_accounts_of_one_strategy_have_outputs_of_their_own():
    facts = facts_of({"EURUSD": sp.sample("EURUSD", "1h").iloc[:60]})

    plans = {make_live_setting("ma_crossover", facts, account=account).plan_id for account in ("a", "b", "a")}
    assert len(plans) == 2


def test_being_asked_to_stop_counts_for_those_that_ran_then(streams, monkeypatch):
    monkeypatch.setattr("sptrader.runs.stopping.LOOK_S", 0.0)
    ran, later, other = threading.Event(), threading.Event(), threading.Event()
    key = StopKey(streams, "a", ran)
    ask_to_stop(streams, "a")
    for one in (key, StopKey(streams, "a", later), StopKey(streams, "b", other)):
        one.look()

    assert [event.is_set() for event in (ran, later, other)] == [True, False, False]


def test_a_heartbeat_says_who_lives(streams):
    Pulse(streams, "a", "worker").beat({"bars": 3}, "note", is_due=True)
    beat = decode_body("heartbeat", streams.get(keys.heartbeat("a", "worker")) or b"")

    assert isinstance(beat, Heartbeat)
    assert (beat.role, beat.counters, beat.note) == ("worker", {"bars": 3}, "note")
