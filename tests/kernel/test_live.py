"""The two halves of live, a venue's state and the orchestrator's, together leave what one replay leaves, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sptrader.kernel import live
from sptrader.kernel import market as m
from sptrader.kernel import state as k
from tests.kernel.adapter import Arrays, arrays, run_arrays
from tests.kernel.drawn import drawn_cases

# what is told to the venue with an entry order; what becomes of it there is the venue's
ENTRY = (
    k.SIDE,
    k.ORDER_QUANTITY,
    k.ORDER_LIMIT,
    k.ORDER_STOP,
    k.ORDER_LEFT,
    k.ORDER_SESSION,
    k.IS_TRIGGERED,
    k.IS_ADD,
    k.ORDER_MARGIN,
    k.STOP_DISTANCE,
    k.TARGET_DISTANCE,
    k.TRAIL_DISTANCE,
)
VENUES_OWN = {k.ORDER_LEFT, k.ORDER_SESSION, k.IS_TRIGGERED}
POSITION = (k.QUANTITY, k.AVERAGE, k.STOP, k.TARGET, k.TRAIL, k.BEST, k.MARGIN, k.UNREALISED)


def in_two_halves(given: Arrays) -> tuple[m.Books, NDArray[np.float64]]:
    """Run a case with the venue's half on its own state; return the orchestrator's books and the venue's state."""
    n, rows = given.market.flags.shape
    books = m.make_books(n, rows, n_rows=4 * n * (rows + 1))
    venue, seen = given.state.copy(), m.make_books(n, 1, n_rows=4 * n * (rows + 1))
    for t in range(rows):
        at_fill, at_gone, at_order = seen.counts[m.N_FILLS], seen.counts[m.N_ORDERS], books.counts[m.N_ORDERS]
        live.meet_bar(given.market, seen, venue, t)
        fills = seen.fills[at_fill : seen.counts[m.N_FILLS]].copy()
        gone = seen.orders[at_gone : seen.counts[m.N_ORDERS]].copy()
        fills[:, m.F_HELD] = 0.0
        live.book_bar(given.market, given.orders, books, given.state, t, fills, gone)
        for row in books.orders[at_order : books.counts[m.N_ORDERS]]:
            i = int(row[m.O_INSTRUMENT])
            at = k.block(i, 1)
            if row[m.O_QUANTITY] != 0.0:
                venue[[at + field for field in ENTRY]] = given.state[[at + field for field in ENTRY]]
            elif venue[at + k.SIDE] != 0.0:
                live.take_off(venue, i)
        for i in range(n):
            at = k.block(i, 1)
            venue[[at + k.WANT, at + k.WANT_REASON]] = given.state[[at + k.WANT, at + k.WANT_REASON]]
    return books, venue


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
