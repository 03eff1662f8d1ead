from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sptrader.errors import DataError
from sptrader.model.grid import (
    bar_ends,
    bar_groups,
    bar_span,
    bar_starts,
    expected_starts,
    n_missing_bars,
    off_grid,
    out_of_session,
)
from sptrader.model.timeframe import make_timeframe

CASES = [
    (timeframe, session)
    for session in ("fx", "24/7", "XNYS")
    for timeframe in ("1s", "7m", "15m", "1h", "3h", "4h", "5h", "12h", "1d", "2d", "1w", "2w")
]


def ns(*texts: str) -> np.ndarray:
    return pd.DatetimeIndex(texts, tz="UTC").as_unit("ns").asi8


def text(times: np.ndarray) -> list[str]:
    return [str(t)[:16] for t in pd.to_datetime(times, utc=True)]


def starts(timeframe: str, session: str, *times: str) -> list[str]:
    return text(bar_starts(ns(*times), make_timeframe(timeframe), session))


def test_short_bars_start_on_the_utc_grid():
    assert starts("15m", "fx", "2017-03-13 10:14:59", "2017-03-13 10:15") == ["2017-03-13 10:00", "2017-03-13 10:15"]
    assert starts("4h", "24/7", "2017-03-13 03:59") == ["2017-03-13 00:00"]
    assert starts("4h", "XNYS", "2017-03-13 15:00") == ["2017-03-13 12:00"]


def test_bars_that_do_not_divide_the_day_start_anew_at_midnight():
    # 205 bars of seven minutes fill 23:55; the last one has five minutes
    assert starts("7m", "24/7", "2017-03-13 23:57", "2017-03-14 00:06") == ["2017-03-13 23:55", "2017-03-14 00:00"]
    assert text(bar_ends(ns("2017-03-13 23:55"), make_timeframe("7m"), "24/7")) == ["2017-03-14 00:00"]


def test_four_hour_fx_bars_follow_17_new_york_across_both_clock_changes():
    assert starts("4h", "fx", "2017-03-10 21:59", "2017-03-12 21:00") == ["2017-03-10 18:00", "2017-03-12 21:00"]
    assert starts("4h", "fx", "2017-11-03 20:59", "2017-11-05 22:00") == ["2017-11-03 17:00", "2017-11-05 22:00"]


def test_four_hour_fx_bars_in_weeks_when_europe_has_other_clocks():
    # New York is on summer time, London not yet (March) and not any more (late October)
    assert starts("4h", "fx", "2017-03-20 10:00", "2017-10-31 10:00") == ["2017-03-20 09:00", "2017-10-31 09:00"]


def test_the_day_of_the_clock_change_has_a_short_and_a_long_weekend_day():
    # Saturday 17:00 to Sunday 17:00 New York has 23 hours in March: its last bar is cut to three
    assert text(bar_ends(ns("2017-03-12 18:00"), make_timeframe("4h"), "fx")) == ["2017-03-12 21:00"]
    # and 25 in November: a seventh bar of one hour
    assert starts("4h", "fx", "2017-11-05 21:30") == ["2017-11-05 21:00"]
    assert text(bar_ends(ns("2017-11-05 21:00"), make_timeframe("4h"), "fx")) == ["2017-11-05 22:00"]


def test_daily_bars_start_with_their_session():
    assert starts("1d", "fx", "2017-03-10 12:00", "2017-03-12 23:00") == ["2017-03-09 22:00", "2017-03-12 21:00"]
    assert starts("1d", "XNYS", "2017-03-10 15:00", "2017-03-13 15:00") == ["2017-03-10 14:30", "2017-03-13 13:30"]
    assert starts("1d", "24/7", "2017-03-12 23:00") == ["2017-03-12 00:00"]


def test_daily_bars_end_with_their_session_half_days_early():
    ends = bar_ends(ns("2017-11-22 14:30", "2017-11-24 14:30"), make_timeframe("1d"), "XNYS")

    assert text(ends) == ["2017-11-22 21:00", "2017-11-24 18:00"]


def test_weekly_bars_start_with_the_weeks_first_session():
    assert starts("1w", "fx", "2017-03-15 12:00") == ["2017-03-12 21:00"]
    assert starts("1w", "XNYS", "2017-09-06 15:00") == ["2017-09-05 13:30"]  # Monday was Labor Day
    assert starts("1w", "24/7", "2017-03-19 23:59") == ["2017-03-13 00:00"]
    assert text(bar_ends(ns("2017-11-20 14:30"), make_timeframe("1w"), "XNYS")) == ["2017-11-24 18:00"]


def test_expected_starts_leave_out_weekend_holiday_and_night():
    hours = expected_starts(*ns("2017-03-10 20:00", "2017-03-12 22:00"), make_timeframe("1h"), "fx")
    assert text(hours) == ["2017-03-10 20:00", "2017-03-10 21:00", "2017-03-12 21:00", "2017-03-12 22:00"]
    half_day = expected_starts(*ns("2017-11-23", "2017-11-25"), make_timeframe("1h"), "XNYS")
    assert text(half_day) == [f"2017-11-24 {h}:00" for h in (14, 15, 16, 17)]  # 14:30 to 18:00
    assert text(expected_starts(*ns("2017-11-22", "2017-11-28"), make_timeframe("1d"), "XNYS")) == [
        "2017-11-22 14:30",
        "2017-11-24 14:30",
        "2017-11-27 14:30",
    ]


def test_missing_bars_are_counted_while_the_market_is_open():
    hour = make_timeframe("1h")

    assert n_missing_bars(ns("2017-03-10 21:00"), ns("2017-03-12 21:00"), hour, "fx") == [0]
    assert n_missing_bars(ns("2017-03-10 19:00"), ns("2017-03-12 23:00"), hour, "fx") == [4]  # 20 21 | 21 22
    assert n_missing_bars(ns("2017-03-10 21:00"), ns("2017-03-13 00:00"), hour, "24/7") == [50]


def test_bars_of_the_weekend_lie_out_of_session():
    times = ns("2017-03-10 21:00", "2017-03-10 22:00", "2017-03-12 20:00", "2017-03-12 21:00")

    assert out_of_session(times, make_timeframe("1h"), "fx").tolist() == [False, True, True, False]
    assert not out_of_session(times, make_timeframe("1h"), "24/7").any()


def test_a_bar_that_the_session_only_touches_is_in_session():
    times = ns("2017-03-10 13:00", "2017-03-10 14:00", "2017-03-10 20:00", "2017-03-10 21:00")

    assert out_of_session(times, make_timeframe("1h"), "XNYS").tolist() == [True, False, False, True]


@pytest.mark.parametrize(("timeframe", "session"), CASES)
def test_one_grid_however_it_is_asked(timeframe, session):
    length = make_timeframe(timeframe)
    random = np.random.default_rng(7)
    times = np.sort(random.integers(*ns("2017-02-20", "2017-03-28"), 400))

    begun = bar_starts(times, length, session)
    ends = bar_ends(begun, length, session)
    grouped, rows = bar_groups(times, length, session)
    spans = [bar_span(int(t), length, session) for t in times[:50]]

    assert np.array_equal(np.repeat(grouped, np.diff(rows, append=len(times))), begun)
    assert [s.start_ns for s in spans] == begun[:50].tolist()
    assert [s.end_ns for s in spans] == ends[:50].tolist()
    assert all(s.from_ns <= t < s.end_ns for s, t in zip(spans, times, strict=False))
    assert np.array_equal(bar_starts(begun, length, session), begun)
    assert not off_grid(begun, length, session).any()
    assert off_grid(begun + 1, length, session).all()
    assert (ends > times).all()


@pytest.mark.parametrize(("timeframe", "session"), [c for c in CASES if c[0] != "1s"])
def test_expected_starts_are_on_the_grid_and_none_is_missing_between_them(timeframe, session):
    length = make_timeframe(timeframe)

    expected = expected_starts(*ns("2017-02-20", "2017-03-28"), length, session)

    assert (np.diff(expected) > 0).all()
    assert not off_grid(expected, length, session).any()
    assert not out_of_session(expected, length, session).any()
    assert n_missing_bars(expected[:-1], expected[1:], length, session).sum() == 0
    assert n_missing_bars(expected[:1], expected[-1:], length, session) == [len(expected) - 2]


def test_ticks_are_grouped_as_single_times_are():
    times = np.sort(np.random.default_rng(3).integers(*ns("2017-03-13", "2017-03-14"), 20_000))

    grouped, rows = bar_groups(times, make_timeframe("1m"), "fx")

    assert np.array_equal(np.repeat(grouped, np.diff(rows, append=len(times))), times - times % (60 * 10**9))


def test_a_length_between_days_is_refused():
    with pytest.raises(DataError, match="timeframe was '36h'"):
        bar_starts(ns("2017-03-13"), make_timeframe("36h"), "fx")


def test_no_times_have_no_bars():
    nothing, day = np.empty(0, np.int64), make_timeframe("1d")

    assert len(bar_starts(nothing, day, "fx")) == len(bar_ends(nothing, day, "fx")) == 0
    assert [len(a) for a in bar_groups(nothing, day, "fx")] == [0, 0]
    assert not off_grid(nothing, day, "fx").any()
