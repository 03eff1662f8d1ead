"""The compiled kernel agrees with every hand-worked case, and equals the kernel as plain Python bit for bit."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sptrader.kernel import market as m
from sptrader.kernel import replay
from sptrader.kernel import state as k
from tests.golden import CASES, differences
from tests.golden_form import Golden
from tests.kernel.adapter import arrays
from tests.kernel.answers import kernel_answer
from tests.kernel.drawn import drawn_cases, eight_on_one_market
from tests.kernel.lanes import side_by_side
from tests.kernel.plain import Job, plainly
from tests.reference_data import RefCase


@pytest.mark.parametrize("golden", CASES, ids=lambda golden: golden.name)
def test_agrees_with_the_case_worked_by_hand(golden: Golden) -> None:
    assert differences(golden, kernel_answer(golden.case)) == []


def jobs_of(case: RefCase) -> list[Job]:
    """A replay of the whole case; where it closes at the end, that is a job on the state that the replay must leave."""
    given = arrays(case)
    n, rows = given.market.flags.shape
    books = zero_books(n, rows)
    jobs: list[Job] = [("replay", (given.market, given.orders, books, given.state, 0, rows))]
    if case.rules.close_at_end:
        after, books_after = given.state.copy(), deepcopy(books)
        replay.replay(given.market, given.orders, books_after, after, 0, rows)
        has_bar = given.market.flags & k.HAS_BAR != 0
        ends = rows - 1 - np.argmax(has_bar[:, ::-1], axis=1)
        jobs.append(("close_out", (given.market, books_after, after, ends)))
    return jobs


def zero_books(n: int, rows: int) -> m.Books:
    """Books whose unused rows compare, too."""
    books = m.make_books(n, rows, n_rows=4 * n * (rows + 1))
    for page in (books.fills, books.orders):
        page[:] = 0.0
    return books


def bits(thing: Any) -> Any:
    """The same thing with arrays as their bytes, so that nan equals nan and 0.0 is not -0.0."""
    if isinstance(thing, np.ndarray):
        return thing.dtype.str, thing.shape, thing.tobytes()
    return tuple(map(bits, thing)) if isinstance(thing, tuple) else thing


def test_compiled_equals_plain_python_bit_for_bit(tmp_path: Path) -> None:
    cases = [golden.case for golden in CASES] + drawn_cases(150, seed_=11)
    jobs = [job for case in cases for job in jobs_of(case)]
    eight = side_by_side([arrays(case) for case in eight_on_one_market(5)])
    n, rows = eight.market.flags.shape
    jobs.append(("replay_lanes", (eight.market, eight.orders, m.make_books(n, 1), eight.state, 0, rows)))
    plain = plainly(jobs, tmp_path)
    for (name, arguments), (returned, after) in zip(jobs, plain, strict=True):
        assert getattr(replay, name)(*arguments) == returned
        assert bits(arguments) == bits(after)
