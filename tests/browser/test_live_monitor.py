"""Paper from the page in a real JupyterLab: signals arrive, everything is stopped, the browser and the kernel come back; a
monitor in a cell of its own follows the same session."""

import shutil

import pytest

from sptrader.runs.control import reached
from sptrader.runs.leftovers import read_snapshot
from sptrader.runs.live_process import find_sessions
from sptrader.runs.workspace import make_workspace
from tests.browser.jupyter import Notebook, lab_command, server, write_notebook
from tests.browser.watched import watched_page

pytestmark = pytest.mark.browser

PAGE = "import sptrader as sp\npage = sp.Orchestrator('ma_crossover')\npage"
MONITOR = "monitor = sp.LiveMonitor()\nmonitor"
CHARTS = "[...document.querySelectorAll('.sp-live')].filter((e) => e.clientWidth)"
SEEN = f"() => {CHARTS}.length === 2 && {CHARTS}.every((e) => Number(e.dataset.bars) > 100)"
MOVED = f"(before) => {CHARTS}.every((e, i) => Number(e.dataset.last) > before[i])"
LAST = f"() => {CHARTS}.map((e) => Number(e.dataset.last))"
EQUITY = f"() => {CHARTS}.map((e) => Number(e.dataset.equity))"
FLAT = f"() => {CHARTS}.every((e) => /flat/.test(e.innerText) && /kill switch latched/.test(e.innerText))"
DRAWN = """() => [...document.querySelectorAll('.sp-live canvas')].filter((c) => c.clientWidth).every((c) =>
  c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v))"""
BUSY = """async () => { const { kernel } = window.__notebook.sessionContext.session;
  window.__cell = 'runs';
  const ended = () => { window.__cell = 'ended'; };
  kernel.requestExecute({ code: "import time\\nfor _ in range(600):\\n    time.sleep(0.1)" }).done.then(ended, ended);
  while (kernel.status !== 'busy') await new Promise((done) => setTimeout(done, 50)); }"""
INTERRUPT = "() => window.__notebook.sessionContext.session.kernel.interrupt()"
OVERFLOW = """() => [...document.querySelectorAll('.sp-page')].flatMap((page) => {
  const edge = page.getBoundingClientRect().right + 1;
  return [...page.querySelectorAll('*')].filter((e) => e.clientWidth && e.getBoundingClientRect().right > edge
    && !e.closest('.sp-scroll, svg, pre, .js-plotly-plot')).map((e) => e.className || e.tagName); }).slice(0, 5)"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = make_workspace(tmp_path_factory.mktemp("live") / "workspace")
    shutil.rmtree(root / "notebooks")
    write_notebook(root / "live.ipynb", PAGE, MONITOR)
    return root


@pytest.fixture(scope="module")
def notebook(chromium, workspace, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPTRADER_SESSIONS", str(tmp_path_factory.mktemp("known")))
        patch.delenv("REDIS_URL", raising=False)
        home = tmp_path_factory.mktemp("home")
        with server(workspace, home, lab_command(), "/api/status") as address:
            with watched_page(chromium, 1280, 2600) as watched:
                yield Notebook(watched, address, "live.ipynb").open()
            for session in find_sessions(workspace / "runs"):
                if session.is_alive:
                    with reached("paper", folder=session.folder) as place:
                        place.streams.set("stop:paper", b"9" * 18)


def snapshot(workspace):
    with reached("paper", folder=find_sessions(workspace / "runs")[0].folder) as place:
        return read_snapshot(place.streams, "paper")


def test_paper_is_started_after_a_question_and_signals_arrive(notebook):
    notebook.run_all()
    page = notebook.page
    page.locator(".sp-param", has_text="fast").wait_for()
    page.get_by_role("button", name="paper", exact=True).click()
    page.get_by_role("button", name="Switch", exact=True).click()
    page.locator(".sp-side select").filter(has_text="200 bars a second").select_option("200 bars a second")
    page.get_by_role("button", name="Start paper session").click()

    page.wait_for_function(SEEN, timeout=30_000)
    before = page.evaluate(LAST)
    page.wait_for_function(MOVED, arg=before, timeout=10_000)
    assert page.evaluate(DRAWN)
    page.get_by_role("button", name="Signals", exact=True).click()
    page.locator("[data-signals]:visible", has_text="seen").first.wait_for()
    page.locator("td:visible", has_text="golden cross").first.wait_for(timeout=20_000)
    for name in ("Signals", "Order flow", "Risk", "Orders", "System", "Performance"):
        page.get_by_role("button", name=name, exact=True).first.click()
        page.wait_for_timeout(400)
        notebook.watched.screenshot(f"live_{name.lower().replace(' ', '_')}")
        assert page.evaluate(OVERFLOW) == []
        if name == "Orders":
            page.locator("td:visible", has_text="its sibling was filled").first.wait_for()


def test_the_emergency_stop_leaves_it_flat_and_latched_while_a_cell_runs(notebook, workspace):
    page = notebook.page
    page.wait_for_function(f"() => {CHARTS}.some((e) => Number(e.dataset.marks) > 0)", timeout=20_000)
    page.evaluate(BUSY)
    page.get_by_role("button", name="Emergency stop").click()

    page.wait_for_function(FLAT, timeout=15_000)
    assert page.evaluate("() => window.__cell") == "runs"
    page.evaluate(INTERRUPT)
    page.wait_for_function("() => window.__cell === 'ended'")
    page.locator('[data-latched="1"]').wait_for()
    told = snapshot(workspace)
    assert (told["is_killed"], told["positions"], told["working"]) == (True, [], [])
    page.wait_for_function(f"(equity) => ({EQUITY})().every((e) => e === equity)", arg=told["equity"])


def test_a_reloaded_browser_asks_for_all_of_it(notebook, workspace):
    notebook.saved()
    notebook.open()

    notebook.page.wait_for_function(SEEN, timeout=20_000)
    notebook.page.wait_for_function(FLAT)
    assert set(notebook.page.evaluate(EQUITY)) == {snapshot(workspace)["equity"]}


def test_a_restarted_kernel_finds_the_session_again(notebook):
    page = notebook.page
    notebook.restart()
    notebook.start_all()

    page.locator('[data-session="runs"][data-latched="1"]').wait_for(timeout=20_000)
    assert "ago" in page.locator("[data-session]").inner_text()
    page.wait_for_function(SEEN, timeout=20_000)
    page.wait_for_function(FLAT)
    notebook.dark()
    page.wait_for_timeout(600)
    notebook.watched.screenshot("live_dark")
    notebook.dark(False)


def test_a_session_that_is_ended_leaves_its_run_in_the_tabs(notebook, workspace):
    page = notebook.page
    page.get_by_role("button", name="End session").click()
    page.get_by_role("button", name="Yes", exact=True).click()

    page.locator('[data-session="over"]').wait_for(timeout=20_000)
    page.locator(".sp-card:visible", has_text="Trades").first.wait_for(timeout=20_000)
    assert len(list((workspace / "runs").glob("ma_crossover-*/run.json"))) == 1
    notebook.no_dialog()
