from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq
import pytest

from sptrader.data.fingerprint import content_hash
from sptrader.data.load import load_bars
from sptrader.data.parquet import file_facts, read_bars, save_bars, save_ticks
from sptrader.errors import DataError

EURUSD = {"symbol": "EURUSD", "timeframe": "1h", "basis": "bid"}


def test_the_file_keeps_its_facts_in_the_schema(good, tmp_path):
    written = save_bars(load_bars(good, **EURUSD), tmp_path / "new" / "bars.parquet")

    metadata = {k.decode(): v.decode() for k, v in pq.read_schema(tmp_path / "new" / "bars.parquet").metadata.items()}
    assert metadata == {
        "sptrader.symbol": "EURUSD",
        "sptrader.timeframe": "1h",
        "sptrader.basis": "bid",
        "sptrader.session": "fx",
        "sptrader.content_hash": content_hash(good),
    }
    assert written.content_hash == content_hash(good)


def test_what_is_written_is_read_again(good, tmp_path):
    bars = load_bars(good.assign(spread=0.0001), **EURUSD)
    save_bars(bars, tmp_path / "bars.parquet")

    again = load_bars(tmp_path / "bars.parquet")

    pd.testing.assert_frame_equal(again, bars, check_freq=False)
    assert file_facts(tmp_path / "bars.parquet")[1] == 6


def test_the_same_bars_give_the_same_bytes(good, tmp_path):
    for name in ("a", "b"):
        save_bars(load_bars(good, **EURUSD), tmp_path / name)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_frame_without_facts_is_not_written(good, tmp_path):
    with pytest.raises(DataError, match="lack symbol"):
        save_bars(good, tmp_path / "bars.parquet")
    assert list(tmp_path.iterdir()) == []


def test_ticks_are_not_bars(good, tmp_path):
    ticks = pd.DataFrame({"bid": [1.0], "ask": [1.1]}, index=good.index[:1])
    ticks.attrs["sptrader.symbol"] = "EURUSD"
    save_ticks(ticks, tmp_path / "ticks.parquet")

    assert file_facts(tmp_path / "ticks.parquet")[0]["kind"] == "ticks"
    with pytest.raises(DataError, match="column open, high, low, close, volume is missing"):
        read_bars(tmp_path / "ticks.parquet")
