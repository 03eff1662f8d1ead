from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sptrader.data.load import load_bars
from sptrader.data.resample import bars_from_ticks, resample
from sptrader.data.sample import sample
from sptrader.data.synthetic import synthetic_bars
from sptrader.data.ticks import load_ticks
from sptrader.errors import DataError
from sptrader.model.aggregate import Bar, BarAggregator, fold_bars, fold_ticks
from sptrader.model.bars import bars_facts, with_facts

COLUMNS = ["open", "high", "low", "close", "volume", "spread"]


def minutes(seed: int, session: str = "fx", missing: float = 0.3) -> pd.DataFrame:
    symbol = {"fx": "EURUSD", "24/7": "BTCUSD", "XNYS": "IBM"}[session]
    bars = synthetic_bars(
        symbol,
        "1m",
        start="2017-03-09 21:17",
        end="2017-03-17 03:33",
        price=100.0,
        seed=seed,
        session=session,
        spread=0.25,
        missing=missing,
    )
    # whole minutes, hours and the like are missing too, as in real data
    random = np.random.default_rng(seed)
    for at in random.integers(0, len(bars), 6):
        bars = bars.drop(bars.index[at : at + int(random.integers(10, 400))])
    bars["spread"] = random.integers(1, 9, len(bars)) / 8.0
    return bars


def stream(
    bars: pd.DataFrame, timeframe: str, *, since_ns: int | None = None, until_ns: int | None = None
) -> pd.DataFrame:
    known = bars_facts(bars)
    aggregator = BarAggregator(timeframe, known.session, source_timeframe=known.timeframe, since_ns=since_ns)
    rows = zip(bars.index.asi8.tolist(), *(bars[c].tolist() for c in COLUMNS), strict=True)
    done = fold_bars(aggregator, (Bar(*row) for row in rows))
    done += aggregator.advance_to(until_ns or 0)
    index = pd.DatetimeIndex(np.array([b.time_ns for b in done], dtype="datetime64[ns]"), tz="UTC", name="time")
    return pd.DataFrame({c: np.array([getattr(b, c) for b in done], dtype=float) for c in COLUMNS}, index=index)


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, check_exact=True, check_freq=False)


def same_but_for_rounding_of_means(left: pd.DataFrame, right: pd.DataFrame) -> None:
    same(left.drop(columns="spread"), right.drop(columns="spread"))
    np.testing.assert_allclose(left["spread"], right["spread"], rtol=1e-14)


def test_five_minutes_by_hand():
    index = pd.DatetimeIndex([f"2017-03-13 10:0{m}" for m in (0, 1, 4, 5)], tz="UTC")
    frame = pd.DataFrame(
        {
            "open": [10.0, 11.0, 13.0, 9.0],
            "high": [12.0, 15.0, 13.0, 9.0],
            "low": [9.0, 11.0, 8.0, 9.0],
            "close": [11.0, 13.0, 9.0, 9.0],
            "volume": [2.0, 6.0, 2.0, 7.0],
            "spread": [0.5, 1.0, 0.25, 9.0],
        },
        index=index,
    )
    facts = {"symbol": "EURUSD", "timeframe": "1m", "basis": "bid", "session": "fx"}

    bars = resample(with_facts(frame, facts), "5m")

    # spread (2 * 0.5 + 6 * 1 + 2 * 0.25) / 10; the bar of 10:05 is not complete
    assert bars.index.tolist() == [index[0]]
    assert bars.iloc[0].tolist() == [10.0, 15.0, 8.0, 9.0, 10.0, 0.75]
    assert bars_facts(bars).timeframe == "5m"


def test_only_complete_bars_are_published():
    hours = sample("EURUSD", "1h")
    part = hours.loc["2017-03-14 10:00":"2017-03-14 18:00"]

    # 09:00-13:00 has begun before the data; 17:00-21:00 has not ended
    assert [t.hour for t in resample(part, "4h").index] == [13]
    assert [t.hour for t in resample(part, "4h", since="2017-03-14 09:00").index] == [9, 13]
    assert [t.hour for t in resample(part, "4h", until="2017-03-14 21:00").index] == [13, 17]
    assert [t.hour for t in resample(part.iloc[:-1], "4h").index] == [13]


def test_until_a_bare_date_is_until_its_end():
    part = sample("EURUSD", "1h").loc["2017-03-14 17:00":"2017-03-14 19:00"]

    assert len(resample(part, "1h", until="2017-03-14")) == 3
    assert len(resample(part, "4h", until="2017-03-14")) == 1


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("session", ["fx", "24/7", "XNYS"])
def test_minutes_to_four_hours_is_minutes_to_hours_to_four_hours_is_the_stream(seed, session):
    bars = minutes(seed, session)
    hours, direct = resample(bars, "1h"), resample(bars, "4h")

    same_but_for_rounding_of_means(resample(hours, "4h"), direct)
    same(stream(bars, "1h"), hours)
    same(stream(bars, "4h"), direct)
    # whoever knows more than the hours tell can say so to the stream of hours
    first, last = bars.index[0].value, bars.index[-1].value + 60 * 10**9
    same(stream(hours, "4h", since_ns=first, until_ns=last), resample(hours, "4h"))
    assert len(direct) > 0


@pytest.mark.parametrize("session", ["fx", "24/7", "XNYS"])
@pytest.mark.parametrize("timeframe", ["7m", "1d", "2d", "1w"])
def test_the_stream_makes_the_same_bars_of_every_length(session, timeframe):
    bars = minutes(1, session)

    same(stream(bars, timeframe), resample(bars, timeframe))


@pytest.mark.parametrize("session", ["fx", "24/7", "XNYS"])
def test_daily_bars_from_minutes_and_from_hours_are_one(session):
    bars = minutes(2, session)

    same_but_for_rounding_of_means(resample(resample(bars, "1h"), "1d"), resample(bars, "1d"))


def test_a_prefix_gives_a_prefix():
    bars = minutes(5)
    whole = resample(bars, "4h")

    for stop in range(1, len(bars), 97):
        part = resample(bars.iloc[:stop], "4h")
        same(part, whole.iloc[: len(part)])


def test_daily_fx_bars_of_a_real_year_are_its_sessions():
    days = resample(sample("EURUSD", "1h"), "1d")

    # 260 weekdays; 25 December has hours of data only from 22:00 on, which is the 26th
    assert len(days) == 260
    assert set(days.index.tz_convert("America/New_York").strftime("%H:%M")) == {"17:00"}
    march = days.loc["2017-03-09":"2017-03-14"].index.strftime("%m-%d %H").tolist()
    assert march == ["03-09 22", "03-12 21", "03-13 21", "03-14 21"]


def test_weekly_shares_end_with_the_weeks_last_session():
    weeks = resample(sample("AAPL", "1d"), "1w")

    first = weeks.index[0]
    assert str(first) == "2000-03-06 14:30:00+00:00"  # data begins on a Wednesday: that week is not complete
    days = sample("AAPL", "1d").loc["2000-03-06":"2000-03-10"]
    assert weeks.iloc[0].tolist() == [
        days["open"].iloc[0],
        days["high"].max(),
        days["low"].min(),
        days["close"].iloc[-1],
        days["volume"].sum(),
    ]


def test_sided_columns_are_resampled_as_prices_are():
    bars = minutes(3)[["open", "high", "low", "close", "volume", "spread"]]
    for name in ("open", "high", "low", "close"):
        bars[f"bid_{name}"], bars[f"ask_{name}"] = bars[name], bars[name] + 1.0

    hours = resample(bars, "1h")

    for name in ("open", "high", "low", "close"):
        assert (hours[f"bid_{name}"] == hours[name]).all()
        assert (hours[f"ask_{name}"] == hours[name] + 1.0).all()


@pytest.mark.parametrize(
    ("timeframe", "message"), [("90m", "whole multiple"), ("30m", "whole multiple"), ("0h", "was '0h'")]
)
def test_impossible_lengths_are_refused(timeframe, message):
    with pytest.raises(DataError, match=message):
        resample(sample("EURUSD", "1h"), timeframe)


def test_bars_that_would_be_cut_in_two_are_refused():
    bars = resample(sample("EURUSD", "1h"), "3h")  # 21:00-24:00 holds 22:00, where a winter session begins

    with pytest.raises(DataError, match=r"12h bars of session fx would cut \d+ bars in two"):
        resample(bars, "12h")


def test_unsorted_bars_are_refused():
    with pytest.raises(DataError, match="do not rise"):
        resample(sample("EURUSD", "1h").iloc[::-1], "4h")


def random_ticks(seed: int, n_ticks: int = 3000) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    start = pd.Timestamp("2017-03-10 20:31", tz="UTC").as_unit("ns").value
    times = start + np.cumsum(random.integers(0, 9000, n_ticks)) * 10**6
    bid = 1.1 + np.cumsum(random.integers(-2, 3, n_ticks)) * 1e-5
    index = pd.DatetimeIndex(times.astype("datetime64[ns]"), tz="UTC", name="time")
    frame = pd.DataFrame({"bid": bid, "ask": bid + random.integers(1, 9, n_ticks) * 1e-5}, index=index)
    return with_facts(frame, {"symbol": "EURUSD"})


@pytest.mark.parametrize("basis", ["bid", "ask", "mid"])
@pytest.mark.parametrize("timeframe", ["1s", "1m", "1h", "4h"])
def test_bars_of_ticks_are_the_streams_bars_to_the_last_digit(basis, timeframe):
    ticks = random_ticks(4)
    aggregator = BarAggregator(timeframe, "fx", basis=basis)
    rows = zip(ticks.index.asi8.tolist(), ticks["bid"].tolist(), ticks["ask"].tolist(), strict=True)

    done = fold_ticks(aggregator, rows)
    bars = bars_from_ticks(ticks, timeframe, basis=basis)

    assert bars.index.asi8.tolist() == [b.time_ns for b in done]
    assert bars[COLUMNS].to_numpy().tolist() == [list(b[1:]) for b in done]


def test_ticks_to_hours_is_ticks_to_minutes_to_hours():
    ticks = random_ticks(6)

    left = bars_from_ticks(ticks, "1h", basis="mid")
    right = resample(bars_from_ticks(ticks, "1m", basis="mid"), "1h")

    same_but_for_rounding_of_means(left, right)


def test_sided_bars_of_ticks_hold_both_sides():
    bars = bars_from_ticks(random_ticks(7), "1m", basis="bid", sided=True)

    assert (bars["bid_high"] == bars["high"]).all()
    assert (bars["ask_low"] > bars["bid_low"]).all()
    load_bars(bars)


def test_the_last_minute_of_a_file_needs_a_word_that_it_is_complete():
    ticks = random_ticks(8)

    until = ticks.index[-1].ceil("min")
    assert (
        len(bars_from_ticks(ticks, "1m", basis="bid", until=until))
        == len(bars_from_ticks(ticks, "1m", basis="bid")) + 1
    )


def test_bars_of_ticks_need_a_basis_and_for_long_bars_a_session():
    ticks = random_ticks(9)
    with pytest.raises(DataError, match="basis was 'last'"):
        bars_from_ticks(ticks, "1m", basis="last")
    ticks.attrs = {}
    assert len(bars_from_ticks(ticks, "1m", basis="bid"))
    with pytest.raises(DataError, match="session of the ticks is not known"):
        bars_from_ticks(ticks, "4h", basis="bid")
    with pytest.raises(DataError, match="do not rise"):
        bars_from_ticks(ticks.iloc[::-1], "1m", basis="bid")


@pytest.mark.parametrize(
    ("name", "month"), [("EURUSD", "2025-03"), ("AUDUSD", "2025-04"), ("AUDUSD", "2025-06"), ("EURUSD", "2025-06")]
)
def test_real_ticks_make_the_real_minute_bars(real_data, name, month):
    ticks = load_ticks(real_data / "ticks" / f"{name}-{month}.parquet", symbol=name)
    known = load_bars(real_data / "bars" / f"{name}-1m-bid-2025H1.parquet", symbol=name, timeframe="1m", basis="bid")

    bars = bars_from_ticks(ticks, "1m", basis="bid")

    # another program made those from the same ticks
    expected = known.loc[bars.index[0] : bars.index[-1]]
    same(bars.drop(columns="spread"), expected.drop(columns="spread"))
    np.testing.assert_allclose(bars["spread"], expected["spread"], rtol=1e-9)


def test_real_minutes_resample_as_they_stream(real_data):
    path = real_data / "bars" / "EURUSD-1m-bid-2025H1.parquet"
    bars = load_bars(path, symbol="EURUSD", timeframe="1m", basis="bid", start="2025-03-01", end="2025-04-20")

    direct = resample(bars, "4h")

    same(stream(bars, "4h"), direct)
    same_but_for_rounding_of_means(resample(resample(bars, "1h"), "4h"), direct)
