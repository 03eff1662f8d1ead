"""A session whose parts are processes that die and are started again, over a real server that may die too; and its judge."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from sptrader.model.ids import PAPER
from sptrader.model.messages import EvidenceRequest
from sptrader.model.orders import Cancel, Decided, Fill, Order
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.embedded import EmbeddedServer
from sptrader.streams.journal_reader import JournalReader
from sptrader.streams.redis import RedisStreams
from tests.faults.worlds import ROLES, TABLES, Undisturbed, World, exchange_of, made, put
from tests.runs.exchange import Exchange

PATIENCE = {"attempts": 400, "first_wait_s": 0.02, "longest_wait_s": 0.1, "most_s": 120.0, "answer_s": 5.0}
IS_LONG = bool(os.environ.get("SPTRADER_FAULTS"))


class PartServer:
    """The program that forks parts, and what it says of them."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "parts.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("part_process.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._started: queue.Queue[int] = queue.Queue()
        self.ended: queue.Queue[tuple[int, int]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, order: dict[str, Any]) -> int:
        """Start a part and return its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        until = time.perf_counter() + 120.0
        while self._reader.is_alive() and time.perf_counter() < until:
            with contextlib.suppress(queue.Empty):
                return self._started.get(timeout=0.5)
        raise AssertionError(f"no part was started: {self.log.read_text()[-3000:]}")

    def close(self) -> None:
        """End the program, and all parts with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._reader.join(30)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, *numbers = line.decode().split()
            if word == "started":
                self._started.put(int(numbers[0]))
            else:
                self.ended.put((int(numbers[0]), int(numbers[1])))


class FaultySession:
    """A session in `folder`. `die` names for each role the steps at which its processes die, one after the other."""

    def __init__(
        self,
        parts: PartServer,
        folder: Path,
        *,
        bars: int = 200,
        world: World | None = None,
        seconds: float = 1.0,
        url: str = "",
        server_folder: Path | None = None,
        patience: dict[str, float] | None = None,
    ) -> None:
        self.parts, self.folder = parts, folder
        self.world = world or World(bars=bars)
        put(self.world, folder)
        self.exchange: Exchange | None = None
        self._open = contextlib.ExitStack()
        self.server = EmbeddedServer(server_folder or folder / "server")
        self.url = url or self.server.url
        self.setting = {
            "world": asdict(self.world),
            "folder": str(folder),
            "url": self.url,
            "speed": self.world.span_s / seconds,
            "patience": {**PATIENCE, **(patience or {})},
        }
        self.pids: dict[str, int] = {}
        self.kills: Counter[str] = Counter()  # how often a process was killed, by role
        self.stops: Counter[str] = Counter()  # how often one stopped by itself with a sentence
        self.dying: set[str] = set()
        self.done: set[str] = set()
        self._said_before = parts.log.stat().st_size

    def run(
        self,
        die: dict[str, Sequence[tuple[str, int]]] | None = None,
        *,
        limits: dict[str, int] | None = None,
        meanwhile: Callable[[FaultySession, float], None] | None = None,
        most_s: float = 120.0,
    ) -> None:
        """Run all parts to their end, starting again those that died or stopped; `meanwhile` is called with the seconds
        since the first bar."""
        to_die = {role: deque((die or {}).get(role, ())) for role in ROLES}
        limits = dict(limits or {})
        self.exchange = self._open.enter_context(exchange_of(made(self.world, self.folder)))
        for role in ROLES:
            self._start(role, to_die[role], limits)
        began = self._first_bar_s() if meanwhile is not None else time.perf_counter()
        while len(self.done) < len(ROLES):
            passed = time.perf_counter() - began
            assert passed < most_s, f"the session did not end: {self.done}, {self.kills}, {self._said()}"
            if meanwhile is not None:
                meanwhile(self, passed)
            try:
                pid, code = self.parts.ended.get(timeout=0.01)
            except queue.Empty:
                continue
            role = next((role for role, known in self.pids.items() if known == pid), "")
            if not role:
                continue  # of an earlier session
            del self.pids[role]
            self.dying.discard(role)
            assert code in (0, 1, -signal.SIGKILL), f"{role} ended with {code}: {self._said()}"
            if code == 0:
                self.done.add(role)
                continue
            (self.kills if code < 0 else self.stops)[role] += 1
            self._start(role, to_die[role], limits)

    def kill(self, role: str) -> bool:
        """Kill a part as it is, wherever it is; False when there is none to be killed now."""
        if role not in self.pids or role in self.dying:
            return False
        try:
            os.kill(self.pids[role], signal.SIGKILL)
        except ProcessLookupError:  # it has just ended
            return False
        self.dying.add(role)
        return True

    def restart_server(self, *, kill: bool, between: Callable[[], object] = lambda: None) -> None:
        """End the server, by kill -9 or orderly, and start it on what it left; `between` may change that."""
        if kill:
            self._ask_server()  # it lives
            os.kill(self.server.pid, signal.SIGKILL)
            self.kills["server"] += 1
        self.server.stop()
        between()
        self.server = EmbeddedServer(self.server.folder)

    def close(self) -> None:
        """End what still runs."""
        for role in list(self.pids):
            self.kill(role)
        self._open.close()
        self.server.stop()

    def said(self) -> str:
        """What the parts of this session have said so far."""
        with self.parts.log.open() as log:
            log.seek(self._said_before)
            return log.read()

    def _ask_server(self) -> int:
        streams = RedisStreams(self.server.url)
        try:
            return streams.length(self.bars_stream)
        finally:
            streams.close()

    @property
    def bars_stream(self) -> str:
        """The stream of the bars that are traded."""
        return keys.bars("EURUSD", "1m" if self.world.kind == "quotes" else "1h")

    def _first_bar_s(self) -> float:
        """Wait for the first bar and return when it came."""
        until = time.perf_counter() + 60.0
        while self._ask_server() == 0:
            assert time.perf_counter() < until, f"no bar came: {self._said()}"
            time.sleep(0.005)
        return time.perf_counter()

    def _start(self, role: str, to_die: deque[tuple[str, int]], limits: dict[str, int]) -> None:
        point, count = to_die.popleft() if to_die else ("", 0)
        order = {"role": role, "setting": self.setting, "point": point, "count": count}
        self.pids[role] = self.parts.start({**order, "most_bytes": limits.pop(role, 0)})

    def _said(self) -> str:
        return self.said()[-3000:]


def assert_same_run(session: FaultySession, expected: Undisturbed) -> dict[str, int]:
    """The run that a session left is that of an undisturbed one, byte for byte; return what the orchestrator counted."""
    found: Undisturbed = pd.read_pickle(session.folder / "left.pickle")
    for name in TABLES:
        pd.testing.assert_frame_equal(found.tables[name], expected.tables[name], check_exact=True, obj=name)
        assert found.files[name] == expected.files[name], f"the bytes of {name}"
    counters = json.loads((session.folder / "counters.json").read_text())
    assert counters["read"] == sum(counters[name] for name in ("acted", "ignored", "refused", "dead"))
    assert counters["acted"] == found.acted == expected.acted
    return counters


def assert_undisturbed(session: FaultySession, expected: Undisturbed, *, has_lost: bool = False) -> None:
    """What a session left is what an undisturbed one leaves, in its tables, its journals and on its streams.

    `has_lost` is of one whose server forgot: there is less on its streams than was read.
    """
    counters = assert_same_run(session, expected)
    streams = RedisStreams(session.server.url)
    try:
        assert_once(session, streams, expected)
        groups = {keys.SIGNALS: "orchestrator", keys.fills(PAPER): "orchestrator", keys.orders(PAPER): "execution"}
        pending = {name: streams.pending(f"{group}:{PAPER}", name) for name, group in groups.items()}
        assert set(pending.values()) == {0}, pending
        if not has_lost:
            assert counters["read"] == streams.length(keys.SIGNALS)
    finally:
        streams.close()


def assert_at_exchange(session: FaultySession) -> None:
    """The exchange has filled what the session has booked, each fill once, and was sent nothing twice that it takes twice."""
    assert session.exchange is not None
    fills = session.exchange.fills(since_ns=0)
    with JournalReader(session.folder / "session.sqlite") as journal:
        booked = [one.fill_id for one in journal.fills()]
        sent = {one.order.client_order_id for one in journal.orders()}
    assert sorted(booked) == sorted(one.fill_id for one in fills)
    assert len(set(booked)) == len(booked) > 5
    assert set(session.exchange.sent) <= sent
    if not session.exchange.remembers_ids:
        assert set(session.exchange.sent.values()) == {1}


def assert_once(session: FaultySession, streams: RedisStreams, expected: Undisturbed) -> None:
    """No order twice, no fill twice, none lost: in both journals, and on the streams when what is the same is taken once."""
    with JournalReader(session.folder / "session.sqlite") as journal:
        sent = [one.order.client_order_id for one in journal.orders()]
        fills = journal.fills()
        booked = [one.fill_id for one in fills]
        compared = [body for one in journal.decisions() if "case" in (body := json.loads(one.body))]
        assert {body["case"] for body in compared} <= {"same"}, compared
    with JournalReader(session.folder / "execution.sqlite") as journal:
        told = [one.fill_id for one in journal.fills()]
    assert len(set(sent)) == len(sent)
    assert len(set(booked)) == len(booked)
    assert booked == told
    assert len(booked) == len(expected.tables["fills"])
    on_orders = [decode(entry.fields) for entry in streams.history(keys.orders(PAPER))]
    bodies = {repr(one) for one in on_orders}
    orders = {one.client_order_id for one in on_orders if isinstance(one, Order)}
    assert orders == set(sent)
    assert len({repr(one) for one in on_orders if isinstance(one, Order)}) == len(sent)  # sent again is sent the same
    assert sum(text.startswith("Decided") for text in bodies) == session.world.bars
    cancels = {one.client_order_id for one in on_orders if isinstance(one, Cancel)}
    assert cancels <= orders
    assert all(isinstance(one, Order | Cancel | Decided | EvidenceRequest) for one in on_orders)
    on_fills = [decode(entry.fields) for entry in streams.history(keys.fills(PAPER))]
    assert {one.fill_id for one in on_fills if isinstance(one, Fill)} == set(booked)
