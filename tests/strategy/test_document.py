"""YAML as a tree: surprises kept out, places kept, size and depth limited."""

from __future__ import annotations

import pickle

import pytest

from sptrader.errors import StrategyError
from sptrader.strategy.document import Items, Leaf, Table, hundredth, read_document, scalar_value
from sptrader.strategy.faults import Faults, Mark


def read(text: str) -> tuple[Table, list[str]]:
    faults = Faults("f.yaml")
    document = read_document(text, faults)
    return document, [faults.text(fault) for fault in faults.found]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("-3", -3), ("100_000", 100_000), ("1e-3", 0.001), ("1.5", 1.5), (".5", 0.5), ("2.", 2.0),
        ("true", True), ("false", False), ("", None), ("~", None), ("null", None),
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("2017-01-01", "2017-01-01"), ("07:30", "07:30"),
        ("010", "010"), ("0x1F", "0x1F"), ("1_2.5", 12.5), (".inf", ".inf"), ("1e999", "1e999"), ("2%", "2%"),
        ("1" * 100, "1" * 100),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_a_reader_expects(text: str, value: object) -> None:
    found = scalar_value(text)

    assert found == value
    assert type(found) is type(value)


def test_quoted_scalars_stay_text() -> None:
    document, faults = read("a: '12'\nb: \"true\"\n")

    assert not faults
    assert [document.values[k].value for k in "ab"] == ["12", "true"]  # type: ignore[union-attr]


def test_values_and_keys_know_where_they_stand() -> None:
    document, _ = read("name: x\nrisk:\n  limits: [1, {deep: 2}]\n")
    risk = document.values["risk"]
    assert isinstance(risk, Table)
    items = risk.values["limits"]
    assert isinstance(items, Items)
    inner = items.values[1]
    assert isinstance(inner, Table)

    assert document.marks["risk"] == Mark(2, 1)
    assert risk.marks["limits"] == Mark(3, 3)
    assert items.values[0].mark == Mark(3, 12)
    assert inner.values["deep"].mark == Mark(3, 22)


def test_words_that_yaml_would_turn_into_truths_stay_keys() -> None:
    document, faults = read("on: 1\nyes: 2\n2017-01-01: 3\n")

    assert not faults
    assert list(document) == ["on", "yes", "2017-01-01"]


def test_a_key_given_twice_is_a_fault_and_the_first_counts() -> None:
    document, faults = read("a: 1\nb: {c: 1, c: 2}\na: 3\n")

    assert faults == [
        "f.yaml:2:11: b.c: key 'c' is given twice; first in line 2.",
        "f.yaml:3:1: a: key 'a' is given twice; first in line 1.",
    ]
    first = document.values["a"]
    assert isinstance(first, Leaf)
    assert first.value == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n- b\n", "f.yaml:1:1: expected a mapping"),
        ("just text", "expected a mapping"),
        ("a: [1, 2\nb: 3\n", "this is not YAML"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document"),
        ("a: &x 1\nb: *x\n", "aliases are not supported (*x)"),
        ("a: !!python/object:os.system x\n", "tags are not supported"),
        ("? [1, 2]\n: 3\n", "a key must be a word"),
        ("a: \x01\n", "this is not YAML"),
    ],
)
def test_what_is_no_plain_mapping_is_refused(text: str, told: str) -> None:
    _, faults = read(text)

    assert any(told in fault for fault in faults), faults


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5000 + "]" * 5000,
        "a: " + "{b: " * 5000,
        "x: [" + "1," * 30_000 + "]",
        "x: " + "y" * 300_000,
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
    ],
)
def test_hostile_files_are_refused_without_delay(text: str) -> None:
    _, faults = read(text)

    assert faults


def test_a_document_can_travel_to_another_process() -> None:
    document, _ = read("a: [1, {b: $x}]\n")

    assert pickle.loads(pickle.dumps(document)) == document


def test_all_faults_come_at_once_in_the_order_of_the_file() -> None:
    faults = Faults("f.yaml")
    faults.add(Mark(9, 1), "b", "late.")
    faults.add(Mark(2, 5), "a", "early.")
    faults.add(Mark(2, 5), "a", "early.")

    with pytest.raises(StrategyError) as raised:
        faults.raise_any()

    assert raised.value.faults == ("f.yaml:2:5: a: early.", "f.yaml:9:1: b: late.")
    assert str(raised.value).startswith("f.yaml has 2 faults:\n")


def test_percentages_are_exact_in_decimals() -> None:
    assert [hundredth(x) for x in (1.1, 0.002, 7.0, 15.0)] == [0.011, 0.00002, 0.07, 0.15]
