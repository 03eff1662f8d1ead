"""Risk use on an account of six marks and three fills, every figure done by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sptrader.runs.riskuse import risk_use

# two FX days: 21:00 UTC on 3 January 2017 belongs to the day before 22:00 (17:00 New York)
TIMES = pd.DatetimeIndex(
    [
        "2017-01-03 19:00",
        "2017-01-03 20:00",
        "2017-01-03 21:00",
        "2017-01-03 22:00",
        "2017-01-03 23:00",
        "2017-01-04 00:00",
    ],
    tz="UTC",
)


@pytest.fixture
def uses():
    equity = np.array([1000.0, 1010.0, 1020.0, 999.6, 1009.8, 1030.0])
    frame = pd.DataFrame({"close": 1.0}, index=TIMES)
    frame.attrs = {"sptrader.session": "fx"}
    run = SimpleNamespace(
        config=SimpleNamespace(cash=1000.0),
        bars={"EURUSD": frame},
        equity=pd.DataFrame(
            {
                "time": TIMES,
                "equity": equity,
                "margin": [0.0, 101.0, 51.0, 0.0, 0.0, 0.0],
                "drawdown": [0.0, 0.0, 0.0, 0.02, 0.01, 0.0],
            }
        ),
        fills=pd.DataFrame(
            {
                "time": TIMES[[1, 2, 2, 4]],
                "symbol": ["EURUSD", "GBPUSD", "EURUSD", "EURUSD"],
                "side": ["buy", "sell", "sell", "buy"],
                "quantity": [500.0, 300.0, 500.0, 100.0],
                "price": [1.2, 1.5, 1.3, 1.2],
                "rate": [1.0, 1.0, 1.0, 1.0],
                "effect": ["open", "open", "close", "open"],
            }
        ),
        decisions=pd.DataFrame(
            {
                "reason": ["signal", "no_free_slot", "signal", "outside_hours"],
                "cap": ["position_limit", "", "", ""],
                "outcome": ["ordered", "refused", "ordered", "refused"],
            }
        ),
        trades=pd.DataFrame({"exit_reason": ["daily_loss", "signal"]}),
        limits={"max_drawdown": 0.1, "max_positions": 2.0, "position_limit": 1.2, "daily_loss_limit": 0.02},
    )
    return {use.name: use for use in risk_use(run)}


def test_drawdown_is_the_deepest_mark_with_its_time(uses):
    use = uses["max_drawdown"]

    assert (use.used, use.limit, use.share, use.at) == (0.02, 0.1, pytest.approx(0.2), TIMES[3])


def test_daily_loss_is_measured_from_the_mark_before_the_session(uses):
    # the day that begins at 22:00 starts from 1,020: 999.6 is 2% below
    use = uses["daily_loss_limit"]

    assert use.used == pytest.approx(0.02)
    assert use.share == pytest.approx(1.0)
    assert (use.at, use.bound) == (TIMES[3], 1)  # one position was closed for it


def test_positions_are_counted_after_each_opening_fill(uses):
    use = uses["max_positions"]

    assert (use.used, use.limit, use.bound) == (2.0, 2.0, 1)  # one entry found no free slot


def test_position_notional_is_by_the_equity_of_the_mark_before(uses):
    # 500 x 1.2 = 600 of 1,000; 300 x 1.5 = 450 of 1,010
    use = uses["position_limit"]

    assert (use.used, use.share, use.bound) == (pytest.approx(0.6), pytest.approx(0.5), 1)  # one order was cut


def test_what_has_no_limit_is_measured_all_the_same(uses):
    use = uses["max_order_notional"]

    assert use.used == pytest.approx(600.0)
    assert np.isinf(use.limit)
    assert np.isnan(use.share)


def test_margin_is_by_equity(uses):
    assert uses["margin"].used == pytest.approx(0.1)  # 101 of 1,010
