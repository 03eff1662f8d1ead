"""Signals take masks, names or a Categorical, and keep codes, strengths and outputs."""

import numpy as np
import pandas as pd
import pytest

from sptrader.components import Signals
from sptrader.errors import ComponentError


def masks(**given):
    return {name: np.array(mask, bool) for name, mask in given.items()}


def test_first_listed_mask_wins_where_both_are_true():
    signals = Signals(type=masks(buy=[0, 1, 1], sell=[1, 1, 0]))
    assert signals.types == ("buy", "sell")
    assert signals.codes.tolist() == [1, 0, 0]
    assert signals.codes.dtype == np.int8


def test_names_and_none_per_bar():
    signals = Signals(type=np.array(["up", None, "down", np.nan], object))
    assert signals.types == ("down", "up")
    assert signals.codes.tolist() == [1, -1, 0, -1]


def test_categorical_keeps_its_order_even_of_types_that_did_not_happen():
    signals = Signals(type=pd.Categorical.from_codes([-1, 1], ["never", "once"]))
    assert signals.types == ("never", "once")
    assert signals.mask("once").tolist() == [False, True]
    assert signals.mask("other").tolist() == [False, False]


def test_series_of_categories():
    assert Signals(type=pd.Series(["a", None], dtype="category")).codes.tolist() == [0, -1]


def test_strength_is_one_by_default_and_nan_without_event():
    np.testing.assert_array_equal(Signals(type=masks(a=[1, 0])).strength, [1.0, np.nan])


def test_strength_is_forgotten_where_nothing_happened():
    signals = Signals(type=masks(a=[0, 1]), strength=np.array([7.0, 0.25]))
    np.testing.assert_array_equal(signals.strength, [np.nan, 0.25])


@pytest.mark.parametrize("wrong", [1.5, -0.1, np.nan])
def test_strength_outside_its_range_is_refused(wrong):
    with pytest.raises(ComponentError, match=r"at bar 1 where an event happened; allowed is 0 to 1"):
        Signals(type=masks(a=[0, 1]), strength=np.array([0.5, wrong]))


def test_further_outputs_are_numbers_per_bar():
    assert Signals(type=masks(a=[0, 1]), level=[1, 2]).outputs["level"].tolist() == [1.0, 2.0]
    with pytest.raises(ComponentError, match=r"'level' had the shape \(3,\); allowed is \(2,\)"):
        Signals(type=masks(a=[0, 1]), level=[1, 2, 3])


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ({}, "one length; they were: none"),
        (masks(a=[1], b=[1, 0]), "a 1, b 2"),
        ({"a": np.array([0.0, 1.0])}, "one bool per bar"),
        ({"": np.array([True])}, "allowed are names"),
        (np.array([1, 2]), "allowed is a name or None"),
        (np.array([["a"]], object), "one name or None per bar"),
    ],
)
def test_malformed_types_are_refused(kind, fault):
    with pytest.raises(ComponentError, match=fault):
        Signals(type=kind)


def test_length_and_summary():
    signals = Signals(type=masks(a=[0, 1]))
    assert len(signals) == 2
    assert repr(signals) == "Signals(2 bars: 1 a)"
