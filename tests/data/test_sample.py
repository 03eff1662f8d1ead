from __future__ import annotations

import pandas as pd
import pytest

from sptrader.data.catalog import SAMPLES_FOLDER
from sptrader.data.checks import check_bars
from sptrader.data.sample import sample, samples
from sptrader.errors import DataError
from sptrader.model.bars import bars_facts


def test_the_samples_are_those_named():
    assert [(e.symbol, e.timeframe, e.n_rows, e.adjustment) for e in samples()] == [
        ("AAPL", "1d", 3270, "split"),
        ("EURUSD", "1h", 6225, ""),
        ("FB", "1d", 196, "split"),
        ("GOOG", "1d", 2148, "split"),
        ("IBM", "1d", 3270, "split"),
        ("MSFT", "1d", 3270, "split"),
    ]
    assert "MIT License" in (SAMPLES_FOLDER / "ATTRIBUTION.md").read_text()


def test_every_sample_passes_the_door():
    assert all(check_bars(sample(e.symbol, e.timeframe)).errors == () for e in samples())


def test_eurusd_is_the_year_2017_at_ask():
    bars = sample("EURUSD", "1h")

    assert (str(bars.index[0]), str(bars.index[-1])) == ("2017-01-01 22:00:00+00:00", "2017-12-29 21:00:00+00:00")
    assert bars_facts(bars).basis == "ask"
    assert bars.iloc[0].tolist() == [1.05236, 1.05253, 1.05221, 1.05227, 143539993.3]  # the source file's first line


def test_shares_are_adjusted_for_splits_and_not_for_dividends():
    apple = sample("AAPL", "1d")
    # traded at 130.31 on 2000-03-01, before splits of 2:1 in 2000 and 2005; 9,616,100 shares then are 38,464,400 now
    assert apple.loc["2000-03-01", ["close", "volume"]].iloc[0].tolist() == [130.31 / 4, 9_616_100.0 * 4]
    # 101.25 on the last day before the first split, 55.63 on its first day
    assert apple.loc["2000-06-20", "close"].iloc[0] == 101.25 / 4
    assert apple.loc["2000-06-21", "close"].iloc[0] == 55.63 / 2
    assert apple.loc["2005-02-28", "close"].iloc[0] == 44.86  # the first day of the second split is as traded
    # Microsoft paid 3.08 a share on 2004-11-15: the fall of that day stays, 29.97 before and 27.39 after
    microsoft = sample("MSFT", "1d")
    assert microsoft.loc["2004-11-12", "close"].iloc[0] == 29.97
    assert microsoft.loc["2004-11-15", "close"].iloc[0] == 27.39


def test_no_split_is_left_in_any_share():
    for entry in samples():
        if entry.timeframe == "1d":
            bars = sample(entry.symbol, "1d")
            overnight = bars["open"] / bars["close"].shift()
            assert overnight.min() > 0.51  # Apple's profit warning of 2000-09-29 opened at 0.527, and is real


def test_a_daily_bars_time_is_the_open_of_the_exchange():
    bars = sample("IBM", "1d")

    assert set(bars.index.tz_convert("America/New_York").strftime("%H:%M")) == {"09:30"}
    assert bars.loc["2000-04-03"].index[0] == pd.Timestamp("2000-04-03 13:30", tz="UTC")  # summer time began
    assert bars_facts(bars).session == "XNYS"


def test_an_unknown_sample_names_those_there_are():
    with pytest.raises(DataError, match=r"no sample of 'EURUDS' 1h; did you mean 'EURUSD'\?.*AAPL 1d, EURUSD 1h"):
        sample("EURUDS", "1h")
    with pytest.raises(DataError, match="no sample of 'EURUSD' 5m"):
        sample("EURUSD", "5m")
