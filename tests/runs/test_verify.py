"""Verify makes a report's numbers again and finds every one that was changed."""

import base64
import gzip
import json
import re
import shutil

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sptrader.data.sample import sample
from sptrader.errors import RunError
from sptrader.runs.backtest import backtest
from sptrader.runs.report import save_notebook_report
from sptrader.runs.verify import verify_report
from tests.runs.strategies import CROSSOVER


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A saved run, its folder, and its report."""
    place = tmp_path_factory.mktemp("verified")
    run = backtest(CROSSOVER, sample("EURUSD", "1h").iloc[:1500])
    run.save(place / "runs")
    return run, run.report(place / "report.html")


@pytest.fixture
def tampered(made):
    """Write the report with a text replaced, verify it, and put it back."""
    path = made[1]
    honest = path.read_text(encoding="utf-8")

    def verified(old, new, count=1):
        assert old in honest
        path.write_text(honest.replace(old, new, count), encoding="utf-8")
        return verify_report(path)

    yield verified
    path.write_text(honest, encoding="utf-8")


def test_honest_report_is_true(made):
    found = verify_report(made[1])

    assert found.is_true
    assert found.runs == (made[0].id,)
    assert found.checked > 1000
    assert found.unverified == 0


@pytest.mark.parametrize("options", [{"theme": "dark"}, {"script": "beside"}])
def test_report_in_the_dark_or_with_a_shared_script_is_true_too(made, tmp_path, options):
    run = made[0]
    run.save(tmp_path)

    assert verify_report(run.report(tmp_path / "report.html", **options)).is_true


def test_one_digit_of_a_card_is_found(made, tampered):
    card = f"{made[0].metrics['final_equity']:,.0f}"

    (difference,) = tampered(card, card[:-1] + str((int(card[-1]) + 1) % 10)).differences

    assert difference.where.startswith("summary: text")
    assert "'Final equity, USD'" in difference.where
    assert difference.recomputed == card


def test_one_digit_of_a_trade_is_found_where_it_stands(made, tampered):
    quantity = f'<td class="n">{made[0].trades["quantity"][1]:,.0f}</td>'

    (difference,) = tampered(quantity, quantity.replace("1", "7", 1)).differences

    assert difference.where.startswith("trades: table 1, row 2, column 3 (quantity)")


def test_metric_for_programs_is_checked(made, tampered):
    exact = json.dumps(made[0].metrics["sharpe"])

    (difference,) = tampered(f'"sharpe":{exact}', '"sharpe":9.5').differences

    assert (difference.where, difference.shown) == ("page: for programs, metrics.sharpe", "9.5")


def test_number_inside_a_figure_is_found(made, tampered):
    path = made[1]
    packed = re.findall(r'data-plot="plot-\d+"[^>]*>([^<]+)</script>', path.read_text(encoding="utf-8"))[1]
    figure = json.loads(gzip.decompress(base64.b64decode(packed)))
    trace = next(t for t in figure["data"] if t["name"] == "equity")
    trace["y"] = [100_000.0, 250_000.0]
    again = base64.b64encode(gzip.compress(json.dumps(figure).encode())).decode()

    (difference,) = tampered(packed, again).differences

    assert difference.where == "equity: figure 1 EURUSD, equity (2), y"
    assert difference.shown == "2 values"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('<div class="sp-verdict', '<div class="sp-verdict good', "summary: div class"),
        ("</main>", "<script>document.title='x'</script></main>", "page: script"),
        (".sp .up{", ".sp .down{display:none}.sp .up{", "page: style"),
        ("</footer>", "</footer><p>Sharpe 12.0</p>", "page: text"),
    ],
)
def test_dress_code_and_additions_are_checked(tampered, old, new, where):
    assert any(difference.where.startswith(where) for difference in tampered(old, new).differences)


def test_changed_script_beside_the_page_is_found(made, tmp_path):
    run = made[0]
    run.save(tmp_path)
    page = run.report(tmp_path / "report.html", script="beside")
    next(tmp_path.glob("report-*.js")).write_text("window.Plotly = {}")

    (difference,) = verify_report(page).differences

    assert difference.shown == "other code"


def test_changed_file_of_the_run_is_found_though_the_page_is_honest(made, tmp_path):
    run = made[0]
    folder = run.save(tmp_path)
    page = run.report(tmp_path / "report.html")
    told = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**told, "sharpe": 3.0}))

    where = [difference.where for difference in verify_report(page).differences]

    assert where == [f"{run.id}: hash of metrics.json", f"{run.id}: metrics.json, sharpe"]


def test_page_and_table_changed_together_are_found_by_making_the_run_again(made, tmp_path):
    run = made[0]
    folder = run.save(tmp_path)
    table = run.trades.assign(pnl=run.trades["pnl"] + 100.0)
    table.to_parquet(folder / "trades.parquet", index=False)
    forged = backtest(CROSSOVER, sample("EURUSD", "1h").iloc[:1500])
    forged.__dict__["trades"] = table
    forged.folder = folder

    found = verify_report(forged.report(tmp_path / "report.html"))

    assert any("trades.parquet" in difference.where for difference in found.differences)
    assert any("(pnl)" in difference.where for difference in found.differences)


def test_notebook_is_checked_in_the_sections_it_shows_of_its_run(made, tmp_path):
    run = made[0]
    folder = run.save(tmp_path)
    names = ("summary", "metrics", "equity", "metrics")
    outputs = [new_output("display_data", run.section(name)._repr_mimebundle_()) for name in names]
    cell = new_code_cell("1", outputs=outputs, execution_count=1)
    page = save_notebook_report(new_notebook(cells=[new_markdown_cell("# My own words"), cell]), folder / "report.html")

    honest = verify_report(page)
    page.write_text(page.read_text().replace(">sharpe</td>", ">sharqe</td>", 1).replace('"sharpe":', '"sharpe":1'))

    assert honest.is_true
    assert honest.unverified > 0
    found = verify_report(page).differences
    assert found[0].shown == "sharqe"
    assert [d.where for d in found[1:]] == ["page: for programs, metrics.sharpe"]


def test_moved_report_finds_its_run_where_told(made, tmp_path):
    run, page = made
    alone = shutil.copy(page, tmp_path / "alone.html")

    with pytest.raises(RunError, match=f"{run.id}, which .* names, was not found"):
        verify_report(alone)
    assert verify_report(alone, run.folder).is_true
    other = backtest(CROSSOVER, sample("EURUSD", "1h").iloc[:900]).save(tmp_path)
    with pytest.raises(RunError, match="the report is of"):
        verify_report(alone, other)


@pytest.mark.parametrize("text", ["<html></html>", '<script type="application/vnd.sptrader.bundle+json">{}</script>'])
def test_page_that_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "page.html").write_text(text)

    with pytest.raises(RunError):
        verify_report(tmp_path / "page.html")
    with pytest.raises(RunError, match="cannot be read"):
        verify_report(tmp_path / "none.html")
