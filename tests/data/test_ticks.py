from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sptrader.data.parquet import save_ticks
from sptrader.data.ticks import load_ticks
from sptrader.errors import DataError


@pytest.fixture
def ticks() -> pd.DataFrame:
    index = pd.DatetimeIndex([f"2017-03-13 10:00:00.{ms:03}" for ms in (1, 5, 5, 9)], tz="UTC", name="time")
    return pd.DataFrame({"bid": [1.10, 1.11, 1.12, 1.11], "ask": [1.11, 1.12, 1.13, 1.12]}, index=index)


def test_ticks_are_read_as_they_were_written(ticks, tmp_path):
    ticks.attrs["sptrader.symbol"] = "EURUSD"
    save_ticks(ticks, tmp_path / "ticks.parquet")

    again = load_ticks(tmp_path / "ticks.parquet")

    pd.testing.assert_frame_equal(again, ticks.set_axis(ticks.index.as_unit("ns")), check_freq=False)
    assert again.attrs["sptrader.symbol"] == "EURUSD"


def test_a_foreign_file_needs_no_symbol_to_be_read(ticks, tmp_path):
    ticks.reset_index().to_parquet(tmp_path / "ticks.parquet")

    assert len(load_ticks(tmp_path / "ticks.parquet")) == 4  # two quotes of one millisecond are both kept
    assert load_ticks(tmp_path / "ticks.parquet", symbol="EURUSD").attrs["sptrader.symbol"] == "EURUSD"


def test_a_symbol_may_not_be_contradicted(ticks):
    ticks.attrs["sptrader.symbol"] = "EURUSD"

    with pytest.raises(DataError, match="symbol was given as 'GBPUSD'"):
        load_ticks(ticks, symbol="GBPUSD")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: f.iloc[[1, 0, 2, 3]], r"increasing: 1 ticks: .*row 1 \(2017-03-13 10:00:00\.001"),
        (lambda f: f.assign(bid=[1.1, np.nan, 1.1, 1.1]), r"quote: 1 ticks.*row 1 .* bid nan"),
        (lambda f: f.assign(bid=[1.1, 1.1, 0.0, -1.0]), "quote: 2 ticks"),
        (lambda f: f.assign(ask=1.0), "quote: 4 ticks"),
        (lambda f: f.assign(ask=np.inf), "quote: 4 ticks"),
        (lambda f: f.iloc[:0], "there are no ticks in it"),
        (lambda f: f.drop(columns="ask"), "column ask is missing"),
        (lambda f: f.tz_localize(None), "no time zone"),
    ],
)
def test_bad_ticks_are_errors(ticks, make, message):
    with pytest.raises(DataError, match=message):
        load_ticks(make(ticks))


def test_ticks_without_a_symbol_are_not_written(ticks, tmp_path):
    with pytest.raises(DataError, match="lack their symbol"):
        save_ticks(ticks, tmp_path / "ticks.parquet")


def test_real_ticks_come_through_the_door(real_data):
    assert len(load_ticks(real_data / "ticks" / "EURUSD-2025-03.parquet", symbol="EURUSD")) == 991_357
