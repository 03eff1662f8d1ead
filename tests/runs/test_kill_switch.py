"""The kill switch: from anywhere, with or without server and orchestrator; latched until a person opens it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sptrader.errors import RunError
from sptrader.execution.kill import KillLatch
from sptrader.model.orders import Fill, Order, OrderUpdate
from sptrader.runs.kill_switch import KillSwitch, open_kill_switch, pull_kill_switch
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.embedded import EmbeddedServer
from sptrader.streams.journal_reader import JournalReader
from sptrader.streams.memory import MemoryStreams
from sptrader.streams.redis import Patience, RedisStreams
from tests.runs.faulty import Together, setting, together

PROGRAM = Path(__file__).with_name("kill_program.py")


def until_held(desk: Together) -> None:
    for _ in range(2_000):
        desk.steps(1)
        order_desk = desk.execution.desk
        if order_desk is not None and order_desk.broker.positions():
            return
    raise AssertionError("nothing was ever held")


def held(desk: Together) -> bool:
    order_desk = desk.execution.desk
    assert order_desk is not None
    return bool(order_desk.broker.positions() or order_desk.broker.open_orders())


def reports(desk: Together) -> list[Fill | OrderUpdate]:
    told = [decode(entry.fields) for entry in desk.streams.history(keys.fills("paper"))]
    return [one for one in told if isinstance(one, Fill | OrderUpdate)]


@pytest.fixture
def running(tmp_path: Path) -> Together:
    live, frames = setting(tmp_path, 300)
    desk = together(live, frames, tmp_path / "session", speed=1e7)
    until_held(desk)
    return desk


def pull(desk: Together, place: str) -> None:
    if place == "file":
        pull_kill_switch("paper", by="ann", reason="test", folder=desk.folder)
    elif place == "key":
        desk.streams.set(keys.kill("paper"), b"by hand")
        time.sleep(0.3)
    else:
        pull_kill_switch("paper", by="ann", reason="test", streams=desk.streams)


@pytest.mark.parametrize("place", ["file", "key", "server"])
def test_wherever_it_is_pulled_all_is_flat_and_nothing_is_entered_until_a_person_opens_it(
    place: str, running: Together
) -> None:
    pull(running, place)
    running.steps(30)
    assert not held(running)
    assert KillLatch(running.folder).latched() is not None
    assert running.streams.get(keys.kill("paper")) is not None
    session = running.orchestrator.session
    assert session.held() == {}
    assert session.is_killed
    assert [one for one in reports(running) if isinstance(one, Fill)][-1].reason == "manual"
    n_fills = session.pages.n_fills

    # a restart changes nothing
    running.close()
    desk = together(running.live, running.frames, running.folder, streams=running.streams, speed=1e7)
    desk.steps(400)
    assert desk.orchestrator.session.is_killed
    assert desk.orchestrator.session.pages.n_fills == n_fills

    open_kill_switch("paper", by="ann", folder=desk.folder, streams=desk.streams)
    desk.steps(5)
    assert not desk.orchestrator.session.is_killed
    assert KillLatch(desk.folder).latched() is None
    desk.close()


def test_what_an_orchestrator_that_knows_nothing_sends_is_refused(running: Together) -> None:
    pull(running, "file")
    running.execution.step(0)
    order = next(
        message
        for entry in running.streams.history(keys.orders("paper"))
        if isinstance(message := decode(entry.fields), Order) and message.leg == "entry"
    )
    from msgspec.structs import replace

    from sptrader.streams.codec import encode

    running.streams.add(keys.orders("paper"), encode(replace(order, client_order_id="another")))
    running.execution.step(0)
    told = [one for one in reports(running) if one.client_order_id == "another"]
    assert [(one.status.value, one.reason) for one in told if isinstance(one, OrderUpdate)] == [("rejected", "killed")]
    running.close()


def test_without_an_orchestrator_execution_flattens_by_itself(running: Together) -> None:
    running.orchestrator.close()  # gone: no `decided` comes any more
    pull(running, "file")
    for _ in range(20):
        running.feed.step(0)  # type: ignore[attr-defined]
        running.execution.step(0)
    assert not held(running)
    running.execution.close()

    # it comes back, and books from the reports what was done without it
    desk = together(running.live, running.frames, running.folder, streams=running.streams, speed=1e7)
    desk.steps(30)
    assert isinstance(desk.orchestrator, OrchestratorDesk)
    assert desk.orchestrator.session.held() == {}
    assert desk.orchestrator.session.is_killed
    desk.close()


def test_pulling_names_somebody_and_reaches_something(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="name of who"):
        pull_kill_switch("paper", by=" ", reason="", folder=tmp_path)
    with pytest.raises(RunError, match="not reached"):
        pull_kill_switch("paper", by="ann", reason="")
    with pytest.raises(RunError, match="not latched"):
        open_kill_switch("paper", by="ann", folder=tmp_path, streams=MemoryStreams())


def test_a_server_that_does_not_answer_leaves_the_file(tmp_path: Path) -> None:
    patience = Patience(attempts=1, first_wait_s=0.01, longest_wait_s=0.01, most_s=0.1, answer_s=0.1)
    streams = RedisStreams(f"unix://{tmp_path}/nobody.sock", patience=patience)
    pulled = pull_kill_switch("paper", by="ann", reason="test", folder=tmp_path, streams=streams)
    assert pulled.reached == ("file",)
    assert "server" in pulled.failures[0]
    found = KillSwitch("paper", tmp_path, streams).look()
    assert found is not None
    assert found.by == "ann"
    streams.close()


def eventually(is_so: Callable[[], bool], most_s: float = 60.0) -> None:
    until = time.perf_counter() + most_s
    while not is_so():
        assert time.perf_counter() < until, "it never came"
        time.sleep(0.05)


class Processes:
    """Execution with the feed, and worker with orchestrator, as two processes over one server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "session"
        setting(folder, 20_000)
        self.server = EmbeddedServer(folder / "server")
        self.streams = RedisStreams(self.server.url)
        self.execution, self.orchestrator = (
            subprocess.Popen([sys.executable, str(PROGRAM), str(folder), self.server.url, roles])
            for roles in ("feed,execution", "worker,orchestrator")
        )

    def fills(self) -> list[Fill]:
        try:
            with JournalReader(self.folder / "execution.sqlite") as journal:
                return journal.fills()
        except RunError:
            return []

    def is_held(self) -> bool:
        fills = self.fills()
        return sum(fill.quantity if fill.side == "buy" else -fill.quantity for fill in fills) != 0

    def is_killed_flat(self) -> bool:
        fills = self.fills()
        return bool(fills) and fills[-1].reason == "manual" and not self.is_held()

    def close(self) -> None:
        for process in (self.execution, self.orchestrator):
            process.kill()
            process.wait()
        self.streams.close()
        self.server.stop()


@pytest.fixture
def processes(tmp_path: Path) -> object:
    made = Processes(tmp_path)
    eventually(lambda: len(made.fills()) > 3)
    yield made
    made.close()


def test_with_the_orchestrator_killed_a_signal_flattens(processes: Processes) -> None:
    eventually(processes.is_held)
    processes.orchestrator.send_signal(signal.SIGKILL)
    processes.orchestrator.wait()
    was_held = processes.is_held()
    processes.execution.send_signal(signal.SIGUSR1)
    eventually(lambda: KillLatch(processes.folder).latched() is not None)
    eventually(lambda: processes.streams.get(keys.kill("paper")) is not None)
    eventually(lambda: not processes.is_held())
    assert not was_held or processes.is_killed_flat()


def test_with_the_server_stopped_the_signal_latches_and_flattens_once_prices_come(processes: Processes) -> None:
    os.kill(processes.server.pid, signal.SIGSTOP)
    try:
        processes.orchestrator.send_signal(signal.SIGUSR1)  # any part of the session
        eventually(lambda: KillLatch(processes.folder).latched() is not None)
    finally:
        os.kill(processes.server.pid, signal.SIGCONT)
    eventually(lambda: not processes.is_held())
    n_fills = len(processes.fills())
    time.sleep(1.0)
    assert len(processes.fills()) == n_fills
    latched = KillLatch(processes.folder).latched()
    assert latched is not None
    assert latched.by == "signal"
