"""Many instruments on one clock: places, sessions, long silences."""

import numpy as np
import pandas as pd
import pytest

from sptrader.components.loader import registry
from sptrader.kernel.state import HAS_BAR, IDLE, NEW_SESSION, SESSION_ENDS, STALE_RATE
from sptrader.model.instrument import instrument
from sptrader.orchestrator.market import make_market
from sptrader.strategy.plan import make_plan
from tests.orchestrator.tiny import FLAT, bars, hour, rules


def market_of(frames, currency="USD", traded=None):
    symbols = list(frames) if traded is None else traded
    plan = make_plan(rules(market=f"{{symbols: [{', '.join(symbols)}], timeframe: 1h}}"), None, registry())
    return make_market(frames, plan, {s: instrument(s) for s in frames}, currency)


def test_one_instrument_is_its_own_clock():
    market = market_of({"EURUSD": bars([1.1, 1.2, 1.3])})

    assert market.rows["EURUSD"].tolist() == [0, 1, 2]
    assert market.kernel.price[0, :, 3].tolist() == [1.1, 1.2, 1.3]
    assert (market.kernel.flags & HAS_BAR != 0).all()


def test_clock_is_the_union_and_missing_bars_are_nan():
    market = market_of(
        {
            "EURUSD": bars([1.1, 1.2], times=[hour(0), hour(2)]),
            "GBPUSD": bars([1.5, 1.6], symbol="GBPUSD", times=[hour(1), hour(2)]),
        }
    )

    assert pd.DatetimeIndex(market.times_ns, tz="UTC").tolist() == [hour(0), hour(1), hour(2)]
    assert market.rows["GBPUSD"].tolist() == [1, 2]
    assert market.kernel.price[1, :, 3].tolist() == pytest.approx([np.nan, 1.5, 1.6], nan_ok=True)
    assert (market.kernel.flags & HAS_BAR != 0).tolist() == [[True, False, True], [False, True, True]]


def test_bars_of_a_pair_that_is_not_traded_do_not_move_the_clock():
    frames = {
        "EURGBP": bars([0.85, 0.85], symbol="EURGBP", times=[hour(0), hour(3)]),
        "GBPUSD": bars([1.1, 1.2, 1.3], symbol="GBPUSD"),
    }
    market = market_of(frames, traded=["EURGBP"])

    assert len(market.times_ns) == 2
    assert market.kernel.rate[0].tolist() == [
        [1.1, 1.1],
        [1.3, 1.3],
    ]  # hour 3 has no bar: the pair's last close is of hour 2
    assert (market.kernel.flags[0] & STALE_RATE != 0).tolist() == [False, True]


def test_rate_before_the_pairs_first_bar_is_not_known():
    frames = {
        "EURGBP": bars([0.85, 0.85], symbol="EURGBP"),
        "GBPUSD": bars([(1.2, 1.4, 1.2, 1.3)], symbol="GBPUSD", times=[hour(1)]),
    }
    rate = market_of(frames, traded=["EURGBP"]).kernel.rate[0]

    assert np.isnan(rate[0]).all()
    assert rate[1].tolist() == [1.2, 1.3]


def test_session_begins_at_17_new_york_and_the_bar_before_decides_into_it():
    market = market_of({"EURUSD": bars([FLAT] * 4, start="2017-03-06 20:00")})  # winter: 22:00

    assert (market.kernel.flags[0] & NEW_SESSION != 0).tolist() == [True, False, True, False]
    assert (market.kernel.flags[0] & SESSION_ENDS != 0).tolist() == [False, True, False, False]
    assert market.session == "fx"


def test_weekend_is_no_silence_but_a_hole_of_more_than_five_bars_is():
    over = ["2017-03-10 20:00", "2017-03-10 21:00", "2017-03-12 21:00", "2017-03-12 22:00"]
    market = market_of({"EURUSD": bars([FLAT] * 4, times=over)})
    assert not (market.kernel.flags & IDLE).any()

    five, six = [hour(0), hour(6)], [hour(0), hour(7)]
    assert not (market_of({"EURUSD": bars([FLAT] * 2, times=five)}).kernel.flags & IDLE).any()
    assert (market_of({"EURUSD": bars([FLAT] * 2, times=six)}).kernel.flags[0] & IDLE != 0).tolist() == [False, True]


def test_short_bars_may_be_silent_for_an_hour():
    silent = [hour(0), hour(0) + pd.Timedelta(61, unit="min")]
    quiet = [hour(0), hour(0) + pd.Timedelta(62, unit="min")]
    for times, idle in ((silent, False), (quiet, True)):
        frame = bars([FLAT] * 2, times=times, timeframe="1m")
        assert bool((market_of({"EURUSD": frame}).kernel.flags & IDLE).any()) is idle
