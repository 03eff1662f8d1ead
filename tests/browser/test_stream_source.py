"""A live stream as the page's source in a real JupyterLab: a session of elsewhere is chosen, and its bars so far backtested."""

import re
import shutil
import time

import pytest

from sptrader.data.load import load_bars
from sptrader.data.sample import sample
from sptrader.errors import SptraderError
from sptrader.runs.backtest import backtest
from sptrader.runs.control import reached
from sptrader.runs.leftovers import read_snapshot
from sptrader.runs.live_process import SessionRequest, start_session
from sptrader.runs.stopping import ask_to_stop
from sptrader.runs.workspace import make_workspace
from tests.browser.jupyter import Notebook, lab_command, server, write_notebook
from tests.browser.watched import watched_page

pytestmark = pytest.mark.browser

PAGE = "import sptrader as sp\npage = sp.Orchestrator('ma_crossover')\npage"
SPEED = "360000"  # a hundred hours a second
CARD = """(name) => [...document.querySelectorAll('.sp-card')].find((c) => c.innerText.startsWith(name))
  ?.querySelector('.v').textContent"""
EQUITY = """() => { const charts = [...document.querySelectorAll('.sp-chart')];
  const chart = charts.find((c) => c.getAttribute('aria-label').startsWith('Equity') && c._fullData);
  const y = chart?._fullData.find((t) => t.name === 'equity').y; return y && y[y.length - 1]; }"""


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPTRADER_SESSIONS", str(tmp_path_factory.mktemp("known")))
        patch.delenv("REDIS_URL", raising=False)
        yield


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = make_workspace(tmp_path_factory.mktemp("stream") / "workspace")
    shutil.rmtree(root / "notebooks")
    write_notebook(root / "page.ipynb", PAGE)
    return root


@pytest.fixture(scope="module")
def session(known, tmp_path_factory):
    """A paper session that a terminal has started: no page knows of it but by its record."""
    request = SessionRequest("ma_crossover", "paper", "elsewhere", symbols=("EURUSD",), speed=SPEED)
    process = start_session(request, tmp_path_factory.mktemp("elsewhere"))
    (process.folder / "request.json").unlink()
    yield process
    if process.is_alive:
        with reached("elsewhere", folder=process.folder) as place:
            ask_to_stop(place.streams, place.account)


@pytest.fixture(scope="module")
def notebook(known, chromium, workspace, tmp_path_factory):
    with (
        server(workspace, tmp_path_factory.mktemp("home"), lab_command(), "/api/status") as address,
        watched_page(chromium, 1280, 1600) as watched,
    ):
        opened = Notebook(watched, address, "page.ipynb").open()
        opened.run_all()
        opened.page.locator(".sp-param", has_text="fast").wait_for()
        yield opened
        opened.no_dialog()


def bars_seen(session):
    try:
        with reached("elsewhere", folder=session.folder) as place:
            return (read_snapshot(place.streams, "elsewhere") or {}).get("n_bars", 0)
    except SptraderError:  # it has not begun yet
        return 0


def test_the_bars_so_far_of_a_running_session_are_backtested_as_by_a_call(notebook, session, workspace):
    until = time.monotonic() + 120
    while bars_seen(session) <= 500:
        assert time.monotonic() < until, "the session did not come to 500 bars"
        time.sleep(0.1)
    page = notebook.page
    side = page.locator(".sp-side")
    side.locator("select").filter(has_text="a live stream").select_option("a live stream …")
    side.locator("select").filter(has_text="another server").select_option("paper elsewhere: ma_crossover")
    side.locator(".sp-tier").wait_for(timeout=60_000)
    told = side.locator(".sp-small", has_text="the session began").inner_text()
    assert re.fullmatch(r"EURUSD 1h: last entry \d+ s ago; the session began \d+ s ago", told)
    shown = side.locator(".sp-small", has_text="1h bars of EURUSD").inner_text()
    assert int(re.search(r"([\d,]+) 1h bars", shown)[1].replace(",", "")) > 500
    notebook.watched.screenshot("stream_source")

    page.get_by_role("button", name="Run backtest").click()
    page.locator('[data-status="done"]').wait_for(timeout=30_000)
    page.wait_for_function(EQUITY, timeout=20_000)

    (path,) = (workspace / "runs" / ".recorded").rglob("*.parquet")
    bars = load_bars(path)
    assert len(bars) > 500
    assert bars["close"].tolist() == sample("EURUSD", "1h")["close"].iloc[: len(bars)].tolist()
    here = backtest("ma_crossover", bars)
    assert page.evaluate(CARD, "Trades") == str(len(here.trades))
    assert page.evaluate(EQUITY) == pytest.approx(here.metrics["final_equity"])
    assert session.is_alive
    notebook.watched.screenshot("stream_backtest")
