from __future__ import annotations

from math import isnan, nan

import pandas as pd
import pytest

from sptrader.errors import DataError
from sptrader.model.aggregate import Bar, BarAggregator, fold_bars, fold_ticks

SECOND = 10**9
MINUTE = 60 * SECOND


def ns(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").as_unit("ns").value)


TEN = ns("2017-03-13 10:00")


def minute_bar(minute: int, price: float, *, volume: float = 1.0, spread: float = nan) -> Bar:
    return Bar(TEN + minute * MINUTE, price, price, price, price, volume, spread)


def test_ticks_become_a_bar_when_the_next_minute_begins():
    aggregator = BarAggregator("1m", "fx", basis="bid")
    ticks = [(1, 1.10, 1.12), (20, 1.14, 1.15), (40, 1.08, 1.11), (59, 1.09, 1.10)]

    assert fold_ticks(aggregator, [(TEN + s * SECOND, bid, ask) for s, bid, ask in ticks]) == []
    (bar,) = aggregator.add_tick(TEN + MINUTE, 1.0, 1.1)

    assert bar[:6] == (TEN, 1.10, 1.14, 1.08, 1.09, 4.0)
    assert bar.spread == pytest.approx((0.02 + 0.01 + 0.03 + 0.01) / 4)


@pytest.mark.parametrize(("basis", "price"), [("bid", 1.0), ("ask", 2.0), ("mid", 1.5)])
def test_the_basis_says_which_price_counts(basis, price):
    aggregator = BarAggregator("1m", "fx", basis=basis)
    aggregator.add_tick(TEN, 1.0, 2.0)

    assert aggregator.advance_to(TEN + MINUTE)[0].close == price


def test_a_bar_is_not_out_before_its_end_and_once_only():
    aggregator = BarAggregator("1m", "fx", basis="bid")
    aggregator.add_tick(TEN, 1.0, 2.0)

    assert aggregator.advance_to(TEN + MINUTE - 1) == ()
    assert len(aggregator.advance_to(TEN + MINUTE)) == 1
    assert aggregator.advance_to(TEN + 2 * MINUTE) == ()


def test_a_tick_for_a_bar_that_is_out_is_counted_and_changes_nothing():
    aggregator = BarAggregator("1m", "fx", basis="bid")
    aggregator.add_tick(TEN + SECOND, 1.0, 2.0)
    aggregator.add_tick(TEN + MINUTE + SECOND, 1.1, 2.0)

    assert aggregator.add_tick(TEN + 30 * SECOND, 9.0, 9.1) == ()
    (bar,) = aggregator.advance_to(TEN + 2 * MINUTE)

    assert aggregator.n_late == 1
    assert bar[:6] == (TEN + MINUTE, 1.1, 1.1, 1.1, 1.1, 1.0)


def test_a_tick_late_after_the_clock_closed_its_bar_opens_no_second_one():
    aggregator = BarAggregator("1m", "fx", basis="bid")
    aggregator.add_tick(TEN + SECOND, 1.0, 2.0)
    aggregator.advance_to(TEN + MINUTE)

    aggregator.add_tick(TEN + 59 * SECOND, 1.5, 2.0)

    assert aggregator.n_late == 1
    assert aggregator.advance_to(TEN + 5 * MINUTE) == ()


def test_an_out_of_order_tick_in_time_makes_the_bar_of_sorted_ticks():
    ticks = [(10, 1.3, 1.4), (5, 1.1, 1.4), (30, 1.2, 1.4), (20, 1.6, 1.7)]
    shuffled, ordered = (BarAggregator("1m", "fx", basis="bid") for _ in range(2))
    fold_ticks(shuffled, [(TEN + s * SECOND, b, a) for s, b, a in ticks])
    fold_ticks(ordered, [(TEN + s * SECOND, b, a) for s, b, a in sorted(ticks)])

    assert shuffled.n_out_of_order == 2
    (got,), (wanted,) = shuffled.advance_to(TEN + MINUTE), ordered.advance_to(TEN + MINUTE)

    assert got[:6] == wanted[:6] == (TEN, 1.1, 1.6, 1.1, 1.2, 4.0)


@pytest.mark.parametrize(
    ("bid", "ask"), [(nan, 1.0), (1.0, nan), (0.0, 1.0), (-1.0, 1.0), (1.1, 1.0), (1.0, float("inf"))]
)
def test_what_is_no_quote_is_rejected_and_counted(bid, ask):
    aggregator = BarAggregator("1m", "fx", basis="bid")

    assert aggregator.add_tick(TEN, bid, ask) == ()
    assert aggregator.n_rejected == 1
    assert aggregator.advance_to(TEN + MINUTE) == ()


def test_shorter_bars_complete_a_longer_one_with_the_last_of_them():
    aggregator = BarAggregator("5m", "fx", source_timeframe="1m")
    bars = [
        Bar(TEN, 10.0, 12.0, 9.0, 11.0, 2.0, 0.1),
        Bar(TEN + MINUTE, 11.0, 15.0, 11.0, 13.0, 6.0, 0.5),
        Bar(TEN + 4 * MINUTE, 13.0, 13.0, 8.0, 9.0, 2.0, 0.1),
    ]

    (done,) = fold_bars(aggregator, bars)

    # the spread is weighted by volume: (2 * 0.1 + 6 * 0.5 + 2 * 0.1) / 10
    assert done[:6] == (TEN, 10.0, 15.0, 8.0, 9.0, 10.0)
    assert done.spread == pytest.approx(0.34)


def test_spread_without_volume_is_the_plain_mean_and_unknown_stays_unknown():
    aggregator = BarAggregator("2m", "fx", source_timeframe="1m")
    (known,) = fold_bars(
        aggregator, [minute_bar(0, 1.0, volume=0.0, spread=0.1), minute_bar(1, 1.0, volume=0.0, spread=0.3)]
    )
    (unknown,) = fold_bars(aggregator, [minute_bar(2, 1.0), minute_bar(3, 1.0)])

    assert known.spread == pytest.approx(0.2)
    assert isnan(unknown.spread)


def test_a_feed_that_begins_inside_a_bar_does_not_publish_it():
    aggregator = BarAggregator("5m", "fx", source_timeframe="1m")

    done = fold_bars(aggregator, [minute_bar(m, float(m)) for m in range(1, 15)])

    assert [bar.open for bar in done] == [5.0, 10.0]


def test_a_feed_known_to_be_whole_from_earlier_publishes_its_first_bar():
    aggregator = BarAggregator("5m", "fx", source_timeframe="1m", since_ns=TEN)

    done = fold_bars(aggregator, [minute_bar(m, float(m)) for m in range(1, 15)])

    assert [bar.open for bar in done] == [1.0, 5.0, 10.0]


def test_a_shorter_bar_can_complete_the_one_before_and_its_own():
    aggregator = BarAggregator("5m", "fx", source_timeframe="1m")
    fold_bars(aggregator, [minute_bar(0, 1.0), minute_bar(3, 1.0)])

    done = aggregator.add_bar(minute_bar(9, 2.0))  # ends at minute 10, where the second five minutes end

    assert [bar.time_ns for bar in done] == [TEN, TEN + 5 * MINUTE]


def test_a_bar_that_comes_twice_counts_once():
    aggregator = BarAggregator("5m", "fx", source_timeframe="1m")
    bars = [minute_bar(0, 1.0), minute_bar(1, 2.0), minute_bar(0, 1.0), minute_bar(1, 2.0), minute_bar(4, 3.0)]

    (done,) = fold_bars(aggregator, bars)

    assert aggregator.n_repeated == 2
    assert done.volume == 3.0
    aggregator.add_bar(minute_bar(4, 3.0))
    assert aggregator.n_late == 1  # its bar is out already


def test_an_impossible_bar_is_rejected():
    aggregator = BarAggregator("5m", "fx", source_timeframe="1m")

    aggregator.add_bar(Bar(TEN, 1.0, 0.9, 0.8, 0.85, 1.0, nan))  # high below open
    aggregator.add_bar(Bar(TEN, 1.0, nan, 0.8, 0.85, 1.0, nan))

    assert aggregator.n_rejected == 2


def test_the_last_four_hour_bar_before_the_weekend_ends_at_17_new_york():
    aggregator = BarAggregator("4h", "fx", source_timeframe="1h")
    hours = [ns(f"2017-03-10 {h}:00") for h in (18, 19, 20, 21)]  # winter: 17:00 New York is 22:00 UTC
    sunday = ns("2017-03-12 21:00")  # summer began: 17:00 New York is 21:00 UTC

    done = fold_bars(aggregator, [Bar(t, 1.0, 1.0, 1.0, 1.0, 1.0, nan) for t in (*hours, sunday)])

    assert [bar.time_ns for bar in done] == [hours[0]]
    assert aggregator.advance_to(ns("2017-03-13 01:00"))[0].time_ns == sunday


def test_daily_bars_of_an_exchange_end_at_the_early_close():
    aggregator = BarAggregator("1d", "XNYS", basis="mid", since_ns=0)
    aggregator.add_tick(ns("2017-11-24 15:00"), 10.0, 10.0)

    assert aggregator.advance_to(ns("2017-11-24 17:59")) == ()
    assert aggregator.advance_to(ns("2017-11-24 18:00"))[0].time_ns == ns("2017-11-24 14:30")


def test_wrong_uses_are_refused():
    with pytest.raises(DataError, match="basis was 'last'"):
        BarAggregator("1m", "fx", basis="last")
    with pytest.raises(DataError, match="7m bars cannot be made of 5m bars"):
        BarAggregator("7m", "fx", source_timeframe="5m")
    with pytest.raises(DataError, match="without a basis"):
        BarAggregator("5m", "fx", source_timeframe="1m").add_tick(TEN, 1.0, 1.0)
    with pytest.raises(DataError, match="without a source_timeframe"):
        BarAggregator("5m", "fx", basis="bid").add_bar(minute_bar(0, 1.0))
