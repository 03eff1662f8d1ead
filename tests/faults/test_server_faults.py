"""A server that restarts, hangs or forgets, a bad line to it, a full disk: the session waits, or stops and goes on after."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.faults.proxy import BadLine
from tests.faults.session import IS_LONG, assert_undisturbed

BARS = 150


@pytest.mark.parametrize("is_killed", [False, True], ids=["orderly", "killed"])
def test_a_server_that_restarts_is_waited_for(begin, expected, is_killed: bool) -> None:
    session = begin(bars=BARS)
    due = [0.2, 0.5, 0.8]

    def restart(session, passed: float) -> None:
        if due and due[0] <= passed:
            due.pop(0)
            session.restart_server(kill=is_killed)

    session.run(meanwhile=restart)

    assert not due
    assert_undisturbed(session, expected(BARS))


def test_a_server_that_hangs_is_waited_for(begin, expected) -> None:
    seconds = 60.0 if IS_LONG else 2.0
    session = begin(bars=BARS, patience={"answer_s": 0.5, "most_s": 120.0})
    at = [0.4, 0.4 + seconds]

    def hang(session, passed: float) -> None:
        if at and at[0] <= passed:
            at.pop(0)
            os.kill(session.server.pid, signal.SIGSTOP if at else signal.SIGCONT)

    session.run(meanwhile=hang)

    assert not session.stops
    assert_undisturbed(session, expected(BARS))


def test_one_without_patience_stops_with_a_sentence_and_goes_on_when_started_again(begin, expected) -> None:
    session = begin(bars=BARS, patience={"answer_s": 0.2, "attempts": 2, "most_s": 0.3})
    at = [0.3, 1.3]

    def hang(session, passed: float) -> None:
        if at and at[0] <= passed:
            at.pop(0)
            os.kill(session.server.pid, signal.SIGSTOP if at else signal.SIGCONT)

    session.run(meanwhile=hang)

    assert session.stops["orchestrator"] > 0
    assert session.stops["execution"] > 0
    assert "cannot be reached" in session.said()
    assert_undisturbed(session, expected(BARS))


@pytest.mark.parametrize("seed", range(10 if IS_LONG else 1))
def test_a_line_with_delay_that_breaks_loses_nothing(begin, expected, seed: int, tmp_path: Path) -> None:
    line = BadLine(tmp_path / "0" / "server" / "server.sock", delay_s=0.002, every=100, seed=seed)
    try:
        session = begin(bars=90, url=line.url)
        session.run()
    finally:
        line.close()

    assert line.cuts > 5
    assert_undisturbed(session, expected(90))


@pytest.mark.parametrize("role", ["orchestrator", "execution"])
def test_a_full_disk_stops_a_part_with_a_sentence_and_nothing_is_lost(begin, expected, role: str) -> None:
    session = begin(bars=BARS)

    session.run(limits={role: 150_000})  # bytes of any file: the journal's log is full in the midst of the session

    assert session.stops == {role: 1}
    said = session.said()
    assert f"{role}: RunError: Journal" in said
    assert_undisturbed(session, expected(BARS))


def test_a_server_that_comes_back_with_less_than_it_was_told_is_told_again(begin, expected) -> None:
    session = begin(bars=BARS, seconds=2.0)
    file = session.folder / "server" / "appendonlydir"
    kept = session.folder / "kept"
    at = [0.2, 0.7]

    def forget(session, passed: float) -> None:
        if at and at[0] <= passed:
            at.pop(0)
            if at:
                shutil.copytree(file, kept)
            else:
                session.restart_server(kill=True, between=lambda: (shutil.rmtree(file), shutil.copytree(kept, file)))

    session.run(meanwhile=forget)

    assert "has lost" in session.said()
    assert_undisturbed(session, expected(BARS), has_lost=True)


def test_an_empty_server_is_told_all_again(begin, expected) -> None:
    session = begin(bars=BARS, seconds=2.0)
    at = [0.6]

    def forget(session, passed: float) -> None:
        if at and at[0] <= passed:
            at.pop(0)
            session.restart_server(
                kill=True, between=lambda: shutil.rmtree(session.folder / "server" / "appendonlydir")
            )

    session.run(meanwhile=forget)

    assert_undisturbed(session, expected(BARS), has_lost=True)
