"""Pages: a session's books, which grow by a bar at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.orchestrator.pile import BLOCK, Pile, Place

Floats = NDArray[np.float64]
MARKS = ("equity", "cash", "margin", "drawdown")
CODES = ("action", "outcome", "reason", "cap")


class Pages:
    """What a session leaves behind, as the kernel's books of a backtest of the same bars hold it.

    With a `place` all but the last rows lie in files there.
    """

    def __init__(self, n_instruments: int, place: Place | None = None) -> None:
        self._n, self._place = n_instruments, place
        self._marks = Pile(len(MARKS), np.float64, place)
        self._codes = Pile(len(CODES) * n_instruments, np.uint8, place)
        self._fills = Pile(m.FILL_COLUMNS, np.float64, place)
        self._orders = Pile(m.ORDER_COLUMNS, np.float64, place)
        self._page: m.Books | None = None
        self.first = 0  # the first bar that was booked
        self.last_ns: int | None = None

    def skip(self) -> None:
        """Pass over a bar that only warms up."""
        self._marks.append((np.nan,) * len(MARKS))
        self._codes.append(np.zeros(len(CODES) * self._n, np.uint8))
        self.first = self._marks.count
        self._release()

    def page(self, n_bars: int) -> m.Books:
        """Return empty books of that many bars for the kernel to write one bar's on."""
        if self._page is None or len(self._page.equity) != n_bars:
            self._page = m.make_books(self._n, n_bars, n_rows=64 + 16 * self._n)
        self._page.counts[:] = 0
        return self._page

    def keep(self, page: m.Books, t: int, time_ns: int) -> tuple[Floats, Floats]:
        """Take over what the kernel wrote on bar `t` of the page; return its rows of fills and of orders."""
        bar = self._marks.count
        self._marks.append(tuple(float(getattr(page, name)[t]) for name in MARKS))
        self._codes.append(np.array([getattr(page, name)[:, t] for name in CODES]).ravel())
        for name in CODES:
            getattr(page, name)[:, t] = 0
        self.last_ns = time_ns
        return self.keep_rows(page, bar)

    def keep_rows(self, page: m.Books, bar: int | None = None) -> tuple[Floats, Floats]:
        """Take over the page's rows of fills and orders as those of `bar`, of the last one where none is said."""
        at = self._marks.count - 1 if bar is None else bar
        fills = page.fills[: page.counts[m.N_FILLS]].copy()
        orders = page.orders[: page.counts[m.N_ORDERS]].copy()
        fills[:, m.F_BAR], orders[:, m.O_BAR] = at, at
        self._fills.extend(fills)
        self._orders.extend(orders)
        page.counts[:] = 0
        self._release()
        return fills, orders

    def add_orders(self, rows: Floats) -> None:
        """Add rows of orders that ended between the bars."""
        kept = rows.copy()
        kept[:, m.O_BAR] = self._marks.count - 1
        self._orders.extend(kept)
        self._release()

    def keep_end(self, page: m.Books, t: int) -> None:
        """Take over the account as it was closed out on the last bar."""
        self._marks.put_last([float(getattr(page, name)[t]) for name in MARKS])
        self.keep_rows(page)

    @property
    def last_codes(self) -> NDArray[np.uint8]:
        """The codes of the last bar: action, outcome, reason and cap of each instrument."""
        return self._codes.part(self._codes.count - 1, self._codes.count).reshape(len(CODES), self._n)

    @property
    def last_marks(self) -> dict[str, float]:
        """The account as it was marked last."""
        if self.last_ns is None:
            return {}
        (last,) = self._marks.part(self._marks.count - 1, self._marks.count).tolist()
        return dict(zip(MARKS, last, strict=True))

    @property
    def n_fills(self) -> int:
        """How many fills there were."""
        return self._fills.count

    @property
    def n_held(self) -> int:
        """How many rows are in memory, of all kinds."""
        return sum(pile.n_held for pile in self._piles)

    def books(self) -> m.Books:
        """Return all pages as one."""
        n = self._marks.count
        marks = self._marks.part(0, n)
        codes = self._codes.part(0, n).reshape(n, len(CODES), self._n)
        return m.Books(
            **{name: marks[:, k].copy() for k, name in enumerate(MARKS)},
            **{name: codes[:, k].T.copy() for k, name in enumerate(CODES)},
            fills=self._fills.part(0, self._fills.count).copy(),
            orders=self._orders.part(0, self._orders.count).copy(),
            counts=np.array([self._fills.count, self._orders.count], np.int64),
        )

    def close(self) -> None:
        """Let go of the files."""
        for pile in self._piles:
            pile.close()

    @property
    def _piles(self) -> tuple[Pile[np.float64] | Pile[np.uint8], ...]:
        return self._marks, self._codes, self._fills, self._orders

    def _release(self) -> None:
        """Let all but the last rows leave memory, where they have a place."""
        if self._place is not None:
            for pile in self._piles:
                if pile.n_held > BLOCK:
                    pile.release(pile.count - 1)
