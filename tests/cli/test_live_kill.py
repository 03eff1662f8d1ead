"""`sptrader live-kill` against a session of separate processes: latched until a person unlatches it, and no order after it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest

import sptrader as sp
from sptrader.data.parquet import save_bars
from sptrader.errors import StreamError
from sptrader.execution.kill import KillLatch
from sptrader.model.ids import PAPER
from sptrader.model.orders import Fill, Order
from sptrader.runs.leftovers import read_snapshot
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.embedded import EmbeddedServer, find_server
from sptrader.streams.redis import RedisStreams
from tests.busy import busy
from tests.parity.live_process import forked, started

N_AFTER = 60  # bars that must pass without an order
BARS = keys.bars("EURUSD", "1h")


class Apart:
    """Feed, worker, execution and orchestrator as processes of the command line, over one server."""

    def __init__(self, folder: Path, context: ForkServerContext) -> None:
        self.root, self.folder, self._context = folder, folder / "session", context
        (folder / "busy.yaml").write_text(busy())
        save_bars(sp.sample("EURUSD", "1h"), folder / "bars.parquet")
        self.server = EmbeddedServer(folder / "server")
        self.environ = {"REDIS_URL": self.server.url, "SPTRADER_SESSIONS": str(folder / "sessions")}
        self.processes: dict[str, ForkServerProcess] = {}
        session = ["--folder", str(self.folder), "--json", "--wait", "60"]
        strategy = str(folder / "busy.yaml")
        self._commands = {
            "worker": ["live", strategy, "--part", "worker", *session],
            "orchestrator": ["live", strategy, "--part", "orchestrator", "--out", str(folder), *session],
            "execution": ["execute", strategy, *session],
            "feed": ["feed", str(folder / "bars.parquet"), "--speed", "150000x", "--json"],
        }
        self.start()

    def start(self) -> None:
        """Start what does not run, as a supervisor does."""
        for name, command in self._commands.items():
            if name not in self.processes or not self.processes[name].is_alive():
                self.processes[name] = started(self._context, command, self.environ, self.root / name)

    def typed(self, *arguments: str, code: int = 0) -> dict[str, object]:
        """Type a command in a process of its own and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "sptrader", *arguments, "--json"],
            env={**os.environ, **self.environ},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def told(self) -> tuple[int, int, float]:
        """How many bars were published, how many orders were sent to enter, and what the fills add up to."""
        streams = RedisStreams(self.server.url)
        try:
            orders = [decode(entry.fields) for entry in streams.history(keys.orders(PAPER))]
            reports = [decode(entry.fields) for entry in streams.history(keys.fills(PAPER))]
            fills = {one.fill_id: one for one in reports if isinstance(one, Fill)}
            held = sum(one.quantity if one.side == "buy" else -one.quantity for one in fills.values())
            return streams.length(BARS), sum(isinstance(one, Order) for one in orders) + len(fills), float(held)
        finally:
            streams.close()

    def is_killed(self) -> bool:
        """Whether the orchestrator says so."""
        streams = RedisStreams(self.server.url)
        try:
            told = read_snapshot(streams, PAPER) or {}
            return bool(told.get("is_killed"))
        finally:
            streams.close()

    def assert_nothing_more(self) -> None:
        """Bars pass, and neither an order nor a fill comes."""
        began, n_before, _ = self.told()
        eventually(lambda: self.told()[0] >= began + N_AFTER)
        _, n_after, held = self.told()
        assert (n_after, held) == (n_before, 0.0)

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.join()
        self.server.stop()


def eventually(is_so: Callable[[], bool], most_s: float = 120.0) -> None:
    until = time.perf_counter() + most_s
    while not is_so():
        assert time.perf_counter() < until, "it never came"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    return forked()


@pytest.fixture
def apart(context: ForkServerContext, tmp_path: Path) -> Iterator[Apart]:
    made = Apart(tmp_path, context)
    try:
        eventually(lambda: made.told()[1] > 6)
        yield made
    finally:
        made.close()


def test_over_the_server_it_stays_latched_over_a_restart_until_a_person_unlatches_it(apart: Apart) -> None:
    said = apart.typed("live-kill", "--by", "ann", "--reason", "test")
    assert said == {"reached": ["file", "key", "command"], "failures": [], "by": "ann"}
    eventually(lambda: apart.is_killed() and apart.told()[2] == 0.0)
    apart.assert_nothing_more()

    for name in ("orchestrator", "execution"):
        apart.processes[name].kill()
        apart.processes[name].join()
    apart.start()
    apart.assert_nothing_more()
    latched = KillLatch(apart.folder).latched()
    assert latched is not None
    assert (latched.by, latched.reason) == ("ann", "test")
    refused = apart.typed("live-control", "resume", "--wait", "60", code=1)
    assert refused["verdict"] == "refused"

    apart.typed("live-control", "unlatch", "--by", "ann")
    eventually(lambda: not apart.is_killed() and KillLatch(apart.folder).latched() is None)
    apart.assert_nothing_more()  # still paused
    n_before = apart.told()[1]
    assert apart.typed("live-control", "resume", "--wait", "60")["verdict"] == "acted"
    eventually(lambda: apart.told()[1] > n_before)


def test_with_the_server_gone_the_file_latches_what_is_started_again_later(apart: Apart) -> None:
    os.kill(apart.server.pid, signal.SIGKILL)
    said = apart.typed("live-kill", "--by", "ann", "--folder", str(apart.folder))
    assert said["reached"] == ["file"]
    for process in apart.processes.values():
        process.join(60)  # without a server each ends, with a sentence
    assert {
        name: (apart.root / f"{name}.err").read_text().count("cannot be reached") > 0 for name in apart.processes
    } == (dict.fromkeys(apart.processes, True))
    again = apart.typed("live-kill", "--by", "bob", "--folder", str(apart.folder))  # nobody runs there any more
    assert (again["reached"], again["by"]) == (["file"], "ann")

    apart.server.stop()
    apart.server = EmbeddedServer(apart.root / "server")
    apart.start()
    eventually(lambda: apart.is_killed() and apart.told()[2] == 0.0)
    apart.assert_nothing_more()


def test_a_signal_to_any_process_is_enough(apart: Apart) -> None:
    pid = apart.processes["worker"].pid
    assert pid is not None
    os.kill(pid, signal.SIGUSR1)
    eventually(lambda: apart.is_killed() and apart.told()[2] == 0.0)
    apart.assert_nothing_more()
    with contextlib.closing(RedisStreams(apart.server.url)) as streams:
        assert streams.get(keys.kill(PAPER)) is not None
    for name in ("worker", "execution", "orchestrator"):
        assert apart.processes[name].is_alive()
