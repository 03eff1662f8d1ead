"""Rows that grow: what was released is read from its file, or is gone where it has none."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import pytest

from sptrader.errors import RunError
from sptrader.orchestrator.pile import BLOCK, Pile


def filled(pile: Pile[np.float64], n: int) -> None:
    for k in range(n):
        pile.append([float(k), -float(k)])


def test_rows_are_read_over_the_edge_between_file_and_memory(tmp_path: Path) -> None:
    pile = Pile(2, np.float64, partial(TemporaryFile, dir=tmp_path))  # type: ignore[arg-type]
    filled(pile, 3 * BLOCK)
    pile.release(BLOCK)
    pile.release(2 * BLOCK + 5)
    pile.put_last([7.0, 8.0])
    pile.extend(np.array([[1.0, 2.0]]))
    assert (pile.count, pile.n_held) == (3 * BLOCK + 1, BLOCK - 4)
    expected = np.array([[float(k), -float(k)] for k in range(3 * BLOCK - 1)] + [[7.0, 8.0], [1.0, 2.0]])
    for first, last in (
        (0, pile.count),
        (BLOCK - 1, BLOCK + 1),
        (2 * BLOCK, 2 * BLOCK + 9),
        (2 * BLOCK + 5, pile.count),
    ):
        assert pile.part(first, last).tobytes() == expected[first:last].tobytes()
    pile.close()
    assert list(tmp_path.iterdir()) == []  # the file has no name


def test_fewer_rows_than_a_block_stay_in_memory() -> None:
    pile = Pile(2, np.float64)
    filled(pile, BLOCK + 10)
    pile.release(BLOCK - 1)
    assert pile.n_held == BLOCK + 10


def test_without_a_place_released_rows_are_gone() -> None:
    pile = Pile(2, np.float64)
    filled(pile, BLOCK + 10)
    pile.release(BLOCK)
    assert pile.part(BLOCK, BLOCK + 1).tolist() == [[float(BLOCK), -float(BLOCK)]]
    with pytest.raises(RunError, match=f"row 0 is gone; the first that is kept is {BLOCK}"):
        pile.part(0, 1)


def test_a_place_that_cannot_be_written_is_a_failure_with_its_reason() -> None:
    def full():
        raise OSError(28, "No space left on device")

    pile = Pile(2, np.float64, full)
    filled(pile, BLOCK)
    with pytest.raises(RunError, match="No space left on device") as caught:
        pile.release(BLOCK)
    assert caught.value.is_failure
    assert pile.part(0, 1).tolist() == [[0.0, 0.0]]
