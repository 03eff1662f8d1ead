"""A TCP proxy before a unix socket: it delays what passes, and cuts connections in the middle of a message."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from pathlib import Path


class BadLine:
    """A line to the server that takes `delay_s` each way at most and breaks once in `every` pieces, by chance of `seed`."""

    def __init__(self, target: Path, *, delay_s: float, every: int, seed: int) -> None:
        self.target, self.delay_s, self.every = target, delay_s, every
        self.cuts = 0
        self._chance = random.Random(seed)
        self._turn = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Take no more connections; those that are there end with their processes."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self.target))
            except OSError:
                client.close()
                server.close()
                continue
            ends = (client, server)
            left = [2]
            for source, to in (ends, ends[::-1]):
                threading.Thread(target=self._carry, args=(source, to, ends, left), daemon=True).start()

    def _carry(
        self, source: socket.socket, to: socket.socket, ends: tuple[socket.socket, ...], left: list[int]
    ) -> None:
        with contextlib.suppress(OSError):  # the other direction, or a process that died, may have cut it
            while data := source.recv(65_536):
                with self._turn:
                    wait, is_cut = self._chance.uniform(0.0, self.delay_s), self._chance.randrange(self.every) == 0
                    self.cuts += is_cut
                    part = self._chance.randrange(len(data))
                time.sleep(wait)
                to.sendall(data[:part] if is_cut else data)
                if is_cut:
                    break
        for end in ends:
            with contextlib.suppress(OSError):  # it is cut already
                end.shutdown(socket.SHUT_RDWR)
        with self._turn:
            left[0] -= 1
            if left[0] == 0:
                for end in ends:
                    end.close()
