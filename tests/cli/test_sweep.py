"""`sptrader sweep`: values on the command line, one JSON object, and one message for each kind of bad input."""

import json

import pytest

from sptrader.cli import main
from sptrader.data.parquet import save_bars
from sptrader.runs.sweep_result import load_sweep
from tests.runs.sweep_program import TEXT, year


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crossover.yaml").write_text(TEXT)
    save_bars(year(1500), tmp_path / "year.parquet")
    return tmp_path


def told(capsys, *arguments):
    code = main(["sweep", "crossover.yaml", "--data", "year.parquet", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_json_has_the_best_row_and_the_folder(desk, capsys):
    code, out, err = told(capsys, "--space", "fast=5:15:5", "--space", "slow=30,50", "--out", "swept", "--json")

    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["combinations"] == 6
    assert found["is_complete"]
    kept = load_sweep(found["folder"])
    assert found["best"]["metrics"]["sharpe"] == kept.best()["sharpe"]
    assert found["best"]["parameters"] == kept.parameters(kept.best())
    assert kept.space.values == ((5, 10, 15), (30, 50))


def test_the_table_says_what_speaks_against_it(desk, capsys):
    code, out, _ = told(capsys, "--space", "fast=5,8", "--objective", "total_return / max(max_drawdown, 0.01)")

    assert code == 0
    assert "of 2 combinations" in " ".join(out.split())
    assert "trials on these data" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--space", "fats=5:50:5"], "parameter 'fats' is not declared by the strategy; did you mean 'fast'?"),
        (["--space", "fast"], "--space was 'fast'; allowed is name=values, as in fast=5:50:5 or slow=50,100."),
        (["--space", "fast="], "--space was 'fast='"),
        (["--space", "fast=50:5:5"], "the range of 'fast' was 50 to 5 by 5"),
        (["--space", "fast=a:b"], "the range was 'a:b'; allowed is first:last:step, as in 5:50:5."),
        (["--space", "fast=5", "--space", "fast=6"], "--space fast was given twice"),
        ([], "there is nothing to vary"),
        (["--space", "fast=5", "--executor", "thread"], "executor was 'thread'; did you mean 'threads'?"),
        (
            ["--space", "fast=5", "--executor", "processes", "--dask", "tcp://127.0.0.1:1"],
            "an address is for executor dask",
        ),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(desk, capsys, arguments, message):
    code, out, err = told(capsys, *arguments)

    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
