"""Stopping: how a session's processes are asked to end after the step they are in: by a signal, or by a key on the server."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sptrader.clock import LiveClock
from sptrader.errors import StreamError
from sptrader.model.ports import Streams
from sptrader.streams import keys

LOOK_S = 1.0
EXPIRES_MS = 60_000


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set; outside of the main thread nothing but its owner sets it."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ask_to_stop(streams: Streams, account: str) -> None:
    """Ask all processes of an account to end; those that start later do not mind."""
    streams.set(keys.stop(account), str(LiveClock().now_ns()).encode(), expires_ms=EXPIRES_MS)


class StopKey:
    """Looks once a second whether the account's processes were asked to end since this one began."""

    def __init__(self, streams: Streams, account: str, stop: threading.Event) -> None:
        self._streams, self._account, self._stop = streams, account, stop
        self._clock = LiveClock()
        self._since_ns = self._clock.now_ns()
        self._next_s = self._clock.elapsed_s() + LOOK_S

    def look(self) -> None:
        """Set the event if it was asked for."""
        now_s = self._clock.elapsed_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + LOOK_S
        asked = self._streams.get(keys.stop(self._account))
        if asked is None:
            return
        if not asked.isdigit():
            raise StreamError(f"the key {keys.stop(self._account)} holds no time.", key="stop")
        if int(asked) > self._since_ns:
            self._stop.set()
