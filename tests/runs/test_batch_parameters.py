"""What a batch shall run is checked against the notebook before anything runs."""

import pytest

from sptrader.errors import RunError
from sptrader.runs.batch_parameters import checked_sets, combinations, kernel_of, read_parameter_file, read_space
from sptrader.runs.notebook import read_notebook
from tests.made_notebook import save_notebook

PARAMETERS = (
    'fast: int = 12\nrate: float = 0.1\nsymbol: str = "EURUSD"\nday: str = ""\nopts: dict = {}\nis_on: bool = False'
)


@pytest.fixture
def notebook(tmp_path):
    return save_notebook(tmp_path / "a.ipynb", PARAMETERS, "fast")


def written(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_file_is_a_list_a_space_or_one_set(tmp_path):
    assert read_parameter_file(written(tmp_path, "- {fast: 5}\n- {fast: 8, rate: 1}")) == [
        {"fast": 5},
        {"fast": 8, "rate": 1},
    ]
    assert read_parameter_file(written(tmp_path, "fast: [5, 8]\nrate: [1, 2]")) == [
        {"fast": 5, "rate": 1},
        {"fast": 5, "rate": 2},
        {"fast": 8, "rate": 1},
        {"fast": 8, "rate": 2},
    ]
    assert read_parameter_file(written(tmp_path, "fast: 5\nopts: {a: [1]}")) == [{"fast": 5, "opts": {"a": [1]}}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("on: 5", r"a parameter's name was True \(bool\); allowed is text: YAML reads on, off"),
        ("- {fast: 5}\n- {5: 5}", r"set 2: a parameter's name was 5 \(int\)"),
        ("- 5", "set 1 was 5; allowed is a list of mappings"),
        ("fast: [", "is not YAML"),
        ("", "set 1 was None"),
    ],
)
def test_file_of_another_shape_is_refused(tmp_path, text, words):
    with pytest.raises(RunError, match=words) as refused:
        read_parameter_file(written(tmp_path, text))

    assert not refused.value.is_failure


def test_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RunError, match="there is no such file"):
        read_parameter_file(tmp_path / "none.yaml")


def test_space_is_read_as_the_notebook_has_it(notebook):
    texts = ["fast=5:15:5", "rate=0.1,1e-3", "symbol=on,1e5", "day=2017-01-01", 'opts={"a":1},{}', "is_on=true,false"]

    assert read_space(texts, notebook) == {
        "fast": [5, 10, 15],
        "rate": [0.1, 0.001],
        "symbol": ["on", "1e5"],
        "day": ["2017-01-01"],
        "opts": [{"a": 1}, {}],
        "is_on": [True, False],
    }


@pytest.mark.parametrize(
    ("text", "values"), [("fast=5:7", [5, 6, 7]), ("rate=0.1:0.3:0.1", [0.1, 0.2, 0.3]), ("fast=5:9:3", [5, 8])]
)
def test_range_ends_with_its_last_value(notebook, text, values):
    assert list(read_space([text], notebook).values()) == [values]


@pytest.mark.parametrize("text", ["fast", "=5", "fast=", "fast=9:5:1", "fast=5:9:0", "fast=5:x:1", "fast=1:2:3:4"])
def test_space_that_cannot_be_read_is_refused(notebook, text):
    with pytest.raises(RunError, match="allowed is"):
        read_space([text], notebook)


def test_space_names_a_parameter_once_and_gives_it_values(notebook):
    with pytest.raises(RunError, match="named 'fast' twice"):
        read_space(["fast=5", "fast=6"], notebook)
    with pytest.raises(RunError, match="'fast' was"):
        combinations({"fast": []})


def test_faults_of_all_sets_come_at_once(notebook):
    sets = [{"fats": 5}, {"fast": 5}, {"fast": "5"}, {"symbol": True}, {"fast": 5}]

    with pytest.raises(RunError) as refused:
        checked_sets(notebook, sets)

    told = str(refused.value)
    assert "set 1: parameter 'fats' is not known; did you mean 'fast'?" in told
    assert "set 3: parameter 'fast' was '5' (str); allowed is int" in told
    assert "set 4: parameter 'symbol' was True (bool); allowed is str (YAML reads on, off" in told
    assert "set 5 is the same as set 2" in told
    assert not refused.value.is_failure


def test_values_become_what_the_notebook_takes(notebook, tmp_path):
    sets = read_parameter_file(written(tmp_path, "- {rate: 2, day: 2017-01-01}"))

    checked = checked_sets(notebook, sets)

    assert checked == [{"rate": 2.0, "day": "2017-01-01"}]
    assert isinstance(checked[0]["rate"], float)


def test_kernel_that_is_not_installed_is_refused(tmp_path):
    node, _ = read_notebook(save_notebook(tmp_path / "a.ipynb", "x: int = 1", kernel="pyton3"))

    with pytest.raises(RunError, match="kernel was 'pyton3'; did you mean 'python3'"):
        kernel_of(node)
