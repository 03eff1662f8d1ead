"""A report is one file that asks no host for anything and holds what the run or the notebook showed."""

import base64
import gzip
import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sptrader.errors import RunError
from sptrader.runs.page import embedded_json, plotly_script, shared_script
from sptrader.runs.report import run_report_notebook, save_notebook_report, save_run_report
from sptrader.runs.sections import METRICS_MIME, section

FIGURE = {"data": [{"type": "scatter", "y": [1, 3, 2], "name": "</script>"}], "layout": {"height": 300}}


def figures(html):
    packed = re.findall(r'data-plot="plot-\d+"[^>]*>([^<]+)</script>', html)
    return [json.loads(gzip.decompress(base64.b64decode(text))) for text in packed]


def executed(*outputs, source="cash = 1", tags=()):
    cell = new_code_cell(source, outputs=list(outputs), execution_count=1, metadata={"tags": list(tags)})
    return new_notebook(cells=[new_markdown_cell("## One"), cell, new_markdown_cell("## Two & <b>more</b>")])


def shown(data):
    return new_output("display_data", data)


def test_vendored_script_has_every_trace_sptrader_draws_and_its_licences():
    script = plotly_script()

    assert script.text.count("\0") == 0
    for trace in ("candlestick", "ohlc", "heatmap", "histogram", "box", "bar", "scatter", "sankey", "parcoords"):
        assert f'"{trace}"' in script.text
    assert len(script.packed) < 700_000


def test_vendored_script_is_of_the_version_the_figures_are_made_for():
    from plotly.offline import get_plotlyjs_version

    major = get_plotlyjs_version().partition(".")[0]
    assert re.search(rf'"{major}\.\d+\.\d+"', plotly_script().text)


def test_run_report_is_one_small_file_with_every_section(run, tmp_path):
    path = save_run_report(run, tmp_path / "deep" / "report.html")

    html = path.read_text(encoding="utf-8")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_size < 2_500_000
    assert len(figures(html)) == 6
    for title in ("Price and trades", "Monthly returns", "Costs", "Risk use", "Decisions refused"):
        assert f">{title}</h2>" in html
    assert "<title>ma_crossover 1.0.0 · EURUSD · 2017-01-02 to 2017-03-31</title>" in html
    assert "sha256:0123" in html
    assert html.count("<style>") == 2


def test_report_refers_to_no_host(run, tmp_path):
    html = save_run_report(run, tmp_path / "report.html").read_text(encoding="utf-8")

    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", html)
    assert "connect-src 'none'" in html
    assert "mathjax" not in html.lower()
    assert "require.js" not in html


def test_same_run_makes_the_same_report_to_the_byte(run, tmp_path):
    first, second = save_run_report(run, tmp_path / "a.html"), save_run_report(run, tmp_path / "b.html")

    assert first.read_bytes() == second.read_bytes()


def test_reports_of_a_folder_can_share_the_script(run, tmp_path):
    first = save_run_report(run, tmp_path / "a.html", script="beside")
    save_run_report(run, tmp_path / "b.html", script="beside")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html", shared_script()[0]]
    assert first.stat().st_size < 500_000
    assert f'<script src="{shared_script()[0]}">' in first.read_text(encoding="utf-8")


def test_metrics_travel_in_the_page_for_programs(run, tmp_path):
    html = save_run_report(run, tmp_path / "report.html").read_text(encoding="utf-8")

    text = re.search(rf'<script type="{re.escape(METRICS_MIME)}">(.*?)</script>', html)[1]
    assert json.loads(text)["metrics"]["trades"] == 40


def test_notebook_report_draws_its_figures_and_hides_its_code(tmp_path):
    node = executed(shown({"application/vnd.plotly.v1+json": FIGURE, "text/plain": "Figure"}), source="secret_code")

    path = save_notebook_report(node, tmp_path / "report.html", title="A <title>")

    html = path.read_text(encoding="utf-8")
    (figure,) = figures(html)
    assert figure["data"] == FIGURE["data"]
    assert figure["config"]["displaylogo"] is False
    assert "secret_code" not in html
    assert "<title>A &lt;title&gt;</title>" in html
    assert '<a href="#One">One</a>' in html
    assert "height:300px" in html


def test_code_is_shown_when_asked_for(tmp_path):
    path = save_notebook_report(executed(source="secret_code"), tmp_path / "report.html", has_code=True)

    assert "secret_code" in path.read_text(encoding="utf-8")


def test_notebook_report_keeps_text_tables_and_errors_and_leaves_widgets_out(tmp_path):
    node = executed(
        new_output("stream", name="stdout", text="hello <there>"),
        new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[31mValueError\x1b[0m: no"]),
        shown({"text/html": "<table class='dataframe'><tr><td>42</td></tr></table>", "text/plain": "42"}),
        shown({"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "Slider()"}),
    )
    node.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"x": "S" * 10_000}}}

    html = save_notebook_report(node, tmp_path / "report.html").read_text(encoding="utf-8")

    assert "hello &lt;there&gt;" in html
    assert '<span class="ansi-red-fg">ValueError</span>' in html
    assert "<td>42</td>" in html
    assert "works in the notebook only" in html
    assert "SSSS" not in html
    assert "sp-plotly" not in html


def test_report_of_a_notebook_leaves_the_notebook_as_it_was(tmp_path):
    node = executed(shown({"application/vnd.plotly.v1+json": FIGURE}))
    before = json.dumps(node, sort_keys=True)

    save_notebook_report(node, tmp_path / "report.html")

    assert json.dumps(node, sort_keys=True) == before


def test_cell_can_be_kept_out_of_the_report(tmp_path):
    node = executed(new_output("stream", name="stdout", text="not for you"), tags=["remove-cell"])

    assert "not for you" not in save_notebook_report(node, tmp_path / "r.html").read_text(encoding="utf-8")


def test_sections_in_a_notebook_bring_their_style_once_and_name_the_page(run, tmp_path):
    outputs = [shown(section(run, name)._repr_mimebundle_()) for name in ("summary", "metrics", "trades", "price")]

    html = save_notebook_report(executed(*outputs), tmp_path / "report.html").read_text(encoding="utf-8")

    assert html.count("<style>") == 2
    assert "<title>ma_crossover 1.0.0 · EURUSD" in html
    assert f"from run {run.id}" in html


def test_notebook_and_report_are_kept_together_under_the_run(tmp_path):
    show = (
        "from pathlib import Path\nfrom IPython.display import display\nPath(out, 'r1').mkdir(parents=True)\n"
        f"display({{{METRICS_MIME!r}: {{'run': 'r1', 'title': 'A run'}}}}, raw=True)"
    )
    head = new_code_cell('out: str = ""', metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(
        new_notebook(cells=[head, new_code_cell(show)], metadata={"kernelspec": kernel}), tmp_path / "a.ipynb"
    )

    path = run_report_notebook(tmp_path / "a.ipynb", tmp_path / "runs")

    assert path == tmp_path / "runs" / "r1" / "report.html"
    assert sorted(file.name for file in path.parent.iterdir()) == ["notebook.ipynb", "report.html"]
    assert [file.name for file in (tmp_path / "runs").iterdir()] == ["r1"]
    assert "<title>A run</title>" in path.read_text(encoding="utf-8")


def test_notebook_that_was_never_run_makes_no_report(tmp_path):
    node = new_notebook(cells=[new_code_cell("1")])

    with pytest.raises(RunError, match="has not been executed"):
        save_notebook_report(node, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_report_is_not_written_over_a_folder(run, tmp_path):
    with pytest.raises(RunError, match="that is a folder"):
        save_run_report(run, tmp_path)


def test_unknown_place_of_the_script_is_refused(run, tmp_path):
    with pytest.raises(RunError, match="script was 'besides'; did you mean 'beside'"):
        save_run_report(run, tmp_path / "a.html", script="besides")


def test_no_text_can_end_the_script_element_it_is_in():
    text = embedded_json({"name": "</script><!-- \u2028"})

    assert "<" not in text
    assert json.loads(text) == {"name": "</script><!-- \u2028"}
