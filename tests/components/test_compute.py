"""Computing connects inputs, protects them, and turns every failure into one error that names its place."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from sptrader.components import Shape, Signals, component_of, compute, indicator, indicator_columns, shape, signal
from sptrader.errors import ComponentError

INDEX = pd.date_range("2024-01-01", periods=3, freq="h", tz="UTC", name="time")
BARS = pd.DataFrame({"close": [1.0, 2.0, 3.0], "high": [2.0, 3.0, 4.0]}, index=INDEX)


def run(function, market=BARS, wired=None, **params):
    return compute(component_of(function), market, wired or {}, params)


@indicator(category="any")
def double(close: np.ndarray, times: float = 2.0) -> np.ndarray:
    """Twice."""
    return close * times


@indicator(category="any")
def gap(close: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Close less base."""
    return close - base


def test_single_output_has_no_name():
    result = run(double, times=3)
    assert list(result) == [""]
    assert result[""].tolist() == [3.0, 6.0, 9.0]


def test_market_may_be_a_mapping_of_arrays():
    assert run(double, {"close": np.array([5.0])})[""].tolist() == [10.0]


def test_wires_are_connected_and_market_inputs_can_be_rewired():
    assert run(gap, wired={"base": np.array([1.0, 1.0, 1.0])})[""].tolist() == [0.0, 1.0, 2.0]
    rewired = {"base": np.ones(3), "close": np.array([9.0, 9.0, 9.0])}
    assert run(gap, wired=rewired)[""].tolist() == [8.0, 8.0, 8.0]


def test_series_are_given_where_they_are_asked_for_with_the_bars_times():
    @indicator(category="any")
    def hour(close: pd.Series) -> pd.Series:
        """Hour of day."""
        return pd.Series(close.index.hour, index=close.index)

    assert run(hour)[""].tolist() == [0.0, 1.0, 2.0]


def test_bars_is_the_whole_frame():
    @indicator(category="any")
    def reach(bars: pd.DataFrame) -> pd.Series:
        """High less close."""
        return bars["high"] - bars["close"]

    assert run(reach)[""].tolist() == [1.0, 1.0, 1.0]
    assert run(reach, {"high": np.array([3.0]), "close": np.array([1.0])})[""].tolist() == [2.0]


@pytest.mark.parametrize("form", ["mapping", "frame", "named tuple"])
def test_named_outputs_in_every_form(form):
    class Pair(NamedTuple):
        up: np.ndarray
        down: np.ndarray

    @indicator(category="any")
    def pair(close: np.ndarray):
        """Both."""
        given = {"up": close + 1, "down": close - 1}
        return {"mapping": given, "frame": pd.DataFrame(given), "named tuple": Pair(**given)}[form]

    result = run(pair)
    assert result["up"].tolist() == [2.0, 3.0, 4.0]
    assert result["down"].tolist() == [0.0, 1.0, 2.0]


def test_inputs_cannot_be_written_into():
    @indicator(category="any")
    def vandal(close: np.ndarray) -> np.ndarray:
        """Write."""
        close[0] = 0.0
        return close

    with pytest.raises(ComponentError, match="read-only"):
        run(vandal)
    assert BARS["close"].iloc[0] == 1.0


def test_error_names_component_parameters_data_range_and_keeps_the_traceback():
    @indicator(category="any")
    def broken(close: np.ndarray, period: int = 4) -> np.ndarray:
        """Break."""
        raise ZeroDivisionError("here")

    with pytest.raises(ComponentError) as caught:
        run(broken, period=9)
    text = str(caught.value)
    for part in ("'broken'", "period=9", "3 bars", "2024-01-01 00:00", "2024-01-01 02:00", "ZeroDivisionError: here"):
        assert part in text
    assert 'raise ZeroDivisionError("here")' in text
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("result", "fault"),
    [
        (np.zeros(2), r"the shape \(2,\); allowed is \(3,\)"),
        (np.zeros((3, 2)), r"the shape \(3, 2\)"),
        (np.array(["a", "b", "c"]), "dtype <U1; allowed are numbers"),
        (None, "it returned NoneType"),
        ((np.zeros(3), np.zeros(3)), "it returned tuple"),
        ({"up": np.zeros(4)}, r"'up' had the shape \(4,\)"),
    ],
)
def test_malformed_results_are_refused(result, fault):
    @indicator(category="any")
    def odd(close: np.ndarray):
        """Odd."""
        return result

    with pytest.raises(ComponentError, match=fault):
        run(odd)


def test_signal_must_return_signals_of_the_bars_length():
    @signal(category="any")
    def odd(close: np.ndarray, length: int = 0):
        """Odd."""
        return Signals(type={"a": np.zeros(length, bool)}) if length else close

    with pytest.raises(ComponentError, match=r"must return Signals\(type=...\); it returned ndarray"):
        run(odd)
    with pytest.raises(ComponentError, match="length 2; allowed is 3"):
        run(odd, length=2)


def test_missing_and_unknown_inputs_are_named():
    with pytest.raises(ComponentError, match="its input 'base' is not connected"):
        run(gap)
    with pytest.raises(ComponentError, match="has no input 'bse'"):
        run(gap, wired={"bse": np.zeros(3)})
    with pytest.raises(
        ComponentError, match="needs the market column 'close', which the bars do not have; they have: high"
    ):
        run(double, BARS[["high"]])
    with pytest.raises(ComponentError, match="differ in length"):
        run(gap, wired={"base": np.zeros(2)})


def test_shape_is_known_without_bars():
    @signal(category="any")
    def rise(close: np.ndarray) -> Signals:
        """Rise."""
        return Signals(type={"up": close > 0, "down": close < 0}, size=close)

    assert shape(component_of(rise), {}) == Shape(("strength", "size"), ("up", "down"))
    assert shape(component_of(gap), {}) == Shape((), ())


def test_signal_where_an_indicator_is_expected_is_refused():
    @signal(category="any")
    def rise(close: np.ndarray) -> Signals:
        """Rise."""
        return Signals(type={"up": close > 0})

    with pytest.raises(ComponentError, match="'rise' is a signal; an indicator was expected"):
        indicator_columns(component_of(rise), BARS, {}, {})
