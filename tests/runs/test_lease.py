"""Lease: of several processes that would do a part one does, whoever starts when, and one that was killed is followed."""

import json
import multiprocessing
import os
import socket
import threading

import pytest

from sptrader.errors import RunError
from sptrader.runs.lease import FEED, Lease, leased
from sptrader.streams import keys
from sptrader.streams.memory import MemoryServer, MemoryStreams

ROLES = ("execution", "orchestrator")


@pytest.fixture
def server():
    return MemoryServer()


@pytest.fixture
def streams(server):
    return MemoryStreams(server)


def ended_pid() -> int:
    process = multiprocessing.get_context("spawn").Process(target=str)
    process.start()
    process.join()
    return int(process.pid or 0)


def test_a_part_that_is_held_is_refused_and_free_afterwards(streams):
    with leased(streams, "a", ROLES):
        with (
            pytest.raises(RunError, match=f"orchestrator of account 'a' runs already .* process {os.getpid()} on"),
            leased(streams, "a", ["worker", "orchestrator"]),
        ):
            pass
        with leased(streams, "b", ROLES), leased(streams, "a", ["worker"]):
            pass
    assert streams.keys("*") == []
    with leased(streams, "a", ROLES):
        pass


def test_of_those_that_start_at_once_one_gets_it(server):
    start, took = threading.Barrier(8), []

    def run() -> None:
        lease = Lease(MemoryStreams(server), "a", ["orchestrator"])
        start.wait()
        try:
            lease.take()
        except RunError:
            return
        took.append(lease)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(took) == 1


def test_a_process_that_was_killed_here_is_followed_at_once_and_one_elsewhere_is_not(streams):
    name = keys.lease("a", "orchestrator")
    killed = {"pid": ended_pid(), "host": socket.gethostname(), "id": "x"}
    streams.set(name, json.dumps(killed).encode())
    with leased(streams, "a", ["orchestrator"]):
        assert json.loads(streams.get(name) or b"")["pid"] == os.getpid()

    streams.set(name, json.dumps(killed | {"host": "elsewhere"}).encode())
    with pytest.raises(RunError, match="on elsewhere"), leased(streams, "a", ["orchestrator"]):
        pass


def test_one_heir_follows_a_killed_process(server):
    streams = MemoryStreams(server)
    streams.set(
        keys.lease("a", "worker"), json.dumps({"pid": ended_pid(), "host": socket.gethostname(), "id": "x"}).encode()
    )
    first, second = (Lease(MemoryStreams(server), "a", ["worker"]) for _ in range(2))

    first.take()
    with pytest.raises(RunError, match="runs already"):
        second.take()


def test_a_lease_that_this_process_left_behind_is_nobodys(streams):
    left = Lease(streams, "a", ["worker"])
    left.take()
    held = streams.get(keys.lease("a", "worker"))
    left.give_back()
    streams.set(keys.lease("a", "worker"), held)  # the server was away when it was given back

    with leased(streams, "a", ["worker"]):
        pass


def test_who_was_silent_for_too_long_ends_when_another_has_taken_over(streams):
    with leased(streams, "a", ["orchestrator"]) as lease:
        lease.renew()
        other = json.dumps({"pid": 1, "host": "elsewhere", "id": "y"}).encode()
        streams.set(keys.lease("a", "orchestrator"), other)
        lease._next_s = 0.0
        with pytest.raises(RunError, match="is done by another process since"):
            lease.renew()
    assert streams.get(keys.lease("a", "orchestrator")) == other


def test_feeds_of_the_same_bars_are_refused_by_instrument(streams):
    with (
        leased(streams, FEED, ["EURUSD-1h", "GBPUSD-1h"]),
        pytest.raises(RunError, match="a feed of GBPUSD-1h runs already"),
        leased(streams, FEED, ["AUDUSD-1h", "GBPUSD-1h"]),
    ):
        pass
    assert streams.keys("*") == []
