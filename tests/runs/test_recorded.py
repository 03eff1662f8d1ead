"""What a server's streams keep is read back as it was published, and written down for a backtest."""

import pandas.testing as pt
import pytest

from sptrader.data.load import load_bars
from sptrader.data.sample import sample
from sptrader.errors import DataError
from sptrader.model.bars import bars_facts
from sptrader.runs.feed import ReplayFeed
from sptrader.runs.jobs import BarsChoice
from sptrader.runs.jobwork import job_bars
from sptrader.runs.recorded import recorded_bars, recorded_streams, write_down
from sptrader.streams.memory import MemoryStreams


def published(*symbols, timeframe="1h"):
    streams = MemoryStreams()
    frames = {symbol: sample(symbol, timeframe).iloc[:60] for symbol in symbols}
    feed = ReplayFeed(streams, frames, tiers=dict.fromkeys(symbols, "checked"))
    while not feed.is_over:
        feed.step(0)
    return streams, frames


def test_streams_tell_their_facts_their_length_and_their_age():
    streams, _ = published("EURUSD")

    (one,) = recorded_streams(streams)

    assert (one.name, one.facts.basis, one.tier) == ("EURUSD 1h", "ask", "checked")
    assert one.n_entries == 61  # and the end
    assert 0.0 <= one.age_s < 60.0


def test_bars_are_read_back_as_they_were_published(tmp_path):
    streams, frames = published("EURUSD")
    known = recorded_streams(streams)[0].facts

    found = recorded_bars(streams, known)
    path = write_down(streams, [known], tmp_path)

    pt.assert_frame_equal(found, frames["EURUSD"], check_freq=False)
    assert bars_facts(load_bars(path)).symbol == "EURUSD"
    assert len(job_bars(BarsChoice(path=str(path)))) == 60


def test_several_instruments_are_a_folder_of_files(tmp_path):
    streams, frames = published("AAPL", "MSFT", timeframe="1d")

    path = write_down(streams, [one.facts for one in recorded_streams(streams)], tmp_path)

    found = job_bars(BarsChoice(path=str(path)))
    assert list(found) == ["AAPL", "MSFT"]
    pt.assert_frame_equal(found["MSFT"], frames["MSFT"], check_freq=False)


def test_a_stream_without_a_bar_is_said_to_be_empty():
    streams, _ = published("EURUSD")
    known = recorded_streams(streams)[0].facts

    with pytest.raises(DataError, match="the stream of EURUSD 1h has no bar yet"):
        recorded_bars(MemoryStreams(), known)
