"""Chunks of work on threads, processes and Dask: the same results, whatever dies, and a quick end when asked for."""

import os
import threading
import time

import pytest

from sptrader.errors import RunError
from sptrader.runs.executors import run_chunks
from tests.runs import chunk_functions as work

LOCAL = ("threads", "processes")
ALL = (*LOCAL, "dask")


def done(function, chunks, **options):
    """The results by index, and whether all was done."""
    found = {}
    is_whole = run_chunks(function, chunks, on_done=found.__setitem__, **options)
    return found, is_whole


@pytest.mark.parametrize("executor", ALL)
def test_each_executor_gives_every_result_once(executor):
    chunks = ([k, k + 1] for k in range(7))

    found, is_whole = done(work.scaled, chunks, shared=10, executor=executor, workers=2)

    assert found == {k: [10 * k, 10 * k + 10] for k in range(7)}
    assert is_whole


def test_processes_are_others_and_as_many_as_asked_for():
    found, _ = done(work.process_id, range(8), executor="processes", workers=2)

    assert os.getpid() not in found.values()
    assert len(set(found.values())) == 2


@pytest.mark.parametrize("executor", ALL)
def test_an_error_of_the_work_is_raised_where_it_was_started(executor):
    with pytest.raises(ValueError, match="three is not allowed"):
        done(work.fails_on_three, range(6), executor=executor, workers=1)


@pytest.mark.parametrize("executor", ["processes", "dask"])
def test_the_chunk_of_a_killed_worker_is_done_again(executor, tmp_path):
    found, is_whole = done(work.dies_once, range(6), shared=str(tmp_path), executor=executor, workers=2)

    assert found == {k: 10 * k for k in range(6)}
    assert is_whole
    assert (tmp_path / "died").exists()


def test_a_chunk_that_kills_every_worker_is_an_error():
    with pytest.raises(RunError, match="chunk 0 of the work ended 3 workers in a row") as error:
        done(work.always_dies, [1], executor="processes", workers=1)
    assert error.value.is_failure


@pytest.mark.parametrize("executor", LOCAL)
def test_cancel_keeps_what_is_done_and_ends_within_two_seconds(executor):
    cancel = threading.Event()
    found = {}
    ended = threading.Event()

    def keep(index, result):
        found[index] = result
        if len(found) == 2:
            cancel.set()

    def run():
        run_chunks(work.slow, [0.0, 0.0, 60.0, 60.0, 0.0], on_done=keep, executor=executor, workers=2, cancel=cancel)
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    while not cancel.is_set():
        time.sleep(0.01)

    assert ended.wait(2.0)
    assert found == {0: 0.0, 1: 0.0}


def test_work_that_ends_within_the_grace_is_kept():
    cancel = threading.Event()
    found = {}

    def keep(index, result):
        found[index] = result
        cancel.set()

    is_whole = run_chunks(work.slow, [0.0, 0.4, 9.0], on_done=keep, workers=2, cancel=cancel)

    assert not is_whole
    assert found in ({0: 0.0, 1: 0.4}, {0: 0.0})


def test_chunks_are_taken_when_they_are_needed():
    taken = []

    def chunks():
        for k in range(5):
            taken.append(k)
            yield [k]

    seen = []
    run_chunks(
        work.scaled, chunks(), on_done=lambda index, result: seen.append(len(taken)), shared=1, workers=1, ahead=0
    )

    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "thread"}, "executor was 'thread'; did you mean 'threads'\\?"),
        ({"workers": 0}, "workers was 0; allowed is 1 or more"),
        ({"address": "tcp://127.0.0.1:1"}, "an address is for executor dask"),
        ({"executor": "dask", "address": "tcp://127.0.0.1:1"}, "no Dask scheduler answered at tcp://127.0.0.1:1"),
    ],
)
def test_wrong_executors_are_refused(options, message, monkeypatch):
    monkeypatch.setattr("sptrader.runs.dask_workers._CONNECT_S", 1)
    with pytest.raises(RunError, match=message):
        done(work.scaled, [[1]], shared=1, **options)
