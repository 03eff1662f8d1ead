"""One real server for all tests of the streams, emptied before each of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sptrader.errors import StreamError
from sptrader.model.ports import Streams
from sptrader.streams.embedded import EmbeddedServer, find_server
from sptrader.streams.memory import MemoryServer, MemoryStreams
from sptrader.streams.redis import RedisStreams


def needs_server() -> None:
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    needs_server()
    with EmbeddedServer(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def url(running_server: EmbeddedServer) -> str:
    import redis

    with redis.Redis.from_url(running_server.url) as client:
        client.flushall()
    return running_server.url


@pytest.fixture(params=["memory", "server"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[[], Streams]]:
    """Make connections to one and the same streams, in memory and on a server."""
    made: list[Streams] = []
    memory = MemoryServer()
    address = request.getfixturevalue("url") if request.param == "server" else ""

    def make() -> Streams:
        made.append(RedisStreams(address) if address else MemoryStreams(memory))
        return made[-1]

    yield make
    for streams in made:
        streams.close()


class Proxy:
    """A TCP proxy before a unix socket, whose connections can be cut and whose answers can be kept back."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.keeps_answers = threading.Event()
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listening.getsockname()[1]}"
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.target))
            self.pairs.append((client, server))
            for source, to, is_answer in ((client, server, False), (server, client, True)):
                self.threads.append(threading.Thread(target=self.carry, args=(source, to, is_answer), daemon=True))
                self.threads[-1].start()

    def carry(self, source: socket.socket, to: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(65_536):
                if is_answer and self.keeps_answers.is_set():
                    self.keeps_answers.clear()
                    break
                to.sendall(data)
        except OSError:
            return
        finally:
            for end in (source, to):
                end.close() if end.fileno() < 0 else shut(end)

    def cut(self) -> None:
        """Cut all connections there are; new ones are let through."""
        for pair in self.pairs:
            for end in pair:
                shut(end)

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.cut()
        for thread in self.threads:
            thread.join(5)
        for pair in self.pairs:
            for end in pair:
                end.close()


def shut(end: socket.socket) -> None:
    if end.fileno() >= 0:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            end.close()


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    proxy = Proxy(Path(url.removeprefix("unix://")))
    yield proxy
    proxy.close()
