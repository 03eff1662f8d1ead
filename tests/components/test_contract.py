"""The signature is the metadata, and parameters keep their bounds."""

from typing import Annotated, Literal, NamedTuple

import numpy as np
import pandas as pd
import pytest

from sptrader.components import Range, component_of, indicator, signal
from sptrader.errors import ComponentError


class Pair(NamedTuple):
    left: np.ndarray
    right: np.ndarray


@indicator(category="trend", lookback=lambda period: 3 * period)
def sample(
    close: np.ndarray,
    base: pd.Series,
    period: Annotated[int, Range(2, 50)] = 20,
    factor: Annotated[float, Range(0, None)] = 1,
    mode: Literal["fast", "slow"] = "fast",
    is_sharp: bool = False,
) -> Pair:
    """Say something.

    More."""
    return Pair(close, close)


def test_arguments_become_inputs_wires_and_parameters():
    component = component_of(sample)
    assert (component.name, component.kind, component.category) == ("sample", "indicator", "trend")
    assert component.inputs == ("close",)
    assert component.wires == ("base",)
    assert component.series == {"base"}
    assert component.outputs == ("left", "right")
    assert list(component.parameters) == ["period", "factor", "mode", "is_sharp"]
    assert component.parameters["period"].range == Range(2, 50)
    assert component.parameters["mode"].choices == ("fast", "slow")
    assert component.parameters["factor"].default == 1.0
    assert component.doc.startswith("Say something.")


def test_decorated_function_can_still_be_called():
    assert sample(np.array([1.0]), pd.Series([2.0])).left.tolist() == [1.0]


def test_bars_is_a_market_input():
    @indicator(category="any")
    def whole(bars: pd.DataFrame) -> pd.Series:
        """All."""
        return bars["close"]

    assert component_of(whole).inputs == ("bars",)


def test_lookback_takes_parameters_by_name_and_their_defaults():
    component = component_of(sample)
    assert component.lookback({"period": 10}) == 30
    assert component.lookback({}) == 60


def test_negative_lookback_is_refused():
    @indicator(category="any", lookback=lambda period: period - 5)
    def early(close: np.ndarray, period: int = 3) -> np.ndarray:
        """All."""
        return close

    with pytest.raises(ComponentError, match="lookback was -2"):
        component_of(early).lookback({})


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({"period": 7.0}, 7),
        ({"period": np.int64(7)}, 7),
        ({"factor": 2}, 2.0),
        ({"factor": np.float32(0.5)}, 0.5),
        ({"mode": "slow"}, "slow"),
        ({"is_sharp": np.True_}, True),
    ],
)
def test_fitting_values_are_taken_in_the_parameters_type(params, kept):
    (name,) = params
    value = component_of(sample).check_parameters(params)[name]
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    ("params", "allowed"),
    [
        ({"period": 1}, r"was 1; allowed is a whole number in 2\.\.50"),
        ({"period": 51}, r"2\.\.50"),
        ({"period": 7.5}, "a whole number"),
        ({"period": True}, "a whole number"),
        ({"period": "7"}, "a whole number"),
        ({"factor": float("nan")}, "a number"),
        ({"factor": -0.1}, r"a number in 0\.\."),
        ({"mode": "midway"}, "one of fast, slow"),
        ({"is_sharp": 1}, "true or false"),
    ],
)
def test_unfit_values_are_refused_with_what_is_allowed(params, allowed):
    with pytest.raises(ComponentError, match=allowed) as caught:
        component_of(sample).check_parameters(params)
    assert caught.value.key == next(iter(params))


def test_unknown_parameter_names_the_nearest():
    with pytest.raises(ComponentError, match="no parameter 'perid'; did you mean 'period'"):
        component_of(sample).check_parameters({"perid": 3})


def test_default_outside_its_range_is_refused_at_once():
    with pytest.raises(ComponentError, match=r"the default of 'period' was 1; allowed is a whole number in 2\.\.9"):

        @indicator(category="any")
        def wrong(close: np.ndarray, period: Annotated[int, Range(2, 9)] = 1) -> np.ndarray:
            return close


def test_lookback_of_an_unknown_parameter_is_refused_at_once():
    with pytest.raises(ComponentError, match="its lookback asks for 'length'"):

        @indicator(category="any", lookback=lambda length: length)
        def wrong(close: np.ndarray, period: int = 1) -> np.ndarray:
            return close


def test_parameter_of_another_type_is_refused_at_once():
    with pytest.raises(ComponentError, match="allowed are int, float, bool, str and Literal"):

        @signal(category="any")
        def wrong(close: np.ndarray, period: list[int] = []):  # noqa: B006
            return close


def test_function_without_inputs_is_refused():
    with pytest.raises(ComponentError, match="it has no input"):

        @indicator(category="any")
        def wrong(period: int = 3) -> np.ndarray:
            return np.zeros(period)


def test_star_arguments_are_refused():
    with pytest.raises(ComponentError, match="each argument needs a name of its own"):

        @indicator(category="any")
        def wrong(close: np.ndarray, **more: int) -> np.ndarray:
            return close


def test_plain_function_is_no_component():
    with pytest.raises(ComponentError, match="'len' is not a component"):
        component_of(len)


def test_range_says_itself_and_refuses_to_be_empty():
    assert str(Range(2, 500)) == "2..500"
    assert str(Range(None, 0.5)) == "..0.5"
    assert 2 in Range(2, 500)
    assert 501 not in Range(2, 500)
    with pytest.raises(ComponentError, match="empty"):
        Range(3, 2)
