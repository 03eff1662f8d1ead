from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from sptrader.errors import DataError
from sptrader.model.period import period_ns, time_text
from sptrader.model.timeframe import DAY_NS, HOUR_NS

NEW_YEAR = 1_483_228_800 * 10**9  # 2017-01-01 00:00 UTC


def test_a_bare_date_is_its_whole_day():
    assert period_ns("2017-01-01", "2017-01-01") == (NEW_YEAR, NEW_YEAR + DAY_NS - 1)
    assert period_ns(dt.date(2017, 1, 1), dt.date(2017, 1, 1)) == (NEW_YEAR, NEW_YEAR + DAY_NS - 1)


@pytest.mark.parametrize(
    "value",
    [
        "2017-01-01 01:00",
        "2017-01-01T01:00:00Z",
        "2017-01-01T03:00:00+02:00",
        pd.Timestamp("2017-01-01 01:00"),
        pd.Timestamp("2016-12-31 20:00", tz="America/New_York"),
        dt.datetime(2017, 1, 1, 1),
        np.datetime64("2017-01-01T01:00"),
    ],
)
def test_every_writing_of_one_moment_is_that_moment(value):
    assert period_ns(value, value) == (NEW_YEAR + HOUR_NS, NEW_YEAR + HOUR_NS)


def test_a_timestamp_at_midnight_is_a_moment_not_a_day():
    assert period_ns(None, pd.Timestamp("2017-01-01")) == (None, NEW_YEAR)


@pytest.mark.parametrize("value", ["yesterday", "2017", "01/02/2017", "2017-13-01", "", 20170101, pd.NaT])
def test_what_is_no_time_is_refused(value):
    with pytest.raises(DataError, match="start was"):
        period_ns(value, None)


def test_an_end_before_the_start_is_refused():
    with pytest.raises(DataError, match="end was 2016-12-31, which is before start 2017-01-01"):
        period_ns("2017-01-01", "2016-12-31")


def test_times_in_messages_are_utc():
    assert time_text(NEW_YEAR) == "2017-01-01 00:00:00+00:00"
