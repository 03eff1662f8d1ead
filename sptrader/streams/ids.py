"""Ids of entries: `milliseconds-counter`, increasing within a stream."""

from __future__ import annotations

import re

from sptrader.errors import StreamError

StreamId = tuple[int, int]
FIRST: StreamId = (0, 0)
_MOST = 2**64 - 1
_PATTERN = re.compile(r"(\d{1,20})(?:-(\d{1,20}))?")


def parse_id(text: str) -> StreamId:
    """Return an id as numbers that compare as the entries follow each other; `0` is before the first.

    Raises `StreamError` for `$` and other words of a server: a place in a stream is a recorded id.
    """
    found = _PATTERN.fullmatch(text)
    numbers = (int(found[1]), int(found[2] or 0)) if found else (_MOST + 1, 0)
    if max(numbers) > _MOST:
        raise StreamError(
            f"'{text}' is no id of an entry; 'milliseconds-counter' or '0' is allowed. ('$' would forget what came while "
            "nobody read: take `last_id` and record it.)",
            value=text,
        )
    return numbers


def format_id(id: StreamId) -> str:
    """Return an id as text."""
    return f"{id[0]}-{id[1]}"


def id_after(text: str) -> str:
    """Return the smallest id that follows.

    >>> id_after("5-2")
    '5-3'
    """
    milliseconds, counter = parse_id(text)
    return format_id((milliseconds, counter + 1) if counter < _MOST else (milliseconds + 1, 0))
