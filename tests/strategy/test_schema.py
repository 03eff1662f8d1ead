"""The schema accepts what the reader accepts, and refuses misspelt keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sptrader.strategy.document import Items, Leaf, Table, Value, read_document
from sptrader.strategy.faults import Faults
from sptrader.strategy.loader import shipped_folder
from sptrader.strategy.schema import strategy_schema
from sptrader.strategy.sections import SECTIONS
from sptrader.strategy.template import write_template

SHIPPED = sorted(shipped_folder().glob("*.yaml"))


def plain(value: Value) -> Any:
    if isinstance(value, Leaf):
        return value.value
    return (
        [plain(v) for v in value.values] if isinstance(value, Items) else {k: plain(v) for k, v in value.values.items()}
    )


def read(path: Path) -> Any:
    document = read_document(path.read_text(), Faults(str(path)))
    assert isinstance(document, Table)
    return plain(document)


def validator() -> jsonschema.Draft202012Validator:
    schema = strategy_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_strategies_fit_the_schema(path: Path) -> None:
    assert [error.message for error in validator().iter_errors(read(path))] == []


def test_the_template_fits_the_schema(tmp_path: Path) -> None:
    assert list(validator().iter_errors(read(write_template("mine", tmp_path)))) == []


@pytest.mark.parametrize("section", ["risk", "filters", "execution", "exit", "backtest"])
def test_a_misspelt_key_does_not_fit(section: str) -> None:
    document = read(SHIPPED[0])
    document[section] = {"misspelt": 1}

    assert [list(error.absolute_path) for error in validator().iter_errors(document)] == [[section]]


def test_every_key_is_explained() -> None:
    schema = strategy_schema()

    for name in SECTIONS:
        for key, inner in schema["$defs"][name]["properties"].items():
            assert inner["description"].endswith("."), (name, key)
