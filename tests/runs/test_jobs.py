"""Jobs in processes of their own: the same run as here, told step by step, cancelled, and found again by the folder."""

import os
import signal

import pytest

from sptrader.clock import LiveClock
from sptrader.data.sample import sample
from sptrader.runs.backtest import backtest
from sptrader.runs.jobs import BarsChoice, Job, JobRequest, JobState, Workers, find_jobs, write_state
from sptrader.runs.reopen import load_run

SLOW = """
import time
import numpy as np
from sptrader.components import indicator

@indicator(category="trend", lookback=lambda: 0)
def sleepy(close: np.ndarray) -> np.ndarray:
    \"\"\"The close, after a while.\"\"\"
    time.sleep(60)
    return close
"""
STRATEGY = """
name: sleeper
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1h}
indicators: {slow: {type: sleepy}}
entry: {long: {when: close > slow}}
exit: {stop_loss: 1%}
sizing: {method: units, value: 1}
execution: {spread: 1 pips}
backtest: {cash: 1000, currency: USD}
"""


@pytest.fixture(scope="module")
def workers():
    started = Workers()
    yield started
    started.close()


def test_job_makes_the_same_run_as_a_call_does(workers, tmp_path):
    job = workers.start(JobRequest("ma_crossover", params={"fast": 8}, end="2017-06-30"), tmp_path)

    state = job.wait(60)

    here = backtest("ma_crossover", sample("EURUSD", "1h"), params={"fast": 8}, end="2017-06-30")
    assert (state.status, state.error) == ("done", "")
    assert load_run(state.result).metrics == here.metrics
    assert load_run(state.result).id == here.id


def test_wrong_input_fails_the_job_with_the_sentence_and_the_traceback(workers, tmp_path):
    job = workers.start(JobRequest("ma_crossover", bars=BarsChoice(symbol="EURUDS", timeframe="1h")), tmp_path)

    state = job.wait(60)

    assert state.status == "failed"
    assert "did you mean 'EURUSD'" in state.error
    assert "Traceback" in state.trace
    assert "find_bars" in job.log()


def test_job_is_found_again_and_cancelled_by_who_did_not_start_it(workers, tmp_path, monkeypatch):
    (tmp_path / "components" / "indicators").mkdir(parents=True)
    (tmp_path / "components" / "indicators" / "sleepy.py").write_text(SLOW)
    (tmp_path / "sleeper.yaml").write_text(STRATEGY)
    monkeypatch.chdir(tmp_path)
    started = workers.start(JobRequest("sleeper.yaml"), tmp_path / "runs")
    while started.state().step != "running":
        assert started.wait(0.1).is_running

    (found,) = find_jobs(tmp_path / "runs")
    found.cancel()

    assert found.state().status == "cancelled"
    assert started.wait(5).status == "cancelled"
    assert not list((tmp_path / "runs").glob("sleeper-*"))


def test_process_that_dies_without_a_word_is_a_failed_job(workers, tmp_path):
    job = workers.start(JobRequest("ma_crossover"), tmp_path)
    while not (pid := job._pid()):
        assert job.state().is_running
    os.kill(pid, signal.SIGKILL)

    state = job.wait(30)

    assert (state.status, state.error) == ("failed", "the process ended without a result")


def test_job_that_is_cancelled_before_its_process_is_ready_does_nothing(tmp_path):
    job = Workers().start(JobRequest("ma_crossover"), tmp_path)
    job.cancel()
    while not (job.folder / "alive").is_file():
        job.wait(0.05)
    while job._is_alive():
        pass

    assert job.state().status == "cancelled"
    assert not list(tmp_path.glob("ma_crossover-*"))


def test_process_that_is_slow_to_import_has_not_failed(tmp_path):
    folder = tmp_path / ".jobs" / "backtest-1"
    folder.mkdir(parents=True)
    begun = LiveClock().now_ns()

    write_state(folder, JobState("starting", started_ns=begun - 30 * 10**9))
    assert Job(folder).state().status == "starting"
    write_state(folder, JobState("starting", started_ns=begun - 90 * 10**9))
    assert Job(folder).state().status == "failed"


def test_request_reads_back_as_it_was_asked(tmp_path):
    asked = JobRequest(
        "a.yaml", BarsChoice(path="x.parquet", symbol="EURUSD"), {"fast": 8}, 500.0, "2017-01-01", "", {}
    )
    job = Workers().start(asked, tmp_path)
    job.cancel()

    assert Job(job.folder).request() == asked
