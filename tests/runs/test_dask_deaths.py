"""A Dask worker killed in the middle of a sweep or a batch changes nothing of what comes out, and nothing is there twice.

All with SPTRADER_FAULTS=1: a cluster takes long to start. `test_executors` always kills the worker of a chunk.
"""

import os
import random

import pandas as pd
import pytest

import sptrader as sp
from tests.made_notebook import METRICS, save_notebook
from tests.runs.dask_cluster import cluster
from tests.runs.sweep_program import MANY, strategy, year

pytestmark = pytest.mark.skipif(not os.environ.get("SPTRADER_FAULTS"), reason="SPTRADER_FAULTS=1 kills Dask's workers")


@pytest.fixture(scope="module")
def whole():
    return sp.sweep(strategy(), year(), space=MANY, out=None, progress=False)


@pytest.mark.parametrize("seed", range(8))
def test_a_sweep_whose_worker_is_killed_gives_the_same_table(tmp_path, whole, seed):
    drawn = random.Random(seed)
    with cluster(2) as there:
        due = sorted(drawn.sample(range(1, 1700), 2))

        def kill(done, total):
            if due and done >= due[0]:
                due.pop(0)
                there.kill_one(drawn.randrange(2))

        found = sp.sweep(
            strategy(), year(), space=MANY, out=tmp_path, executor="dask", address=there.address, progress=kill
        )

    assert len(there.killed) >= 1
    assert found.is_complete
    pd.testing.assert_frame_equal(found.table, whole.table)
    pd.testing.assert_frame_equal(sp.load_sweep(found.folder).table, whole.table)


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_whose_worker_is_killed_gives_the_same_index(tmp_path, seed):
    drawn = random.Random(seed)
    busy = "import time\nend = time.time() + 0.3\nwhile time.time() < end: pass"
    path = save_notebook(tmp_path / "a.ipynb", "x: int = 1", busy, METRICS % "'square': x * x")
    sets = [{"x": x} for x in range(10)]
    with cluster(2) as there:
        due = drawn.randint(1, 5)

        def kill(progress):
            if progress.n_done >= due and not there.killed:
                there.kill_one(drawn.randrange(2))

        found = sp.batch(path, sets, out=tmp_path / "out", executor="dask", address=there.address, on_progress=kill)

    assert len(there.killed) == 1
    assert found.table["status"].tolist() == ["done"] * 10
    assert found.table["square"].tolist() == [x * x for x in range(10)]
    assert len(list((tmp_path / "out").glob("*.ipynb"))) == 10
