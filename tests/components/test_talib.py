"""TA-Lib's functions are components with TA-Lib's own names, defaults and bounds."""

import numpy as np
import pytest
import talib

from sptrader.components import Range, compute, registry
from sptrader.components.check import made_up_bars
from sptrader.components.talib import talib_component, talib_names
from sptrader.errors import ComponentError

BARS = made_up_bars(400, seed=3)


def values(name, wired=None, output="", **params):
    return compute(talib_component(name), BARS, wired or {}, params)[output]


def test_every_function_is_there():
    assert len(talib_names()) == len(talib.get_functions()) > 150
    assert "talib.RSI" in registry()


def test_metadata_is_talibs_own():
    component = talib_component("talib.RSI")
    assert (component.kind, component.category) == ("indicator", "momentum")
    assert dict(component.sources) == {"price": "close"}
    assert component.inputs == ("close",)
    assert component.parameters["timeperiod"].default == 14
    assert component.parameters["timeperiod"].range == Range(2, 100_000)
    assert component.outputs == ()
    assert "Relative Strength Index" in component.doc


@pytest.mark.parametrize(
    ("name", "parameter", "low", "high"),
    [
        ("talib.BBANDS", "nbdevup", -3e37, 3e37),
        ("talib.BBANDS", "matype", 0, 13),
        ("talib.MAMA", "fastlimit", 0.01, 0.99),
        ("talib.T3", "vfactor", 0.0, 1.0),
        ("talib.SMA", "timeperiod", 1, 100_000),
        ("talib.MAVP", "minperiod", 1, 100_000),
    ],
)
def test_bounds_are_talibs_own(name, parameter, low, high):
    found = talib_component(name).parameters[parameter].range
    assert (found.low, found.high) == (low, high)


def test_value_outside_the_bounds_is_refused():
    with pytest.raises(ComponentError, match=r"'timeperiod' was 1; allowed is a whole number in 2\.\.100000"):
        values("talib.RSI", timeperiod=1)


def test_inputs_have_talibs_names():
    assert dict(talib_component("talib.OBV").sources) == {"price": "close", "volume": "volume"}
    assert dict(talib_component("talib.BETA").sources) == {"price0": "high", "price1": "low"}
    assert talib_component("talib.MAVP").wires == ("periods",)


def test_values_are_talibs_own():
    high, low, close = (BARS[name].to_numpy() for name in ("high", "low", "close"))
    np.testing.assert_array_equal(values("talib.ATR", timeperiod=5), talib.ATR(high, low, close, 5))
    np.testing.assert_array_equal(values("talib.MACD", output="macdhist"), talib.MACD(close)[2])
    np.testing.assert_array_equal(values("talib.OBV"), talib.OBV(close, BARS["volume"].to_numpy()))
    np.testing.assert_array_equal(values("talib.BETA"), talib.BETA(high, low))


def test_price_can_be_wired():
    high = BARS["high"].to_numpy()
    np.testing.assert_array_equal(values("talib.SMA", {"price": high}, timeperiod=3), talib.SMA(high, 3))


def test_several_outputs_have_talibs_names():
    assert talib_component("talib.BBANDS").outputs == ("upperband", "middleband", "lowerband")


def test_patterns_become_floats_with_an_unknown_warm_up():
    prices = [BARS[name].to_numpy() for name in ("open", "high", "low", "close")]
    was = values("talib.CDLENGULFING")
    assert was.dtype == np.float64
    assert np.isnan(was[:2]).all()
    np.testing.assert_array_equal(was[2:], talib.CDLENGULFING(*prices)[2:])
    assert {-100.0, 0.0, 100.0} & set(was[2:])


def test_whole_numbers_wait_for_the_first_known_input():
    wired = {"price": np.concatenate((np.full(5, np.nan), BARS["close"].to_numpy()[5:]))}
    assert np.isnan(values("talib.MAXINDEX", wired, timeperiod=10)[:14]).all()
    assert not np.isnan(values("talib.MAXINDEX", wired, timeperiod=10)[14])


def test_positions_and_totals_depend_on_where_the_data_begins():
    for name in ("talib.OBV", "talib.AD", "talib.MAXINDEX", "talib.SAR", "talib.VWAP"):
        assert talib_component(name).is_path_dependent
    assert not talib_component("talib.EMA").is_path_dependent


def test_lookback_is_talibs_and_beyond_it_what_a_recursion_needs():
    assert talib_component("talib.SMA").lookback({"timeperiod": 30}) == 29
    assert talib_component("talib.BBANDS").lookback({}) == 19
    assert talib_component("talib.EMA").lookback({"timeperiod": 10}) == 9 + 18 * 10
    assert talib_component("talib.BBANDS").lookback({"matype": 1}) > 19 + 11 * 20


def test_parameters_that_exclude_each_other_are_refused():
    with pytest.raises(ComponentError, match="MAVP"):
        talib_component("talib.MAVP").lookback({"minperiod": 40, "maxperiod": 30})


def test_unknown_function_offers_the_nearest():
    with pytest.raises(ComponentError, match=r"no function 'talib.rsi'; did you mean 'talib.RSI'"):
        talib_component("talib.rsi")


def test_no_bars_give_no_values():
    assert compute(talib_component("talib.RSI"), BARS.iloc[:0], {}, {})[""].shape == (0,)
