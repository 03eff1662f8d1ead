"""A case run as live runs it: the venue's half on its own state, the orchestrator's on another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import live
from sptrader.kernel import market as m
from sptrader.kernel import state as k
from tests.kernel.adapter import Arrays

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
