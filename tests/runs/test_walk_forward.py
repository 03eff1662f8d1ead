"""Walking forward: what is traded was not seen when its parameters were chosen."""

import numpy as np
import pytest

import sptrader as sp
from sptrader.errors import RunError
from sptrader.runs.walk_forward import Window, make_windows
from sptrader.strategy.loader import read_strategy
from tests.runs.sweep_program import TEXT, strategy, year
from tests.runs.test_sweep_finer import quarters


def test_rolling_windows_train_before_they_test():
    # 100 bars, 20 to train on first, then four tests of 20
    assert make_windows(100, 4) == [
        Window(0, 20, 20, 40),
        Window(20, 40, 40, 60),
        Window(40, 60, 60, 80),
        Window(60, 80, 80, 100),
    ]


def test_anchored_windows_train_on_all_before_with_purge_and_embargo():
    assert make_windows(100, 2, train=40, is_anchored=True, purge=3, embargo=5) == [
        Window(0, 37, 45, 70),
        Window(0, 67, 75, 100),
    ]


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(RunError, match="5 windows with 1 bars to train on"):
        make_windows(10, 5)


@pytest.mark.parametrize("is_anchored", [False, True])
def test_steps_are_single_runs_chosen_by_their_own_past(is_anchored):
    bars = year(2000)
    space = {"fast": [5, 8, 12], "slow": [30, 50]}

    found = sp.walk_forward(strategy(), bars, space=space, n_windows=3, is_anchored=is_anchored, purge=10, embargo=5)

    step = found.windows.iloc[1]
    trained = sp.sweep(strategy(), bars, space=space, start=step.train_start, end=step.train_end, out=None)
    assert (step.fast, step.slow) == tuple(trained.best()[["fast", "slow"]])
    assert step.train_score == trained.best()["sharpe"]
    alone = sp.backtest(
        strategy(),
        bars,
        params={"fast": step.fast, "slow": step.slow},
        start=step.test_start,
        end=step.test_end,
        cash=found.runs[0].metrics["final_equity"],
    )
    assert found.runs[1].id == alone.id
    assert step.test_score == alone.metrics["sharpe"]
    assert found.windows["train_end"].lt(found.windows["test_start"]).all()
    equity = found.equity
    assert equity["time"].is_monotonic_increasing
    assert len(equity) == sum(len(run.equity) for run in found.runs)
    assert equity["equity"].iloc[-1] == alone.metrics["final_equity"] or len(found.runs) == 3
    assert np.isfinite(found.account.equity).all()
    assert len(found.plot().data) == 3


def test_every_step_reads_the_finer_bars():
    text = TEXT.replace("spread: 0.8 pips", "intrabar: finer, spread: 0.8 pips")
    finer = quarters("EURUSD", 4)

    found = sp.walk_forward(
        read_strategy(text, registry=sp.registry()),
        sp.resample(finer, "1h"),
        space={"stop": [1.0, 2.0]},
        n_windows=2,
        finer=finer,
        progress=False,
    )

    assert [list(run.provenance["finer"]) for run in found.runs] == [["EURUSD"]] * 2
