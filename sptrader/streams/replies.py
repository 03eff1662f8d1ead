"""Replies: what a server's answers hold, and the commands that take an entry's fields apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sptrader.errors import StreamError
from sptrader.model.ports import Entry
from sptrader.streams.faults import no_fields

_OLDEST = (6, 2)


def xadd(stream: str, fields: Mapping[str, bytes | str]) -> tuple[Any, ...]:
    """Return the command that appends an entry."""
    if not fields:
        raise no_fields(stream)
    return ("XADD", stream, "*", *(part for pair in fields.items() for part in pair))


def listed(stream: str, raw: Sequence[Any]) -> list[Entry]:
    """Return what the server listed; what was deleted from the stream since is nothing, or an id without fields."""
    return [
        Entry(
            stream,
            item[0].decode(),
            {
                name.decode("utf-8", "backslashreplace"): body
                for name, body in zip(item[1][::2], item[1][1::2], strict=True)
            },
        )
        for item in raw
        if item is not None and item[1] is not None
    ]


def named(flat: Sequence[Any]) -> dict[str, Any]:
    """Return the facts of an answer that lists names and values in turn."""
    return {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}


def told_last(facts: Sequence[Any]) -> str:
    """Return the id of the last entry ever added, from what a server says of a stream."""
    return str(named(facts)["last-generated-id"].decode())


def address_of(client: Any) -> str:
    """Return where a client's server is, without user and password."""
    facts = client.connection_pool.connection_kwargs
    place = facts.get("path") or f"{facts.get('host', 'localhost')}:{facts.get('port', 6379)}"
    return f"The stream server at {place}"


def check_version(address: str, told: str) -> None:
    """Raise `StreamError` for a server older than is needed; `told` is its answer to INFO."""
    found = re.search(r"^redis_version:(\d+)\.(\d+)", told, re.MULTILINE)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        version = found[0].partition(":")[2] if found else "unknown"
        raise StreamError(f"{address} is of version {version}; Redis 6.2 or newer, or Valkey, is needed.")
