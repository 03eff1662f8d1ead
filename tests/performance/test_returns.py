"""Session returns: one a nominal trading day, the same whatever the length of the bars."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sptrader.errors import DataError, RunError
from sptrader.performance.ratios import sharpe
from sptrader.performance.returns import (
    AccountSeries,
    buy_and_hold_return,
    compound,
    empty_session_warnings,
    monthly_table,
    session_returns,
)

REAL_BARS = Path(__file__).parents[2] / "../shared/data/bars/EURUSD-1m-bid-2025H1.parquet"
MINUTE_NS, HOUR_NS, DAY_NS = 60 * 10**9, 3600 * 10**9, 86400 * 10**9


def account(times: list[str], equity: list[float], *, session: str, timeframe_ns: int = HOUR_NS, cash: float = 100.0):
    index = pd.DatetimeIndex(times, tz="UTC").as_unit("ns")
    return AccountSeries(index.asi8, np.array(equity, float), cash, timeframe_ns, session)


def test_first_session_is_measured_from_the_starting_cash():
    result = session_returns(
        account(["2024-01-01 10:00", "2024-01-01 11:00", "2024-01-02 00:00"], [104.0, 110.0, 99.0], session="24/7")
    )

    assert result.returns == pytest.approx([0.10, -0.10])  # 110 / 100, 99 / 110
    assert result.equity.tolist() == [110.0, 99.0]
    assert [str(date.date()) for date in result.dates] == ["2024-01-01", "2024-01-02"]


def test_fx_day_ends_at_17_new_york_in_winter_and_in_summer():
    # Friday 2024-03-08 is winter time (22:00 UTC); New York moves its clocks on Sunday the 10th (21:00 from then on)
    times = ["2024-03-07 21:00", "2024-03-07 22:00", "2024-03-08 21:00", "2024-03-11 20:00", "2024-03-11 21:00"]
    result = session_returns(account(times, [101.0, 102.0, 103.0, 104.0, 105.0], session="fx"))

    assert [str(date.date()) for date in result.dates] == ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12"]
    assert result.equity.tolist() == [101.0, 103.0, 104.0, 105.0]


def test_sunday_evening_belongs_to_monday():
    result = session_returns(account(["2024-01-07 22:00", "2024-01-08 20:00"], [101.0, 102.0], session="fx"))

    assert len(result) == 1
    assert result.returns == pytest.approx([0.02])
    assert str(result.dates[0].date()) == "2024-01-08"


def test_session_without_data_counts_zero_and_is_named():
    # Monday, then Thursday: Tuesday and Wednesday are missing
    result = session_returns(account(["2024-01-08 10:00", "2024-01-11 10:00"], [110.0, 121.0], session="fx"))

    assert result.returns == pytest.approx([0.10, 0.0, 0.0, 0.10])
    assert empty_session_warnings(result) == [
        "2 of 4 nominal sessions had no data and count as a return of 0: 2024-01-09, 2024-01-10."
    ]


def test_weekend_is_no_session_of_fx_but_two_of_a_market_that_never_closes():
    times, equity = ["2024-01-05 10:00", "2024-01-08 10:00"], [101.0, 102.0]

    assert len(session_returns(account(times, equity, session="fx"))) == 2
    assert len(session_returns(account(times, equity, session="24/7"))) == 4


def test_exchange_holiday_is_no_session():
    # Martin Luther King day, Monday 2024-01-15, is between the two; 14:30 UTC is the opening bell
    result = session_returns(
        account(["2024-01-12 14:30", "2024-01-16 14:30"], [101.0, 102.0], session="XNYS", timeframe_ns=DAY_NS)
    )

    assert len(result) == 2
    assert result.periods_per_year == 252
    assert empty_session_warnings(result) == []


def test_long_list_of_empty_sessions_is_cut():
    result = session_returns(account(["2024-01-01 00:00", "2024-01-21 00:00"], [101.0, 102.0], session="24/7"))

    (warning,) = empty_session_warnings(result)

    assert warning.startswith("19 of 21 nominal sessions")
    assert warning.endswith("2024-01-11 and 9 more.")


def test_after_ruin_returns_are_zero():
    times = ["2024-01-01", "2024-01-02", "2024-01-03"]
    result = session_returns(account(times, [50.0, -10.0, -10.0], session="24/7", timeframe_ns=DAY_NS))

    assert result.returns == pytest.approx([-0.5, -1.2, 0.0])


def test_no_bars_make_no_returns():
    result = session_returns(account([], [], session="fx"))

    assert len(result) == 0
    assert monthly_table(result).empty


@pytest.mark.parametrize("session", ["fx", "24/7"])
def test_same_equity_has_the_same_sharpe_on_minutes_hours_and_days(session):
    # A month of minutes with the FX weekends left out, over New York's change of clocks on 2024-03-10
    times = pd.date_range("2024-02-25 22:00", "2024-03-29 20:59", freq="1min", tz="UTC")
    new_york = times.tz_convert("America/New_York")
    days = (new_york + pd.Timedelta(hours=7)).tz_localize(None).normalize()
    if session == "fx":
        times, days = times[days.day_of_week < 5], days[days.day_of_week < 5]
    else:
        days = times.tz_localize(None).normalize()
    equity = pd.Series(100_000 + np.random.default_rng(7).normal(0.2, 20, len(times)).cumsum(), index=times)
    hourly = equity.resample("1h").last().dropna()
    daily = equity.groupby(days).last()
    day_opens = pd.DatetimeIndex(times.to_series().groupby(days).first()).as_unit("ns")

    def measured(index: pd.DatetimeIndex, values: pd.Series, timeframe_ns: int) -> float:
        series = AccountSeries(index.as_unit("ns").asi8, values.to_numpy(), 100_000.0, timeframe_ns, session)
        result = session_returns(series)
        return sharpe(result.returns, result.periods_per_year)

    minute = measured(times, equity, MINUTE_NS)

    assert math.isfinite(minute)
    assert measured(hourly.index, hourly, HOUR_NS) == minute
    assert measured(day_opens, daily, DAY_NS) == minute


@pytest.mark.skipif(not REAL_BARS.exists(), reason=f"{REAL_BARS.name} is not on this machine")
def test_real_bars_with_holes_have_the_same_sharpe_on_minutes_and_hours():
    close = pd.read_parquet(REAL_BARS, columns=["time", "close"]).set_index("time")["close"]
    equity = 10_000.0 * (1.0 + 3.0 * (close / close.iloc[0] - 1.0))  # long with a leverage of three, never rebalanced
    hourly = equity.resample("1h").last().dropna()

    minutes, hours = (
        session_returns(AccountSeries(s.index.as_unit("ns").asi8, s.to_numpy(), 10_000.0, length_ns, "fx"))
        for s, length_ns in ((equity, MINUTE_NS), (hourly, HOUR_NS))
    )

    assert sharpe(hours.returns, 260) == sharpe(minutes.returns, 260)
    assert hours.empty_labels.tolist() == minutes.empty_labels.tolist()
    assert len(minutes.empty_labels) > 5  # the feed was down for days
    assert compound(minutes.returns) == pytest.approx(equity.iloc[-1] / 10_000.0 - 1.0)


def test_months_compound_the_returns_of_their_sessions():
    times = ["2023-12-29", "2024-01-30", "2024-01-31", "2024-02-01"]
    series = account(times, [110.0, 121.0, 108.9, 217.8], session="24/7", timeframe_ns=DAY_NS)

    table = monthly_table(session_returns(series))

    assert table.index.tolist() == [2023, 2024]
    assert table.loc[2023, "Dec"] == pytest.approx(0.10)
    assert math.isnan(table.loc[2023, "Nov"])
    assert table.loc[2024, "Jan"] == pytest.approx(1.1 * 0.9 - 1)  # +10 %, then -10 %
    assert table.loc[2024, "Feb"] == pytest.approx(1.0)
    assert table.loc[2024, "Year"] == pytest.approx(217.8 / 110 - 1)


def test_sunday_evening_counts_for_the_new_month():
    # Sunday 2024-03-31 22:00 UTC is Monday the 1st of April
    table = monthly_table(
        session_returns(account(["2024-03-28 10:00", "2024-03-31 22:00"], [110.0, 121.0], session="fx"))
    )

    assert table.loc[2024, "Mar"] == pytest.approx(0.10)
    assert table.loc[2024, "Apr"] == pytest.approx(0.10)


def test_compounding_and_holding():
    assert compound([]) == 0.0
    assert compound([0.5, 0.5]) == pytest.approx(1.25)
    assert buy_and_hold_return([100.0, 50.0], [150.0, 25.0]) == pytest.approx(0.0)  # +50 % and -50 %
    assert math.isnan(buy_and_hold_return([], []))
    assert math.isnan(buy_and_hold_return([0.0], [1.0]))
    with pytest.raises(RunError, match="2 first and 1 last"):
        buy_and_hold_return([1.0, 2.0], [1.0])


def test_faults_of_an_account_are_named():
    with pytest.raises(RunError, match=r"equity was nan at bar 1"):
        account(["2024-01-01", "2024-01-02"], [1.0, math.nan], session="fx")
    with pytest.raises(RunError, match=r"one value a bar"):
        AccountSeries(np.arange(3), np.ones(2), 1.0, DAY_NS, "fx")
    with pytest.raises(RunError, match=r"cash was 0"):
        account(["2024-01-01"], [1.0], session="fx", cash=0)


def test_time_that_no_session_covers_is_refused():
    # an exchange announces its days about a year ahead
    with pytest.raises(DataError, match="XNYS"):
        session_returns(account(["2024-01-02 14:30", "2099-01-02 14:30"], [1.0, 1.0], session="XNYS"))
