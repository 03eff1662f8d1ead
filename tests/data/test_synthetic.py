from __future__ import annotations

import pytest

from sptrader.data.checks import check_bars
from sptrader.data.load import CatalogBars, load_bars
from sptrader.data.synthetic import SyntheticBars, synthetic_bars
from sptrader.errors import DataError

WEEK = {"start": "2017-03-06", "end": "2017-03-17", "price": 1.1}


def test_the_same_seed_gives_the_same_bars_and_another_seed_others():
    bars = synthetic_bars("EURUSD", "15m", seed=7, **WEEK)

    assert bars.equals(synthetic_bars("EURUSD", "15m", seed=7, **WEEK))
    assert not bars.equals(synthetic_bars("EURUSD", "15m", seed=8, **WEEK))


@pytest.mark.parametrize("timeframe", ["1m", "1h", "4h", "1d"])
@pytest.mark.parametrize(("symbol", "session"), [("EURUSD", "fx"), ("BTCUSD", "24/7"), ("IBM", "XNYS")])
def test_they_obey_every_rule_and_lie_in_session(timeframe, symbol, session):
    bars = synthetic_bars(symbol, timeframe, seed=1, session=session, **WEEK)
    report = check_bars(bars)

    assert report.errors == ()
    assert not {"gap", "closed_market"} & {f.rule for f in report.warnings}
    assert bars["open"].iloc[0] == 1.1
    assert (bars["open"].iloc[1:].to_numpy() == bars["close"].iloc[:-1].to_numpy()).all()


def test_a_spread_and_missing_bars_on_request():
    bars = synthetic_bars("EURUSD", "15m", seed=7, spread=0.0001, missing=0.5, **WEEK)

    assert set(bars["spread"]) == {0.0001}
    assert 0.4 < len(bars) / len(synthetic_bars("EURUSD", "15m", seed=7, **WEEK)) < 0.6


@pytest.mark.parametrize("wrong", [{"price": 0.0}, {"price": float("nan")}, {"volatility": -1.0}, {"missing": 1.0}])
def test_impossible_wishes_are_refused(wrong):
    with pytest.raises(DataError, match="allowed are price above 0"):
        synthetic_bars("EURUSD", "15m", seed=7, **{**WEEK, **wrong})


@pytest.fixture(params=["files", "memory"])
def source(request):
    return CatalogBars() if request.param == "files" else SyntheticBars(load_bars("EURUSD", "1h"))


def test_every_source_gives_the_same_bars(source):
    start_ns, end_ns = 1_489_485_600 * 10**9, 1_489_492_800 * 10**9  # 2017-03-14 10:00 and 12:00 UTC

    bars = source.read_bars("EURUSD", "1h", start_ns=start_ns, end_ns=end_ns)

    assert [t.hour for t in bars.index] == [10, 11, 12]
    assert bars.equals(load_bars("EURUSD", "1h", start="2017-03-14 10:00", end="2017-03-14 12:00"))
    assert bars.attrs["sptrader.symbol"] == "EURUSD"
    assert len(source.read_bars("EURUSD", "1h", start_ns=None, end_ns=None)) == 6225


def test_every_source_refuses_what_it_has_not(source):
    with pytest.raises(DataError):
        source.read_bars("GBPUSD", "1h", start_ns=None, end_ns=None)
    with pytest.raises(DataError, match="there are no 1h bars of EURUSD"):
        source.read_bars("EURUSD", "1h", start_ns=1_900_000_000 * 10**9, end_ns=None)
