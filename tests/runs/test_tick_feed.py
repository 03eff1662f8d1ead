"""Ticks out and the bars made of them: in order, complete, counted, and on after a restart."""

from __future__ import annotations

import pandas as pd
import pytest

from sptrader.errors import RunError, StreamError
from sptrader.model.messages import BarMessage, TickMessage
from sptrader.runs.tick_feed import TickFeed
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.memory import MemoryStreams


def ticks(*rows: tuple[str, float, float]) -> pd.DataFrame:
    times = pd.DatetimeIndex([f"2025-03-03 10:{row[0]}" for row in rows], tz="UTC", name="time").as_unit("ns")
    return pd.DataFrame({"bid": [row[1] for row in rows], "ask": [row[2] for row in rows]}, index=times)


EUR = ticks(
    ("00:10", 1.10, 1.11), ("00:30", 1.12, 1.14), ("00:50", 1.11, 1.12), ("01:00", 1.13, 1.14), ("03:05", 1.15, 1.17)
)  # fmt: skip


def said(streams: MemoryStreams, symbol: str = "EURUSD") -> list[BarMessage]:
    found = [decode(entry.fields) for entry in streams.history(keys.bars(symbol, "1m"))]
    return [one for one in found if isinstance(one, BarMessage)]


def quotes(streams: MemoryStreams, symbol: str = "EURUSD") -> list[TickMessage]:
    found = [decode(entry.fields) for entry in streams.history(keys.ticks(symbol))]
    return [one for one in found if isinstance(one, TickMessage)]


def publish(feed: TickFeed) -> None:
    while not feed.is_over:
        feed.step(0)


def test_bars_are_of_the_bid_with_both_sides_and_the_mean_spread() -> None:
    streams = MemoryStreams()
    publish(TickFeed(streams, {"EURUSD": EUR}, "1m"))
    first, second, last, end = said(streams)
    assert (first.open, first.high, first.low, first.close, first.volume) == (1.10, 1.12, 1.10, 1.11, 3.0)
    assert first.sides == (1.10, 1.12, 1.10, 1.11, 1.11, 1.14, 1.11, 1.12)
    assert first.spread == pytest.approx((0.01 + 0.02 + 0.01) / 3)
    assert (second.volume, last.close, end.kind) == (1.0, 1.15, "end")  # the last bar is complete with the file
    assert [one.bid for one in quotes(streams)] == EUR["bid"].to_list()


def test_each_instrument_says_bar_or_none_and_the_end() -> None:
    streams = MemoryStreams()
    aud = ticks(("01:20", 0.62, 0.63))
    publish(TickFeed(streams, {"EURUSD": EUR, "AUDUSD": aud}, "1m"))
    assert [one.kind for one in said(streams)] == ["bar", "bar", "bar", "end"]
    assert [one.kind for one in said(streams, "AUDUSD")] == ["none", "bar", "none", "end"]


def test_late_out_of_order_and_bad_ticks_are_counted() -> None:
    streams = MemoryStreams()
    rows = ticks(
        ("00:10", 1.10, 1.11), ("00:40", 1.12, 1.13), ("00:20", 1.20, 1.21), ("01:05", 1.13, 1.14), ("00:55", 9.0, 9.1),
        ("01:10", 1.15, 1.14), ("01:20", float("nan"), 1.14), ("01:30", 1.130004, 1.139996),
    )  # fmt: skip
    feed = TickFeed(streams, {"EURUSD": rows}, "1m")
    publish(feed)
    counted = {name: feed.counters[name] for name in ("late", "out_of_order", "rejected", "snapped")}
    assert counted == {"late": 1, "out_of_order": 1, "rejected": 2, "snapped": 1}
    assert [one.high for one in said(streams)[:2]] == [1.20, 1.13]  # out of order is in its bar, late is not
    assert [one.bid for one in quotes(streams)] == [1.10, 1.12, 1.13, 1.13]  # and neither is a price to fill at
    assert quotes(streams)[-1].ask == 1.14  # 1.139996 up to the step


def test_in_real_time_a_quote_waits_for_its_time() -> None:
    streams = MemoryStreams()
    feed = TickFeed(streams, {"EURUSD": EUR}, "1m", speed=1.0)
    assert [feed.step(0) for _ in range(20)] == [True] + [False] * 19
    assert (len(quotes(streams)), said(streams)) == (1, [])


@pytest.mark.parametrize("n", range(10))
def test_a_feed_that_is_started_again_goes_on_where_its_streams_stand(n: int) -> None:
    whole, cut = MemoryStreams(), MemoryStreams()
    publish(TickFeed(whole, {"EURUSD": EUR}, "1m"))
    names = [keys.ticks("EURUSD"), keys.bars("EURUSD", "1m")]
    order = [0, 0, 0, 1, 0, 1, 0, 1, 1]  # three quotes, their bar, a quote, its bar, a quote, its bar, the end
    rest = [iter(whole.history(name)) for name in names]
    for which in order[:n]:
        cut.add(names[which], next(rest[which]).fields)
    publish(TickFeed(cut, {"EURUSD": EUR}, "1m"))
    for name in names:
        assert [one.fields for one in cut.history(name)] == [one.fields for one in whole.history(name)]


def test_streams_of_other_ticks_are_not_gone_on_with() -> None:
    streams = MemoryStreams()
    publish(TickFeed(streams, {"EURUSD": EUR}, "1m"))
    with pytest.raises(StreamError, match="other quotes"):
        TickFeed(streams, {"EURUSD": EUR + 0.01}, "1m")


def test_a_basis_that_ticks_do_not_have_is_refused() -> None:
    with pytest.raises(RunError, match="bid, ask, mid"):
        TickFeed(MemoryStreams(), {"EURUSD": EUR}, "1m", basis="last")
