"""Gone: entries that were deleted from a stream while a group had them pending; nobody can handle them any more.

A server keeps them pending until they are acknowledged (Redis before 7 even when they are claimed), and what is pending holds
up trimming.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_BATCH = 1_000


def clear_gone(call: Callable[..., Any], stream: str, group: str | bytes) -> int:
    """Acknowledge what is pending for `group` and no longer on `stream`, by commands through `call`; return how many that were."""
    n_gone, start = 0, b"-"
    while True:
        pending = [item[0] for item in call("XPENDING", stream, group, start, "+", _BATCH)]
        gone = [id for id in pending if not call("XRANGE", stream, id, id)]
        if gone:
            n_gone += int(call("XACK", stream, group, *gone))
        if len(pending) < _BATCH:
            return n_gone
        start = b"(" + pending[-1]
