"""Shipped notebooks are thin, run offline with their defaults, and carry no results."""

import ast
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from sptrader.runs.notebook import PARAMETERS_TAG, notebook_parameters

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(path for path in FOLDER.rglob("*.ipynb") if "scratch" not in path.parts)
DOCUMENTATION = [
    "01_quickstart", "02_data", "03_components", "04_strategy", "05_backtest_and_explain", "06_sweep_and_overfitting",
    "07_paper_and_live", "08_batch_and_reports",
]  # fmt: skip


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_documentation_is_there_in_its_order_and_each_leads_to_the_next():
    assert [path.stem for path in sorted(FOLDER.glob("*.ipynb"))] == DOCUMENTATION
    for name, following in pairwise(DOCUMENTATION):
        last = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells[-1]
        assert last.cell_type == "markdown"
        assert f"({following}.ipynb)" in last.source


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
    # a magic becomes a call; what %%writefile writes is a text in it
    trees = [ast.parse(TransformerManager().transform_cell(cell.source)) for cell in cells]
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
