"""Streams on a server: Redis from 6.2 on, or Valkey, over TCP, TLS or a unix socket.

A lost connection is tried again with waits that double, for as long as the caller has patience; then `StreamError`. An
answer that was lost on the way is made up for: what the server had delivered in it is read first, before anything newer.
A server that comes back without what it had been told is not gone on with: `StreamError`, and who starts again finds out what
is missing.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sptrader.clock import LiveClock
from sptrader.errors import StreamError
from sptrader.model.ports import Entry
from sptrader.streams.faults import data_lost, no_group, was_closed
from sptrader.streams.gone import clear_gone
from sptrader.streams.ids import format_id, parse_id
from sptrader.streams.replies import address_of, check_version, listed, named, told_last, xadd
from sptrader.streams.trim import trim

_T = TypeVar("_T")
_BATCH = 1_000  # entries asked for at once where the whole of a stream is wanted
_SPECIAL = re.compile(r"([\[\]?\\^])")
_GROUP_GONE = ("NOGROUP", "UNBLOCKED")


@dataclass(frozen=True)
class Patience:
    """How long an answer may take, and how a lost connection is tried again.

    The waits are `first_wait_s` and its doubles up to `longest_wait_s`; the end is after `attempts` tries, or with the
    first that fails when `most_s` have passed.
    """

    answer_s: float = 5.0
    attempts: int = 8
    first_wait_s: float = 0.05
    longest_wait_s: float = 2.0
    most_s: float = 30.0


class RedisStreams:
    """A connection to a server's streams; threads may share it, a consumer's name is one thread's.

    `url` is `redis://`, `rediss://` (TLS) or `unix://`, with `user:password@` of an ACL user; `alert` is told of
    lost and regained connections (without it the log is).
    """

    def __init__(
        self, url: str, *, patience: Patience | None = None, alert: Callable[[str], None] | None = None
    ) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._patience = patience or Patience()
        self._alert = alert or logging.getLogger("sptrader.streams").warning
        self._clock = LiveClock()
        self._closed = threading.Event()
        self._is_checked = False
        self._errors = redis.exceptions
        self._added: dict[str, int] = {}
        self._unsure: set[tuple[str, str]] = set()
        self._seen: dict[tuple[str, str, str], str] = {}
        self._claimed: dict[tuple[str, str, str], str] = {}
        self._told: dict[str, str] = {}  # the last entry that this connection has added to each stream
        try:
            self._client: Any = redis.Redis.from_url(
                url,
                protocol=2,
                socket_timeout=self._patience.answer_s,
                socket_connect_timeout=self._patience.answer_s,
                retry=Retry(NoBackoff(), 0),
                retry_on_error=[],
                redis_connect_func=self._greet,
            )
        except ValueError as error:
            raise StreamError(
                "The streams' address cannot be read; 'redis://host:6379/0', 'rediss://...' with TLS or 'unix:///path' is "
                f"allowed, with 'user:password@' where the server asks for it ({str(error)[:100] if '@' not in url else 'not shown'}).",
                key="url",
            ) from None
        # Replies as they come: what the client would make of them differs between its versions.
        self._client.response_callbacks.clear()
        self.address = address_of(self._client)

    def add(self, stream: str, fields: Mapping[str, bytes | str], *, most: int | None = None) -> str:
        """Append an entry."""
        id = self._call(*xadd(stream, fields))
        self._told[stream] = id.decode()
        if most is not None:
            self._trim(stream, 1, most)
        return str(id.decode())

    def add_many(
        self, entries: Sequence[tuple[str, Mapping[str, bytes | str]]], *, most: int | None = None
    ) -> list[str]:
        """Append entries in this order, in one round trip."""
        commands = [xadd(stream, fields) for stream, fields in entries]

        def send() -> list[Any]:
            if len(commands) == 1:  # a pipeline of one costs a third more
                return [self._client.execute_command(*commands[0])]
            with self._client.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                return list(pipe.execute())

        ids = self._try(send) if commands else []
        self._told.update((stream, id.decode()) for (stream, _), id in zip(entries, ids, strict=True))
        if most is not None:
            for stream in dict.fromkeys(stream for stream, _ in entries):
                self._trim(stream, sum(name == stream for name, _ in entries), most)
        return [id.decode() for id in ids]

    def read(
        self,
        group: str,
        consumer: str,
        streams: Sequence[str],
        *,
        count: int = 100,
        block_ms: int | None = None,
        handled: Mapping[str, Sequence[str]] | None = None,
    ) -> list[Entry]:
        """Return new entries for this consumer, after saying that others were handled."""
        acks = [("XACK", stream, group, *ids) for stream, ids in (handled or {}).items() if ids]
        until = self._clock.elapsed_s() + (block_ms or 0) / 1000
        # A wait longer than a socket's time limit would look like a dead server.
        longest_ms = max(1, int(self._patience.answer_s * 500))
        while True:
            left_ms = min(int((until - self._clock.elapsed_s()) * 1000), longest_ms)
            ask = partial(self._read, group, consumer, streams, count, left_ms, acks)
            found = self._try(ask, group, streams)
            acks = []
            if found or left_ms <= 0:
                return found

    def claim(self, group: str, consumer: str, stream: str, *, idle_ms: int = 0, count: int = 100) -> list[Entry]:
        """Take over what was delivered and never acknowledged, from the oldest on through all of the group's."""
        found: list[Entry] = []
        start, has_gone = b"0-0", False
        while len(found) < count:
            start, raw, *_ = self._call(
                "XAUTOCLAIM", stream, group, consumer, idle_ms, start, "COUNT", count - len(found), group=group
            )
            found.extend(listed(stream, raw))
            has_gone = has_gone or None in raw
            if start == b"0-0":
                break
        if has_gone:  # Redis before 7 leaves what was deleted from the stream pending
            clear_gone(self._call, stream, group)
        if found:
            self._claimed[group, consumer, stream] = found[-1].id
        return found

    def acknowledge(self, group: str, stream: str, ids: Sequence[str]) -> None:
        """Say that the entries were handled."""
        if ids and self._call("XACK", stream, group, *ids) == 0:
            self.pending(group, stream)  # a group that is not there acknowledges nothing, and says so only here

    def make_group(self, group: str, stream: str, *, after: str) -> None:
        """Make the group at a recorded id."""
        try:
            self._call("XGROUP", "CREATE", stream, group, format_id(parse_id(after)), "MKSTREAM")
        except StreamError as error:
            if not str(error.__cause__).startswith("BUSYGROUP"):
                raise

    def drop_group(self, group: str, stream: str) -> None:
        """Take the group away."""
        if group in self.groups(stream):
            self._call("XGROUP", "DESTROY", stream, group)

    def groups(self, stream: str) -> dict[str, float | None]:
        """Return the groups by name, with how long ago a consumer of theirs has asked."""
        idle_s: dict[str, float | None] = {}
        for told in self._about("GROUPS", stream):
            name = named(told)["name"]
            waits = [named(one)["idle"] / 1000 for one in self._about("CONSUMERS", stream, name)]
            idle_s[name.decode("utf-8", "backslashreplace")] = min(waits, default=None)
        return idle_s

    def history(self, stream: str, *, after: str = "0", count: int | None = None) -> list[Entry]:
        """Return entries after an id without a group."""
        found: list[Entry] = []
        last = format_id(parse_id(after))
        while count is None or len(found) < count:
            batch = _BATCH if count is None else min(_BATCH, count - len(found))
            entries = listed(stream, self._call("XRANGE", stream, f"({last}", "+", "COUNT", batch))
            found.extend(entries)
            if len(entries) < batch:
                break
            last = entries[-1].id
        return found

    def last_id(self, stream: str) -> str:
        """Return the id of the last entry ever added."""
        facts = self._about("STREAM", stream)
        return told_last(facts) if facts else "0-0"

    def length(self, stream: str) -> int:
        """Return how many entries the stream keeps."""
        return int(self._call("XLEN", stream))

    def pending(self, group: str, stream: str) -> int:
        """Return how many entries were delivered to the group and not acknowledged."""
        return int(self._call("XPENDING", stream, group, group=group)[0])

    def trim(self, stream: str, most: int) -> None:
        """Cut at most a thousand of the oldest entries that every group has acknowledged."""
        trim(self._call, stream, most)

    def set(self, key: str, value: bytes, *, expires_ms: int | None = None) -> None:
        """Write a key."""
        self._call("SET", key, value, *(() if expires_ms is None else ("PX", expires_ms)))

    def set_new(self, key: str, value: bytes, *, expires_ms: int) -> bool:
        """Write a key where there is none."""
        return self._call("SET", key, value, "NX", "PX", expires_ms) is not None or self.get(key) == value

    def get(self, key: str) -> bytes | None:
        """Return a key's value."""
        value: bytes | None = self._call("GET", key)
        return value

    def delete(self, key: str) -> None:
        """Take a key away."""
        self._call("DEL", key)

    def keys(self, pattern: str) -> list[str]:
        """Return the names of keys and streams."""
        found: set[str] = set()
        cursor: bytes | int = b"0"
        while True:
            cursor, names = self._call("SCAN", cursor, "MATCH", _SPECIAL.sub(r"\\\1", pattern), "COUNT", _BATCH)
            found.update(name.decode("utf-8", "backslashreplace") for name in names)
            if int(cursor) == 0:
                return sorted(found)

    def close(self) -> None:
        """Let go of the connection; who waits for an answer is told."""
        self._closed.set()
        self._client.connection_pool.disconnect()
        self._client.close()

    def _about(self, what: str, stream: str, *group: bytes) -> list[Any]:
        """Return what the server says of a stream or of its group; nothing where there is none."""
        try:
            return list(self._call("XINFO", what, stream, *group))
        except StreamError as error:
            if any(word in str(error.__cause__) for word in ("no such key", "NOGROUP")):
                return []
            raise

    def _read(
        self,
        group: str,
        consumer: str,
        streams: Sequence[str],
        count: int,
        block_ms: int,
        acks: Sequence[tuple[str, ...]],
    ) -> list[Entry]:
        place = (group, consumer)
        if place in self._unsure:
            known = [(group, consumer, stream) for stream in streams]
            lost = self._ask_group(
                place, streams, [self._seen.get(k) or self._claimed.get(k, "0") for k in known], count, 0
            )
            if lost:
                return lost
        self._unsure.add(place)
        found = self._ask_group(place, streams, [">"] * len(streams), count, block_ms, acks)
        self._unsure.discard(place)
        return found

    def _ask_group(
        self,
        place: tuple[str, str],
        streams: Sequence[str],
        ids: Sequence[str],
        count: int,
        block_ms: int,
        acks: Sequence[tuple[str, ...]] = (),
    ) -> list[Entry]:
        waiting = ("BLOCK", block_ms) if block_ms > 0 else ()
        command = ("XREADGROUP", "GROUP", *place, "COUNT", count, *waiting, "STREAMS", *streams, *ids)
        reply = self._at_once([*acks, command]) if acks else self._client.execute_command(*command)
        found = []
        for name, raw in reply or ():
            stream = name.decode()
            if raw:
                self._seen[(*place, stream)] = raw[-1][0].decode()
            found.extend(listed(stream, raw))
        return found

    def _at_once(self, commands: Sequence[tuple[Any, ...]]) -> Any:
        """Send commands in one round trip and return the last one's reply; the first error is raised as it came."""
        with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            replies = pipe.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies[-1]

    def _trim(self, stream: str, added: int, most: int) -> None:
        self._added[stream] = self._added.get(stream, 0) + added
        if self._added[stream] * 10 < most and self._added[stream] < 100:
            return
        self._added[stream] = 0
        try:
            trim(self._call, stream, most)
        except StreamError as error:  # the entry itself was added: who added it must not add it again
            self._alert(f"Stream '{stream}' could not be trimmed: {error}")

    def _greet(self, connection: Any) -> None:
        """Begin a connection; raise `StreamError` when the server does not know what it was told over an earlier one."""
        connection.on_connect()
        for stream, told in self._told.items():
            connection.send_command("XINFO", "STREAM", stream)
            try:
                known = told_last(connection.read_response())
            except self._errors.NoPermissionError:
                continue
            except self._errors.ResponseError:
                known = "0-0"  # there is no such stream
            if parse_id(known) < parse_id(told):
                self._told = {}  # said once; who goes on knows it
                raise data_lost(self.address, stream)

    def _call(self, *command: Any, group: str = "") -> Any:
        return self._try(lambda: self._client.execute_command(*command), group, command[1:2])

    def _try(self, work: Callable[[], _T], group: str = "", streams: Sequence[str] = ()) -> _T:
        patience = self._patience
        until, wait = self._clock.elapsed_s() + patience.most_s, patience.first_wait_s
        failed = 0
        while True:
            if self._closed.is_set():
                raise was_closed(self.address)
            try:
                if not self._is_checked:
                    self._check_server()
                result = work()
                break
            except (self._errors.AuthenticationError, self._errors.AuthorizationError) as error:
                raise StreamError(f"{self.address} refused the user or the password: {error}.", key="url") from error
            except (self._errors.ConnectionError, self._errors.TimeoutError) as error:
                failed += 1
                if failed >= patience.attempts or self._clock.elapsed_s() >= until:
                    raise StreamError(
                        f"{self.address} cannot be reached ({error}); tried {failed} times.", is_failure=True
                    ) from error
                if failed == 1:
                    self._alert(f"{self.address} cannot be reached ({error}); trying again.")
            except self._errors.RedisError as error:
                if group and str(error).startswith(_GROUP_GONE):
                    named = next((stream for stream in streams if f"'{stream}'" in str(error)), streams[0])
                    raise no_group(group, named) from error
                raise StreamError(f"{self.address} refused: {error}.", is_failure=True) from error
            self._closed.wait(wait)
            wait = min(2 * wait, patience.longest_wait_s)
        if failed:
            self._alert(f"{self.address} is reached again after {failed} failed tries.")
        return result

    def _check_server(self) -> None:
        try:
            told = self._client.execute_command("INFO", "server").decode()
        except self._errors.NoPermissionError:
            self._alert(f"{self.address} does not tell its version to this user (INFO); 6.2 or newer is needed.")
        else:
            check_version(self.address, told)
        self._is_checked = True
