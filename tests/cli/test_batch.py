"""`sptrader batch` prints what came of a batch, and leaves with 0, 1 or 2."""

import json

import pytest

from sptrader.cli import main
from sptrader.runs.batch_index import load_index
from sptrader.runs.warm_kernels import close_shared_kernels, shared_kernels
from tests.made_notebook import METRICS, save_notebook

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def kernels():
    """One source of kernels for all tests of this module."""
    shared_kernels().prepare("python3", 1)
    yield
    close_shared_kernels()


@pytest.fixture
def notebook(tmp_path):
    return str(save_notebook(tmp_path / "a.ipynb", "x: int = 1\nname: str = ''", "1 / x", METRICS % "'inverse': 1 / x"))


def test_space_is_run_and_told_as_json(notebook, tmp_path, capsys):
    out = tmp_path / "out"

    code = main(["batch", notebook, "--space", "x=1:2", "--space", "name=a", "--out", str(out), "--json"])

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (told["folder"], told["done"], told["failed"], told["failures"]) == (str(out), 2, 0, [])
    assert load_index(out)["inverse"].tolist() == [1.0, 0.5]
    assert (out / "a-x=2,name=a.ipynb").is_file()


def test_failures_are_named_and_the_code_is_one(notebook, tmp_path, capsys):
    (tmp_path / "params.yaml").write_text("- {x: 0}\n- {x: 4}\n")

    code = main(["batch", notebook, "--params", str(tmp_path / "params.yaml"), "--out", str(tmp_path / "out")])

    said = capsys.readouterr()
    assert code == 1
    assert "failed a-x=0.ipynb: cell 3: ZeroDivisionError: division by zero" in said.out
    assert "1 of 2 notebooks done" in said.out
    assert "index.html" in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--space", "xx=1"], "parameter 'xx' is not known; did you mean 'x'?"),
        (["--space", "x=a"], "parameter 'x' was 'a' (str); allowed is int"),
        (["--space", "x"], "allowed is name=v1,v2"),
        (["--params", "none.yaml"], "there is no such file"),
        ([], "a batch needs one of them"),
        (["--space", "x=1", "--executor", "dusk"], "did you mean 'dask'"),
    ],
)
def test_wrong_input_is_refused_before_anything_runs(notebook, tmp_path, capsys, arguments, words):
    code = main(["batch", notebook, "--out", str(tmp_path / "out"), *arguments])

    assert code == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
