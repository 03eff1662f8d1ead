"""Dead letters: an entry that was not understood, kept whole beside its reason so that it can be read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sptrader.errors import StreamError
from sptrader.model.ports import Entry

MOST_BYTES = 1024 * 1024
MOST_DEAD = 1_000  # dead letters kept on a stream
_FIELD = "field:"


class DeadLetter(NamedTuple):
    """An entry and why it was not understood; `is_cut` when its fields were too large to keep whole."""

    entry: Entry
    reason: str
    at_ns: int
    is_cut: bool


def encode_dead_letter(entry: Entry, reason: str, *, at_ns: int) -> dict[str, bytes]:
    """Return the fields of the entry in `deadletter:{stream}`; `at_ns` is when it was refused.

    >>> sorted(encode_dead_letter(Entry("signals:live", "1-0", {"signal": b"?"}), "not JSON", at_ns=0))
    ['at_ns', 'field:signal', 'id', 'is_cut', 'reason', 'stream']
    """
    kept: dict[str, bytes] = {}
    room = MOST_BYTES
    for name, body in entry.fields.items():
        if room <= 0:
            break
        kept[_FIELD + name[:200]] = body[:room]
        room -= len(body) + len(name)
    is_cut = room < 0 or len(kept) < len(entry.fields) or any(len(name) > 200 for name in entry.fields)
    facts = {"stream": entry.stream, "id": entry.id, "reason": reason, "at_ns": str(at_ns), "is_cut": str(int(is_cut))}
    return {name: fact.encode("utf-8", "backslashreplace") for name, fact in facts.items()} | kept


def decode_dead_letter(fields: Mapping[str, bytes]) -> DeadLetter:
    """Return what `encode_dead_letter` was given; raises `StreamError` for fields that are no dead letter."""
    try:
        stream, id, reason = (fields[name].decode() for name in ("stream", "id", "reason"))
        at_ns, is_cut = int(fields["at_ns"]), bool(int(fields["is_cut"]))
    except (KeyError, ValueError) as error:
        raise StreamError(f"This entry is no dead letter: {error!r}.") from error
    kept = {name.removeprefix(_FIELD): body for name, body in fields.items() if name.startswith(_FIELD)}
    return DeadLetter(Entry(stream, id, kept), reason, at_ns, is_cut)
