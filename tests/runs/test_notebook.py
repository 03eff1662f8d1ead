"""A notebook runs with the parameters it declares, and with no others."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sptrader.errors import RunError
from sptrader.runs.notebook import check_parameters, notebook_data, notebook_parameters, run_notebook

PARAMETERS = """
strategy: str = "a.yaml"  # the strategy's file
cash: float = 10_000.0  # starting money
bars: int = 5
parameters: dict = {}
start: str | None = None  # first day
flag = True
"""


def notebook(*cells, parameters=PARAMETERS):
    head = new_code_cell(parameters.strip(), metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=[new_markdown_cell("# A"), head, *cells], metadata={"kernelspec": kernel})


def test_parameters_have_types_defaults_and_meanings():
    found = notebook_parameters(notebook())

    assert list(found) == ["strategy", "cash", "bars", "parameters", "start", "flag"]
    assert (found["cash"].types, found["cash"].default, found["cash"].meaning) == (
        ("float",),
        10_000.0,
        "starting money",
    )
    assert found["start"].types == ("str", "None")
    assert found["flag"].types == ("bool",)


def test_right_parameters_pass_and_whole_numbers_become_floats():
    given = {"cash": 5, "bars": 7, "parameters": {"fast": 8}, "start": None, "flag": False, "strategy": "b.yaml"}

    result = check_parameters(notebook(), given)

    assert result == given
    assert isinstance(result["cash"], float)
    assert isinstance(result["bars"], int)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cahs": 5.0}, "parameter 'cahs' is not known; did you mean 'cash'"),
        ({True: 5.0}, "parameter 'True' is not known"),
        ({"cash": "5000"}, "parameter 'cash' was '5000' (str); allowed is float"),
        ({"cash": True}, "parameter 'cash' was True (bool); allowed is float"),
        ({"bars": 5.0}, "parameter 'bars' was 5.0 (float); allowed is int"),
        ({"cash": None}, "allowed is float"),
        ({"start": 2017}, "allowed is str or None"),
        ({"parameters": [8]}, "allowed is dict"),
    ],
)
def test_wrong_parameter_is_refused(given, words):
    with pytest.raises(RunError) as refused:
        check_parameters(notebook(), given)

    assert words in str(refused.value)
    assert not refused.value.is_failure


def test_all_faults_come_at_once():
    with pytest.raises(RunError, match=r"'cahs'.*'bars'"):
        check_parameters(notebook(), {"cahs": 5.0, "bars": "x"})


def test_notebook_without_parameters_takes_none():
    bare = new_notebook(cells=[new_code_cell("1")])

    assert check_parameters(bare, {}) == {}
    with pytest.raises(RunError, match="no cell is tagged 'parameters'"):
        check_parameters(bare, {"cash": 1.0})


@pytest.mark.parametrize("line", ["cash = 5 * x", "import os", "a = b = 1", "a.b = 1", "cash: float", "cash = = 1"])
def test_parameters_cell_holds_literals_only(line):
    with pytest.raises(RunError, match="parameters cell"):
        notebook_parameters(notebook(parameters=line))


def test_nothing_runs_with_a_misspelt_parameter(tmp_path):
    source = tmp_path / "a.ipynb"
    nbformat.write(notebook(new_code_cell(f"open({str(tmp_path / 'ran')!r}, 'w')")), source)

    with pytest.raises(RunError, match="did you mean 'cash'"):
        run_notebook(source, tmp_path / "out.ipynb", parameters={"cahs": 1.0})

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ipynb"]


@pytest.mark.parametrize("content", [b"", b"time,open\n1,2\n", b"\x89PNG\xff\xfe", b'{"cells": 3}'])
def test_file_that_is_no_notebook_is_refused(tmp_path, content):
    path = tmp_path / "a.ipynb"
    path.write_bytes(content)

    with pytest.raises(RunError, match=r"a\.ipynb is not a notebook"):
        notebook_parameters(path)


def test_missing_notebook_is_refused(tmp_path):
    with pytest.raises(RunError, match="there is no such file"):
        run_notebook(tmp_path / "no.ipynb", tmp_path / "out.ipynb")


def test_executed_notebook_has_the_parameters_and_leaves_its_data(tmp_path):
    source, out = tmp_path / "a.ipynb", tmp_path / "made" / "out.ipynb"
    show = (
        "import os\nfrom IPython.display import display\n"
        "display({'application/vnd.sptrader.metrics+json': {'run': 'r1', 'metrics': {'cash': cash, 'fast': parameters}},"
        " 'text/plain': os.getcwd()}, raw=True)"
    )
    nbformat.write(notebook(new_code_cell(show)), source)

    node = run_notebook(source, out, parameters={"cash": 7, "parameters": {"fast": 8}}, cwd=tmp_path)

    assert notebook_data(out) == {"run": "r1", "metrics": {"cash": 7.0, "fast": {"fast": 8}}}
    assert node.cells[-1].outputs[0].data["text/plain"] == str(tmp_path)
    assert "widgets" not in node.metadata


def test_cell_that_raises_is_named_and_what_ran_before_is_kept(tmp_path):
    source, out = tmp_path / "a.ipynb", tmp_path / "out.ipynb"
    nbformat.write(notebook(new_code_cell("1 + 1"), new_code_cell("1 / 0")), source)

    with pytest.raises(RunError, match="cell 4 failed with ZeroDivisionError: division by zero") as failed:
        run_notebook(source, out, cwd=tmp_path)

    assert failed.value.is_failure
    outputs = [cell.outputs for cell in nbformat.read(out, 4).cells if cell.cell_type == "code"]
    assert any(output.get("data", {}).get("text/plain") == "2" for cell in outputs for output in cell)
