"""The page in a real JupyterLab: chosen, changed, run, explained, cancelled while a cell runs, reloaded, found again."""

import json
import shutil
import sys

import pytest

from sptrader.data.sample import sample
from sptrader.runs.backtest import backtest
from sptrader.runs.jobs import find_jobs
from sptrader.runs.workspace import make_workspace
from tests.browser.jupyter import Notebook, lab_command, server, write_notebook
from tests.browser.watched import watched_page

pytestmark = pytest.mark.browser

PAGE = "import sptrader as sp\npage = sp.Orchestrator('ma_crossover')\npage"
CARD = "() => [...document.querySelectorAll('.sp-card')].find((c) => c.innerText.startsWith('Trades'))?.querySelector('.v').textContent"
DRAWN = (
    "() => [...document.querySelectorAll('.sp-chart .main-svg:first-child')].filter((s) => s.clientWidth > 0).length"
)
TABS = ("Performance", "Signals", "Order flow", "Risk", "Orders", "Sweep", "System")
PRICE = """() => [...document.querySelectorAll('.sp-chart')].find((c) =>
  c.getAttribute('aria-label').startsWith('price') && c.clientWidth && !c.closest('.sp-why'))"""
ZOOM = f"""() => {{ const chart = ({PRICE})();
  chart.emit('plotly_relayout', {{'xaxis.range[0]': '2017-03-06', 'xaxis.range[1]': '2017-03-09'}}); }}"""
BUSY = "() => window.__notebook.content.widgets[1].model.executionState !== 'idle'"
OVERFLOW = """() => { const edge = document.querySelector('.sp-page').getBoundingClientRect().right + 1;
  return [...document.querySelectorAll('.sp-page *')].filter((e) => e.clientWidth && e.getBoundingClientRect().right > edge
    && !e.closest('.sp-scroll, svg, pre, .js-plotly-plot')).map((e) => e.className || e.tagName).slice(0, 5); }"""
EQUITY = """() => { const charts = [...document.querySelectorAll('.sp-chart')];
  const chart = charts.find((c) => c.getAttribute('aria-label').startsWith('Equity'));
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
WAITING = """import pathlib, time
for _ in range(600):
    if pathlib.Path("done.txt").exists():
        break
    time.sleep(0.1)"""
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
    write_notebook(root / "busy.ipynb", PAGE, WAITING)
    return root


@pytest.fixture(scope="module")
def lab(chromium, workspace, tmp_path_factory):
    command = lab_command()
    with server(workspace, tmp_path_factory.mktemp("home"), command, "/api/status") as address:
        yield address


@pytest.fixture(scope="module")
def notebook(chromium, lab):
    with watched_page(chromium, 1280, 2200) as watched:
        opened = Notebook(watched, lab, "page.ipynb").open()
        opened.run_all()
        opened.page.get_by_role("button", name="Run backtest").wait_for()
        yield opened
        opened.no_dialog()


def typed(page, name, value):
    """Type a value into a parameter's field, as a person does."""
    field = page.locator(".sp-param", has_text=name).locator("input[type=text]").first
    field.click()
    field.fill(str(value))
    return field


def run_backtest(page):
    page.get_by_role("button", name="Run backtest").click()
    page.locator('[data-status="done"]').wait_for(timeout=20_000)
    page.wait_for_function(f"() => ({DRAWN})() >= 5", timeout=20_000)


def test_a_changed_parameter_gives_the_numbers_of_a_call(notebook, workspace):
    page = notebook.page
    page.locator(".sp-param", has_text="fast").wait_for()
    notebook.watched.screenshot("page_1_opened")
    typed(page, "fast", 8)
    run_backtest(page)

    here = backtest(workspace / "strategies" / "ma_crossover.yaml", sample("EURUSD", "1h"), params={"fast": 8})
    assert page.evaluate(CARD) == str(len(here.trades))
    assert page.evaluate(EQUITY) == pytest.approx(here.metrics["final_equity"])
    kept = json.loads(next((workspace / "runs").glob("ma_crossover-*/metrics.json")).read_text())
    assert kept["final_equity"] == here.metrics["final_equity"]
    notebook.watched.screenshot("page_2_performance")


@pytest.mark.parametrize(
    ("name", "wrong", "right", "allowed"),
    [("min_strength", -3, 0.1, "a number from 0.0 to 1.0"), ("fast", "eight", 8, "a whole number from 5 to 50")],
)
def test_a_value_that_is_not_allowed_is_told_beside_its_field_while_it_is_typed(notebook, name, wrong, right, allowed):
    page = notebook.page
    field = typed(page, name, wrong)
    told = page.locator(".sp-param", has_text=name).get_by_role("alert")
    told.wait_for()

    assert told.inner_text() == f"Allowed is {allowed}."
    below = told.bounding_box()["y"] - field.bounding_box()["y"]
    assert 0 < below < 40
    page.wait_for_function(
        "() => [...document.querySelectorAll('button.sp-primary')].find((b) => b.clientWidth).disabled"
    )
    assert page.evaluate(OVERFLOW) == []
    notebook.watched.screenshot(f"page_3_wrong_{name}")
    typed(page, name, right)
    told.wait_for(state="detached")


def test_a_click_on_a_decision_explains_it_beside_the_price(notebook, workspace):
    page = notebook.page
    page.get_by_role("button", name="Order flow", exact=True).click()
    page.locator("tr.sp-pick", has_text="outside_hours").first.click()
    told = page.locator(".sp-explain [data-time]")
    told.wait_for()

    here = backtest(workspace / "strategies" / "ma_crossover.yaml", sample("EURUSD", "1h"), params={"fast": 8})
    first = here.decisions[here.decisions["reason"] == "outside_hours"].iloc[0]
    assert told.get_attribute("data-time") == f"{first['time']:%Y-%m-%d %H:%M}"
    assert "the decision fell outside the allowed hours" in told.inner_text()
    page.wait_for_function("() => document.querySelector('.sp-why .sp-chart')?._fullLayout?.shapes?.length")
    notebook.watched.screenshot("page_4_order_flow")


def test_zooming_asks_for_the_window_s_candles(notebook):
    page = notebook.page
    page.get_by_role("button", name="Performance", exact=True).click()
    page.wait_for_function(f"() => ({PRICE})()?.data")
    page.evaluate(ZOOM)
    page.wait_for_function(f"() => ({PRICE})()?.data?.[0].x.length < 100")
    assert page.evaluate(f"() => ({PRICE})().data[0].name") == "price"


def test_a_sweep_s_row_opens_as_a_run(notebook):
    page = notebook.page
    before = page.evaluate(EQUITY)
    page.get_by_role("button", name="Sweep", exact=True).click()
    page.get_by_role("button", name="Run sweep").click()
    page.locator("tr.sp-pick").first.wait_for(timeout=30_000)
    page.wait_for_timeout(1000)
    notebook.watched.screenshot("page_5_sweep")
    page.locator("tr.sp-pick:visible").first.click()
    page.locator(".sp-facts:visible", has_text="slow").wait_for()
    page.wait_for_function(f"(before) => ({EQUITY})() !== before", arg=before)


def test_a_reloaded_browser_shows_the_same_run(notebook):
    page = notebook.page
    before = page.evaluate(EQUITY)
    notebook.saved()
    notebook.open()
    page.wait_for_function(f"() => ({DRAWN})() >= 4", timeout=20_000)
    assert page.evaluate(EQUITY) == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_tab_fits_and_is_filled(notebook, theme):
    page = notebook.page
    notebook.dark(theme == "dark")
    for number, name in enumerate(TABS if theme == "light" else TABS[:1], start=1):
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_timeout(400)
        notebook.watched.screenshot(f"tab_{theme}_{number}_{name.lower().replace(' ', '_')}")
        assert page.evaluate(OVERFLOW) == []
    notebook.dark(False)


def test_a_job_is_cancelled_while_a_cell_runs_and_found_again_after_a_restart(chromium, lab, workspace):
    with watched_page(chromium, 1280, 1200) as watched:
        notebook = Notebook(watched, lab, "busy.ipynb").open()
        notebook.start_all()
        page = watched.page
        page.get_by_role("button", name="Run backtest").wait_for()
        page.locator(".sp-side select[size]").select_option("sleeper")
        page.locator(".sp-param", has_text="level").wait_for()
        page.get_by_role("button", name="Run backtest").click()
        page.locator('[data-status="running"]').wait_for()
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.locator('[data-status="cancelled"]').wait_for(timeout=2_000)
        assert page.evaluate(BUSY)

        (workspace / "done.txt").touch()
        page.wait_for_function(f"() => !({BUSY})()", timeout=20_000)
        page.get_by_role("button", name="Run backtest").click()
        page.locator('[data-status="running"]').wait_for()
        notebook.restart()
        notebook.start_all()
        page.locator(".sp-param", has_text="level").wait_for(timeout=20_000)
        assert page.locator('[data-status="running"]').count() == 1
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.locator('[data-status="cancelled"]').wait_for(timeout=5_000)
        assert [job.state().status for job in find_jobs(workspace / "runs")][:2] == ["cancelled", "cancelled"]
        notebook.no_dialog()


def test_the_app_shows_the_page_without_code(chromium, workspace, tmp_path_factory):
    command = [sys.executable, "-m", "sptrader", "app", ".", "--no-browser", "--no-token"]
    started = server(workspace, tmp_path_factory.mktemp("app"), command, "/static/")
    with started as address, watched_page(chromium, 1280, 1200) as watched:
        page = watched.page
        page.goto(address)
        page.locator(".sp-side select[size]").wait_for(timeout=60_000)
        page.locator(".sp-side select[size]").select_option("ma_crossover")
        page.locator(".sp-param", has_text="fast").wait_for()
        assert page.locator(".jp-InputArea:visible").count() == 0
        assert "sp.Orchestrator" not in page.content()
        run_backtest(page)
        assert page.evaluate(CARD) is not None
        watched.screenshot("app")
