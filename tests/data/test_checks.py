from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sptrader.data.checks import check_bars, require_valid
from sptrader.data.load import load_bars
from sptrader.errors import DataError
from sptrader.model.bars import with_facts

EURUSD = {"symbol": "EURUSD", "timeframe": "1h", "basis": "bid", "session": "fx"}


def flat_hours(start: str, n_bars: int) -> pd.DataFrame:
    index = pd.date_range(start, periods=n_bars, freq="h", tz="UTC", name="time")
    wave = 1.1 + 0.001 * (np.arange(n_bars) % 5)
    frame = pd.DataFrame(
        {"open": wave, "high": wave + 0.001, "low": wave - 0.001, "close": wave, "volume": 1.0}, index=index
    )
    return with_facts(frame, EURUSD)


def rules(frame: pd.DataFrame) -> dict[str, int]:
    return {f.rule: f.count for f in check_bars(frame).warnings}


def test_good_bars_are_verified(good):
    report = check_bars(with_facts(good, EURUSD))

    assert (report.tier, report.errors, report.warnings) == ("verified", (), ())
    assert (report.n_bars, report.first, report.last) == (6, "2017-03-13 08:00:00+00:00", "2017-03-13 13:00:00+00:00")
    require_valid(report)


def test_a_weekend_is_no_gap_and_a_missing_hour_is():
    week = flat_hours("2017-03-06 00:00", 24 * 14)
    open_hours = week[(week.index.day_of_week < 4) | ((week.index.day_of_week == 4) & (week.index.hour < 22))]
    sundays = week[(week.index.day_of_week == 6) & (week.index.hour >= 22)]
    frame = pd.concat([open_hours, sundays, week.loc["2017-03-12 21:00":"2017-03-12 21:00"]]).sort_index()
    frame = frame[frame.index < pd.Timestamp("2017-03-17 21:00", tz="UTC")]
    frame.attrs = dict(week.attrs)

    assert rules(frame) == {}
    report = check_bars(frame.drop(pd.Timestamp("2017-03-12 21:00", tz="UTC")))
    (gap,) = report.warnings
    assert (gap.rule, gap.count) == ("gap", 1)
    assert gap.rows == ("1 bars after row 117 (2017-03-10 21:00:00+00:00)",)
    assert report.tier == "checked"


def test_the_longest_gaps_come_first():
    frame = flat_hours("2017-03-13 00:00", 48)
    frame = frame.drop(frame.index[[5, 20, 21, 22]])

    (gap,) = check_bars(frame).warnings

    assert gap.count == 2
    assert gap.text.startswith("4 expected bars are missing")
    assert [row.split(" bars")[0] for row in gap.rows] == ["3", "1"]


def test_bars_of_the_weekend_are_a_warning():
    frame = flat_hours("2017-03-10 20:00", 6)  # 22:00 on Friday is 17:00 in New York

    assert rules(frame) == {"closed_market": 4}


def test_bars_of_an_exchanges_night_and_holiday_are_a_warning():
    index = pd.DatetimeIndex(["2017-11-22 20:00", "2017-11-23 15:00", "2017-11-24 17:00", "2017-11-24 18:00"], tz="UTC")
    values = {"open": 10.0, "high": 10.1, "low": 9.9, "close": 10.0, "volume": 1.0}
    facts = {"symbol": "IBM", "timeframe": "1h", "basis": "last", "session": "XNYS", "adjustment": "split"}
    report = check_bars(with_facts(pd.DataFrame(values, index=index), facts))

    closed = next(f for f in report.warnings if f.rule == "closed_market")
    assert closed.count == 2  # Thanksgiving, and the hour after the half day's close
    assert "2017-11-23 15:00" in closed.rows[0]


def test_ten_bars_without_movement_are_a_warning_nine_are_not():
    frame = flat_hours("2017-03-13 00:00", 48)
    for n_still, expected in ((9, {}), (10, {"flat": 10})):
        still = frame.copy()
        still.iloc[11 : 11 + n_still, :4] = still["close"].iloc[10]
        still.iloc[11 + n_still, 0] = still["close"].iloc[10]
        assert rules(still) == expected


def test_a_spike_is_a_warning():
    frame = flat_hours("2017-03-13 00:00", 48)
    frame.iloc[20, 1] = 1.2  # one wild quote in the high

    (spike,) = check_bars(frame).warnings

    assert (spike.rule, spike.count) == ("spike", 1)
    assert "row 20 " in spike.rows[0]


@pytest.mark.parametrize(("adjustment", "expected"), [("", 1), ("none", 1), ("split", 0), ("split+dividend", 0)])
def test_shares_not_adjusted_for_splits_are_a_warning(adjustment, expected):
    index = pd.DatetimeIndex(["2017-03-13 13:30", "2017-03-14 13:30"], tz="UTC")
    frame = pd.DataFrame({"open": 10.0, "high": 10.01, "low": 9.99, "close": 10.0, "volume": 1.0}, index=index)
    facts = {"symbol": "IBM", "timeframe": "1d", "basis": "last", "session": "XNYS", "adjustment": adjustment}

    assert [f.rule for f in check_bars(with_facts(frame, facts)).warnings] == ["unadjusted"] * expected


def test_daily_bars_dated_at_midnight_are_off_the_grid():
    index = pd.DatetimeIndex(["2017-03-13", "2017-03-14"], tz="UTC")
    frame = pd.DataFrame({"open": 10.0, "high": 10.01, "low": 9.99, "close": 10.0, "volume": 1.0}, index=index)

    report = check_bars(with_facts(frame, {**EURUSD, "timeframe": "1d"}))

    assert [(f.rule, f.count) for f in report.errors] == [("grid", 2)]
    assert report.tier == "unchecked"


def test_missing_daily_sessions_are_a_gap():
    index = pd.DatetimeIndex(["2017-11-22 14:30", "2017-11-27 14:30"], tz="UTC")  # Friday's half day is missing
    frame = pd.DataFrame({"open": 10.0, "high": 10.01, "low": 9.99, "close": 10.0, "volume": 1.0}, index=index)
    facts = {"symbol": "IBM", "timeframe": "1d", "basis": "last", "session": "XNYS", "adjustment": "split"}

    (gap,) = check_bars(with_facts(frame, facts)).warnings

    assert gap.text.startswith("1 expected bars")


def test_a_frame_without_facts_says_what_is_missing(good):
    with pytest.raises(DataError, match="lack symbol, timeframe, basis, session"):
        check_bars(good)


def test_the_report_reads_as_text_and_as_html(good):
    bad = with_facts(good, EURUSD)
    bad.iloc[2, 1] = 0.5
    report = check_bars(bad, name="<file>")

    assert "error    high_low: 1 row" in str(report)
    html = report._repr_html_()
    assert "&lt;file&gt;" in html
    assert "high_low" in html
    with pytest.raises(DataError, match="<file>: the bars break 1 rule"):
        require_valid(report)


def test_what_real_minutes_are_warned_about(real_data):
    bars = load_bars(real_data / "bars" / "EURUSD-1m-bid-2025H1.parquet", symbol="EURUSD", timeframe="1m", basis="bid")

    found = {f.rule: f for f in check_bars(bars).warnings}

    assert set(found) == {"gap", "spike"}
    assert found["gap"].rows[0].startswith("7,141 bars after row 40085 (2025-04-27 22:58")  # a week less a minute
