"""Streams in memory: of equal rank to a server's, for tests and for a session that lives in one process."""

from __future__ import annotations

import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from sptrader.clock import LiveClock
from sptrader.model.ports import Entry
from sptrader.streams.faults import no_fields, no_group, was_closed
from sptrader.streams.ids import FIRST, StreamId, format_id, parse_id

_T = TypeVar("_T")


class _Owned(NamedTuple):
    consumer: str
    since_s: float


class _Group:
    def __init__(self, after: StreamId) -> None:
        self.last = after
        self.pending: dict[StreamId, _Owned] = {}  # in the order of delivery, which is that of the ids
        self.asked_s: float | None = None  # when a consumer read or claimed last

    def keeps_from(self) -> StreamId:
        """Return the first id that this group has not acknowledged."""
        return min(self.pending) if self.pending else (self.last[0], self.last[1] + 1)


class _Stream:
    def __init__(self) -> None:
        self.ids: list[StreamId] = []
        self.fields: list[Mapping[str, bytes]] = []
        self.last: StreamId = FIRST
        self.groups: dict[str, _Group] = {}

    def add(self, fields: Mapping[str, bytes | str], now_ms: int) -> str:
        self.last = (now_ms, 0) if now_ms > self.last[0] else (self.last[0], self.last[1] + 1)
        self.ids.append(self.last)
        self.fields.append(
            {name: body.encode() if isinstance(body, str) else bytes(body) for name, body in fields.items()}
        )
        return format_id(self.last)

    def trim(self, most: int) -> None:
        kept = min((bisect_left(self.ids, group.keeps_from()) for group in self.groups.values()), default=len(self.ids))
        cut = min(len(self.ids) - most, kept)
        if cut > 0:
            del self.ids[:cut], self.fields[:cut]

    def at(self, id: StreamId) -> Mapping[str, bytes] | None:
        place = bisect_left(self.ids, id)
        return self.fields[place] if place < len(self.ids) and self.ids[place] == id else None


class MemoryServer:
    """What a server would keep; several `MemoryStreams` may be connected to one."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.streams: dict[str, _Stream] = {}
        self.values: dict[str, tuple[bytes, float]] = {}


class MemoryStreams:
    """A connection to a `MemoryServer`, by itself one of its own; threads may share it."""

    def __init__(self, server: MemoryServer | None = None) -> None:
        self.server = server or MemoryServer()
        self._clock = LiveClock()
        self._is_closed = False

    def add(self, stream: str, fields: Mapping[str, bytes | str], *, most: int | None = None) -> str:
        """Append an entry."""
        return self.add_many([(stream, fields)], most=most)[0]

    def add_many(
        self, entries: Sequence[tuple[str, Mapping[str, bytes | str]]], *, most: int | None = None
    ) -> list[str]:
        """Append entries in this order."""
        for name, fields in entries:
            if not fields:
                raise no_fields(name)
        now_ms = self._clock.now_ns() // 1_000_000
        with self._open():
            ids = [self.server.streams.setdefault(name, _Stream()).add(fields, now_ms) for name, fields in entries]
            if most is not None:
                for name in {name for name, _ in entries}:
                    self.server.streams[name].trim(most)
            self.server.changed.notify_all()
        return ids

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
        for name, ids in (handled or {}).items():
            self.acknowledge(group, name, ids)
        until = self._clock.elapsed_s() + (block_ms or 0) / 1000
        with self._open():
            while True:
                if found := [entry for name in streams for entry in self._next(name, group, consumer, count)]:
                    return found
                wait = until - self._clock.elapsed_s()
                if wait <= 0:
                    return []
                self.server.changed.wait(wait)
                self._refuse_closed()

    def claim(self, group: str, consumer: str, stream: str, *, idle_ms: int = 0, count: int = 100) -> list[Entry]:
        """Take over what was delivered and never acknowledged."""
        now = self._clock.elapsed_s()
        found: list[Entry] = []
        with self._open():
            kept, owned = self._group(stream, group)
            owned.asked_s = now
            for id in sorted(owned.pending):
                if len(found) == count:
                    break
                if (now - owned.pending[id].since_s) * 1000 < idle_ms:
                    continue
                fields = kept.at(id)
                if fields is None:
                    del owned.pending[id]
                else:
                    owned.pending[id] = _Owned(consumer, now)
                    found.append(Entry(stream, format_id(id), fields))
        return found

    def acknowledge(self, group: str, stream: str, ids: Sequence[str]) -> None:
        """Say that the entries were handled."""
        with self._open():
            _, owned = self._group(stream, group)
            for id in ids:
                owned.pending.pop(parse_id(id), None)

    def make_group(self, group: str, stream: str, *, after: str) -> None:
        """Make the group at a recorded id."""
        start = parse_id(after)
        with self._open():
            self.server.streams.setdefault(stream, _Stream()).groups.setdefault(group, _Group(start))

    def drop_group(self, group: str, stream: str) -> None:
        """Take the group away."""
        with self._open():
            self.server.streams.get(stream, _Stream()).groups.pop(group, None)
            self.server.changed.notify_all()

    def groups(self, stream: str) -> dict[str, float | None]:
        """Return the groups by name, with how long ago a consumer of theirs has asked."""
        now = self._clock.elapsed_s()
        known = self._ask(stream, lambda kept: dict(kept.groups))
        return {name: None if one.asked_s is None else now - one.asked_s for name, one in known.items()}

    def history(self, stream: str, *, after: str = "0", count: int | None = None) -> list[Entry]:
        """Return entries after an id without a group."""
        start = parse_id(after)
        with self._open():
            kept = self.server.streams.get(stream, _Stream())
            first = bisect_right(kept.ids, start)
            last = len(kept.ids) if count is None else first + count
            pairs = zip(kept.ids[first:last], kept.fields[first:last], strict=True)
            return [Entry(stream, format_id(id), fields) for id, fields in pairs]

    def last_id(self, stream: str) -> str:
        """Return the id of the last entry ever added."""
        return self._ask(stream, lambda kept: format_id(kept.last))

    def length(self, stream: str) -> int:
        """Return how many entries the stream keeps."""
        return self._ask(stream, lambda kept: len(kept.ids))

    def pending(self, group: str, stream: str) -> int:
        """Return how many entries were delivered to the group and not acknowledged."""
        with self._open():
            return len(self._group(stream, group)[1].pending)

    def trim(self, stream: str, most: int) -> None:
        """Cut the oldest entries that every group has acknowledged."""
        with self._open():
            self.server.streams.setdefault(stream, _Stream()).trim(most)

    def set(self, key: str, value: bytes, *, expires_ms: int | None = None) -> None:
        """Write a key."""
        until = float("inf") if expires_ms is None else self._clock.elapsed_s() + expires_ms / 1000
        with self._open():
            self.server.values[key] = (bytes(value), until)

    def set_new(self, key: str, value: bytes, *, expires_ms: int) -> bool:
        """Write a key where there is none."""
        with self._open():
            self._forget_expired()
            until = self._clock.elapsed_s() + expires_ms / 1000
            return self.server.values.setdefault(key, (bytes(value), until))[0] == value

    def get(self, key: str) -> bytes | None:
        """Return a key's value."""
        with self._open():
            self._forget_expired()
            return self.server.values.get(key, (None, 0.0))[0]

    def delete(self, key: str) -> None:
        """Take a key or a stream away."""
        with self._open():
            self.server.values.pop(key, None)
            self.server.streams.pop(key, None)

    def keys(self, pattern: str) -> list[str]:
        """Return the names of keys and streams."""
        wanted = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
        with self._open():
            self._forget_expired()
            return sorted(name for name in {*self.server.values, *self.server.streams} if wanted.fullmatch(name))

    def close(self) -> None:
        """Let go of the server; what it keeps stays for the others."""
        self._is_closed = True
        with self.server.changed:
            self.server.changed.notify_all()

    def _open(self) -> threading.Condition:
        self._refuse_closed()
        return self.server.changed

    def _refuse_closed(self) -> None:
        if self._is_closed:
            raise was_closed("the streams in memory")

    def _ask(self, stream: str, question: Callable[[_Stream], _T]) -> _T:
        with self._open():
            return question(self.server.streams.get(stream, _Stream()))

    def _group(self, stream: str, group: str) -> tuple[_Stream, _Group]:
        kept = self.server.streams.get(stream)
        owned = kept.groups.get(group) if kept else None
        if kept is None or owned is None:
            raise no_group(group, stream)
        return kept, owned

    def _next(self, stream: str, group: str, consumer: str, count: int) -> list[Entry]:
        kept, owned = self._group(stream, group)
        now = owned.asked_s = self._clock.elapsed_s()
        first = bisect_right(kept.ids, owned.last)
        ids = kept.ids[first : first + count]
        if not ids:
            return []
        owned.last = ids[-1]
        owned.pending.update((id, _Owned(consumer, now)) for id in ids)
        return [Entry(stream, format_id(id), kept.fields[first + place]) for place, id in enumerate(ids)]

    def _forget_expired(self) -> None:
        now = self._clock.elapsed_s()
        for key in [key for key, (_, until) in self.server.values.items() if until <= now]:
            del self.server.values[key]
