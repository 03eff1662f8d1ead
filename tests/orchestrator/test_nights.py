"""Financing: nights between bars, triple days, holidays, DST."""

import numpy as np
import pandas as pd
import pytest

from sptrader.model.instrument import instrument
from sptrader.orchestrator.nights import NightRates, boundary_nights, night_amounts

NONE = np.empty(0, np.int64)
A_NIGHT = NightRates(lambda symbol, day: (365.0, -365.0), NONE)  # 365 a year: the mid close for each night


def hours(start, end):
    times = pd.date_range(start, end, freq="1h", tz="UTC")
    return np.asarray(times[times.day_of_week < 5].as_unit("ns").asi8)


def label(day):
    return int(np.datetime64(day, "D").astype(np.int64))


@pytest.mark.parametrize(("symbol", "triple"), [("EURUSD", "2017-01-11 22:00"), ("USDCAD", "2017-01-12 22:00")])
def test_monday_to_monday_is_seven_nights_with_one_triple(symbol, triple):
    times = hours("2017-01-09 12:00", "2017-01-16 12:00")
    amounts = night_amounts(instrument(symbol), times, np.full(len(times), 1.0), A_NIGHT)
    assert amounts[:, 0].sum() == pytest.approx(7.0, abs=1e-12)
    assert amounts[:, 1].sum() == pytest.approx(-7.0, abs=1e-12)
    charged = pd.DatetimeIndex(times[amounts[:, 0] > 2.5], tz="UTC")
    assert list(charged) == [pd.Timestamp(triple, tz="UTC")]


def test_boundary_follows_new_york_summer_time():
    times = hours("2017-07-03 12:00", "2017-07-04 12:00")
    amounts = night_amounts(instrument("EURUSD"), times, np.full(len(times), 1.0), A_NIGHT)
    assert list(pd.DatetimeIndex(times[amounts[:, 0] > 0], tz="UTC")) == [pd.Timestamp("2017-07-03 21:00", tz="UTC")]


def test_night_uses_the_mid_close_of_the_bar_before_the_boundary():
    times = hours("2017-01-09 20:00", "2017-01-09 23:00")
    rates = NightRates(lambda symbol, day: (-0.0365, 0.01825), NONE)
    amounts = night_amounts(instrument("EURUSD"), times, np.array([1.0, 1.1, 1.2, 1.3]), rates)
    # the bar at 21:00 closed at 1.1; 1.1 x -0.0365 / 365 = -0.00011, and half of it the other way
    assert amounts.tolist()[:2] == [[0.0, 0.0], [0.0, 0.0]]
    assert amounts[2] == pytest.approx([-0.00011, 0.000055], abs=1e-15)
    assert amounts[3].tolist() == [0.0, 0.0]


def test_a_gap_over_several_boundaries_is_charged_at_the_next_bar():
    times = np.asarray(pd.DatetimeIndex(["2017-01-09 12:00", "2017-01-12 12:00"], tz="UTC").as_unit("ns").asi8)
    amounts = night_amounts(instrument("EURUSD"), times, np.array([1.0, 1.0]), A_NIGHT)
    assert amounts[1, 0] == pytest.approx(5.0)  # Monday, Tuesday, and Wednesday three times


def test_a_holiday_moves_its_nights_to_the_day_before():
    labels = np.array([label(d) for d in ("2017-01-09", "2017-01-10", "2017-01-11", "2017-01-12")])
    nights = boundary_nights(instrument("EURUSD"), labels, np.array([label("2017-01-11")]))
    assert nights.tolist() == [1, 4, 0, 1]


def test_shares_count_the_days_to_the_next_session():
    labels = np.array(
        [label(d) for d in ("2017-01-12", "2017-01-13", "2017-01-17")]
    )  # Martin Luther King's day between
    assert boundary_nights(instrument("AAPL"), labels, NONE).tolist() == [1, 4, 1]
