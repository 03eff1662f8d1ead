"""Grid: where the bars of a timeframe start and end.

Bars shorter than a day start on the UTC grid within the day (`7m` bars anew at each midnight, the day's last one is
shorter). FX bars of four hours and longer start on the grid of 17:00 New York. Daily and longer bars of every market
start at the open of their session: a `1d` bar of a share at 14:30 UTC in winter, of FX at 22:00 UTC, of a `24/7` market
at midnight; `1w` bars at the open of the week's first session, weeks running from Monday to Sunday by the sessions'
dates. `3d` bars take three nominal weekdays (days in a `24/7` market), counted from 1970 so that any stretch of data
gives the same bars; holidays make some of them shorter. Times outside every session belong to the next one's daily bar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import DataError
from sptrader.model.session import ALWAYS_OPEN, FX, new_york_17h_ns, sessions
from sptrader.model.timeframe import DAY_NS, HOUR_NS, Timeframe

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class BarSpan:
    """One bar's place: times in [`from_ns`, `end_ns`) belong to it, `start_ns` labels it (UTC nanoseconds).

    `from_ns` differs from `start_ns` for session bars only, whose label is the session's open.
    """

    from_ns: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class _Bars:
    """Consecutive bars of a session grid: labels, and ends, each being where the next one's times begin; each (n,)."""

    starts: Ints
    ends: Ints


def bar_starts(times_ns: Ints, timeframe: Timeframe, session: str) -> Ints:
    """Return the start of the bar each of `times_ns` (any order, UTC nanoseconds) falls in, shape (n,)."""
    if len(times_ns) == 0:
        return np.empty(0, np.int64)
    if _is_on_session_grid(timeframe, session):
        bars = _session_bars(int(times_ns.min()), int(times_ns.max()), timeframe, session)
        return bars.starts[np.searchsorted(bars.ends, times_ns, side="right")]
    if DAY_NS % timeframe.ns == 0:
        return times_ns - times_ns % timeframe.ns
    return times_ns - times_ns % DAY_NS % timeframe.ns


def bar_ends(starts_ns: Ints, timeframe: Timeframe, session: str) -> Ints:
    """Return when the bars that start at `starts_ns` are complete (exclusive), UTC nanoseconds, shape (n,)."""
    if len(starts_ns) == 0:
        return np.empty(0, np.int64)
    if _is_on_session_grid(timeframe, session):
        bars = _session_bars(int(starts_ns.min()), int(starts_ns.max()), timeframe, session)
        return bars.ends[np.searchsorted(bars.ends, starts_ns, side="right")]
    if DAY_NS % timeframe.ns == 0:
        return starts_ns + timeframe.ns
    ends: Ints = np.minimum(starts_ns + timeframe.ns, starts_ns - starts_ns % DAY_NS + DAY_NS)
    return ends


def bar_span(time_ns: int, timeframe: Timeframe, session: str) -> BarSpan:
    """Return the bar that `time_ns` (UTC nanoseconds) falls in."""
    if _is_on_session_grid(timeframe, session):
        bars = _session_bars(time_ns, time_ns, timeframe, session)
        at = int(np.searchsorted(bars.ends, time_ns, side="right"))
        return BarSpan(int(bars.ends[at - 1]), int(bars.starts[at]), int(bars.ends[at]))
    day_ns = time_ns - time_ns % DAY_NS
    start_ns = day_ns + (time_ns - day_ns) // timeframe.ns * timeframe.ns
    end_ns = start_ns + timeframe.ns
    return BarSpan(start_ns, start_ns, min(end_ns, day_ns + DAY_NS) if DAY_NS % timeframe.ns else end_ns)


def bar_groups(times_ns: Ints, timeframe: Timeframe, session: str) -> tuple[Ints, Ints]:
    """Return the bars that hold `times_ns` (sorted): their starts, and the row each begins at, each (m,)."""
    if len(times_ns) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    if _is_on_session_grid(timeframe, session):
        bars = _session_bars(int(times_ns[0]), int(times_ns[-1]), timeframe, session)
        ends = np.searchsorted(times_ns, bars.ends, side="left")
        counts = np.diff(ends, prepend=0)
        return bars.starts[counts > 0], (ends - counts)[counts > 0]
    first_ns, last_ns = int(times_ns[0]), int(times_ns[-1])
    if DAY_NS % timeframe.ns == 0 and (last_ns - first_ns) // timeframe.ns < len(times_ns) // 8:
        # Ticks: looking up each bar's edge costs less than asking every tick for its bar.
        edges = np.arange(first_ns - first_ns % timeframe.ns, last_ns + 1, timeframe.ns, dtype=np.int64)
        rows = np.searchsorted(times_ns, edges, side="left")
        is_held = np.diff(rows, append=len(times_ns)) > 0
        return edges[is_held], rows[is_held]
    starts = bar_starts(times_ns, timeframe, session)
    rows = np.concatenate([[0], np.flatnonzero(starts[1:] != starts[:-1]) + 1]).astype(np.int64)
    return starts[rows], rows


def off_grid(times_ns: Ints, timeframe: Timeframe, session: str) -> Bools:
    """Return which of `times_ns` are no bar's start, shape (n,)."""
    if timeframe.ns < DAY_NS and not _is_on_session_grid(timeframe, session) and DAY_NS % timeframe.ns == 0:
        is_off: Bools = times_ns % timeframe.ns != 0
    else:
        is_off = times_ns != bar_starts(times_ns, timeframe, session)
    return is_off


def expected_starts(first_ns: int, last_ns: int, timeframe: Timeframe, session: str) -> Ints:
    """Return the start of every bar in [`first_ns`, `last_ns`] in which the market is open for some time, sorted."""
    firsts, counts = _runs(first_ns, last_ns, timeframe, session)
    before = np.cumsum(counts) - counts
    steps = np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(before, counts)
    starts = np.repeat(firsts, counts) + steps * timeframe.ns
    return starts[(starts >= first_ns) & (starts <= last_ns)]


def n_missing_bars(before_ns: Ints, after_ns: Ints, timeframe: Timeframe, session: str) -> Ints:
    """Return how many expected bars start strictly between each `before_ns` and its `after_ns`, shape (n,)."""
    if len(before_ns) == 0:
        return np.empty(0, np.int64)
    firsts, counts = _runs(int(before_ns.min()), int(after_ns.max()), timeframe, session)
    so_far = np.concatenate([[0], np.cumsum(counts)])

    def n_starts_below(times: Ints) -> Ints:
        at = np.searchsorted(firsts, times, side="left") - 1
        within = -((firsts[at] - times) // timeframe.ns)
        return np.where(at < 0, 0, so_far[at] + np.minimum(within, counts[at]))

    return n_starts_below(after_ns) - n_starts_below(before_ns + 1)


def out_of_session(starts_ns: Ints, timeframe: Timeframe, session: str) -> Bools:
    """Return which bars (sorted starts) lie wholly where the market is closed, as on an FX weekend; shape (n,)."""
    if len(starts_ns) == 0 or timeframe.ns >= DAY_NS:
        return np.zeros(len(starts_ns), np.bool_)
    firsts, counts = _runs(int(starts_ns[0]), int(starts_ns[-1]), timeframe, session)
    steps = np.zeros(len(starts_ns) + 1, np.int64)
    np.add.at(steps, np.searchsorted(starts_ns, firsts, side="left"), 1)
    np.add.at(steps, np.searchsorted(starts_ns, firsts + counts * timeframe.ns, side="left"), -1)
    is_outside: Bools = np.cumsum(steps[:-1]) == 0
    return is_outside


def _is_on_session_grid(timeframe: Timeframe, session: str) -> bool:
    if timeframe.ns > DAY_NS and timeframe.ns % DAY_NS:
        raise DataError(
            f"timeframe was '{timeframe}'; one longer than a day must be whole days or weeks, as in 1d, 2d, 1w.",
            key="timeframe",
            value=timeframe.name,
        )
    return timeframe.ns >= DAY_NS or (session == FX and timeframe.ns >= 4 * HOUR_NS)


def _session_bars(first_ns: int, last_ns: int, timeframe: Timeframe, session: str) -> _Bars:
    """Return the session-grid bars from at least one before `first_ns` to at least one after `last_ns`."""
    if timeframe.ns < DAY_NS:
        days = np.arange(first_ns // DAY_NS - 2, last_ns // DAY_NS + 4, dtype=np.int64)
        opens = new_york_17h_ns(days)
        steps = (
            np.arange(-(-25 * HOUR_NS // timeframe.ns), dtype=np.int64) * timeframe.ns
        )  # the longest day has 25 hours
        starts = opens[:-1, None] + steps
        ends = np.minimum(starts + timeframe.ns, opens[1:, None])
        inside = starts < opens[1:, None]
        return _Bars(starts[inside], ends[inside])
    # Twice the bar: weekdays counted as `20d` span 28 days, and the cut-off groups at both ends go.
    days_of = sessions(session, first_ns - 2 * timeframe.ns, last_ns + 2 * timeframe.ns)
    groups = _day_groups(days_of.labels, timeframe, session)
    firsts = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    lasts = np.append(firsts[1:], len(groups)) - 1
    return _Bars(days_of.opens_ns[firsts][1:-1], days_of.closes_ns[lasts][1:-1])


def _day_groups(labels: Ints, timeframe: Timeframe, session: str) -> Ints:
    n_days = timeframe.ns // DAY_NS
    weeks, weekdays = np.divmod(labels + 3, 7)  # 1970-01-01 was a Thursday
    if n_days % 7 == 0:
        return weeks // (n_days // 7)
    if n_days == 1 or session == ALWAYS_OPEN:
        return labels // n_days
    return (weeks * 5 + np.minimum(weekdays, 4)) // n_days


def _runs(first_ns: int, last_ns: int, timeframe: Timeframe, session: str) -> tuple[Ints, Ints]:
    """Return stretches of expected bars one timeframe apart around [`first_ns`, `last_ns`]: firsts and counts."""
    if timeframe.ns >= DAY_NS:
        starts = _session_bars(first_ns, last_ns, timeframe, session).starts
        return starts, np.ones(len(starts), np.int64)
    days = sessions(session, first_ns, last_ns)
    if _is_on_session_grid(timeframe, session):
        return days.opens_ns, -((days.opens_ns - days.closes_ns) // timeframe.ns)
    midnights = days.opens_ns - days.opens_ns % DAY_NS + DAY_NS
    opens = np.column_stack([days.opens_ns, midnights]).ravel()
    closes = np.column_stack([np.minimum(midnights, days.closes_ns), days.closes_ns]).ravel()
    opens, closes = opens[opens < closes], closes[opens < closes]
    firsts = bar_starts(opens, timeframe, session)
    ends = firsts - (firsts - closes) // timeframe.ns * timeframe.ns
    is_shared = firsts[1:] == ends[:-1] - timeframe.ns  # a bar in which one session ends and another begins counts once
    firsts[1:] += np.where(is_shared, timeframe.ns, 0)
    return firsts, (ends - firsts) // timeframe.ns
