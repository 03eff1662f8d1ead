"""`sptrader report` and `sptrader verify`: one or several reports, and exit code 1 for a number that was changed."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

import sptrader as sp
from sptrader.cli import main
from sptrader.strategy.loader import read_strategy
from tests.orchestrator.tiny import FLAT, bars, rules
from tests.runs.sweep_program import TEXT, year


@pytest.fixture(autouse=True)
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return sp.backtest(rules(), bars([FLAT, FLAT, 1.1010, 1.1020, 1.1020], [1, 0, 3])).save("runs").name


def told(capsys, *arguments):
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_several_reports_share_their_script(capsys, saved, tmp_path):
    other = sp.backtest(rules(), bars([FLAT] * 4)).save("runs").name

    assert told(capsys, "report", saved, other, "--out", "all")[0] == 0

    names = sorted(path.name for path in (tmp_path / "all").iterdir())
    assert [name for name in names if name.endswith(".html")] == sorted([f"{saved}.html", f"{other}.html"])
    assert len(names) == 3
    assert told(capsys, "verify", f"all/{saved}.html")[0] == 0


def test_several_reports_do_not_go_into_one_file(capsys, saved):
    code, _, err = told(capsys, "report", saved, saved, "--out", "one.html")

    assert code == 2
    assert "it is a folder" in err


def test_report_of_an_executed_notebook(capsys, tmp_path):
    cell = new_code_cell("1 + 1", outputs=[new_output("stream", name="stdout", text="two")], execution_count=1)
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "mine.ipynb")

    assert told(capsys, "report", "mine.ipynb")[0] == 0
    assert "1 + 1" not in (tmp_path / "mine.html").read_text()
    assert told(capsys, "report", "mine.ipynb", "--code", "--out", "deep")[0] == 0
    assert "deep/mine.html" in str(next((tmp_path / "deep").iterdir()))


def test_pdf_without_a_browser_is_told_after_the_report_is_written(capsys, saved, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    code, out, err = told(capsys, "report", saved, "--pdf")

    assert code == 2
    assert "report.html" in out
    assert "none was found" in err


def test_verify_tells_what_differs(capsys, saved, tmp_path):
    told(capsys, "report", saved)
    page = tmp_path / "runs" / saved / "report.html"
    assert told(capsys, "verify", str(page))[:1] == (0,)

    html = page.read_text()
    trades = '<td class="">trades</td><td class="">1</td>'
    assert trades in html
    page.write_text(html.replace(trades, trades.replace(">1<", ">7<")))
    code, out, _ = told(capsys, "verify", str(page))

    assert code == 1
    assert "(value) of 'trades'" in out
    assert "shown 7; recomputed 1" in out
    code, out, _ = told(capsys, "verify", str(page), "--json")
    assert code == 1
    assert [d["shown"] for d in json.loads(out)["differences"]] == ["7"]


def test_what_is_no_report_is_wrong_input(capsys, tmp_path):
    (tmp_path / "page.html").write_text("<p>hello</p>")

    assert told(capsys, "verify", "page.html")[0] == 2
    assert "it names no run" in told(capsys, "verify", "page.html")[2]


def test_sweep_is_found_by_the_beginning_of_its_id_and_its_folder_is_verified(capsys, saved, tmp_path):
    found = sp.sweep(read_strategy(TEXT, registry=sp.registry()), year(), space={"fast": [5, 8]}, progress=False)

    assert told(capsys, "report", found.id[:-4])[0] == 0
    code, out, _ = told(capsys, "verify", f"sweeps/{found.id}")
    assert (code, f"of {found.id} checked: all are as recomputed" in out) == (0, True)
    page = found.folder / "report.html"
    page.write_text(page.read_text().replace("2 trials; bar", "1 trials; bar"))
    code, out, _ = told(capsys, "verify", str(page))
    assert (code, "1 differs." in out) == (1, True)


def test_comparison_is_verified(capsys, saved):
    other = sp.backtest(rules(), bars([FLAT] * 4)).save("runs").name
    assert told(capsys, "runs", "compare", saved, other, "--out", "compare.html")[0] == 0

    code, out, _ = told(capsys, "verify", "compare.html")

    assert (code, f"of {saved}, {other} checked: all are as recomputed" in out) == (0, True)
    code, _, err = told(capsys, "verify", "compar.html")
    assert (code, err) == (2, "sptrader: report was 'compar.html'; it cannot be read: No such file or directory.\n")
