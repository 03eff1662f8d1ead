"""Shipped notebooks are thin, run offline with their defaults, and carry no results."""

import ast
from pathlib import Path

import nbformat
import pytest

from sptrader.runs.notebook import PARAMETERS_TAG, notebook_parameters

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.rglob("*.ipynb"))


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 2


def test_notebook_is_valid_and_small(path):
    nbformat.validate(nbformat.read(path, as_version=4))

    assert path.stat().st_size < 50_000


def test_first_code_cell_holds_the_parameters_each_typed_and_explained(path):
    assert code_cells(path)[0].metadata.get("tags") == [PARAMETERS_TAG]
    found = notebook_parameters(path)
    assert found
    assert all(parameter.types and parameter.meaning for parameter in found.values())


def test_notebook_is_thin(path):
    cells = code_cells(path)
    trees = [ast.parse(cell.source) for cell in cells]
    nodes = [node for tree in trees for node in ast.walk(tree)]

    assert len(cells) <= 12
    assert not [
        node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda))
    ]
    imports = [ast.unparse(node) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert imports == ["import sptrader as sp"]


def test_notebook_carries_no_results_and_no_machine(path):
    node = nbformat.read(path, as_version=4)

    assert all(not cell.outputs and cell.execution_count is None for cell in node.cells if cell.cell_type == "code")
    assert set(node.metadata) == {"kernelspec", "language_info"}
    assert node.metadata.kernelspec.name == "python3"
    assert node.metadata.language_info == {"name": "python"}
