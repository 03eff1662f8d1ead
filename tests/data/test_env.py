from __future__ import annotations

import pytest

from sptrader.data.env import load_data_from_env, settings_from_env
from sptrader.data.load import load_bars
from sptrader.data.synthetic import SyntheticBars, synthetic_bars
from sptrader.errors import DataError

SAMPLE = {"SPTRADER_TEST_DATASET": "EURUSD", "SPTRADER_TIMEFRAME": "1h"}


def test_a_symbol_of_the_catalog():
    bars = load_data_from_env({**SAMPLE, "SPTRADER_START": "2017-03-14", "SPTRADER_END": "2017-03-14"})

    assert len(bars) == 24


def test_a_foreign_file_with_its_facts(good, write):
    environ = {
        "SPTRADER_TEST_DATASET": str(write(good)),
        "SPTRADER_SYMBOL": "BTCUSD",
        "SPTRADER_TIMEFRAME": "1h",
        "SPTRADER_BASIS": "mid",
        "SPTRADER_SESSION": "24/7",
    }

    assert load_data_from_env(environ).attrs["sptrader.session"] == "24/7"
    with pytest.raises(DataError, match="timeframe is not known"):
        load_data_from_env({k: v for k, v in environ.items() if k != "SPTRADER_TIMEFRAME"})


def test_the_process_environment_is_read_without_an_argument(monkeypatch):
    for name, value in {**SAMPLE, "DATA_SOURCE": "parquet"}.items():
        monkeypatch.setenv(name, value)

    assert len(load_data_from_env()) == 6225


def test_the_other_names_work_and_the_prefixed_one_wins():
    assert settings_from_env({"TEST_DATASET": "a"}).test_dataset == "a"
    assert settings_from_env({"TEST_DATASET": "a", "SPTRADER_TEST_DATASET": "b"}).test_dataset == "b"
    live = settings_from_env(
        {
            "DATA_SOURCE": "live",
            "LIVE_SYMBOL": "EURUSD",
            "LIVE_TIMEFRAME": "1m",
            "LIVE_FROM": "2017-01-01",
            "LIVE_TO": "2017-01-02",
            "REDIS_URL": "redis://there",
        }
    )
    assert (live.data_source, live.live_symbol, live.live_timeframe) == ("live", "EURUSD", "1m")
    assert (live.live_from, live.live_to, live.redis_url) == ("2017-01-01", "2017-01-02", "redis://there")


def test_a_word_that_is_no_alias_is_not_taken_from_the_environment():
    # SYMBOL or TIMEFRAME may be anything in a user's shell; only the prefixed names count
    assert settings_from_env({"SYMBOL": "X", "TIMEFRAME": "1h"}).symbol is None


def test_an_empty_variable_is_unset():
    assert settings_from_env({"SPTRADER_DATA_SOURCE": "", "SPTRADER_START": ""}).start is None


def test_nothing_set_says_what_to_set():
    with pytest.raises(DataError, match="SPTRADER_TEST_DATASET is not set"):
        load_data_from_env({})


def test_an_unknown_source_names_the_nearest():
    with pytest.raises(DataError, match="did you mean 'parquet'"):
        load_data_from_env({"DATA_SOURCE": "parket"})


def test_live_without_a_feed_says_that_it_needs_one():
    live = {"DATA_SOURCE": "live", "LIVE_SYMBOL": "EURUSD", "LIVE_TIMEFRAME": "1m"}

    with pytest.raises(DataError, match="come from a running feed, and none is connected"):
        load_data_from_env(live)
    with pytest.raises(DataError, match="SPTRADER_LIVE_SYMBOL is not set"):
        load_data_from_env({"DATA_SOURCE": "live"})


def test_live_reads_the_stream_that_is_wired():
    history = synthetic_bars("EURUSD", "1m", start="2017-03-14 10:00", end="2017-03-14 12:00", price=1.1, seed=1)
    asked: list[str | None] = []

    def connect(redis_url: str | None) -> SyntheticBars:
        asked.append(redis_url)
        return SyntheticBars(history)

    environ = {"DATA_SOURCE": "live", "LIVE_SYMBOL": "EURUSD", "LIVE_TIMEFRAME": "1m", "LIVE_FROM": "2017-03-14 11:00"}
    bars = load_data_from_env({**environ, "REDIS_URL": "redis://there"}, connect_live=connect)

    assert asked == ["redis://there"]
    assert len(bars) == 61


def test_the_same_bars_come_from_the_environment_and_from_python():
    assert load_data_from_env(SAMPLE).equals(load_bars("EURUSD", "1h"))
