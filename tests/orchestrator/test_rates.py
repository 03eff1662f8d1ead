"""Quote currency becomes account currency: golden numbers, direct, inverse, over one cross, stale, missing."""

import numpy as np
import pytest

import sptrader as sp
from sptrader.errors import DataError
from sptrader.model.instrument import instrument
from sptrader.orchestrator.rates import Pair, conversion
from tests.orchestrator.tiny import FLAT, SIDES, bars, hour, rules

RISK = {"sizing": "{method: risk, value: 1%}", "exit": f"{{{SIDES}, stop_loss: 50 pips}}"}


def of(symbol, **sections):
    return rules(market=f"{{symbols: [{symbol}], timeframe: 1h}}", **sections)


def pair(symbol, price):
    flat = np.full(3, price)
    return Pair(instrument(symbol), flat, flat, np.ones(3, bool))


@pytest.mark.parametrize(
    ("symbol", "price", "others", "units"),
    [
        ("EURUSD", 1.1, {}, 20_000),  # 100 / 0.0050
        ("USDJPY", 150.0, {}, 30_000),  # 100 / (0.50 / 150)
        ("EURGBP", 0.85, {"GBPUSD": 1.25}, 16_000),  # 100 / (0.0050 x 1.25)
    ],
)
def test_risk_of_1_percent_of_10_000_with_a_50_pip_stop(symbol, price, others, units):
    frames = {symbol: bars([price] * 3, [1], symbol=symbol)}
    frames |= {other: bars([rate] * 3, symbol=other) for other, rate in others.items()}
    run = sp.backtest(of(symbol, **RISK), frames)

    assert run.orders["quantity"].iloc[0] == units
    assert run.explain(hour(0)).sizing.units == units
    # the stop costs 1 % of equity: its distance in account currency times the units
    stop = run.orders[run.orders["type"] == "stop_loss"]["stop_price"].iloc[0]
    per_unit = {"EURUSD": 1.0, "USDJPY": 1 / 150, "EURGBP": 1.25}[symbol]
    assert (price - stop) * units * per_unit == pytest.approx(100.0, abs=0.01)


def test_100_000_usdjpy_from_150_to_151_is_662_dollars_25():
    frame = bars([150.0, 150.0, 150.0, 151.0, 151.0], [1, 0, 3], symbol="USDJPY")
    run = sp.backtest(of("USDJPY", sizing="{method: units, value: 100000}"), frame)

    (trade,) = run.trades.itertuples()
    assert trade.pnl == pytest.approx(100_000 / 151, abs=1e-9)
    assert round(trade.pnl, 2) == 662.25
    assert run.trades["return"].tolist() == pytest.approx([662.25 / 100_000], abs=1e-7)  # the base is the account's


def test_100_000_eurusd_at_1_10_ties_up_3_666_dollars_67():
    run = sp.backtest(of("EURUSD", sizing="{method: units, value: 100000}"), bars([FLAT] * 3, [1]))

    assert run.equity["margin"].round(2).tolist() == [0.0, 3666.67, 3666.67]


def test_open_position_of_the_accounts_base_has_its_costs_in_account_currency():
    # bought at the ask 150.010, marked at the bid 149.990: half of 2 pips twice, 100,000 x 0.02 / 149.99 = 13.33
    run = sp.backtest(
        of("USDJPY", sizing="{method: units, value: 100000}", execution="{spread: 2 pips}"),
        bars([150.0] * 3, [1], symbol="USDJPY"),
    )

    assert run.costs.spread == pytest.approx(2000 / 149.99)
    assert run.costs.gross == pytest.approx(0.0, abs=1e-9)
    level = sp.backtest(
        of("USDJPY", sizing="{method: units, value: 100000}", execution="{spread: 2 pips}"),
        bars([150.0, 150.0, 150.02], [1], symbol="USDJPY"),
    )
    # marked at what was paid: nothing is unrealised, 0.02 of gain at mid went to the spread
    assert level.equity["unrealised"].iloc[-1] == pytest.approx(0.0, abs=1e-9)
    assert level.costs.spread == pytest.approx(2000 / 150.01)


def test_profit_converts_at_the_mid_of_the_pair_at_this_open():
    # EURGBP 0.8500 -> 0.8600, 1,000 units: 10 GBP; GBPUSD opens the exit's bar at 1.30
    frames = {
        "EURGBP": bars([0.85, 0.85, 0.86, 0.86, 0.86], [1, 0, 3], symbol="EURGBP"),
        "GBPUSD": bars([1.25, 1.25, (1.25, 1.29, 1.25, 1.29), (1.30, 1.32, 1.30, 1.32), 1.32], symbol="GBPUSD"),
    }
    run = sp.backtest(of("EURGBP"), frames)

    assert run.trades["pnl"].tolist() == pytest.approx([13.0])
    assert run.equity["unrealised"].iloc[2] == pytest.approx(12.9)  # marks convert at the close 1.29
    assert run.trades["return"].tolist() == pytest.approx([13.0 / (1000 * 0.85 * 1.25)])  # of the entry's notional then


def test_pair_with_a_spread_of_its_own_converts_at_its_mid():
    # bid 1.2500 with a spread of 200 pips: mid 1.2600
    frames = {
        "EURGBP": bars([0.85, 0.85, 0.86, 0.86, 0.86], [1, 0, 3], symbol="EURGBP"),
        "GBPUSD": bars([1.25] * 5, symbol="GBPUSD", basis="bid", spread=0.02),
    }

    assert sp.backtest(of("EURGBP"), frames).trades["pnl"].tolist() == pytest.approx([12.6])


def test_inverse_pair_and_one_cross_convert_as_well():
    # 10 JPY a unit: 1,000 x 1.50 JPY = 1,500 JPY = 10 USD at 150
    frames = {"EURJPY": bars([160.0, 160.0, 161.5, 161.5], [1, 3], symbol="EURJPY")}
    frames["USDJPY"] = bars([150.0] * 4, symbol="USDJPY")
    assert sp.backtest(of("EURJPY"), frames).trades["pnl"].tolist() == pytest.approx([10.0])
    # 10 GBP over GBPUSD 1.25 and USDJPY 150 to yen
    frames = {"EURGBP": bars([0.85, 0.85, 0.86, 0.86], [1, 3], symbol="EURGBP")}
    frames |= {"GBPUSD": bars([1.25] * 4, symbol="GBPUSD"), "USDJPY": bars([150.0] * 4, symbol="USDJPY")}
    run = sp.backtest(of("EURGBP", backtest="{cash: 1000000, currency: JPY}"), frames)
    assert run.trades["pnl"].tolist() == pytest.approx([1875.0])


def test_shortest_way_is_taken():
    pairs = {s: pair(s, p) for s, p in {"EURGBP": 0.85, "EURUSD": 1.1, "GBPUSD": 1.25}.items()}

    found = conversion(instrument("EURGBP"), "USD", pairs)

    assert (found.kind, found.path) == ("by_pair", ("GBPUSD",))
    assert conversion(instrument("EURGBP"), "GBP", {}).kind == "is_quote"
    assert conversion(instrument("EURGBP"), "EUR", {}).kind == "is_base"


def test_missing_pair_is_named():
    with pytest.raises(
        DataError, match=r"EURGBP: its P&L is in GBP and the account in USD, but neither GBPUSD nor USDGBP"
    ):
        sp.backtest(of("EURGBP"), bars([0.85] * 3, symbol="EURGBP"))


def test_pair_without_a_bar_is_stale_and_blocks_entries_but_not_exits():
    frames = {
        "EURGBP": bars([0.85, 0.85, 0.86, 0.86, 0.86, 0.86], [1, 3, 0, 1], symbol="EURGBP"),
        "GBPUSD": bars([1.25, 1.25, 1.25], symbol="GBPUSD"),
    }
    run = sp.backtest(of("EURGBP"), frames)

    assert run.trades["pnl"].tolist() == pytest.approx([12.5])
    last = run.decisions[run.decisions["action"] == "enter_long"].iloc[-1]
    assert (last["time"], last["outcome"], last["reason"]) == (hour(3), "refused", "rate_stale")


def test_rate_is_stale_where_either_pair_of_a_cross_has_no_bar_and_unknown_before_its_first():
    first = Pair(instrument("GBPUSD"), np.array([np.nan, 1.25]), np.array([np.nan, 1.26]), np.array([False, True]))
    other = Pair(instrument("USDJPY"), np.array([150.0, 151.0]), np.array([151.0, 151.0]), np.array([True, False]))

    found = conversion(instrument("EURGBP"), "JPY", {"GBPUSD": first, "USDJPY": other})

    assert found.path == ("GBPUSD", "USDJPY")
    assert found.rate[1].tolist() == pytest.approx([1.25 * 151, 1.26 * 151])
    assert np.isnan(found.rate[0]).all()
    assert found.is_stale.tolist() == [True, True]
