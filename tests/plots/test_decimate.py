"""What is drawn are values that were there: no spike is lost, none is invented."""

import numpy as np
import pandas as pd
import pytest

from sptrader.plots.decimate import candles, closed_hours, common_decimals, extreme_indices, time_range, time_text


def test_few_bars_are_drawn_one_by_one(bars):
    drawn = candles(bars, max_points=10)

    assert drawn.bars_each == 1
    assert drawn.close.tolist() == bars["close"].tolist()


def test_many_bars_become_longer_candles_as_a_longer_timeframe_would_show_them(bars):
    drawn = candles(bars, max_points=4)  # 10 bars: three candles of three, one of what is left

    assert drawn.bars_each == 3
    assert drawn.time.tolist() == bars.index[[0, 3, 6, 9]].tolist()
    np.testing.assert_allclose(drawn.open, [1.095, 1.125, 1.155, 1.185])
    np.testing.assert_allclose(drawn.high, [1.14, 1.17, 1.20, 1.21])
    np.testing.assert_allclose(drawn.low, [1.08, 1.11, 1.14, 1.17])
    np.testing.assert_allclose(drawn.close, [1.12, 1.15, 1.18, 1.19])


@pytest.mark.parametrize("n_bars", [1, 7, 1999, 2000, 2001, 12_345])
def test_candles_never_outnumber_what_was_asked_for(n_bars):
    index = pd.date_range("2020-01-01", periods=n_bars, freq="1min", tz="UTC", name="time")
    frame = pd.DataFrame(
        {name: np.arange(n_bars, dtype=float) for name in ("open", "high", "low", "close")}, index=index
    )

    drawn = candles(frame)

    assert len(drawn.close) <= 2000
    assert drawn.high.max() == n_bars - 1


def test_lines_keep_every_spike_and_both_ends():
    values = np.zeros(100_000)
    values[[137, 54_321]] = [9.0, -7.0]

    chosen = extreme_indices(values)

    assert len(chosen) <= 2000
    assert {0, 137, 54_321, 99_999} <= set(chosen.tolist())
    assert (np.diff(chosen) > 0).all()


def test_line_stays_broken_where_nothing_is_defined():
    values = np.ones(10_000)
    values[4000:6000] = np.nan

    drawn = values[extreme_indices(values, 100)]

    assert 0 < np.isnan(drawn).sum() <= 40
    assert len(drawn) <= 100


def test_weekend_takes_no_room_and_the_last_bar_of_the_week_keeps_its_hour(bars):
    # Friday's last bar opens 21:00 and lasts to 22:00; Sunday's first opens 22:00
    assert closed_hours(bars.index) == [{"bounds": ["2017-03-03T22:00:01", "2017-03-05T22:00"]}]


def test_gaps_shorter_than_a_drawn_candle_are_left_alone(bars):
    assert closed_hours(bars.index, pd.Timedelta(days=3)) == []


def test_only_the_longest_gaps_are_cut_when_there_are_too_many():
    hours = np.cumsum(np.tile([1, 1, 5], 2000))
    hours[3000:] += 100
    times = pd.DatetimeIndex(pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(hours, unit="h"))

    breaks = closed_hours(times)

    assert len(breaks) == 1000
    longest = max(breaks, key=lambda item: pd.Timestamp(item["bounds"][1]) - pd.Timestamp(item["bounds"][0]))
    assert pd.Timestamp(longest["bounds"][1]) == times[3000].tz_localize(None)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("2017-03-03", "2017-03-03"),
        ("2017-03-03 17:05", "2017-03-03T17:05"),
        ("2017-03-03 17:05:09", "2017-03-03T17:05:09"),
        ("2017-03-03 17:05:09.5", "2017-03-03T17:05:09.500"),
    ],
)
def test_times_are_written_as_short_as_they_can_be(time, text):
    assert time_text(pd.DatetimeIndex([pd.Timestamp(time, tz="UTC")])).tolist() == [text]


def test_time_of_another_zone_is_written_in_utc():
    assert time_text(pd.DatetimeIndex([pd.Timestamp("2017-03-03 12:00", tz="America/New_York")])).tolist() == [
        "2017-03-03T17:00"
    ]


def test_axis_has_room_for_a_hundredth_on_both_sides():
    times = pd.DatetimeIndex(["2017-01-01", "2017-04-11"], tz="UTC")  # 100 days

    assert time_range(times) == ["2016-12-31", "2017-04-12"]
    assert time_range(times[:1]) is None


def test_decimals_are_those_of_the_number_that_has_most():
    assert common_decimals(np.array([1.0, 2.5, np.nan])) == 1
    assert common_decimals(np.array([3.0])) == 0
    assert common_decimals(np.array([1 / 3])) == 6
