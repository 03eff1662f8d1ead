from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sptrader.data.sample import sample
from sptrader.errors import DataError
from sptrader.model.session import (
    check_session,
    next_open_ns,
    nominal_labels,
    periods_per_year,
    session_labels,
    sessions,
)


def ns(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").as_unit("ns").value)


def label(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))


def labels(session: str, *times: str) -> list[str]:
    days = session_labels(np.array([ns(t) for t in times]), session)
    return [str(np.datetime64(int(day), "D")) for day in days]


def test_fx_day_begins_at_22_utc_in_winter_and_at_21_in_new_yorks_summer():
    # New York moves its clocks on Sunday 12 March and Sunday 5 November 2017.
    days = sessions("fx", ns("2017-03-09"), ns("2017-03-14"))
    opens = dict(zip(days.labels, pd.to_datetime(days.opens_ns, utc=True), strict=True))

    assert opens[label("2017-03-10")] == pd.Timestamp("2017-03-09 22:00", tz="UTC")
    assert opens[label("2017-03-13")] == pd.Timestamp("2017-03-12 21:00", tz="UTC")
    days = sessions("fx", ns("2017-11-02"), ns("2017-11-07"))
    opens = dict(zip(days.labels, pd.to_datetime(days.opens_ns, utc=True), strict=True))
    assert opens[label("2017-11-03")] == pd.Timestamp("2017-11-02 21:00", tz="UTC")
    assert opens[label("2017-11-06")] == pd.Timestamp("2017-11-05 22:00", tz="UTC")


def test_fx_day_changes_at_the_second_of_17_new_york():
    assert labels("fx", "2017-01-10 21:59:59", "2017-01-10 22:00") == ["2017-01-10", "2017-01-11"]
    assert labels("fx", "2017-07-10 20:59:59", "2017-07-10 21:00") == ["2017-07-10", "2017-07-11"]


@pytest.mark.parametrize("day", ["2017-03-15", "2017-03-22", "2017-10-31", "2017-11-02"])
def test_fx_day_follows_new_york_in_weeks_when_europe_has_other_clocks(day):
    # Europe moves on 26 March and 29 October: in these weeks London is 4 hours ahead of New York, the close at 21 UTC.
    before, after = labels("fx", f"{day} 20:59", f"{day} 21:00")

    assert before == day
    assert after == str(np.datetime64(day) + 1)


def test_sunday_evening_and_the_weekend_belong_to_monday():
    friday_close, saturday, sunday_evening = labels("fx", "2017-03-10 22:00", "2017-03-11 12:00", "2017-03-12 21:30")

    assert friday_close == saturday == sunday_evening == "2017-03-13"


def test_every_fx_day_lasts_24_hours_because_clocks_change_on_weekends():
    days = sessions("fx", ns("2016-01-01"), ns("2018-12-31"))

    assert set((days.closes_ns - days.opens_ns) // (3600 * 10**9)) == {24}


def test_the_weeks_of_real_hourly_bars_begin_when_the_fx_session_does():
    bars = sample("EURUSD", "1h")
    days = sessions("fx", bars.index[0].value, bars.index[-1].value)
    weekly = bars.index[np.flatnonzero(np.diff(bars.index.asi8) > 24 * 3600 * 10**9) + 1]

    late = [t for t in weekly if t.value not in set(days.opens_ns)]

    assert [str(t) for t in late] == ["2017-12-24 23:00:00+00:00"]  # Christmas Eve opened an hour late


def test_exchange_half_day_closes_early_and_thanksgiving_is_no_day():
    days = sessions("XNYS", ns("2017-11-21"), ns("2017-11-28"))
    closes = {
        str(np.datetime64(int(d), "D")): pd.Timestamp(c, tz="UTC")
        for d, c in zip(days.labels, days.closes_ns, strict=True)
    }

    assert "2017-11-23" not in closes
    assert closes["2017-11-22"] == pd.Timestamp("2017-11-22 21:00", tz="UTC")
    assert closes["2017-11-24"] == pd.Timestamp("2017-11-24 18:00", tz="UTC")  # 13:00 in New York
    assert labels("XNYS", "2017-11-24 17:59", "2017-11-24 18:00") == ["2017-11-24", "2017-11-27"]


def test_exchange_opens_move_with_new_yorks_clocks():
    days = sessions("XNYS", ns("2017-03-10"), ns("2017-03-13"))
    opens = [str(pd.Timestamp(o)) for o in days.opens_ns]

    assert "2017-03-10 14:30:00" in opens
    assert "2017-03-13 13:30:00" in opens


def test_the_next_open_moment():
    for session, time, expected in (
        ("fx", "2017-03-11 12:00", "2017-03-12 21:00"),
        ("fx", "2017-03-14 12:00", "2017-03-14 12:00"),
        ("XNYS", "2017-11-24 18:00", "2017-11-27 14:30"),
        ("XNYS", "2017-11-24 14:00", "2017-11-24 14:30"),
        ("24/7", "2017-03-11 12:00", "2017-03-11 12:00"),
    ):
        assert next_open_ns(ns(time), session) == ns(expected)


def test_nominal_days_of_2017():
    first, last = label("2017-01-01"), label("2017-12-31")

    assert len(nominal_labels(first, last, "fx")) == 260  # 52 weeks of five
    assert len(nominal_labels(first, last, "24/7")) == 365
    assert len(nominal_labels(first, last, "XNYS")) == 251  # 260 weekdays less nine holidays


def test_periods_per_year():
    assert [periods_per_year(s) for s in ("fx", "24/7", "XNYS")] == [260, 365, 252]


def test_utc_day_of_a_market_that_never_closes():
    assert labels("24/7", "2017-03-11 23:59:59", "2017-03-12 00:00") == ["2017-03-11", "2017-03-12"]


def test_times_before_1970_have_their_day():
    assert labels("24/7", "1969-12-31 12:00") == ["1969-12-31"]


def test_unknown_session_is_refused():
    with pytest.raises(DataError, match="session was 'NYSE!'"):
        check_session("NYSE!")


def test_a_year_whose_holidays_nobody_knows_is_refused_not_guessed():
    with pytest.raises(DataError, match="calendar of session 'XNYS'"):
        session_labels(np.array([ns("2090-01-05")]), "XNYS")


def test_no_times_have_no_labels():
    assert len(session_labels(np.empty(0, np.int64), "fx")) == 0
