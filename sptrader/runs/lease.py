"""Lease: one process does a part of an account's session, wherever it runs; a second one is refused.

A process that was killed on this machine is followed at once; one on another host when it was silent for as long as a
lease lasts.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sptrader.clock import LiveClock
from sptrader.errors import RunError, StreamError
from sptrader.model.ports import Streams
from sptrader.streams import keys

FEED = "feed"  # the account under which feeds tell that they live
LASTS_MS = 15_000
RENEWED_S = 1.0
_HELD: set[str] = set()  # the leases of this process: one that it left without saying so is nobody's
_log = logging.getLogger("sptrader.live")


class Lease:
    """The parts `roles` of an account as this process holds them; made by `leased`."""

    def __init__(self, streams: Streams, account: str, roles: Sequence[str]) -> None:
        self._streams = streams
        self._keys = {keys.lease(account, role): role for role in roles}
        self._account = account
        self._id = uuid.uuid4().hex
        self._mine = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "id": self._id}).encode()
        self._clock = LiveClock()
        self._next_s = 0.0

    def take(self) -> None:
        """Take all parts; raises `RunError` where another process has one."""
        _HELD.add(self._id)
        for key, role in self._keys.items():
            if not self._streams.set_new(key, self._mine, expires_ms=LASTS_MS) and not self._follow(key):
                pid, host, _ = _holder(self._streams.get(key) or b"")
                raise RunError(
                    f"{self._name(role)} runs already on this server: process {pid} on {host}; stop it first.",
                    key="pid",
                    value=pid,
                )

    def renew(self) -> None:
        """Say once a second that they are held still; raises `RunError` where another process has taken one."""
        now_s = self._clock.elapsed_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + RENEWED_S
        for key, role in self._keys.items():
            if not self._streams.set_new(key, self._mine, expires_ms=LASTS_MS):
                raise RunError(
                    f"{self._name(role)} was silent for longer than {LASTS_MS / 1000:g} s, and is done by another process "
                    "since; this one ends.",
                    key="pid",
                    is_failure=True,
                )
            self._streams.set(key, self._mine, expires_ms=LASTS_MS)

    def give_back(self) -> None:
        """Let others have the parts that are this process's still; a server that is away forgets them by itself."""
        _HELD.discard(self._id)
        try:
            for key in self._keys:
                if self._streams.get(key) == self._mine:
                    self._streams.delete(key)
        except StreamError as error:
            _log.warning("What this process did could not be given back; it is free in a moment: %s", error)

    def _name(self, role: str) -> str:
        return f"a feed of {role}" if self._account == FEED else f"the {role} of account '{self._account}'"

    def _follow(self, key: str) -> bool:
        """Take the place of a process that was killed here; of several that try one may."""
        held = self._streams.get(key)
        if held is None:
            return self._streams.set_new(key, self._mine, expires_ms=LASTS_MS)
        pid, host, id = _holder(held)
        is_here = host == socket.gethostname()
        if not is_here or (is_running(pid) and (pid != os.getpid() or id in _HELD)):
            return False
        heir = f"{key}:{uuid.uuid5(uuid.NAMESPACE_OID, held.hex()).hex}"
        if not self._streams.set_new(heir, self._mine, expires_ms=LASTS_MS):
            return False
        self._streams.set(key, self._mine, expires_ms=LASTS_MS)
        return True


@contextmanager
def leased(streams: Streams, account: str, roles: Sequence[str]) -> Iterator[Lease]:
    """Hold the parts `roles` of an account while the block runs, and renew them there; raises `RunError` for one that is taken."""
    lease = Lease(streams, account, roles)
    try:
        lease.take()
        yield lease
    finally:
        lease.give_back()


def is_running(pid: int) -> bool:
    """Whether a process of this machine lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _holder(held: bytes) -> tuple[int, str, str]:
    """Process, host and id that a lease names; a host that there is not where it names none."""
    try:
        told = json.loads(held)
        return int(told["pid"]), str(told["host"]), str(told["id"])
    except (ValueError, KeyError, TypeError):
        return 0, "an unknown host", ""
