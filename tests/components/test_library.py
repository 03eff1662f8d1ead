"""The shipped components against numbers worked by hand and against programs that others wrote."""

import doctest
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib

from sptrader.components import compute, registry
from sptrader.components.check import made_up_bars

NAN = np.nan
BARS = made_up_bars(2_000, seed=11)
SHIPPED = tuple(name for name in registry().entries if registry().entries[name].origin == "shipped")


def values(name, market, output="", **params):
    arrays = {key: np.asarray(column, float) for key, column in market.items()}
    return compute(registry().get(name), arrays, {}, params)[output]


def events(name, wired, market=None, **params):
    arrays = {key: np.asarray(column, float) for key, column in (market or {}).items()}
    columns = {key: np.asarray(column, float) for key, column in wired.items()}
    result = compute(registry().get(name), arrays, columns, params)
    return [
        (int(i), result.types[result.codes[i]], float(result.strength[i])) for i in np.flatnonzero(result.codes >= 0)
    ]


@pytest.mark.parametrize("name", SHIPPED)
def test_examples_of_the_docstrings(name):
    module = sys.modules[registry().get(name).function.__module__]
    assert doctest.testmod(module, extraglobs={"np": np}).failed == 0


def test_sma_by_hand():
    # means of 2,4,9 and 4,9,2
    np.testing.assert_array_equal(values("sma", {"close": [2, 4, 9, 2]}, period=3), [NAN, NAN, 5, 5])


def test_sma_is_unknown_while_an_unknown_price_is_in_its_window():
    close = [1, 3, NAN, 5, 7, 9]
    np.testing.assert_array_equal(values("sma", {"close": close}, period=2), [NAN, 2, NAN, NAN, 6, 8])


def test_ema_by_hand():
    # weight of the newest 2/4: 8, (8+4)/2 = 6, (6+2)/2 = 4, (4+12)/2 = 8
    np.testing.assert_array_equal(values("ema", {"close": [8, 4, 2, 12]}, period=3), [NAN, NAN, 4, 8])


def test_ema_leaves_unknown_prices_out():
    close = pd.Series([8, 4, NAN, 2, 12])
    np.testing.assert_array_equal(values("ema", {"close": close}, period=3), [NAN, NAN, NAN, 4, 8])


@pytest.mark.parametrize("period", [2, 12, 26, 200])
def test_ema_equals_pandas(period):
    expected = BARS["close"].ewm(span=period, adjust=False).mean()
    expected[: period - 1] = np.nan
    np.testing.assert_allclose(values("ema", BARS, period=period), expected, rtol=1e-12)


@pytest.mark.parametrize("period", [1, 2, 20, 300])
def test_sma_equals_pandas_and_talib(period):
    was = values("sma", BARS, period=period)
    np.testing.assert_allclose(was, BARS["close"].rolling(period).mean(), rtol=1e-12)
    if period > 1:
        np.testing.assert_allclose(was, talib.SMA(BARS["close"].to_numpy(), period), rtol=1e-12)


def test_rsi_by_hand():
    # changes +2 +2 -4 +2; mean gain 2, 1, 1.5; mean loss 0, 2, 1; 100*2/2, 100*1/3, 100*1.5/2.5
    was = values("rsi", {"close": [10, 12, 14, 10, 12]}, period=2)
    np.testing.assert_allclose(was, [NAN, NAN, 100, 100 / 3, 60])


def test_rsi_of_prices_that_never_move_is_fifty():
    np.testing.assert_array_equal(values("rsi", {"close": [5, 5, 5]}, period=2), [NAN, NAN, 50])


@pytest.mark.parametrize("period", [2, 14, 100])
def test_rsi_equals_talib(period):
    np.testing.assert_allclose(
        values("rsi", BARS, period=period), talib.RSI(BARS["close"].to_numpy(), period), rtol=1e-9
    )


def test_rsi_leaves_unknown_prices_out():
    close = BARS["close"].to_numpy().copy()
    close[[0, 50, 51, 700]] = np.nan
    was = values("rsi", {"close": close})
    known = ~np.isnan(close)
    assert np.isnan(was[~known]).all()
    np.testing.assert_array_equal(was[known], values("rsi", {"close": close[known]}))


def test_atr_by_hand():
    # ranges: second bar 11..13, third gaps from the close 12 to 15..16 so 16-12 = 4, fourth 14-9 = 5 below the close 15
    market = {"high": [10, 13, 16, 14], "low": [9, 11, 15, 10], "close": [9, 12, 15, 11]}
    # true ranges 13-9=4, 4, 15-10=5; first average (4+4)/2 = 4, then (4+5)/2 = 4.5
    np.testing.assert_array_equal(values("atr", market, period=2), [NAN, NAN, 4, 4.5])


@pytest.mark.parametrize("period", [1, 14, 100])
def test_atr_equals_talib(period):
    expected = talib.ATR(*(BARS[name].to_numpy() for name in ("high", "low", "close")), period)
    np.testing.assert_allclose(values("atr", BARS, period=period), expected, rtol=1e-11)


def test_atr_leaves_bars_with_an_unknown_price_out():
    market = {name: BARS[name].to_numpy().copy() for name in ("high", "low", "close")}
    market["low"][100] = np.nan
    was = values("atr", market)
    kept = np.delete(was, 100)
    assert np.isnan(was[100])
    np.testing.assert_array_equal(
        kept, values("atr", {name: np.delete(column, 100) for name, column in market.items()})
    )


def test_bollinger_by_hand():
    # window 1,1,4: mean 2, squares 1+1+4 = 6, deviation sqrt(6/3)
    market = {"close": [1, 1, 4]}
    assert values("bollinger", market, "upper", period=3, deviations=1)[2] == pytest.approx(2 + 2**0.5)
    assert values("bollinger", market, "middle", period=3)[2] == pytest.approx(2)
    assert values("bollinger", market, "lower", period=3, deviations=3)[2] == pytest.approx(2 - 3 * 2**0.5)


@pytest.mark.parametrize("period", [2, 20, 300])
def test_bollinger_equals_numpy_on_every_window(period):
    # numpy on each window anew: pandas' own rolling deviation is off by 1e-9 of the price after equal closes
    windows = np.lib.stride_tricks.sliding_window_view(BARS["close"].to_numpy(), period)
    expected = np.full(len(BARS), np.nan)
    expected[period - 1 :] = windows.mean(axis=1) + 2.5 * windows.std(axis=1)
    was = values("bollinger", BARS, "upper", period=period, deviations=2.5)
    np.testing.assert_allclose(was, expected, rtol=1e-10)


def test_bollinger_of_a_quiet_series_at_a_high_price_is_exact():
    # alternating 40,000 and 40,000.0001: deviation 0.00005, where the difference of squares gives nan
    close = np.where(np.arange(400) % 2 == 0, 40_000.0, 40_000.0001)
    distance = values("bollinger", {"close": close}, "upper", deviations=1) - values(
        "bollinger", {"close": close}, "middle"
    )
    np.testing.assert_allclose(distance[20:], 0.00005, rtol=1e-4)


def test_bollinger_is_unknown_while_an_unknown_price_is_in_its_window():
    was = values("bollinger", {"close": [1, 3, NAN, 5, 7]}, "middle", period=2)
    np.testing.assert_array_equal(was, [NAN, 2, NAN, NAN, 6])


def test_donchian_by_hand():
    market = {"high": [5, 9, 6, 7], "low": [4, 3, 5, 6]}
    np.testing.assert_array_equal(values("donchian", market, "upper", period=2), [NAN, 9, 9, 7])
    np.testing.assert_array_equal(values("donchian", market, "lower", period=2), [NAN, 3, 3, 5])
    np.testing.assert_array_equal(values("donchian", market, "middle", period=2), [NAN, 6, 6, 6])


@pytest.mark.parametrize("period", [1, 2, 7, 20, 1_999, 2_000, 2_001])
def test_donchian_equals_pandas(period):
    high, low = BARS["high"].copy(), BARS["low"].copy()
    high.iloc[[3, 500, 501]] = np.nan
    low.iloc[900] = np.nan
    market = {"high": high, "low": low}
    np.testing.assert_array_equal(values("donchian", market, "upper", period=period), high.rolling(period).max())
    np.testing.assert_array_equal(values("donchian", market, "lower", period=period), low.rolling(period).min())


def test_crosses_need_all_four_values_and_count_touching_as_not_yet():
    # gaps: nan +1 | -1 0 +2 | +1 -3: out of the warm-up no cross; 0 then +2 is one; +1 then -3 is the other
    wired = {"fast": [1, 3, 1, 2, 4, 3, 0], "slow": [NAN, 2, 2, 2, 2, 2, 3]}
    # strengths: change 2 of a widest gap 2; change 4 of a widest gap 3, so 1; the death cross at bar 2: 2 of 1, so 1
    assert events("ma_crossover", wired) == [
        (2, "death_cross", 1.0),
        (4, "golden_cross", 1.0),
        (6, "death_cross", 1.0),
    ]


def test_cross_is_as_strong_as_its_speed_against_the_widest_gap_of_the_window():
    # gaps -8 -4 -1 +1: the change on the crossing bar is 2; widest 8 of all four bars, 4 of the last three
    wired = {"fast": [0, 4, 7, 9], "slow": [8, 8, 8, 8]}
    assert events("ma_crossover", wired, window=4) == [(3, "golden_cross", 0.25)]
    assert events("ma_crossover", wired, window=3) == [(3, "golden_cross", 0.5)]


def test_strength_on_a_year_of_hours_as_pandas_has_it():
    path = Path(__file__).parents[2] / "sptrader/data/samples/EURUSD-1h.parquet"
    if not path.exists():
        pytest.skip("the sample bars are not there")
    close = pd.read_parquet(path)["close"]
    fast, slow = (close.ewm(span=period, adjust=False).mean() for period in (12, 26))
    slow[:25] = np.nan
    gap = fast - slow
    strength = ((gap - gap.shift(1)).abs() / gap.abs().rolling(50, min_periods=1).max()).clip(upper=1)
    golden = (gap > 0) & (gap.shift(1) <= 0)
    was = events("ma_crossover", {"fast": fast, "slow": slow})
    found = pd.Series({at: value for at, event, value in was if event == "golden_cross"})
    np.testing.assert_allclose(found.to_numpy(), strength[golden].to_numpy(), rtol=1e-9)
    # enough to trade on and few enough to choose: 39 of 101 are stronger than the 0.1 that a strategy may ask for
    assert (len(found), (found > 0.1).sum()) == (101, 39)


def test_unknown_value_in_between_hides_a_cross():
    assert events("ma_crossover", {"fast": [1, NAN, 3], "slow": [2, 2, 2]}) == []


def test_threshold_names_entering_and_leaving():
    value = [50, 75, 60, 20, 30, 40, 90]
    assert events("threshold", {"value": value}, upper=70, lower=30) == [
        (1, "crossed_above_upper", 0.125),  # 5 beyond, levels 40 apart
        (2, "crossed_below_upper", 0.25),
        (3, "crossed_below_lower", 0.25),
        (5, "crossed_above_lower", 0.25),
        (6, "crossed_above_upper", 0.5),
    ]


def test_threshold_counts_the_level_it_enters_where_one_bar_crosses_both():
    assert [event for _, event, _ in events("threshold", {"value": [20, 80, 20]})] == [
        "crossed_above_upper",
        "crossed_below_lower",
    ]


def test_threshold_with_one_level_is_fully_strong():
    assert events("threshold", {"value": [-1, 1, -2]}, upper=0, lower=0) == [
        (1, "crossed_above_upper", 1.0),
        (2, "crossed_below_lower", 1.0),
    ]


def test_threshold_upside_down_is_refused():
    with pytest.raises(Exception, match="allowed is lower <= upper"):
        events("threshold", {"value": [1, 2]}, upper=1, lower=2)


def test_breakout_is_the_first_close_beyond_the_channel_of_the_bar_before():
    wired = {"upper": [10, 10, 12, 13, 13], "lower": [8, 8, 8, 8, 8]}
    # 11 is above the 10 before (1 of a width 2); 13 is above 12, but its bar before was out already; 7 is below 8 (1 of 5)
    assert events("breakout", wired, {"close": [9, 9, 11, 13, 7]}) == [
        (2, "breakout_up", 0.5),
        (4, "breakout_down", 0.2),
    ]


def test_breakout_of_a_channel_known_on_one_side_only_is_none():
    wired = {"upper": [10, 10, 10], "lower": [NAN, NAN, NAN]}
    assert events("breakout", wired, {"close": [9, 9, 11]}) == []


def test_breakout_of_bands_looks_at_its_own_bar():
    wired = {"upper": [10, 10, 10], "lower": [8, 8, 8]}
    assert events("breakout", wired, {"close": [9, 12, 9]}, offset=0) == [(1, "breakout_up", 1.0)]


def test_breakout_out_of_the_warm_up_is_none():
    wired = {"upper": [NAN, 10, 10], "lower": [NAN, 8, 8]}
    assert events("breakout", wired, {"close": [9, 9, 11]}) == []
    assert events("breakout", wired, {"close": [9, 9, 11]}, offset=0) == [(2, "breakout_up", 0.5)]
