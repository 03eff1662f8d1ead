"""Each law catches a component made to break it."""

import sys
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

from sptrader.components import Range, Signals, component_of, indicator, registry, signal
from sptrader.components.check import check_component, made_up_bars, plain_python
from sptrader.jit import compiled


def broken_laws(function, **params):
    return {verdict.law: verdict.findings[0] for verdict in check_component(component_of(function), params=params, n_bars=80)
            if verdict.findings}  # fmt: skip


def test_centred_window_looks_ahead():
    @indicator(category="any", lookback=4)
    def centred(close: pd.Series) -> pd.Series:
        """Mean around."""
        return close.rolling(5, center=True).mean()

    assert "no look-ahead" in broken_laws(centred)


def test_scaling_by_the_whole_series_looks_ahead():
    @indicator(category="any")
    def scaled(close: np.ndarray) -> np.ndarray:
        """Part of the greatest."""
        return close / close.max(initial=0.0)

    assert "no look-ahead" in broken_laws(scaled)


def test_event_that_is_confirmed_later_but_dated_earlier_looks_ahead():
    @signal(category="any", lookback=1)
    def peak(close: pd.Series) -> Signals:
        """A close above both neighbours."""
        return Signals(type={"peak": ((close > close.shift(1)) & (close > close.shift(-1))).to_numpy()})

    assert "no look-ahead" in broken_laws(peak)


def test_lookback_that_is_too_short():
    @indicator(category="any", lookback=lambda period: 3 * period)
    def slow(close: pd.Series, period: Annotated[int, Range(2, 50)] = 10) -> pd.Series:
        """Average."""
        return close.ewm(span=period, adjust=False).mean()

    assert list(broken_laws(slow)) == ["lookback"]


def test_running_total_must_say_that_it_depends_on_the_beginning():
    def total(close: np.ndarray) -> np.ndarray:
        """Sum so far."""
        return close.cumsum()

    assert list(broken_laws(indicator(category="any")(total))) == ["lookback"]
    assert broken_laws(indicator(category="any", path_dependent=True)(total)) == {}


def test_value_that_comes_later_than_its_lookback_says():
    @indicator(category="any", lookback=2)
    def late(close: pd.Series) -> pd.Series:
        """Mean of five."""
        return close.rolling(5).mean()

    assert "first known at bar 4; its lookback says at 2" in broken_laws(late)["warm-up"]


def test_hole_in_the_values():
    @indicator(category="any")
    def holes(close: np.ndarray) -> np.ndarray:
        """Nothing below 50."""
        return np.where(close < 50, np.nan, close)

    assert "warm-up" in broken_laws(holes)


def test_event_on_unknown_input():
    @signal(category="any")
    def always(value: np.ndarray) -> Signals:
        """Not above 50, unknown or not."""
        return Signals(type={"low": ~(value > 50)})

    assert "low at bar 0, where a wired input is unknown" in broken_laws(always)["warm-up"]


def test_raising_for_short_data():
    @indicator(category="any", lookback=4)
    def needy(close: np.ndarray) -> np.ndarray:
        """Mean of five."""
        if len(close) < 5:
            raise ValueError("too short")
        return np.convolve(np.concatenate((np.full(4, np.nan), close)), np.full(5, 0.2), "valid")

    assert "with 0 bars it raised" in broken_laws(needy)["short data"]


def test_raising_for_unknown_prices():
    @indicator(category="any")
    def strict(close: np.ndarray) -> np.ndarray:
        """The close."""
        if np.isnan(close).any():
            raise ValueError("unknown price")
        return close

    assert list(broken_laws(strict)) == ["unknown bars"]


def test_component_with_a_memory():
    calls = []

    @indicator(category="any")
    def remembering(close: np.ndarray) -> np.ndarray:
        """The close, and how often it was asked."""
        calls.append(1)
        return close + len(calls)

    assert "repeatable" in broken_laws(remembering)


def test_component_that_fails_breaks_every_law_with_its_own_error():
    @indicator(category="any")
    def failing(close: np.ndarray) -> np.ndarray:
        """Fail."""
        raise RuntimeError("always")

    found = broken_laws(failing)
    assert {"inputs", "no look-ahead", "lookback"} <= set(found)
    assert "RuntimeError: always" in found["inputs"]


@compiled
def _halves(values):
    result = np.empty(len(values))
    for i in range(len(values)):
        result[i] = values[i] // 2 if values[i] > 50 else values[i] * np.float32(0.1)
    return result


def test_plain_python_replaces_compiled_functions_and_leaves_the_module_alone():
    component = registry().get("bollinger")
    plain = plain_python(component.function)
    assert not hasattr(plain.__globals__["_bollinger"], "py_func")
    assert hasattr(sys.modules[component.function.__module__]._bollinger, "py_func")
    close = made_up_bars(50, seed=1)["close"].to_numpy()
    np.testing.assert_array_equal(plain(close).upper, component.function(close).upper)


def test_compiled_code_that_differs_from_its_python(monkeypatch):
    @indicator(category="any")
    def differing(close: np.ndarray) -> np.ndarray:
        """Half."""
        return _halves(close)

    assert broken_laws(differing) == {}
    monkeypatch.setattr(_halves, "py_func", lambda values: values + 1.0)
    assert list(broken_laws(differing)) == ["plain Python"]


@pytest.mark.parametrize("seed", [1, 2])
def test_made_up_bars_are_bars(seed):
    bars = made_up_bars(300, seed=seed)
    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert (bars["low"] > 0).all()
    assert (bars["close"].diff() == 0).sum() >= 10
    assert bars["close"].min() < 30 < 70 < bars["close"].max()
