"""Timeframe: the length of a bar, written `<n><s|m|h|d|w>`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sptrader.errors import DataError

_UNIT_NS = {"s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9, "w": 7 * 86400 * 10**9}
_PATTERN = re.compile(r"([1-9]\d{0,5})([smhdw])")
HOUR_NS = _UNIT_NS["h"]
DAY_NS = _UNIT_NS["d"]


@dataclass(frozen=True, order=True)
class Timeframe:
    """A bar's length: `ns` nanoseconds, and the `name` it is written by."""

    ns: int
    name: str

    @property
    def is_daily_or_longer(self) -> bool:
        """Whether its bars start on the session's grid in every market."""
        return self.ns >= DAY_NS

    def __str__(self) -> str:
        return self.name


def make_timeframe(text: str) -> Timeframe:
    """Read `1m`, `4h`, `1d`, ...; raise `DataError` for any other text."""
    match = _PATTERN.fullmatch(str(text).strip())
    if match is None:
        raise DataError(
            f"timeframe was '{text}'; allowed is a count and one of s, m, h, d, w, as in 1m, 15m, 1h, 1d.",
            key="timeframe",
            value=text,
        )
    return Timeframe(int(match[1]) * _UNIT_NS[match[2]], match[0])
