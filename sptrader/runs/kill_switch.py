"""Kill switch: how it is pulled from anywhere, how a process sees that it was, and how a person opens it again.

It is latched in three places: the file in the session's folder, which works without a server; the key `kill:{account}`, which
reaches other hosts; and a command to the session. One of them is enough.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from sptrader.clock import LiveClock
from sptrader.errors import RunError, SptraderError, StreamError
from sptrader.execution.kill import KillLatch, Latched
from sptrader.model.messages import Command
from sptrader.model.ports import Streams
from sptrader.streams import keys
from sptrader.streams.codec import encode

LOOK_S = 0.25  # between two looks at the server's key
_LOG = logging.getLogger("sptrader.runs")


class Pulled(NamedTuple):
    """What a pull reached: who is latched now, the places (`file`, `key`, `command`), and what failed."""

    latched: Latched
    reached: tuple[str, ...]
    failures: tuple[str, ...]


def pull_kill_switch(
    account: str, *, by: str, reason: str, folder: Path | None = None, streams: Streams | None = None
) -> Pulled:
    """Latch the switch of an account in its folder and on its server; one that does not answer does not keep the other.

    Raises `RunError` when nothing was reached, or nobody says who pulls.
    """
    if not by.strip():
        raise RunError("pulling the kill switch needs the name of who does it; it was empty.", key="by", value=by)
    latched = Latched(by=by, reason=reason, at_ns=LiveClock().now_ns())
    reached: list[str] = []
    failures: list[str] = []
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            latched = KillLatch(folder).latch(by=by, reason=reason, at_ns=latched.at_ns)
            reached.append("file")
        except (SptraderError, OSError) as error:
            failures.append(f"file: {error}")
    if streams is not None:
        try:
            streams.set(keys.kill(account), _encoded(latched))
            reached.append("key")
            streams.add(keys.control(account), encode(kill_command(latched)))
            reached.append("command")
        except StreamError as error:
            failures.append(f"server: {error}")
    if not reached:
        raise RunError(
            f"the kill switch of account '{account}' was not reached: {'; '.join(failures) or 'no folder, no server'}. "
            "Send SIGUSR1 to its processes, or close the positions at the broker.",
            key="account",
            value=account,
            is_failure=True,
        )
    return Pulled(latched, tuple(reached), tuple(failures))


def open_kill_switch(account: str, *, by: str, folder: Path | None = None, streams: Streams | None = None) -> None:
    """Unlatch the switch wherever it is latched; entries stay paused until a person resumes. Raises as `pull_kill_switch`."""
    if not by.strip():
        raise RunError("unlatching needs the name of the person who does it; it was empty.", key="by", value=by)
    latch = None if folder is None else KillLatch(folder)
    is_latched = latch is not None and latch.latched() is not None
    if streams is not None:
        is_latched = streams.get(keys.kill(account)) is not None or is_latched
        streams.delete(keys.kill(account))
    if not is_latched:
        raise RunError(f"the kill switch of account '{account}' is not latched; there is nothing to unlatch.")
    if latch is not None and latch.latched() is not None:
        latch.unlatch(by=by)
    if streams is not None:
        now_ns = LiveClock().now_ns()
        command = Command(command_id=f"unlatch-{now_ns}", command="unlatch", by=by, at_ns=now_ns)
        streams.add(keys.control(account), encode(command))


def kill_command(latched: Latched) -> Command:
    """Return the command that tells a session of a latched switch: the same one from whoever tells it."""
    return Command(command_id=f"kill-{latched.at_ns}", command="kill", by=latched.by or "unknown", at_ns=latched.at_ns)


class KillSwitch:
    """The switch as one process sees it: latched when the file is there or the key is; the one that sees it tells the other."""

    def __init__(self, account: str, folder: Path, streams: Streams) -> None:
        self._account, self._streams = account, streams
        self._latch = KillLatch(folder)
        self._clock = LiveClock()
        self._next_s = 0.0
        self._on_server: Latched | None = None
        self._is_known = False

    def look(self) -> Latched | None:
        """Return who pulled it; None while it is open. A server that does not answer says nothing new."""
        in_file = self._latch.latched()
        if self._clock.elapsed_s() >= self._next_s:
            self._ask()
            self._next_s = self._clock.elapsed_s() + LOOK_S
        found = in_file or self._on_server
        if found is not None and not self._is_known:
            self._tell(found, in_file=in_file)
        self._is_known = found is not None
        return found

    def pull(self, latched: Latched) -> None:
        """Latch it in both places, as far as they can be reached, because a command said so."""
        self._tell(latched, in_file=self._latch.latched())
        self._is_known = True

    def open(self, *, by: str) -> None:
        """Unlatch file and key, as a person has asked for."""
        self._streams.delete(keys.kill(self._account))
        if self._latch.latched() is not None:
            self._latch.unlatch(by=by)
        self._on_server, self._is_known = None, False

    def _ask(self) -> None:
        try:
            body = self._streams.get(keys.kill(self._account))
        except StreamError as error:
            _LOG.warning("kill switch of %s: the server does not answer (%s); its file counts", self._account, error)
            return
        self._on_server = None if body is None else _decoded(body)

    def _tell(self, found: Latched, *, in_file: Latched | None) -> None:
        try:
            if in_file is None:
                self._latch.latch(by=found.by, reason=found.reason, at_ns=found.at_ns)
            if self._on_server is None:
                self._streams.set(keys.kill(self._account), _encoded(found))
                self._on_server = found
        except SptraderError as error:
            _LOG.warning("kill switch of %s: latched, but not in both places (%s)", self._account, error)


@contextmanager
def listening(account: str, folder: Path, connect: Callable[[], Streams]) -> Iterator[None]:
    """While the block runs, SIGUSR1 pulls the switch: the file at once, the server by a connection of its own.

    Nothing outside of the main thread, or where there is no such signal.
    """
    number = getattr(signal, "SIGUSR1", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def tell_server() -> None:
        try:
            streams = connect()
            try:
                pull_kill_switch(account, by="signal", reason="SIGUSR1", folder=folder, streams=streams)
            finally:
                streams.close()
        except SptraderError as error:
            _LOG.error("kill switch of %s: the server was not told (%s)", account, error)

    def pull(*_: object) -> None:
        try:
            KillLatch(folder).latch(by="signal", reason="SIGUSR1", at_ns=LiveClock().now_ns())
        except RunError as error:
            _LOG.error("kill switch of %s: %s", account, error)
        threading.Thread(target=tell_server, name="kill-switch", daemon=True).start()

    before = signal.signal(number, pull)
    try:
        yield
    finally:
        signal.signal(number, before)


def _encoded(latched: Latched) -> bytes:
    return json.dumps(asdict(latched)).encode()


def _decoded(body: bytes) -> Latched:
    """Who latched it; a key that a person set by hand to any text latches too."""
    try:
        told = json.loads(body)
        return Latched(by=str(told["by"]), reason=str(told["reason"]), at_ns=int(told["at_ns"]))
    except (ValueError, KeyError, TypeError):
        return Latched(by="server", reason=body.decode(errors="replace")[:200] or "the key is set", at_ns=0)
