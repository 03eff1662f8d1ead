"""A sweep's rows are what single runs give, whoever computes them and however often it was stopped."""

import math
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest

import sptrader as sp
from sptrader.errors import RunError
from sptrader.runs.ledger import n_trials
from sptrader.strategy.loader import read_strategy
from tests.runs import sweep_program
from tests.runs.sweep_program import SPACE, TEXT, strategy, year


@pytest.fixture(scope="module")
def bars():
    return year()


@pytest.fixture(scope="module")
def swept(bars, tmp_path_factory):
    return sp.sweep(strategy(), bars, space=SPACE, out=tmp_path_factory.mktemp("sweeps"))


def assert_row_is(row, run):
    for name, value in run.metrics.items():
        assert row[name] == value or (math.isnan(row[name]) and math.isnan(value)), name


def test_rows_are_the_metrics_of_single_runs_to_the_last_digit(swept, bars):
    assert len(swept.table) == 24 - 2  # fast < slow leaves out 20, 20 with its two stops
    assert swept.is_complete
    for number in swept.table.index[::5]:
        assert_row_is(swept.table.loc[number], sp.backtest(strategy(), bars, params=swept.parameters(number)))


def test_a_row_opens_as_the_run_it_would_be_alone(swept, bars):
    run = swept.open(swept.best())
    alone = sp.backtest(strategy(), bars, params=swept.parameters(swept.best()))

    assert run.id == alone.id
    for name in ("trades", "orders", "fills", "equity", "decisions", "signals"):
        pd.testing.assert_frame_equal(getattr(run, name), getattr(alone, name))
    assert (
        swept.open({"fast": 5, "slow": 40, "stop": 1.5}).id
        == swept.open(swept.space.number({"fast": 5, "slow": 40, "stop": 1.5})).id
    )


def test_best_is_the_highest_objective_and_expressions_choose_otherwise(swept, tmp_path):
    assert swept.best()["sharpe"] == swept.table["sharpe"].max()
    other = sp.load_sweep(swept.folder, objective="-max_drawdown")
    assert other.best()["max_drawdown"] == other.table["max_drawdown"].min()


@pytest.mark.parametrize("executor", ["processes", "dask"])
def test_each_executor_gives_the_same_table(swept, bars, executor):
    other = sp.sweep(strategy(), bars, space=SPACE, executor=executor, workers=2, out=None)

    pd.testing.assert_frame_equal(other.table, swept.table)
    pd.testing.assert_frame_equal(other.returns, swept.returns, check_like=True)


def test_a_sweep_is_read_back_without_anything_else(swept):
    again = sp.load_sweep(swept.folder)

    pd.testing.assert_frame_equal(again.table, swept.table)
    assert again.open().id == swept.open().id
    assert again.is_complete


def test_the_same_call_goes_on_with_what_is_done(bars, tmp_path, swept):
    cancel = threading.Event()
    first = sp.sweep(
        strategy(),
        bars,
        space=SPACE,
        out=tmp_path,
        workers=1,
        cancel=cancel,
        progress=lambda done, total: cancel.set(),
    )
    cancel.set()
    stopped = sp.sweep(strategy(), bars, space={**SPACE, "fast": range(5, 20)}, out=tmp_path, cancel=cancel)
    whole = sp.sweep(strategy(), bars, space=SPACE, out=tmp_path)

    assert first.id == whole.id
    assert not stopped.is_complete
    assert len(stopped.table) == 0
    pd.testing.assert_frame_equal(whole.table, swept.table)


def test_a_killed_sweep_goes_on_to_the_same_table(tmp_path):
    """Killed at random moments (seeded), again and again; more often behind SPTRADER_FAULTS."""
    rng = np.random.default_rng(7)
    whole = sweep_program.sweep_to(None)
    for _ in range(12 if os.environ.get("SPTRADER_FAULTS") else 1):
        process = subprocess.Popen([sys.executable, "-m", "tests.runs.sweep_program", str(tmp_path)])
        n_before = len(list(tmp_path.glob("*/parts/*.parquet")))
        while process.poll() is None and len(list(tmp_path.glob("*/parts/*.parquet"))) == n_before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
    again = sweep_program.sweep_to(tmp_path)

    assert again.table.index.is_unique
    pd.testing.assert_frame_equal(again.table, whole.table)


def test_every_combination_is_counted_once_for_its_data(bars):
    frame = bars.copy()
    frame.iloc[0, frame.columns.get_loc("volume")] += 12_345.0
    hash_ = sp.load_bars(frame).attrs["sptrader.content_hash"]
    for _ in range(2):
        sp.sweep(strategy(), frame, space={"fast": [5, 6], "slow": [40]}, out=None)
    sp.backtest(strategy(), frame, params={"fast": 5, "slow": 40})
    assert n_trials([hash_]) == 2
    sp.backtest(strategy(), frame, params={"fast": 7, "slow": 40})
    assert n_trials([hash_]) == 3


def test_symbols_and_timeframes_vary_too(bars):
    other = bars.copy()
    other.attrs = {**bars.attrs, "sptrader.symbol": "GBPUSD"}
    found = sp.sweep(
        strategy(),
        {"EURUSD": bars, "GBPUSD": other},
        space={"fast": [5]},
        symbols=["EURUSD", "GBPUSD"],
        timeframes=["1h", "4h"],
        out=None,
    )

    assert found.table[["symbol", "timeframe"]].to_numpy().tolist() == [
        ["EURUSD", "1h"],
        ["EURUSD", "4h"],
        ["GBPUSD", "1h"],
        ["GBPUSD", "4h"],
    ]
    alone = sp.backtest(strategy(), sp.resample(bars, "4h"), params={"fast": 5})
    assert_row_is(found.table.iloc[1], alone)
    assert found.open(3).symbols == ("GBPUSD",)


def test_a_spread_that_varies_changes_the_market_of_its_rows(bars):
    text = TEXT.replace("spread: 0.8 pips", "spread: $gap pips").replace(
        "parameters:", "parameters:\n  gap: {default: 1.0}"
    )
    own = read_strategy(text, registry=sp.registry())
    found = sp.sweep(own, bars, space={"gap": [0.5, 3.0]}, out=None)

    for number in (0, 1):
        assert_row_is(found.table.loc[number], sp.backtest(own, bars, params=found.parameters(number)))
    assert found.table["total_return"].is_monotonic_decreasing


def test_random_draws_are_of_the_space_and_repeat(bars):
    one = sp.sweep(strategy(), bars, space=SPACE, method="random", n_trials=5, seed=3, out=None)
    two = sp.sweep(strategy(), bars, space=SPACE, method="random", n_trials=5, seed=3, out=None, workers=1)

    assert len(one.table) == 5
    pd.testing.assert_frame_equal(one.table, two.table)


def test_smart_search_repeats_and_resumes(bars, tmp_path, swept):
    options = {"space": SPACE, "method": "smart", "n_trials": 15, "seed": 1}
    one = sp.sweep(strategy(), bars, out=tmp_path / "a", **options)
    two = sp.sweep(strategy(), bars, out=tmp_path / "b", workers=1, **options)
    again = sp.sweep(strategy(), bars, out=tmp_path / "a", **options)

    pd.testing.assert_frame_equal(one.table, two.table)
    pd.testing.assert_frame_equal(one.table, again.table)
    assert 5 < len(one.table) <= 15
    for number in one.table.index:
        assert one.table.loc[number, "sharpe"] == swept.table.loc[number, "sharpe"]


def test_a_combination_that_fails_has_its_error_in_its_row(bars):
    text = TEXT.replace("fast: {default: 12, min: 2, max: 60}", "fast: {default: 12}")
    own = read_strategy(text, registry=sp.registry())
    found = sp.sweep(own, bars, space={"fast": [12, 1]}, out=None)

    assert found.table.loc[0, "error"] == ""
    assert "parameter 'period' was 1" in found.table.loc[1, "error"]
    assert math.isnan(found.table.loc[1, "sharpe"])
    assert found.best().name == 0


def test_the_holdout_is_seen_by_no_row_and_each_opening_is_written_down(bars):
    found = sp.sweep(strategy(), bars, space={"fast": [5, 8]}, holdout=0.25, out=None)
    start = found.holdout_start
    alone = sp.backtest(strategy(), bars, params={"fast": 5}, end=start - pd.Timedelta("1ns"))
    assert_row_is(found.table.loc[0], alone)
    before = len(found.openings)

    run = found.open_holdout(why="the last look")

    assert run.equity["time"].iloc[0] == start
    assert len(found.openings) == before + 1
    assert found.openings[-1].what.endswith("the last look")
    assert len(found.overfit().openings) == before + 1


def test_overfit_counts_the_trials_of_the_ledger(swept, bars):
    for fast in (21, 22, 23):
        sp.backtest(strategy(), bars, params={"fast": fast})
    found = swept.overfit()

    assert found.n_trials == swept.n_trials >= len(swept.table) + 3
    assert found.pbo is not None
    assert found.stability.n_neighbours > 0
    assert found.deflated.probability < swept.overfit(n_trials=2).deflated.probability
    assert len(found.table()) == 9


@pytest.mark.parametrize("name", ["heatmap", "parallel", "equity"])
def test_figures_show_the_rows(swept, name):
    figure = swept.plot(name)

    assert len(figure.data) >= 1
    if name == "heatmap":
        assert np.nanmax(figure.data[0].z) == swept.table["sharpe"].max()
    assert swept.overfit().plot().data[0].y[0] == swept.overfit().deflated.sharpe


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"space": {"fats": [1]}}, "parameter 'fats' is not declared by the strategy; did you mean 'fast'"),
        ({"space": {"fast": []}}, "the values of 'fast' were empty"),
        ({"space": {"fast": [1000]}}, "parameter 'fast' was 1000; allowed is a whole number from 2 to 60"),
        ({"space": {"fast": {"min": 9, "max": 5, "step": 1}}}, "the range of 'fast' was 9 to 5 by 1"),
        ({"space": {"fast": [50], "slow": [40]}}, "none of the 1 combinations meets the constraints"),
        ({"space": {"fast": [5]}, "params": {"fast": 6}}, "'fast' is in the space and in params"),
        ({"space": {"fast": [5]}, "objective": "sharp"}, "the objective was 'sharp': did you mean 'sharpe'"),
        ({"space": {"fast": [5]}, "method": "gird"}, "method was 'gird'; did you mean 'grid'"),
        ({"space": {"fast": [5]}, "constraints": ["fast <"]}, "the constraint 'fast <' cannot be read"),
        ({"space": {"fast": [5]}, "n_trials": 0}, "n_trials was 0"),
        ({"space": {"fast": [5]}, "holdout": 2.0}, "holdout was 2.0; allowed is a fraction"),
    ],
)
def test_wrong_sweeps_are_refused_before_anything_runs(bars, options, message):
    with pytest.raises(RunError, match=message):
        sp.sweep(strategy(), bars, out=None, **options)


def test_finer_bars_decide_inside_the_bars_of_each_row(bars):
    finer = year(8_000, seed=9)
    index = pd.date_range(bars.index[0], periods=len(finer), freq="15min", name="time").as_unit("ns")
    fine = finer.set_axis(index)
    fine.attrs = {**finer.attrs, "sptrader.timeframe": "15m"}
    hours = sp.resample(sp.load_bars(fine), "1h")
    own = read_strategy(TEXT.replace("spread: 0.8 pips", "intrabar: finer, spread: 0.8 pips"), registry=sp.registry())

    found = sp.sweep(own, hours, space={"stop": [1.0, 2.0]}, finer=fine, out=None)

    for number in (0, 1):
        alone = sp.backtest(own, hours, params=found.parameters(number), finer=fine)
        assert_row_is(found.table.loc[number], alone)
        assert found.open(number).id == alone.id
