"""Timestamps of other programs: ISO text or a number of seconds, milli-, micro- or nanoseconds, as UTC nanoseconds."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal

from sptrader.errors import StreamError

# A number's unit follows from its size, for none of the ranges meets another: 1e11 seconds are the year 5138, 1e11
# milliseconds March 1973, and so on.
_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (2**63, 1))
_ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?(Z|z|[+-]\d\d:?\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(value: int | float | str) -> int:
    """Return UTC nanoseconds; raises `StreamError` for what is no time, and for text without its zone.

    >>> parse_timestamp("2017-03-06T10:00:00.000000001Z") - parse_timestamp(1488794400)
    1
    """
    ns = _of_text(value) if isinstance(value, str) else _of_number(value)
    if ns is None or not -(2**63) <= ns < 2**63:
        raise StreamError(
            f"the timestamp {str(value)[:60]!r} is no time; ISO text with its zone such as '2017-03-06T10:00:00Z', or seconds, "
            "milli-, micro- or nanoseconds since 1970 are allowed.",
            key="timestamp",
            value=value,
        )
    return ns


def _of_number(value: int | float) -> int | None:
    if isinstance(value, float) and not math.isfinite(value):  # an int may be too large to be asked
        return None
    for bound, factor in _UNITS:
        if abs(value) < bound:
            # a float by its shortest text: 1488794400.1 means a tenth, not the nearest binary fraction
            return value * factor if isinstance(value, int) else round(Decimal(repr(value)) * factor)
    return None


def _of_text(value: str) -> int | None:
    found = _ISO.fullmatch(value)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[1] + found[3].upper())
    except ValueError:
        return None
    past = moment - _EPOCH
    return (past.days * 86_400 + past.seconds) * 10**9 + int((found[2] or "").ljust(9, "0"))
