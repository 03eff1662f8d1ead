"""The page in a real JupyterLab: its first paint, a chart of 500,000 bars and thousands of trades, and a zoom into it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.jupyter import Notebook, lab_command, server, write_notebook
from tests.browser.watched import watched_page

N_BARS = 500_000
STRATEGY = Path(__file__).parent / "ema.yaml"
IMPORTS = "import sptrader as sp\nfrom sptrader.views import orchestrator"
PAGE = "page = sp.Orchestrator()\npage"
RUN = f"""import numpy as np, pandas as pd
from sptrader.views.desk import Desk
from sptrader.views.guard import Guard
from sptrader.views.price import PriceChart
n = {N_BARS}
index = pd.date_range("2017-01-02", periods=2 * n, freq="1min", tz="UTC", name="time")
local = index.tz_convert("America/New_York") + pd.Timedelta(hours=7)
index = index[local.day_of_week < 5][:n]
close = (1.1 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 1e-4, n)))).round(5)
opened = np.append(1.1, close[:-1])
high, low = np.maximum(opened, close) + 1e-5, np.minimum(opened, close) - 1e-5
bars = pd.DataFrame(dict(open=opened, high=high, low=low, close=close, volume=1.0), index=index)
bars = sp.load_bars(bars, "1m", symbol="EURUSD", basis="mid")
run = sp.backtest({str(STRATEGY)!r}, bars, cash=1e6)
desk = Desk(Guard())
desk.start()
print(len(run.trades))"""
CHART = "chart = PriceChart(desk)\nchart.show(run)\nchart.view"
PRICE = "document.querySelector('.sp-chart[aria-label^=price][data-drawn]')"
CELL = "(number) => window.__notebook.content.widgets[number].model.outputs.toJSON().map((o) => o.text || o.evalue || '').join('')"
RUN_CELL = """async (number) => { const book = window.__notebook; book.content.activeCellIndex = number;
  book.content.deselectAll(); await window.jupyterapp.commands.execute('notebook:run-cell'); }"""
ZOOM = f"""([from, to]) => {{ const chart = {PRICE}; delete chart.dataset.redrawn;
  chart.emit('plotly_relayout', {{'xaxis.range[0]': from, 'xaxis.range[1]': to}}); }}"""


def page_speeds() -> dict[str, float]:
    """Return seconds: `paint` of the page, `chart` of 500,000 bars, median `zoom`; and how many `trades` were drawn on."""
    found = next(path for path in CHROMIUM if Path(path).exists())
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        root, home = Path(name) / "root", Path(name) / "home"
        root.mkdir()
        home.mkdir()
        write_notebook(root / "page.ipynb", IMPORTS, PAGE, RUN, CHART)
        browser = playwright.chromium.launch(executable_path=found, args=list(OPTIONS))
        with server(root, home, lab_command(), "/api/status") as address, watched_page(browser) as watched:
            notebook = Notebook(watched, address, "page.ipynb").open()
            measured = _measured(notebook)
        browser.close()
    return measured


def _measured(notebook: Notebook) -> dict[str, float]:
    page = notebook.page
    page.evaluate(RUN_CELL, 0)
    paint = _seconds(page, 1, lambda: page.locator(".sp-tier").wait_for())
    page.evaluate(RUN_CELL, 2)
    trades = page.evaluate(CELL, 2)
    chart = _seconds(page, 3, lambda: page.wait_for_function(f"() => {PRICE}"))
    zooms = []
    for start, end in (("2017-03-01", "2017-06-01"), ("2017-04-03", "2017-04-08"), ("2017-05-02", "2017-09-02")) * 3:
        page.evaluate(ZOOM, [start, end])
        page.wait_for_function(f"() => {PRICE}?.dataset.redrawn")
        zooms.append(float(page.evaluate(f"() => {PRICE}.dataset.redrawn")) / 1000)
    zoom = sorted(zooms)[len(zooms) // 2]
    return {"paint": paint, "chart": chart, "zoom": zoom, "trades": float(trades)}


def _seconds(page: object, cell: int, seen: object) -> float:
    began = time.perf_counter()
    page.evaluate(RUN_CELL, cell)
    seen()
    return time.perf_counter() - began


def page_lines(speeds: dict[str, float]) -> list[str]:
    """Return the results as lines of Markdown."""
    return [
        f"| the page in JupyterLab, {N_BARS:,} bars, {speeds['trades']:,.0f} trades | |",
        "|---|---:|",
        f"| first paint after imports, with strategy, form and checked data | {speeds['paint']:.2f} s |",
        f"| the chart of all bars and trades | {speeds['chart']:.2f} s |",
        f"| a zoom, from the browser's event to the new candles | {1000 * speeds['zoom']:.0f} ms |",
    ]
