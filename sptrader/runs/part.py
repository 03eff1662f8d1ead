"""Part: what every process of a session has: a step to take, a heartbeat, an end."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Protocol

from sptrader.clock import LiveClock
from sptrader.model.messages import Heartbeat
from sptrader.model.ports import Streams
from sptrader.streams import keys
from sptrader.streams.codec import encode_body

BEAT_S = 1.0
EXPIRES_MS = 15_000
UNANSWERED = "unanswered"  # the count of a heartbeat: how often in a row the broker has not answered
STALE_S = 6.0  # a process that was silent for longer does not live, or hangs


class Part(Protocol):
    """A feed, signal worker, orchestrator or execution desk: it does what there is to do, a step at a time."""

    role: str

    def step(self, block_ms: int) -> bool:
        """Do what is to be done, waiting up to `block_ms` for something; return whether there was anything."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether there will never be anything to do again."""
        ...

    @property
    def counters(self) -> Mapping[str, int]:
        """What it has counted."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


class Pulse:
    """Says once a second that a part lives."""

    def __init__(self, streams: Streams, account: str, role: str) -> None:
        self._streams, self._account, self._role = streams, account, role
        self._clock = LiveClock()
        self._started_ns = self._clock.now_ns()
        self._next_s = 0.0

    def beat(self, counters: Mapping[str, int], note: str = "", *, is_due: bool = False) -> None:
        """Write the heartbeat if a second has passed, or at once where `is_due`."""
        now_s = self._clock.elapsed_s()
        if not is_due and now_s < self._next_s:
            return
        self._next_s = now_s + BEAT_S
        message = Heartbeat(
            role=self._role,
            account=self._account,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_ns=self._started_ns,
            at_ns=self._clock.now_ns(),
            counters=dict(counters),
            note=note,
        )
        self._streams.set(keys.heartbeat(self._account, self._role), encode_body(message), expires_ms=EXPIRES_MS)
