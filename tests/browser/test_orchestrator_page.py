"""The page in a real JupyterLab: chosen, changed, run, explained, cancelled while a cell runs, reloaded, found again."""

import json
import shutil

import pytest

from sptrader.data.sample import sample
from sptrader.runs.backtest import backtest
from sptrader.runs.workspace import make_workspace
from tests.browser.jupyter import Notebook, lab_command, server, write_notebook
from tests.browser.watched import watched_page

pytestmark = pytest.mark.browser

PAGE = "import sptrader as sp\npage = sp.Orchestrator('ma_crossover')\npage"
CARD = "() => [...document.querySelectorAll('.sp-card')].find((c) => c.innerText.startsWith('Trades'))?.querySelector('.v').textContent"
DRAWN = (
    "() => [...document.querySelectorAll('.sp-chart .main-svg:first-child')].filter((s) => s.clientWidth > 0).length"
)
EQUITY = """() => { const chart = [...document.querySelectorAll('.sp-chart')].find((c) => c.getAttribute('aria-label').startsWith('Equity'));
  const y = chart._fullData.find((t) => t.name === 'equity').y; return y[y.length - 1]; }"""


SLEEPY = '''"""A slow indicator."""

import time

import numpy as np

from sptrader.components import indicator


@indicator(category="trend", lookback=lambda: 0)
def sleepy(close: np.ndarray) -> np.ndarray:
    """The close, after a minute."""
    time.sleep(60)
    return close
'''
SLEEPER = """
name: sleeper
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1h}
parameters: {level: {default: 1.0, min: 0.5, max: 2.0}}
indicators: {slow: {type: sleepy}}
entry: {long: {when: close > $level * slow}}
exit: {stop_loss: 1%}
sizing: {method: units, value: 1}
execution: {spread: 1 pips}
backtest: {cash: 1000, currency: USD}
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = make_workspace(tmp_path_factory.mktemp("lab") / "workspace")
    shutil.rmtree(root / "notebooks")
    (root / "components" / "indicators" / "sleepy.py").write_text(SLEEPY)
    (root / "strategies" / "sleeper.yaml").write_text(SLEEPER)
    write_notebook(root / "page.ipynb", PAGE)
    write_notebook(root / "busy.ipynb", PAGE, "import time\nfor _ in range(80):\n    time.sleep(0.1)")
    return root


@pytest.fixture(scope="module")
def lab(chromium, workspace, tmp_path_factory):
    command = lab_command()
    with server(workspace, tmp_path_factory.mktemp("home"), command, "/api/status") as address:
        yield address


@pytest.fixture(scope="module")
def notebook(chromium, lab):
    with watched_page(chromium, 1280, 2600) as watched:
        opened = Notebook(watched, lab, "page.ipynb").open()
        opened.run_all()
        opened.page.get_by_role("button", name="Run backtest").wait_for()
        yield opened
        opened.no_dialog()


def slide(page, name, value):
    """Put a value into a parameter's readout, as a person types it."""
    readout = page.locator(".sp-param", has_text=name).locator(".widget-readout").first
    readout.click()
    readout.fill(str(value))
    readout.press("Enter")


def run_backtest(page):
    page.get_by_role("button", name="Run backtest").click()
    page.locator('[data-status="done"]').wait_for(timeout=20_000)
    page.wait_for_function(f"() => ({DRAWN})() >= 5", timeout=20_000)


def test_a_changed_parameter_gives_the_numbers_of_a_call(notebook, workspace):
    page = notebook.page
    page.locator(".sp-param", has_text="fast").wait_for()
    notebook.watched.screenshot("page_1_opened")
    slide(page, "fast", 8)
    run_backtest(page)

    here = backtest(workspace / "strategies" / "ma_crossover.yaml", sample("EURUSD", "1h"), params={"fast": 8})
    assert page.evaluate(CARD) == str(len(here.trades))
    assert page.evaluate(EQUITY) == pytest.approx(here.metrics["final_equity"])
    kept = json.loads(next((workspace / "runs").glob("ma_crossover-*/metrics.json")).read_text())
    assert kept["final_equity"] == here.metrics["final_equity"]
    notebook.watched.screenshot("page_2_performance")


def test_every_tab_is_filled_in_light_and_dark(notebook):
    page = notebook.page
    for number, name in enumerate(("Signals", "Order flow", "Risk", "Orders", "System"), start=3):
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_timeout(1500)
        notebook.watched.screenshot(f"page_{number}_{name.lower().replace(' ', '_')}")
    notebook.dark()
    page.get_by_role("button", name="Order flow", exact=True).click()
    page.wait_for_timeout(1500)
    notebook.watched.screenshot("page_8_dark_flow")
    page.get_by_role("button", name="Performance", exact=True).click()
    page.wait_for_timeout(1500)
    notebook.watched.screenshot("page_9_dark_performance")
    notebook.dark(False)
