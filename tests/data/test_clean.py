from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sptrader.data.checks import check_bars
from sptrader.data.clean import clean_bars, clean_ticks
from sptrader.errors import DataError
from sptrader.model.bars import facts, with_facts

EURUSD = {"symbol": "EURUSD", "timeframe": "1h", "basis": "bid", "session": "fx", "content_hash": "abc"}


def test_nothing_is_done_that_was_not_asked_for(good):
    dirty = with_facts(good.iloc[[0, 2, 1, 1, 3]], EURUSD)

    same, report = clean_bars(dirty)

    assert (same.to_numpy() == dirty.to_numpy()).all()
    assert str(report) == "nothing to do\n5 rows before, 5 after"


def test_every_repair_is_counted_and_said(good):
    dirty = good.iloc[[0, 2, 1, 1, 3, 4, 5]].copy()
    dirty.iloc[3, 4] = 99.0  # the second row of 09:00 has another volume
    dirty.iloc[5, 1] = 0.5  # 12:00: high below low
    off = dirty.iloc[[6]].set_axis(dirty.index[[6]] + pd.Timedelta("7min"))
    weekend = dirty.iloc[[0]].set_axis(pd.DatetimeIndex(["2017-03-11 10:00"], tz="UTC"))
    dirty = with_facts(pd.concat([dirty, off, weekend]), EURUSD)

    clean, report = clean_bars(
        dirty, sort=True, duplicates="first", drop_invalid=True, drop_off_grid=True, drop_closed_market=True
    )

    assert report.steps == (
        "sorted the rows by time: 2 were before the one above them",
        "dropped 1 rows whose time repeats, kept the first; 1 had other values",
        "dropped 1 rows with an invalid price, volume or spread",
        "dropped 1 rows that start no 1h bar",
        "dropped 1 rows while the market is closed",
    )
    assert (report.n_before, report.n_after) == (9, 5)
    assert [t.hour for t in clean.index] == [8, 9, 10, 11, 13]
    assert clean["volume"].iloc[1] == 20.0
    assert check_bars(clean).errors == ()


def test_which_of_two_rows_stays_is_the_users_choice(good):
    dirty = good.iloc[[0, 1, 1, 2]].copy()
    dirty.iloc[2, 4] = 99.0
    dirty = with_facts(dirty, EURUSD)

    assert clean_bars(dirty, duplicates="first")[0]["volume"].tolist() == [10.0, 20.0, 30.0]
    assert clean_bars(dirty, duplicates="last")[0]["volume"].tolist() == [10.0, 99.0, 30.0]


def test_repaired_bars_have_no_hash_and_the_input_is_untouched(good):
    dirty = with_facts(good.iloc[::-1], EURUSD)
    before = dirty.copy()

    clean, _ = clean_bars(dirty, sort=True)

    assert facts(clean)["content_hash"] == ""
    pd.testing.assert_frame_equal(dirty, before)


def test_rows_without_a_time_go_with_the_invalid_ones(good):
    dirty = good.reset_index()
    dirty.loc[1, "time"] = pd.NaT

    clean, report = clean_bars(with_facts(dirty, EURUSD), drop_invalid=True)

    assert report.steps == ("dropped 1 rows without a time",)
    assert len(clean) == 5


def test_closed_market_needs_sorted_bars(good):
    with pytest.raises(DataError, match="ask for sort too"):
        clean_bars(with_facts(good.iloc[::-1], EURUSD), drop_closed_market=True)


def test_ticks_keep_quotes_of_one_time_that_differ():
    index = pd.DatetimeIndex(["2017-03-13 10:00:01"] * 3 + ["2017-03-13 10:00:00"] * 2, tz="UTC")
    dirty = pd.DataFrame({"bid": [1.1, 1.1, 1.2, 1.0, np.nan], "ask": [1.2, 1.2, 1.3, 1.1, 1.0]}, index=index)

    clean, report = clean_ticks(dirty, sort=True, drop_repeated=True, drop_invalid=True)

    assert clean["bid"].tolist() == [1.0, 1.1, 1.2]
    assert report.steps == (
        "dropped 1 quotes that are not 0 < bid <= ask with a time",
        "sorted the rows by time: 1 were before the one above them",
        "dropped 1 quotes that repeat another exactly",
    )
