"""A run's folder: the same bytes each time, and nothing half-written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sptrader as sp
from sptrader.errors import RunError
from sptrader.runs.store import TABLES, saved_runs
from tests.orchestrator.tiny import FLAT, ROWS, bars, rules, text_of

MAKE = "import sptrader as sp, sys; sp.backtest('ma_crossover', sp.sample('EURUSD', '1h')).save(sys.argv[1])"


def test_folder_has_what_the_product_promises(folder, year):
    assert folder.name == year.id
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == sorted(
        ["run.json", "metrics.json", "inputs/EURUSD.parquet", "inputs/strategy.yaml", *(f"{t}.parquet" for t in TABLES)]
    )


def test_another_process_with_another_hash_seed_writes_the_same_bytes(folder, tmp_path):
    env = {**os.environ, "PYTHONHASHSEED": "4711"}
    subprocess.run([sys.executable, "-c", MAKE, str(tmp_path)], check=True, env=env, cwd=Path(__file__).parents[2])

    other = tmp_path / folder.name
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "run.json":
            assert path.read_bytes() == (other / path.relative_to(folder)).read_bytes(), path.name
    one, two = (json.loads((f / "run.json").read_text()) for f in (folder, other))
    told = {"made_at", "wall_time_s"}
    assert {k: v for k, v in one.items() if k not in told} == {k: v for k, v in two.items() if k not in told}


def test_saving_twice_leaves_the_same_bytes_and_no_drafts(small):
    run = sp.load_run(small)
    before = {path: path.read_bytes() for path in small.rglob("*") if path.is_file()}

    assert run.save(small.parent) == small

    after = {path: path.read_bytes() for path in small.rglob("*") if path.is_file()}
    assert after == before


def test_saved_runs_are_listed_newest_first(small):
    other = sp.backtest(rules(), bars(ROWS, [1])).save(small.parent)
    os.utime(small / "run.json", (1, 1))

    assert saved_runs(small.parent) == [other, small]
    assert saved_runs(small.parent / "nowhere") == []


def test_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(RunError, match=r"the run cannot be saved to .*file/tiny-.*: Not a directory"):
        sp.backtest(rules(), bars(ROWS)).save(tmp_path / "file")


def test_financing_rates_are_kept_and_compared(tmp_path):
    (tmp_path / "s.yaml").write_text(text_of(execution="{spread: 0, financing: rates.yaml}"))
    (tmp_path / "rates.yaml").write_bytes(b"rates: {EURUSD: {long: -3.65%, short: 1%}}\r\n")
    # 1,000 held from Monday to Tuesday at 1.1000: one night of 0.01 % of 1,100
    folder = sp.backtest(tmp_path / "s.yaml", bars([FLAT] * 30, [1])).save(tmp_path / "runs")
    (tmp_path / "rates.yaml").unlink()
    again = sp.load_run(folder)

    assert again.costs.financing == pytest.approx(0.11)
    assert again.save(tmp_path / "runs") == folder
    kept = folder / "inputs" / "financing.yaml"
    kept.write_bytes(kept.read_bytes().replace(b"1%", b"2%"))
    with pytest.raises(RunError, match="the financing rates"):
        sp.load_run(folder).explain("2017-03-06 10:00")
