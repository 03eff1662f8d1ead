"""Memory is used again when nothing looks at it any more, and never before."""

import gc

import numpy as np
import pandas as pd
import pytest

import sptrader as sp
from sptrader.orchestrator.memory import warm_array
from tests.orchestrator.tiny import FLAT, bars, rules

N = 300_001  # large enough for a block of its own, of a length no other test asks for


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_let_go_is_used_again():
    first = warm_array((N,))
    at = address(first)
    del first

    assert address(warm_array((N,))) == at


@pytest.mark.parametrize(
    "look",
    [
        lambda array: array[5:],
        lambda array: array.reshape(1, -1).T[::2],
        lambda array: array.view(np.int64),
        lambda array: memoryview(array),
        lambda array: pd.DataFrame({"a": array}, copy=False)["a"],
        lambda array: np.asarray(pd.Series(array, copy=False).iloc[3:]),
    ],
)
def test_memory_that_is_looked_at_stays(look):
    array = warm_array((N,))
    array[:] = 7.0
    seen = look(array)
    at = address(array)
    del array
    gc.collect()

    other = warm_array((N,))
    other[:] = 8.0

    assert address(other) != at
    assert (np.asarray(seen).view(np.float64) == 7.0).all()


def test_two_arrays_never_share_memory():
    arrays = [warm_array((N, 2)) for _ in range(3)]

    assert not any(np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])


def test_shape_and_type_are_as_asked_for_in_every_size():
    for shape in ((3,), (2, 5), (2, N), (0, 4)):
        for dtype in (np.float64, np.uint8, np.int64):
            array = warm_array(shape, dtype)

            assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
            assert all((array.flags.c_contiguous, array.flags.writeable, array.flags.aligned))


def test_what_a_run_made_outlives_it_and_the_runs_after_it():
    # 70,000 bars: the books are of blocks that later runs use again
    rows = [FLAT, (1.1, 1.1010, 1.0990, 1.1), (1.1020, 1.1030, 1.1010, 1.1020), FLAT] * 17_500
    flat = [FLAT] * 70_000
    run = sp.backtest(rules(), bars(rows, [1]))
    equity, trades = run.equity, run.trades
    kept = equity.copy(deep=True), trades.copy(deep=True)
    del run
    for _ in range(3):
        sp.backtest(rules(), bars(flat, [2]))

    pd.testing.assert_frame_equal(equity, kept[0])
    pd.testing.assert_frame_equal(trades, kept[1])
