"""Trimming: a stream on a server keeps its newest entries, and all that some group has not acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sptrader.streams.gone import clear_gone
from sptrader.streams.ids import id_after, parse_id
from sptrader.streams.replies import named

_STEP = 1_000


def trim(call: Callable[..., Any], stream: str, most: int) -> None:
    """Cut entries of `stream` beyond the newest `most`, at most a thousand at once, by commands through `call`.

    Nothing here need be atomic: what every group has acknowledged stays acknowledged. The server cuts whole blocks of
    entries only, so some more may stay.
    """
    excess = call("XLEN", stream) - most
    if excess <= 0:
        return
    kept_from = _kept_from(call, stream)
    before = f"({kept_from}" if kept_from else "+"
    entries = call("XRANGE", stream, "-", before, "COUNT", min(excess, _STEP))
    if entries:
        call("XTRIM", stream, "MINID", "~", id_after(entries[-1][0].decode()))


def _kept_from(call: Callable[..., Any], stream: str) -> str | None:
    """Return the first id that a group has not acknowledged; None where there is no group."""
    first: list[str] = []
    for group in map(named, call("XINFO", "GROUPS", stream)):
        pending, oldest = call("XPENDING", stream, group["name"])[:2]
        if pending and not call("XRANGE", stream, oldest, oldest):
            clear_gone(call, stream, group["name"])
            pending, oldest = call("XPENDING", stream, group["name"])[:2]
        first.append(oldest.decode() if pending else id_after(group["last-delivered-id"].decode()))
    return min(first, key=parse_id, default=None)
