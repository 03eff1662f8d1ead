"""`sptrader runs` and `sptrader report`: what is in the folder of runs."""

import json

import pytest

import sptrader as sp
from sptrader.cli import main
from tests.orchestrator.tiny import FLAT, bars, rules


@pytest.fixture(autouse=True)
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return sp.backtest(rules(), bars([FLAT, FLAT, 1.1010, 1.1020, 1.1020], [1, 0, 3])).save("runs").name


def told(capsys, *arguments):
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_list_shows_runs_and_an_empty_folder(capsys, saved):
    code, out, _ = told(capsys, "runs", "list")
    assert code == 0
    assert saved in out
    assert json.loads(told(capsys, "runs", "list", "--json")[1])["runs"][0]["run"] == saved
    assert told(capsys, "runs", "list", "--folder", "none")[:2] == (0, "no runs in none\n")
    assert json.loads(told(capsys, "runs", "list", "--folder", "none", "--json")[1]) == {"runs": []}


@pytest.mark.parametrize("length", [None, 8])
def test_run_is_found_by_folder_id_and_beginning(capsys, saved, length):
    code, out, _ = told(capsys, "runs", "show", saved[:length], "--json")

    assert code == 0
    assert json.loads(out)["metrics"]["trades"] == 1
    assert "tiny on EURUSD 1h" in told(capsys, "runs", "show", f"runs/{saved}")[1]


def test_damaged_run_does_not_hide_the_others(capsys, saved):
    other = sp.backtest(rules(), bars([FLAT] * 3)).save("runs")
    (other / "metrics.json").write_text("no")

    code, out, err = told(capsys, "runs", "list")

    assert code == 0
    assert saved in out
    assert other.name in err
    assert [row["run"] for row in json.loads(told(capsys, "runs", "list", "--json")[1])["runs"]] == [saved]


def test_unknown_or_doubtful_run_is_refused(capsys, saved):
    sp.backtest(rules(), bars([FLAT] * 3)).save("runs")

    code, out, err = told(capsys, "runs", "show", "tinny")
    assert (code, out) == (2, "")
    assert "runs/tinny holds no run (no run.json)" in err
    code, _, err = told(capsys, "runs", "show", "tiny-")
    assert code == 2
    assert "'tiny-' begins the ids of 2 runs" in err


def test_report_is_written_beside_the_run_or_where_asked(capsys, saved, tmp_path):
    code, out, _ = told(capsys, "report", saved)
    assert code == 0
    assert f"runs/{saved}/report.html" in out
    assert (tmp_path / "runs" / saved / "report.html").stat().st_size > 100_000
    assert told(capsys, "report", saved, "--out", "mine.html")[0] == 0
    assert (tmp_path / "mine.html").exists()
    assert told(capsys, "report", "nothing")[0] == 2


def test_compare_shows_what_differs_and_the_metrics(capsys, saved, tmp_path):
    other = sp.backtest(rules(), bars([FLAT, FLAT, 1.1010, 1.1020, 1.1020], [1, 0, 3]), cash=5_000).save("runs").name

    code, out, _ = told(capsys, "runs", "compare", saved, other, "--out", "compare.html")

    assert code == 0
    assert f"B {other}" in out
    assert "cash" in out
    assert "final_equity" in out
    assert (tmp_path / "compare.html").stat().st_size > 100_000
    said = json.loads(told(capsys, "runs", "compare", saved, other, "--json")[1])
    assert said["settings"]["cash"][1] == 5_000
    assert told(capsys, "runs", "compare", saved)[0] == 2
