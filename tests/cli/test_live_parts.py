"""The parts of a session as processes of their own: SIGTERM ends each cleanly and loses nothing; no secret stands in `ps`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

import sptrader as sp
from sptrader.cli import main
from sptrader.data.parquet import save_bars
from sptrader.errors import StreamError
from sptrader.model.bars import bars_facts
from sptrader.runs.bar_streams import BarStreams
from sptrader.streams import keys
from sptrader.streams.embedded import EmbeddedServer, find_server
from sptrader.streams.redis import RedisStreams
from tests.busy import busy

N_BARS = 300
TABLES = ("orders", "fills", "trades", "equity", "decisions", "signals")
SPEED = "400000x"  # 300 hours in 2.7 s


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedServer]:
    """A server with a password: in a folder whose name is too long for a socket it listens on a port."""
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPTRADER_SESSIONS", str(tmp_path / "sessions"))
    (tmp_path / "busy.yaml").write_text(busy())
    save_bars(sp.sample("EURUSD", "1h").iloc[:N_BARS], tmp_path / "bars.parquet")
    with EmbeddedServer(tmp_path / ("long" * 30)) as running:
        assert password(running)
        monkeypatch.setenv("REDIS_URL", running.url)
        yield running


def password(server: EmbeddedServer) -> str:
    return server.url.partition("@")[0].rpartition(":")[2]


def started() -> dict[str, subprocess.Popen[str]]:
    live = ["live", "busy.yaml", "--folder", "session", "--part"]
    commands = {
        "feed": ["feed", "bars.parquet", "--speed", SPEED],
        "worker": [*live, "worker"],
        "execution": ["execute", "busy.yaml", "--folder", "session"],
        "orchestrator": [*live, "orchestrator"],
    }
    return {
        name: subprocess.Popen(
            [sys.executable, "-m", "sptrader", *command, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, command in commands.items()
    }


def until(holds: Callable[[], bool], processes: dict[str, subprocess.Popen[str]]) -> None:
    for _ in range(3_000):
        if holds():
            return
        for name, one in processes.items():
            assert one.poll() in (None, 0), (name, one.communicate())
        threading.Event().wait(0.02)
    raise AssertionError("it did not come to that within a minute")


def n_booked(streams: RedisStreams) -> int:
    return int(json.loads(streams.get(keys.state("paper")) or b"{}").get("n_bars", 0))


def listed() -> list[str]:
    """The arguments of all processes of this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended
            continue
    return found


def ended(processes: dict[str, subprocess.Popen[str]]) -> dict[str, str]:
    """Wait for the processes' ends; return what they printed. Each has ended by itself, with code 0 and without a complaint."""
    said = {name: one.communicate(timeout=60) for name, one in processes.items()}
    assert {name: (one.returncode, said[name][1]) for name, one in processes.items()} == dict.fromkeys(
        processes, (0, "")
    )
    return {name: out for name, (out, _) in said.items()}


def test_sigterm_ends_each_part_with_code_0_and_together_they_go_on_to_the_backtests_end(
    server: EmbeddedServer,
) -> None:
    with closing(RedisStreams(server.url)) as streams:
        processes = started()
        try:
            until(lambda: n_booked(streams) >= 40, processes)
            lines = listed()
            assert sum("busy.yaml" in line for line in lines) >= 3
            assert not [line for line in lines if password(server) in line]
            for one in processes.values():
                os.kill(one.pid, signal.SIGTERM)
            stopped = ended(processes)
        finally:
            for one in processes.values():
                one.kill()
        assert n_booked(streams) < N_BARS
        assert streams.keys("heartbeat:*") == streams.keys("lease:*") == []
        for part in ("feed", "worker", "execution"):
            assert json.loads(stopped[part])["is_over"] is False

        processes = started()
        try:
            finished = ended(processes)
        finally:
            for one in processes.values():
                one.kill()
    made = sp.load_run(json.loads(finished["orchestrator"])["folder"])
    expected = sp.backtest("busy.yaml", sp.load_bars("bars.parquet"))
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(made, name), getattr(expected, name), check_exact=True)


def test_the_dead_letters_of_bars_are_listed_with_the_sessions(
    server: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(RedisStreams(server.url)) as streams:
        streams.set(keys.state("paper"), b'{"bars": [["EURUSD", "1h"]]}')
        streams.add(keys.bars("EURUSD", "1h"), {"bar": b"?"})
        facts = {"EURUSD": bars_facts(sp.load_bars("bars.parquet"))}
        assert BarStreams(streams, facts, buries=True).read(0) == []
    assert main(["live-dead", "--account", "paper", "--redis-url", server.url, "--json"]) == 0
    (letter,) = json.loads(capsys.readouterr().out)["dead"]
    assert (letter["stream"], letter["fields"]) == ("bars:EURUSD:1h", {"bar": "?"})
    assert "is not JSON" in letter["reason"]
