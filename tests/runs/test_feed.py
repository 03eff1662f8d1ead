"""The feed: bars in order, `none` where an instrument had no bar, an end; as fast as they came, or faster; and on after a restart."""

import pytest

import sptrader as sp
from sptrader.errors import RunError
from sptrader.model.bars import times_ns
from sptrader.runs.feed import MAX, ReplayFeed, speed_of
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.memory import MemoryServer, MemoryStreams
from tests.orchestrator.tiny import bars


@pytest.fixture
def streams():
    return MemoryStreams(MemoryServer())


def said(streams, symbol="EURUSD"):
    return [decode(entry.fields) for entry in streams.history(keys.bars(symbol, "1h"))]


def frames():
    eur = sp.load_bars(bars([1.1, 1.2, 1.3]))
    gbp = sp.load_bars(bars([1.4, 1.5], symbol="GBPUSD", times=["2017-03-06 11:00", "2017-03-06 13:00"]))
    return {"EURUSD": eur, "GBPUSD": gbp}


def test_each_instrument_speaks_of_every_time_and_ends(streams):
    feed = ReplayFeed(streams, frames())
    assert feed.step(0)

    # 10:00 11:00 12:00 13:00: EURUSD has the first three, GBPUSD the second and the fourth
    assert [bar.kind for bar in said(streams)] == ["bar", "bar", "bar", "none", "end"]
    assert [bar.kind for bar in said(streams, "GBPUSD")] == ["none", "bar", "none", "bar", "end"]
    assert [bar.close for bar in said(streams)[:3]] == [1.1, 1.2, 1.3]
    assert feed.is_over
    assert not feed.step(0)
    assert feed.counters == {"published": 10}


def test_in_real_time_a_bar_waits_for_its_time(streams):
    feed = ReplayFeed(streams, frames(), speed=1.0)
    steps = [feed.step(0) for _ in range(50)]

    assert steps == [True] + [False] * 49  # the next bar is an hour away
    assert [bar.kind for bar in said(streams)] == ["bar"]
    assert not feed.is_over


def test_many_times_faster_all_bars_come_in_their_order(streams):
    feed = ReplayFeed(streams, frames(), speed=3600 * 50.0)  # an hour is 20 ms
    n_steps = 0
    while not feed.is_over:
        n_steps += feed.step(0)

    assert n_steps > 1
    assert [bar.time_ns for bar in said(streams)[:3]] == times_ns(frames()["EURUSD"]).tolist()
    assert said(streams)[-1].kind == "end"


def test_a_feed_that_is_started_again_goes_on_behind_what_was_said(streams):
    first = ReplayFeed(streams, frames(), speed=1.0)
    first.step(0)
    second = ReplayFeed(streams, frames())
    second.step(0)
    third = ReplayFeed(streams, frames())

    assert [bar.kind for bar in said(streams)] == ["bar", "bar", "bar", "none", "end"]
    assert third.is_over


@pytest.mark.parametrize(("text", "speed"), [("max", MAX), ("realtime", 1.0), ("60x", 60.0), (" 2.5 ", 2.5)])
def test_speeds(text, speed):
    assert speed_of(text) == speed


@pytest.mark.parametrize("text", ["fast", "0", "-1x", "inf", "nan", ""])
def test_speeds_that_are_none(text):
    with pytest.raises(RunError, match="allowed are max, realtime"):
        speed_of(text)
