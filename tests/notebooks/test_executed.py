"""The notebooks run from top to bottom on real kernels, and show what the same call shows in Python."""

import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

import sptrader as sp
from sptrader.plots.display import PLOTLY_MIME
from sptrader.runs.notebook import notebook_data, run_notebook
from sptrader.runs.report import run_report_notebook, save_notebook_report
from sptrader.runs.warm_kernel import close_thread_loop
from sptrader.runs.warm_kernels import close_shared_kernels

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
ENGINE = "sptrader-warm"


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """A folder without a workspace, in which kernels find no file of the project by chance."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Every notebook, executed with its defaults, each in a folder of notebooks of its own; the file by name."""
    root = tmp_path_factory.mktemp("notebooks")

    def execute(name):
        own = shutil.copytree(NOTEBOOKS, root / name, ignore=shutil.ignore_patterns("scratch"))
        done = root / f"{name}.ipynb"
        try:
            run_notebook(own / f"{name}.ipynb", done, cwd=own, engine=ENGINE, notebook_timeout_s=120)
        finally:
            close_thread_loop()
        return done

    before = {key: os.environ.pop(key) for key in ("SPTRADER_WORKSPACE", "SPTRADER_DATA") if key in os.environ}
    try:
        with ThreadPoolExecutor(2) as pool:
            yield dict(zip(NAMES, pool.map(execute, NAMES), strict=True))
    finally:
        os.environ.update(before)
        close_shared_kernels()


@pytest.fixture
def shown(executed):
    """What a notebook's cell shows: the outputs of a cell, by the notebook's name and the cell's."""

    def outputs(name, cell_id):
        cell = next(c for c in nbformat.read(executed[name], 4).cells if c.id == cell_id)
        return cell.outputs

    return outputs


def text_of(outputs):
    return "\n".join(o.get("text") or o["data"].get("text/html") or o["data"]["text/plain"] for o in outputs)


def same(told, metrics):
    return all(
        (told[name] is None and math.isnan(value)) or told[name] == pytest.approx(value, rel=1e-12)
        for name, value in metrics.items()
    )


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs_and_shows_a_figure_and_a_table(executed, name, tmp_path):
    outputs = [o for cell in nbformat.read(executed[name], 4).cells for o in cell.get("outputs", [])]
    data = [o["data"] for o in outputs if "data" in o]

    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert any(PLOTLY_MIME in one for one in data)
    assert any("<table" in one.get("text/html", "") for one in data)
    assert executed[name].stat().st_size < 1_000_000
    assert save_notebook_report(executed[name], tmp_path / "page.html").stat().st_size < 3_000_000


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


def test_quickstart_shows_the_run_and_explains_its_last_entry(executed, shown):
    run = sp.backtest("ma_crossover", sp.sample("EURUSD", "1h"))

    said = notebook_data(executed["01_quickstart"])
    assert said["run"] == run.id
    assert same(said["metrics"], run.metrics)
    entries = run.decisions[(run.decisions["action"] != "leave") & (run.decisions["outcome"] == "ordered")]
    assert f"{entries['time'].iloc[-1]:%Y-%m-%d %H:%M} UTC" in text_of(shown("01_quickstart", "explain"))


def test_data_notebook_names_every_fault_of_the_broken_file_and_repairs_it(shown):
    told = text_of(shown("02_data", "broken"))

    assert "breaks" not in told
    assert "break 3 rules" in told
    assert all(f"{rule}: {count} row" in told for rule, count in (("increasing", 2), ("duplicate", 1), ("high_low", 1)))
    assert "551 rows before, 549 after" in text_of(shown("02_data", "clean"))
    # trading days begin at 17:00 New York: 22:00 UTC until the clocks change on 12 March
    days = text_of(shown("02_data", "resample"))
    assert "2017-03-09 22:00" in days
    assert "2017-03-12 21:00" in days


def test_components_notebook_proves_one_component_and_catches_the_other(shown):
    laws = text_of(shown("03_components", "laws")).splitlines()
    caught = dict(line.split(maxsplit=2)[1:] for line in text_of(shown("03_components", "caught")).splitlines()[4:5])

    assert len(laws) == 8
    assert all(line.endswith(" holds") for line in laws)
    assert caught == {"look-ahead": caught["look-ahead"]}
    assert "from the first 1 bars alone nan" in caught["look-ahead"]
    assert "6,225 bars" in text_of(shown("03_components", "alone"))


def test_strategy_notebook_tells_all_faults_with_their_places(shown):
    told = text_of(shown("04_strategy", "faults"))

    assert all(name in told for name in ("stop_los", "trent", "sizing.value", "did you mean"))
    assert "period was 80" in text_of(shown("04_strategy", "bounds")).replace("'", "")


def test_backtest_notebook_explains_an_order_and_a_refusal(executed, shown):
    run = sp.backtest("ma_crossover", sp.sample("EURUSD", "1h"))

    assert notebook_data(executed["05_backtest_and_explain"])["run"] == run.id
    assert "ordered" in text_of(shown("05_backtest_and_explain", "explain"))
    assert "outside_hours" in text_of(shown("05_backtest_and_explain", "refused"))


def test_sweep_notebook_opens_the_best_and_then_the_sealed_quarter(executed, shown):
    bars = sp.sample("EURUSD", "1h")
    sealed = bars.index[int(len(bars) * 0.75)]
    run = sp.backtest("ma_crossover", bars, params={"fast": 10, "slow": 40}, start=sealed)

    assert "best sharpe 1.929 at fast=10, slow=40" in text_of(shown("06_sweep_and_overfitting", "sweep"))
    assert "deflated Sharpe ratio" in text_of(shown("06_sweep_and_overfitting", "overfit"))
    assert (
        f"return {run.metrics['total_return']:.2%}"
        in shown("06_sweep_and_overfitting", "holdout")[0]["data"]["text/plain"]
    )


def test_batch_notebook_executes_the_template_and_verifies_its_report(shown):
    run = sp.backtest("ma_crossover", start="2017-01-01", end="2017-06-30")

    assert text_of(shown("08_batch_and_reports", "batch")).count("<td>done</td>") == 4
    assert f"{run.metrics['sharpe']:.2f}" in text_of(shown("08_batch_and_reports", "stable"))
    assert "True True True" in text_of(shown("08_batch_and_reports", "save"))
    assert "all are as recomputed" in text_of(shown("08_batch_and_reports", "verify"))


def test_paper_notebook_equals_the_backtest_until_a_signal_comes_from_outside(executed, shown):
    bars = sp.sample("EURUSD", "1h")
    backtest = sp.backtest("ma_crossover", bars, start="2017-01-20", end="2017-02-17")
    parity = text_of(shown("07_paper_and_live", "parity")).splitlines()

    assert len(parity) == 6
    assert all(line.endswith("equal: True") for line in parity)
    assert f"{len(backtest.orders):>4} rows" in parity[2]
    assert same(notebook_data(executed["07_paper_and_live"])["metrics"], backtest.metrics)
    assert "'verdict': 'acted'" in text_of(shown("07_paper_and_live", "publish"))
    assert "'verdict': 'ignored'" in text_of(shown("07_paper_and_live", "unknown"))
    assert "2017-02-09 11:00" in text_of(shown("07_paper_and_live", "after"))
    assert f"{backtest.metrics['final_equity']:,.2f} without" in text_of(shown("07_paper_and_live", "close"))
