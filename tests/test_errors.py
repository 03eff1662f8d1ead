"""Errors in a notebook: the message, and the traceback folded beside it."""

import traceback

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from sptrader.errors import StrategyError


@pytest.fixture(scope="module")
def outputs():
    code = "import sptrader as sp\nsp.load_strategy('ma_crosover')"
    notebook = new_notebook(cells=[new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
    return notebook.cells[0].outputs


@pytest.mark.slow
def test_notebook_shows_the_message_and_folds_the_traceback(outputs):
    folded, error = outputs

    assert error["output_type"] == "error"
    assert len(error["traceback"]) == 1
    assert error["traceback"][0].startswith(
        "StrategyError: ma_crosover: the strategy file does not exist; did you mean"
    )
    assert folded["data"]["text/html"].startswith("<details")
    assert "find_strategy" in folded["data"]["text/html"]


def test_without_a_notebook_the_whole_traceback_is_shown():
    with pytest.raises(StrategyError) as raised:
        raise StrategyError("it <was> wrong")

    assert raised.value._render_traceback_() == traceback.format_exception(raised.value)
