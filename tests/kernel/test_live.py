"""The two halves of live, a venue's state and the orchestrator's, together leave what one replay leaves, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sptrader.kernel import live
from sptrader.kernel import market as m
from sptrader.kernel import state as k
from tests.kernel.adapter import arrays, run_arrays
from tests.kernel.drawn import drawn_cases
from tests.kernel.halves import in_two_halves

VENUES_OWN = {k.ORDER_LEFT, k.ORDER_SESSION, k.IS_TRIGGERED}
POSITION = (k.QUANTITY, k.AVERAGE, k.STOP, k.TARGET, k.TRAIL, k.BEST, k.MARGIN, k.UNREALISED)


@pytest.mark.parametrize("seed_", [5, 6])
def test_venue_and_orchestrator_together_are_one_replay(seed_: int) -> None:
    n_fills = 0
    for case in drawn_cases(60, seed_=seed_):
        whole, halves = arrays(case), arrays(case)
        expected = run_arrays(whole, at_end=False)
        books, venue = in_two_halves(halves)
        n_fills += books.counts[m.N_FILLS]
        for name in m.Books._fields:
            found, wanted = getattr(books, name), getattr(expected, name)
            if name in ("fills", "orders"):
                found, wanted = found[: len(wanted)], wanted
            assert found.tobytes() == wanted.tobytes(), name
        n = len(case.instruments)
        kept = list(range(k.ACCOUNT_FIELDS))
        kept += [k.block(i, 1) + f for i in range(n) for f in range(k.FILL) if f not in VENUES_OWN]
        assert halves.state[kept].tobytes() == whole.state[kept].tobytes()
        money = [k.CASH, k.EQUITY, k.USED_MARGIN] + [k.block(i, 1) + f for i in range(n) for f in POSITION]
        assert venue[money].tobytes() == halves.state[money].tobytes()
    assert n_fills > 300


def a_long_entry_of_ten() -> NDArray[np.float64]:
    s = k.empty_state(1)
    p = s[k.block(0, 1) :]
    p[[k.STOP_FRACTION, k.TARGET_FRACTION, k.TRAIL_FRACTION, k.TARGET_DISTANCE, k.TRAIL_DISTANCE]] = np.nan
    p[[k.STEP_TOP, k.STEP_BOTTOM, k.CONTRACT_SIZE, k.MARGIN_RATE]] = 1.0, 100.0, 1.0, 0.1
    p[[k.SIDE, k.ORDER_QUANTITY, k.STOP_DISTANCE]] = 1.0, 10.0, 5.0
    s[[k.N_WORKING, k.RESERVED_MARGIN]] = 1.0, 100.0
    p[k.ORDER_MARGIN] = 100.0
    return s


def take(s: NDArray[np.float64], quantity: float, *, held: float) -> NDArray[np.float64]:
    row, books = np.zeros(m.FILL_COLUMNS), m.make_books(1, 1, n_rows=4)
    row[[m.F_QUANTITY, m.F_PRICE, m.F_RAW, m.F_HELD]] = quantity, 100.0, 100.0, held
    p = s[k.block(0, 1) :]
    live.take_fill(books.fills, books.counts, 0, 0, row, s, p)
    return p


def test_a_late_fill_of_a_cancelled_entry_leaves_the_working_one_alone() -> None:
    s = a_long_entry_of_ten()
    p = take(s, 4.0, held=2.0)
    assert (p[k.QUANTITY], p[k.SIDE], p[k.ORDER_QUANTITY], p[k.IS_ADD]) == (4.0, 1.0, 10.0, 1.0)
    assert (s[k.N_OPEN], s[k.N_WORKING]) == (1.0, 0.0)
    assert s[k.RESERVED_MARGIN] == p[k.ORDER_MARGIN] == 100.0  # 10 x 100 x 0.1


def test_a_part_that_opens_anew_counts_no_add() -> None:
    p = take(a_long_entry_of_ten(), 4.0, held=1.0)
    assert p[k.ADDS] == 0.0
    assert p[k.ORDER_QUANTITY] == 6.0


def test_dust_of_several_parts_is_no_position() -> None:
    s = a_long_entry_of_ten()
    take(s, 0.1, held=2.0)
    take(s, 0.7, held=2.0)
    p = take(s, -0.8, held=0.0)  # 0.1 + 0.7 is 0.7999999999999999
    assert (p[k.QUANTITY], s[k.N_OPEN]) == (0.0, 0.0)
