"""Pages: a session's books, which grow by a bar at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import market as m

Floats = NDArray[np.float64]
MARKS = ("equity", "cash", "margin", "drawdown")
CODES = ("action", "outcome", "reason", "cap")


class Pages:
    """What a session leaves behind, as the kernel's books of a backtest of the same bars hold it."""

    def __init__(self, n_instruments: int) -> None:
        self._n = n_instruments
        self._marks: list[tuple[float, ...]] = []
        self._codes: list[NDArray[np.uint8]] = []
        self._fills: list[Floats] = []
        self._orders: list[Floats] = []
        self._page: m.Books | None = None
        self.first = 0  # the first bar that was booked
        self.last_ns: int | None = None

    def skip(self) -> None:
        """Pass over a bar that only warms up."""
        self._marks.append((np.nan,) * len(MARKS))
        self._codes.append(np.zeros((len(CODES), self._n), np.uint8))
        self.first = len(self._marks)

    def page(self, n_bars: int) -> m.Books:
        """Return empty books of that many bars for the kernel to write one bar's on."""
        if self._page is None or len(self._page.equity) != n_bars:
            self._page = m.make_books(self._n, n_bars, n_rows=64 + 16 * self._n)
        self._page.counts[:] = 0
        return self._page

    def keep(self, page: m.Books, t: int, time_ns: int) -> tuple[Floats, Floats]:
        """Take over what the kernel wrote on bar `t` of the page; return its rows of fills and of orders."""
        bar = len(self._marks)
        self._marks.append(tuple(float(getattr(page, name)[t]) for name in MARKS))
        self._codes.append(np.array([getattr(page, name)[:, t] for name in CODES]))
        for name in CODES:
            getattr(page, name)[:, t] = 0
        self.last_ns = time_ns
        return self.keep_rows(page, bar)

    def keep_rows(self, page: m.Books, bar: int | None = None) -> tuple[Floats, Floats]:
        """Take over the page's rows of fills and orders as those of `bar`, of the last one where none is said."""
        at = len(self._marks) - 1 if bar is None else bar
        fills = page.fills[: page.counts[m.N_FILLS]].copy()
        orders = page.orders[: page.counts[m.N_ORDERS]].copy()
        fills[:, m.F_BAR], orders[:, m.O_BAR] = at, at
        self._fills.extend(fills)
        self._orders.extend(orders)
        page.counts[:] = 0
        return fills, orders

    def add_orders(self, rows: Floats) -> None:
        """Add rows of orders that ended between the bars."""
        kept = rows.copy()
        kept[:, m.O_BAR] = len(self._marks) - 1
        self._orders.extend(kept)

    def keep_end(self, page: m.Books, t: int) -> None:
        """Take over the account as it was closed out on the last bar."""
        self._marks[-1] = tuple(float(getattr(page, name)[t]) for name in MARKS)
        self.keep_rows(page)

    @property
    def last_codes(self) -> NDArray[np.uint8]:
        """The codes of the last bar: action, outcome, reason and cap of each instrument."""
        return self._codes[-1]

    @property
    def last_marks(self) -> dict[str, float]:
        """The account as it was marked last."""
        return dict(zip(MARKS, self._marks[-1], strict=True)) if self.last_ns is not None else {}

    @property
    def n_fills(self) -> int:
        """How many fills there were."""
        return len(self._fills)

    def books(self) -> m.Books:
        """Return all pages as one."""
        n = len(self._marks)
        marks = np.array(self._marks).reshape(n, len(MARKS))
        codes = np.array(self._codes, np.uint8).reshape(n, len(CODES), self._n)
        return m.Books(
            **{name: np.ascontiguousarray(marks[:, k]) for k, name in enumerate(MARKS)},
            **{name: np.ascontiguousarray(codes[:, k].T) for k, name in enumerate(CODES)},
            fills=np.array(self._fills).reshape(-1, m.FILL_COLUMNS),
            orders=np.array(self._orders).reshape(-1, m.ORDER_COLUMNS),
            counts=np.array([len(self._fills), len(self._orders)], np.int64),
        )
