"""The report of a sweep says how much is having tried, and its numbers can be made again."""

import re

import pandas as pd
import pytest

from sptrader.data.sample import sample
from sptrader.runs.bundle import read_bundle
from sptrader.runs.report_sweep import save_sweep_report
from sptrader.runs.sweep import sweep
from sptrader.runs.sweep_result import load_sweep
from sptrader.runs.verify import verify_report
from tests.runs.strategies import CROSSOVER


@pytest.fixture(scope="module", autouse=True)
def ledger(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPTRADER_LEDGER", str(tmp_path_factory.mktemp("ledger") / "ledger.sqlite"))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A sweep of six, and its report."""
    place = tmp_path_factory.mktemp("sweeps")
    space = {"fast": [6, 9, 12], "slow": [30, 50]}
    found = sweep(CROSSOVER, sample("EURUSD", "1h").iloc[:1500], space=space, out=place, workers=1, progress=False)
    return found, save_sweep_report(found, place / "report.html")


def test_verdict_and_trials_come_first(made):
    found, path = made
    html = path.read_text(encoding="utf-8")

    assert path.stat().st_size < 2_500_000
    assert html.index("Deflated Sharpe") < html.index('id="heatmap"')
    assert "6 trials; bar 0.95" in html
    assert found.overfit().verdict.partition(":")[0] in html


def test_best_rows_are_in_their_order(made):
    found, path = made
    rows = re.search(r'data-section="rows".*?<tbody>(.*?)</tbody>', path.read_text(encoding="utf-8"), re.DOTALL)[1]

    numbers = [int(number) for number in re.findall(r'<tr><td class="n">(\d+)</td>', rows)]
    assert numbers == found.ranked().index.tolist()


def test_report_of_a_sweep_is_true_and_stays_so_when_more_is_tried(made):
    found, path = made
    before = verify_report(path)
    sweep(CROSSOVER, sample("EURUSD", "1h").iloc[:1500], space={"fast": [20, 21]}, out=None, workers=1, progress=False)

    assert before.is_true
    assert load_sweep(found.folder).n_trials > 6
    assert verify_report(path).differences == ()


def test_digit_and_row_that_were_changed_are_found(made, tmp_path):
    found, path = made
    honest = path.read_text(encoding="utf-8")
    path.write_text(honest.replace("6 trials; bar", "1 trials; bar"), encoding="utf-8")
    (difference,) = verify_report(path).differences
    path.write_text(honest, encoding="utf-8")
    assert (difference.shown[:8], difference.recomputed[:8]) == ("1 trials", "6 trials")

    part = next((found.folder / "parts").glob("*.parquet"))
    kept = part.read_bytes()
    table = pd.read_parquet(part)
    pd.DataFrame(table.assign(trades=table["trades"] + 1)).to_parquet(part)
    where = [d.where for d in verify_report(path).differences]
    part.write_bytes(kept)
    assert any(place.endswith(", trades") for place in where)
    assert any("hash of parts/" in place for place in where)


def test_looks_at_the_holdout_after_the_report_do_not_make_it_untrue(tmp_path):
    bars = sample("EURUSD", "1h").iloc[:1501]
    found = sweep(CROSSOVER, bars, space={"fast": [6, 9]}, holdout=0.2, out=tmp_path, progress=False)
    found.open_holdout()
    path = save_sweep_report(found, tmp_path / "report.html")
    found.open_holdout()

    assert verify_report(path).is_true
    cell = re.search(r"looks at the hold-out</td><td[^>]*>([^<]*)</td>", path.read_text(encoding="utf-8"))
    assert cell[1] == "1"


def test_report_by_another_objective_is_verified_by_that(made, tmp_path):
    other = load_sweep(made[0].folder, objective="-sharpe")

    found = verify_report(other.report(tmp_path / "report.html"))

    assert found.is_true
    assert other.best().name != made[0].best().name


def test_hash_of_the_bars_is_among_those_of_the_page(made):
    (named,) = read_bundle(made[1].read_text(encoding="utf-8"), made[1]).runs

    assert {"inputs/strategy.yaml", "inputs/given/EURUSD.parquet"} < set(named.files)
