"""The notebooks run from top to bottom on real kernels, and show what the same call shows in Python."""

import math
from pathlib import Path

import nbformat
import pytest

import sptrader as sp
from sptrader.runs.notebook import notebook_data, run_notebook
from sptrader.runs.report import run_report_notebook

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """A folder without a workspace, in which kernels find no file of the project by chance."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def same(told, metrics):
    return all(
        (told[name] is None and math.isnan(value)) or told[name] == pytest.approx(value, rel=1e-12)
        for name, value in metrics.items()
    )


def test_template_makes_the_run_and_its_report(apart):
    given = {"strategy": "ma_crossover", "parameters": {"fast": 8}, "end": "2017-06-30", "cash": 50_000.0}
    report = run_report_notebook(NOTEBOOKS / "templates" / "backtest.ipynb", apart / "runs", parameters=given)
    run = sp.backtest("ma_crossover", params={"fast": 8}, end="2017-06-30", cash=50_000)

    assert report == apart / "runs" / run.id / "report.html"
    assert report.stat().st_size < 2_500_000
    said = notebook_data(report.with_name("notebook.ipynb"))
    assert said["run"] == run.id
    assert same(said["metrics"], run.metrics)
    saved = sp.load_run(report.parent)
    assert saved.trades.equals(run.trades)
    assert same(saved.metrics, run.metrics)
    assert sorted(path.name for path in (apart / "runs").iterdir()) == [run.id]


def test_quickstart_runs_with_its_defaults(apart):
    node = run_notebook(NOTEBOOKS / "01_quickstart.ipynb", apart / "done.ipynb")
    run = sp.backtest("ma_crossover", sp.sample("EURUSD", "1h"))

    assert notebook_data(node)["run"] == run.id
    outputs = [o for cell in node.cells for o in cell.get("outputs", [])]
    assert not any(output.output_type in ("error", "stream") for output in outputs)
    entries = run.decisions[(run.decisions["action"] != "leave") & (run.decisions["outcome"] == "ordered")]
    assert f"{entries['time'].iloc[-1]:%Y-%m-%d %H:%M} UTC" in outputs[-1].data["text/html"]
    assert nbformat.read(apart / "done.ipynb", 4).cells
