"""Reports in a real browser: every chart is drawn with the numbers of the run, and no host is asked for anything."""

import json
from itertools import pairwise

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sptrader.data.sample import sample
from sptrader.plots.price import price_figure
from sptrader.runs.backtest import backtest
from sptrader.runs.compare import compare_runs
from sptrader.runs.page import shared_script
from sptrader.runs.report import save_notebook_report, save_run_report
from sptrader.runs.report_compare import save_comparison
from sptrader.runs.sections import METRICS_MIME, PLOTLY_MIME, SECTIONS, figure_json, section
from sptrader.runs.verify import verify_report
from tests.browser.watched import watched_page
from tests.made_run import made_run
from tests.runs.strategies import CROSSOVER

pytestmark = pytest.mark.browser

TRACES = (
    "() => [...document.querySelectorAll('.sp-plot')].map(plot => plot.data.map(trace => [trace.type, trace.name]))"
)
VALUES = """name => [...document.querySelectorAll('.sp-plot')].flatMap(plot => plot._fullData)
  .filter(trace => trace.name === name).map(trace => Array.from(trace.y || trace.close))[0]"""
DRAWN = """() => [...document.querySelectorAll('.sp-plot .main-svg:first-child')].map(svg => {
  const box = svg.getBoundingClientRect(); return [box.width, box.height, svg.querySelectorAll('path').length]; })"""


@pytest.fixture(scope="module")
def run():
    return made_run()


@pytest.fixture(scope="module")
def opened(run, chromium, tmp_path_factory):
    with watched_page(chromium) as watched:
        watched.open_report(save_run_report(run, tmp_path_factory.mktemp("report") / "report.html"))
        yield watched


def test_every_chart_of_a_run_is_drawn_on_the_page(opened):
    opened.screenshot("run_report")
    assert opened.page.evaluate("document.documentElement.dataset.plots") == "drawn"
    types = {kind for plot in opened.page.evaluate(TRACES) for kind, _ in plot}
    assert types == {"candlestick", "scatter", "heatmap", "bar"}
    for width, height, n_paths in opened.page.evaluate(DRAWN):
        assert 1000 < width < 1240
        assert height > 100
        assert n_paths > 3
    assert opened.page.locator(".sp-wait").count() == 0


def test_page_shows_the_numbers_of_the_run(opened, run):
    assert opened.page.evaluate(VALUES, "equity") == pytest.approx(run.equity["equity"].tolist())
    exits = opened.page.evaluate(VALUES, "exit, won")
    assert exits == run.trades.loc[run.trades["pnl"] > 0, "exit_price"].tolist()
    said = json.loads(opened.page.locator(f'script[type="{METRICS_MIME}"]').text_content())
    assert said["metrics"]["final_equity"] == run.metrics["final_equity"]
    card = opened.page.locator(".sp-card", has_text="Trades").locator(".v").text_content()
    assert card == str(len(run.trades))


def test_nothing_is_wider_than_the_screen_and_no_card_is_cut(opened):
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 1280
    cut = "() => [...document.querySelectorAll('.sp-card *')].filter(e => e.scrollWidth > e.parentElement.clientWidth).length"
    assert opened.page.evaluate(cut) == 0


def test_no_button_offers_to_upload_a_chart(opened):
    titles = opened.page.evaluate(
        "() => [...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title || b.getAttribute('aria-label'))"
    )

    assert "Zoom in" in titles
    assert not any("hare" in title for title in titles)


def test_charts_take_the_width_of_the_paper_and_give_it_back(opened):
    before = opened.page.evaluate(DRAWN)

    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert {width for width, _, _ in opened.page.evaluate(DRAWN)} == {1150}
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")

    opened.page.wait_for_function("() => document.querySelector('.main-svg').getBoundingClientRect().width !== 1150")
    assert [width for width, _, _ in opened.page.evaluate(DRAWN)] == [width for width, _, _ in before]


def test_pages_that_share_the_script_draw_as_well(watched, run, tmp_path):
    watched.open_report(save_run_report(run, tmp_path / "report.html", script="beside"))

    assert len(watched.page.evaluate(DRAWN)) == 6


def test_page_whose_script_is_lost_says_so(watched, run, tmp_path):
    path = save_run_report(run, tmp_path / "report.html", script="beside")
    (tmp_path / shared_script()[0]).unlink()

    watched.open_report(path)

    assert "could not be drawn" in watched.page.locator(".sp-wait").first.text_content()
    assert len(watched.problems) == 2  # the missing file, and what came of it
    watched.problems.clear()


def test_notebook_of_a_year_of_real_bars_is_drawn_within_its_size(watched, run, tmp_path):
    bars = sample("EURUSD", "1h")
    average = bars["close"].rolling(26).mean().to_numpy()
    outputs = [new_output("display_data", section(run, name)._repr_mimebundle_()) for name in SECTIONS]
    price = {PLOTLY_MIME: figure_json(price_figure(bars, indicators={"slow_ma": average}))}
    cell = new_code_cell("1", outputs=[*outputs, new_output("display_data", price)], execution_count=1)
    node = new_notebook(cells=[new_markdown_cell("## Price"), cell, new_markdown_cell("## After")])

    path = save_notebook_report(node, tmp_path / "report.html")
    watched.open_report(path)

    watched.screenshot("notebook_report")
    assert path.stat().st_size < 2_500_000
    assert len(watched.page.evaluate(DRAWN)) == 7


def test_request_of_a_notebook_s_own_html_is_stopped_by_the_page(watched, tmp_path):
    html = '<img src="https://example.com/a.png"><script>fetch("https://example.com/b").catch(() => 0)</script>'
    cell = new_code_cell("1", outputs=[new_output("display_data", {"text/html": html})], execution_count=1)

    watched.page.goto(save_notebook_report(new_notebook(cells=[cell]), tmp_path / "report.html").as_uri())

    watched.page.wait_for_load_state("networkidle")
    assert watched.outside == []
    assert watched.problems
    assert all("Content Security Policy" in problem for problem in watched.problems)
    watched.problems.clear()


def test_zooming_shows_the_candles_between_and_no_weekend(watched, tmp_path):
    bars = sample("EURUSD", "1h")
    cell = new_code_cell(
        "1", outputs=[new_output("display_data", {PLOTLY_MIME: figure_json(price_figure(bars))})], execution_count=1
    )
    watched.open_report(save_notebook_report(new_notebook(cells=[cell]), tmp_path / "report.html"))

    positions = watched.page.evaluate(
        """async () => { const plot = document.querySelector('.sp-plot');
        await Plotly.relayout(plot, {'xaxis.range': ['2017-03-09', '2017-03-15']});
        const axis = plot._fullLayout.xaxis;
        return plot.data[0].x.filter(x => x >= '2017-03-09' && x < '2017-03-15').map(x => axis.d2p(x)); }"""
    )

    steps = [b - a for a, b in pairwise(positions)]
    assert len(steps) > 20
    assert max(steps) < 2 * min(steps)


def test_long_table_is_paged_and_sorts_and_is_whole_on_paper(opened, run):
    rows = "document.querySelectorAll('table.sp-long tbody tr').length"

    assert opened.page.evaluate(rows) == 25
    opened.page.locator("table.sp-long th", has_text="pnl").first.click()
    opened.page.wait_for_function("() => document.querySelector('table.sp-long th.dt-ordering-asc')")
    first = opened.page.locator("table.sp-long tbody tr td.down").first.text_content()
    assert first == f"{run.trades['pnl'].min():+,.2f}"

    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.page.evaluate(rows) == len(run.trades)
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert opened.page.evaluate(rows) == 25


def test_page_is_dark_where_its_figures_are(watched, run, tmp_path):
    watched.open_report(save_run_report(run, tmp_path / "report.html", theme="dark"))

    colours = watched.page.evaluate(
        """() => [getComputedStyle(document.querySelector('main')).backgroundColor,
        document.querySelector('.sp-plot')._fullLayout.paper_bgcolor]"""
    )
    assert colours == ["rgb(20, 24, 29)", "#14181d"]
    watched.screenshot("run_report_dark")


def test_year_of_real_hours_is_within_its_sizes_drawn_and_true(watched, tmp_path):
    real = backtest(CROSSOVER, sample("EURUSD", "1h"))
    real.save(tmp_path)

    whole = real.report(tmp_path / "whole.html")
    shared = real.report(tmp_path / "shared.html", script="beside")
    watched.open_report(shared)

    assert whole.stat().st_size < 2_500_000
    assert shared.stat().st_size < 500_000
    candles = "() => document.querySelector('.sp-plot').data[0].x.length"
    assert 1000 < watched.page.evaluate(candles) <= 2000
    assert verify_report(whole).is_true
    assert verify_report(shared).is_true


def test_comparison_is_drawn_with_every_run_over_one_another(watched, tmp_path):
    bars = sample("EURUSD", "1h").iloc[:1500]
    runs = [backtest(CROSSOVER, bars, params={"fast": fast}) for fast in (8, 12)]

    watched.open_report(save_comparison(compare_runs(runs), tmp_path / "compare.html"))

    watched.screenshot("comparison")
    names = [name for plot in watched.page.evaluate(TRACES) for _, name in plot]
    assert names == ["A ma_crossover", "A ma_crossover", "B ma_crossover", "B ma_crossover"]
    lines = watched.page.evaluate("() => document.querySelector('.sp-plot')._fullData.map(t => Array.from(t.y).at(-1))")
    assert lines[::2] == pytest.approx([run.metrics["total_return"] for run in runs])
