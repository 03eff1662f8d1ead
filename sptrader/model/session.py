"""Session: the trading day. Daily bars, daily limits, daily returns and financing all follow it.

FX trades from 17:00 New York to 17:00 New York (22:00 UTC in winter, 21:00 in summer), Sunday evening belonging to
Monday; an exchange has its own days; `24/7` markets have the UTC day. A day is labelled by its date, as whole days
since 1970-01-01, and ends at its close: a time exactly at a close belongs to the next day.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import DataError
from sptrader.model.timeframe import DAY_NS, HOUR_NS

Ints = NDArray[np.int64]

FX = "fx"
ALWAYS_OPEN = "24/7"
IDLE_BARS = 5  # an entry waits for as many timeframes of in-session time without a bar, and at least an hour
_CHUNK_DAYS = 4096


@dataclass(frozen=True)
class Sessions:
    """Consecutive trading days: `labels` (days since 1970), `opens_ns` and `closes_ns` (UTC nanoseconds), each (n,)."""

    labels: Ints
    opens_ns: Ints
    closes_ns: Ints


def periods_per_year(session: str) -> int:
    """Return the nominal trading days of a year: FX 260, an exchange 252, always open 365."""
    return {FX: 260, ALWAYS_OPEN: 365}.get(session, 252)


def check_session(session: str) -> str:
    """Return `session` if it is `fx`, `24/7` or an exchange's code; raise `DataError` otherwise."""
    if session in (FX, ALWAYS_OPEN):
        return session
    import exchange_calendars

    if session not in exchange_calendars.get_calendar_names(include_aliases=False):
        raise DataError(
            f"session was '{session}'; allowed is 'fx', '24/7' or an exchange's code such as 'XNYS'.",
            key="session",
            value=session,
        )
    return session


def sessions(session: str, first_ns: int, last_ns: int) -> Sessions:
    """Return every trading day from the one before `first_ns` to the one after `last_ns` (UTC nanoseconds).

    Raises `DataError` for times an exchange's calendar does not reach: its holidays are known about a year ahead.
    """
    first_day = first_ns // DAY_NS - 8
    last_day = last_ns // DAY_NS + 9
    chunks = range(first_day // _CHUNK_DAYS, last_day // _CHUNK_DAYS + 1)
    parts = [_chunk(session, chunk) for chunk in chunks]
    labels = np.concatenate([p.labels for p in parts])
    chosen = slice(int(np.searchsorted(labels, first_day)), int(np.searchsorted(labels, last_day)))
    opens = np.concatenate([p.opens_ns for p in parts])
    closes = np.concatenate([p.closes_ns for p in parts])
    if len(closes) == 0 or last_ns >= closes[-1] or first_ns < opens[0]:
        reach = f"from {_utc(opens[0])} to {_utc(closes[-1])}" if len(closes) else "none of these years"
        raise DataError(
            f"the calendar of session '{session}' has {reach}; the times asked for were "
            f"{_utc(first_ns)} to {_utc(last_ns)}.",
            key="session",
            value=session,
        )
    return Sessions(labels[chosen], opens[chosen], closes[chosen])


def _utc(time_ns: int) -> str:
    return str(pd.Timestamp(int(time_ns), tz="UTC"))


def session_labels(times_ns: Ints, session: str) -> Ints:
    """Return the trading day of each of `times_ns` (sorted, UTC nanoseconds), as days since 1970, shape (n,)."""
    if len(times_ns) == 0:
        return np.empty(0, np.int64)
    days = sessions(session, int(times_ns[0]), int(times_ns[-1]))
    ends = np.searchsorted(times_ns, days.closes_ns, side="left")
    counts = np.diff(ends, prepend=0)
    return np.repeat(days.labels, counts)


def next_open_ns(time_ns: int, session: str) -> int:
    """Return the first moment at or after `time_ns` at which the market is open (UTC nanoseconds)."""
    days = sessions(session, time_ns, time_ns)
    at = int(np.searchsorted(days.closes_ns, time_ns, side="right"))
    return max(time_ns, int(days.opens_ns[at]))


def most_idle_ns(timeframe_ns: int) -> int:
    """Return for how long an entry waits while the market is open and its instrument shows nothing."""
    return max(IDLE_BARS * timeframe_ns, HOUR_NS)


def in_session_ns(since_ns: int, until_ns: int, session: str) -> int:
    """Return how long the market was open between two times."""
    days = sessions(session, since_ns, until_ns)
    opens = np.clip(days.opens_ns, since_ns, until_ns)
    return int((np.clip(days.closes_ns, since_ns, until_ns) - opens).sum())


def nominal_labels(first_label: int, last_label: int, session: str) -> Ints:
    """Return every nominal trading day from `first_label` to `last_label`, both included."""
    days = sessions(session, first_label * DAY_NS, last_label * DAY_NS)
    return days.labels[(days.labels >= first_label) & (days.labels <= last_label)]


@lru_cache(maxsize=64)
def _chunk(session: str, chunk: int) -> Sessions:
    first_day, end_day = chunk * _CHUNK_DAYS, (chunk + 1) * _CHUNK_DAYS
    if session == ALWAYS_OPEN:
        labels = np.arange(first_day, end_day, dtype=np.int64)
        return Sessions(labels, labels * DAY_NS, (labels + 1) * DAY_NS)
    if session == FX:
        days = np.arange(first_day, end_day, dtype=np.int64)
        weekdays = days[(days + 3) % 7 < 5]  # 1970-01-01 was a Thursday
        return Sessions(weekdays, new_york_17h_ns(weekdays - 1), new_york_17h_ns(weekdays))
    return _exchange_chunk(session, first_day, end_day)


def new_york_17h_ns(days: Ints) -> Ints:
    """Return 17:00 New York of each of `days` (whole days since 1970), UTC nanoseconds, shape (n,)."""
    local = pd.DatetimeIndex(days.astype("datetime64[D]").astype("datetime64[ns]")) + pd.Timedelta(hours=17)
    return np.asarray(local.tz_localize("America/New_York").as_unit("ns").asi8)


def _exchange_chunk(session: str, first_day: int, end_day: int) -> Sessions:
    import exchange_calendars

    start, end = pd.Timestamp(first_day, unit="D"), pd.Timestamp(end_day - 1, unit="D")
    kind = type(exchange_calendars.get_calendar(session))
    bound_min, bound_max = kind.bound_min(), kind.bound_max()
    start = start if bound_min is None else max(start, bound_min)
    end = end if bound_max is None else min(end, bound_max)
    horizon = exchange_calendars.get_calendar(session).last_session
    end = min(end, horizon)  # later holidays are not announced yet
    if end <= start:
        return Sessions(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    calendar = exchange_calendars.get_calendar(session, start=start, end=end)
    schedule = calendar.schedule
    labels = schedule.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    opens = np.asarray(pd.DatetimeIndex(schedule["open"]).as_unit("ns").asi8)
    closes = np.asarray(pd.DatetimeIndex(schedule["close"]).as_unit("ns").asi8)
    return Sessions(labels, opens, closes)
