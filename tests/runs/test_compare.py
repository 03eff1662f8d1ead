"""A comparison shows what differs, and warns where figures do not compare."""

import base64
import gzip
import json
import re

import pytest

from sptrader.data.sample import sample
from sptrader.errors import RunError
from sptrader.runs.backtest import backtest
from sptrader.runs.compare import compare_runs
from sptrader.runs.report_compare import save_comparison
from sptrader.runs.verify import verify_report
from tests.runs.strategies import CROSSOVER


@pytest.fixture(scope="module")
def runs():
    bars = sample("EURUSD", "1h")
    return [
        backtest(CROSSOVER, bars.iloc[:1500]),
        backtest(CROSSOVER, bars.iloc[:1500], params={"fast": 8}),
        backtest(CROSSOVER, bars.iloc[:1200], cash=50_000),
    ]


def test_only_what_differs_is_a_difference(runs):
    found = compare_runs(runs[:2])

    assert [(row.group, row.name, row.values) for row in found.differences] == [("parameters", "fast", (12, 8))]
    assert found.doubts == ()
    assert found.table("parameters", only_different=True).to_dict("list") == {"name": ["fast"], "A": ["12"], "B": ["8"]}


def test_other_data_and_settings_are_named_and_warned_of(runs):
    found = compare_runs(runs)

    names = {f"{row.group}.{row.name}" for row in found.differences}
    assert {"settings.cash", "data.EURUSD.content_hash", "data.EURUSD.n_bars", "data.EURUSD.last"} <= names
    assert found.doubts == ("They ran on different data: their metrics are not of the same market or period.",)


def test_plain_data_has_every_metric_in_the_order_of_the_runs(runs):
    said = json.loads(json.dumps(compare_runs(runs).to_dict()))

    assert said["runs"] == {label: run.id for label, run in zip("ABC", runs, strict=True)}
    assert said["metrics"]["trades"] == [run.metrics["trades"] for run in runs]
    assert "parameters.fast" in said["different"]
    assert "parameters.slow" not in said["different"]


def test_page_shows_metrics_side_by_side_with_their_distance(runs, tmp_path):
    html = save_comparison(compare_runs(runs), tmp_path / "compare.html").read_text(encoding="utf-8")

    final = [run.metrics["final_equity"] for run in runs]
    row = re.search(r"<tr><td[^>]*>final_equity</td>(.*?)</tr>", html)[1]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[:3] == [f"{value:,.2f} USD" for value in final]
    assert cells[3:5] == [f"{final[1] - final[0]:+,.2f}", f"{final[2] - final[0]:+,.2f}"]


def test_page_is_true_and_each_changed_figure_of_it_is_found(runs, tmp_path):
    for run in runs:
        run.save(tmp_path / "runs")
    path = save_comparison(compare_runs(runs), tmp_path / "compare.html")
    honest = path.read_text(encoding="utf-8")
    found = verify_report(path)
    assert found.is_true
    assert found.runs == tuple(run.id for run in runs)
    assert (found.unverified, found.checked > 500) == (0, True)

    distance = f"{runs[1].metrics['final_equity'] - runs[0].metrics['final_equity']:+,.2f}"
    path.write_text(honest.replace(distance, "+9,999.99"), encoding="utf-8")
    (difference,) = verify_report(path).differences
    assert (difference.shown, difference.recomputed) == ("+9,999.99", distance)
    assert "(B - A)" in difference.where

    packed = re.search(r'data-plot="plot-1"[^>]*>([^<]+)</script>', honest)[1]
    figure = json.loads(gzip.decompress(base64.b64decode(packed)))
    figure["data"][0]["y"] = [0.0, 0.5]
    path.write_text(honest.replace(packed, base64.b64encode(gzip.compress(json.dumps(figure).encode())).decode()))
    assert [d.where for d in verify_report(path).differences] == ["page: figure 1, A ma_crossover (1), y"]


def test_run_that_was_changed_after_the_comparison_is_found(runs, tmp_path):
    folders = [run.save(tmp_path / "elsewhere") for run in runs[:2]]
    path = save_comparison(compare_runs(runs[:2]), tmp_path / "pages" / "compare.html", script="beside", theme="dark")
    told = json.loads((folders[1] / "metrics.json").read_text())
    assert verify_report(path).is_true
    (folders[1] / "metrics.json").write_text(json.dumps({**told, "sharpe": 3.0}))

    where = [difference.where for difference in verify_report(path).differences]

    assert where == [f"{runs[1].id}: hash of metrics.json", f"{runs[1].id}: metrics.json, sharpe"]
    moved = path.rename(tmp_path / "moved.html")
    assert verify_report(moved, tmp_path / "elsewhere").differences


@pytest.mark.parametrize("n_runs", [0, 1, 27])
def test_number_of_runs_is_bounded(runs, n_runs):
    with pytest.raises(RunError, match=f"runs were {n_runs}; allowed are 2 to 26"):
        compare_runs([runs[0]] * n_runs)
