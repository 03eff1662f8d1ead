"""What a session uses of its limits now: worked by hand on two pairs that do not move."""

import pandas as pd
import pytest

import sptrader as sp

PAIRS = """
name: pairs
version: 1.0.0
market: {{symbols: [EURUSD, USDJPY], timeframe: 1h}}
entry: {{long: {{when: close > 0{order}}}}}
exit: {{stop_loss: 5%}}
sizing: {{method: units, value: 10_000}}
risk: {{max_positions: 4, position_limit: 0.5, currency_exposure: 0.25, max_order_notional: 20_000, max_drawdown: 0.2}}
execution: {{spread: 0}}
backtest: {{cash: 100_000, currency: USD}}
"""


def still_bars(price):
    times = pd.date_range("2017-03-06", periods=6, freq="h", tz="UTC", name="time")
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), price), index=times)
    return frame.assign(volume=1.0)


def risk_of(tmp_path, order=""):
    path = tmp_path / "pairs.yaml"
    path.write_text(PAIRS.format(order=order))
    bars = {name: still_bars(price) for name, price in (("EURUSD", 1.10), ("USDJPY", 150.0))}
    for frame in bars.values():
        frame.attrs |= {"sptrader.basis": "mid", "sptrader.timeframe": "1h"}
    with sp.PaperSession(path, bars) as session:
        return session.advance("2017-03-06 02:00").snapshot["risk"]


def test_what_is_held_is_told_by_instrument_and_by_currency(tmp_path):
    risk = risk_of(tmp_path)

    # 10,000 EUR at 1.10 are 11,000 USD; 10,000 USD at 150 JPY are 10,000 USD and 1.5 million JPY owed
    assert risk["by_instrument"] == [
        {"symbol": "EURUSD", "held": pytest.approx(11_000.0), "working": 0.0, "rate": 1.0},
        {"symbol": "USDJPY", "held": pytest.approx(10_000.0), "working": 0.0, "rate": pytest.approx(1 / 150)},
    ]
    assert risk["by_currency"] == [
        {"currency": "EUR", "net": pytest.approx(11_000.0), "rate": pytest.approx(1.10)},
        {"currency": "JPY", "net": pytest.approx(-10_000.0), "rate": pytest.approx(1 / 150)},
    ]


def test_uses_are_in_the_units_of_the_limits(tmp_path):
    uses = risk_of(tmp_path)["uses"]

    assert uses["position_limit"] == pytest.approx(0.11)  # 11,000 of 100,000
    assert uses["currency_exposure"] == pytest.approx(0.11)
    assert uses["margin_limit"] == pytest.approx(0.21 / 30)  # 21,000 at 30:1
    assert (uses["max_positions"], uses["max_order_notional"]) == (2.0, 0.0)
    assert uses["max_drawdown"] == uses["daily_loss_limit"] == 0.0


def test_an_entry_that_works_is_counted_where_it_reserves_something(tmp_path):
    risk = risk_of(tmp_path, order=", order: {type: limit, price: close * 0.9}")

    # both rest below the market and reserve what the decision's close made of them
    assert [one["held"] for one in risk["by_instrument"]] == [0.0, 0.0]
    assert risk["uses"]["max_order_notional"] == pytest.approx(11_000.0)
    assert risk["uses"]["max_positions"] == 2.0
    assert risk["uses"]["margin_limit"] == pytest.approx(0.21 / 30)
    assert risk["by_currency"][0]["net"] == pytest.approx(11_000.0)
