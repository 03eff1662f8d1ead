"""Executions are named by their parameters and known by what they are made of."""

import nbformat
from nbformat.v4 import new_output

from sptrader.runs.batch_plan import plan
from tests.made_notebook import save_notebook


def made(tmp_path, *cells):
    return nbformat.read(save_notebook(tmp_path / "a.ipynb", "fast: int = 12", *cells), 4)


def names(node, *sets):
    return [execution.name for execution in plan(node, "a", sets)]


def test_names_say_the_parameters(tmp_path):
    node = made(tmp_path, "fast")

    assert names(node, {"fast": 8, "symbol": "EURUSD"}, {"rate": 0.5}, {}) == [
        "a-fast=8,symbol=EURUSD.ipynb",
        "a-rate=0.5.ipynb",
        "a-defaults.ipynb",
    ]


def test_names_differ_where_a_disk_would_not_tell_them_apart(tmp_path):
    found = names(made(tmp_path, "fast"), {"s": "a/b"}, {"s": "a_b"}, {"s": "x"}, {"s": "X"}, {"s": "y" * 300})

    assert len({name.casefold() for name in found}) == 5
    assert found[1] == "a-s=a_b.ipynb"
    assert all(len(name) < 150 and "/" not in name for name in found)


def test_key_is_of_source_and_parameters_but_not_of_outputs(tmp_path):
    node, other = made(tmp_path, "fast"), made(tmp_path, "fast + 1")
    shown = made(tmp_path, "fast")
    shown.cells[1].outputs = [new_output("stream", text="12")]
    shown.cells[1].execution_count = 3

    key = plan(node, "a", [{"fast": 8}])[0].key

    assert plan(shown, "a", [{"fast": 8}])[0].key == key
    assert plan(node, "a", [{"fast": 9}])[0].key != key
    assert plan(node, "a", [{"fast": 8.0}])[0].key != key
    assert plan(other, "a", [{"fast": 8}])[0].key != key
