"""Orders: every order of a run as plain data, with the fills that belong to it, worked out from the kernel's books.

An entry is an order decided at a bar's close. Its stop, target and trailing stop are orders made at its fill, siblings of
which one at most is filled. A decided exit is a market order of its own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass, fields

import numpy as np
import pandas as pd

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.kernel.prices import TOLERANCE
from sptrader.model.ids import PAPER, client_order_id
from sptrader.model.reasons import Reason
from sptrader.orchestrator.account import entry_order
from sptrader.orchestrator.backtest import Outcome
from sptrader.orchestrator.prices import step_fraction
from sptrader.orchestrator.tables import fill_rows, with_texts

_CANCELLED = {k.CANCELLED_BY_EXIT, k.REPLACED, k.DRAWDOWN_LIMIT, k.DAILY_LOSS, k.MARGIN_CALL}
_REJECTED = {Reason.MARGIN_AT_FILL, Reason.REJECTED, Reason.ORDER_NOTIONAL}  # at the fill, or before it was sent
_LIMITS = {Reason.RISK_HALT, Reason.DAILY_LOSS, Reason.MARGIN_CALL}
_LEAVING = (k.LEAVE, k.REVERSE_LONG, k.REVERSE_SHORT)
_EXIT, _ENTRY, _CHILD = range(3)  # what is made at one time: exits first, and children at the fills after it
_PROTECTION = {
    Reason.STOP_LOSS: "stop_loss",
    Reason.TAKE_PROFIT: "take_profit",
    Reason.TRAILING_STOP: "trailing_stop",
}


@dataclass
class _Order:
    """A row of the orders table; times in nanoseconds, 0 for none."""

    client_order_id: str
    symbol: str
    side: str
    quantity: float
    type: str
    price: float
    stop_price: float
    time_in_force: str
    created_at: int
    status: str
    reason: str
    parent: str
    ended_at: int
    ended_by: str
    rank: int


@dataclass
class _Book:
    """What is open in one instrument while its story is read."""

    working: _Order | None = None
    children: tuple[_Order, ...] = ()
    entry: str = ""


def order_tables(outcome: Outcome) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the orders and the fills of a run, in the order in which they were made.

    Order `status` is `filled`, `cancelled`, `expired`, `rejected` or `working`; `ended_by` says why it ended. `created_at` is
    the time of the decision, of children that of the entry's fill. An order that ended unfilled ended at a bar's close, unless
    it was rejected, which is by the bar's open. The `stop_price` of a trailing stop is where it began. A fill's `time` is the
    open of the bar it happened in, `spread_cost` and `slippage_cost` are in account currency.
    """
    return _Story(outcome).tables()


class _Story:
    """Reads placed and ended entries and fills in the order of time, and writes orders and fills."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.orders: list[_Order] = []
        self.fill_ids: list[str] = []
        self.books = [_Book() for _ in outcome.market.symbols]
        self.counts: Counter[tuple[object, ...]] = Counter()

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        books = self.outcome.books
        fills = fill_rows(self.outcome)
        placed = books.orders[: books.counts[m.N_ORDERS]]
        done = 0
        for row in fills:
            # what was placed before this bar's fills; what ended on this bar ended after them
            while done < len(placed) and placed[done, m.O_BAR] < row[m.F_BAR]:
                self._place(placed[done])
                done += 1
            self._fill(row)
        for row in placed[done:]:
            self._place(row)
        self._leave_working()
        made = sorted(self.orders, key=lambda order: (order.created_at, order.rank))
        names = [field.name for field in fields(_Order)]
        orders = pd.DataFrame([astuple(order) for order in made], columns=names).drop(columns="rank")
        for column in ("created_at", "ended_at"):
            stamps = orders[column].to_numpy(np.int64)
            orders[column] = pd.DatetimeIndex(np.where(stamps == 0, np.iinfo(np.int64).min, stamps), tz="UTC")
        for column in ("quantity", "price", "stop_price"):
            orders[column] = orders[column].astype(np.float64)
        return with_texts(orders), with_texts(self._fills_table(fills))

    def _place(self, row: np.ndarray) -> None:
        book = self.books[int(row[m.O_INSTRUMENT])]
        bar = int(row[m.O_BAR])
        if row[m.O_QUANTITY] == 0.0:
            reason = row[m.O_REASON]
            is_rejected = reason in _REJECTED
            status = "rejected" if is_rejected else "cancelled" if reason in _CANCELLED else "expired"
            ended_at = self._opened(bar) if is_rejected else self._decided(bar)
            self._end(book.working, status, Reason(int(reason)).word, ended_at)
            book.working = None
            return
        spec = entry_order(self.outcome.plan, 1 if row[m.O_QUANTITY] > 0.0 else -1)
        order = self._make(
            row,
            bar,
            leg="entry",
            quantity=row[m.O_QUANTITY],
            type_=spec.type,
            price=row[m.O_LIMIT],
            stop=row[m.O_STOP],
            created_at=self._decided(bar),
            reason=Reason(int(row[m.O_REASON])).word,
            tif=spec.time_in_force,
            rank=_ENTRY,
        )
        book.working = order

    def _fill(self, row: np.ndarray) -> None:
        book = self.books[int(row[m.F_INSTRUMENT])]
        bar = int(row[m.F_BAR])
        opened = self._opened(bar)
        if row[m.F_QUANTITY] * row[m.F_HELD_QUANTITY] >= 0.0 and book.working is not None:
            order = book.working
            self._end(order, "filled", "filled", opened)
            book.working = None
            if row[m.F_HELD_QUANTITY] == 0.0:
                book.entry = order.client_order_id
            self.fill_ids.append(order.client_order_id)
            self._protect(row, bar, book)
            return
        reason = Reason(int(row[m.F_REASON]))
        filled = None
        for child in book.children:
            is_it = child.type == _PROTECTION.get(reason)
            self._end(child, "filled" if is_it else "cancelled", "filled" if is_it else Reason.OCO.word, opened)
            filled = child if is_it else filled
        if filled is None:
            if reason is Reason.END:
                self._end(self._unfilled_exit(row, book), "cancelled", reason.word, self._decided(bar))
            filled = self._exit(row, bar if reason is Reason.END else self._exit_bar(row, bar, reason), reason, book)
            self._end(filled, "filled", "filled", opened)
        book.children = ()
        self.fill_ids.append(filled.client_order_id)

    def _exit(self, row: np.ndarray, bar: int, reason: Reason, book: _Book) -> _Order:
        """The market order that was decided on `bar` to close what `row` closes."""
        return self._make(
            row,
            bar,
            leg="exit",
            quantity=row[m.F_QUANTITY],
            type_="market",
            created_at=self._decided(bar),
            reason=reason.word,
            parent=book.entry,
            rank=_EXIT,
        )

    def _unfilled_exit(self, row: np.ndarray, book: _Book) -> _Order | None:
        """The exit decided on the instrument's last bar, which no bar was left to fill."""
        books, i = self.outcome.books, int(row[m.F_INSTRUMENT])
        last = self._own_bar_before(i, len(self.outcome.market.times_ns))
        if books.outcome[i, last] != k.ORDERED or books.action[i, last] not in _LEAVING:
            return None
        is_leave = books.action[i, last] == k.LEAVE
        return self._exit(row, last, Reason(int(books.reason[i, last])) if is_leave else Reason.EXIT_SIGNAL, book)

    def _leave_working(self) -> None:
        """Make the exits that were decided and have met no bar of their instrument since."""
        s, n = self.outcome.state, len(self.outcome.market.times_ns)
        for i, book in enumerate(self.books):
            at = k.block(i, 1)
            if s[at + k.QUANTITY] == 0.0 or s[at + k.WANT] == k.STAY:
                continue
            row = np.zeros(m.FILL_COLUMNS)
            row[m.F_INSTRUMENT], row[m.F_QUANTITY] = i, -s[at + k.QUANTITY]
            reason = Reason(int(s[at + k.WANT_REASON]))
            self._exit(row, self._exit_bar(row, n, reason), reason, book)

    def _exit_bar(self, row: np.ndarray, until: int, reason: Reason) -> int:
        """The bar on which the exit that fills on bar `until` was decided: its own last one, or a limit's breach since."""
        books, i = self.outcome.books, int(row[m.F_INSTRUMENT])
        own = self._own_bar_before(i, until)
        if reason in _LIMITS and not (books.outcome[i, own] == k.ORDERED and books.action[i, own] == k.LEAVE):
            since = slice(own + 1, until)
            breached = (books.outcome[:, since] == k.ORDERED) & (books.reason[:, since] == reason)
            found = np.flatnonzero(breached.any(axis=0))
            return own + 1 + int(found[0]) if len(found) else own
        return own

    def _protect(self, row: np.ndarray, bar: int, book: _Book) -> None:
        """Make the children of an entry; an add's tighter stop takes the place of the old ones."""
        plan = self.outcome.plan
        for child in book.children:
            self._end(child, "cancelled", Reason.REPLACED.word, self._opened(bar))
        kinds = (
            ("stop", "stop_loss", plan.stop_loss),
            ("target", "take_profit", plan.take_profit),
            ("trail", "trailing_stop", plan.trailing_stop),
        )
        quantity = -(row[m.F_HELD_QUANTITY] + row[m.F_QUANTITY])
        levels = {"stop": row[m.F_STOP], "target": row[m.F_TARGET], "trail": self._first_trail(row, book)}
        book.children = tuple(
            self._make(
                row,
                bar,
                leg=leg,
                quantity=quantity,
                type_=type_,
                price=levels[leg] if leg == "target" else np.nan,
                stop=levels[leg] if leg != "target" else np.nan,
                created_at=self._opened(bar),
                reason=type_,
                parent=book.entry,
                rank=_CHILD,
            )
            for leg, type_, distance in kinds
            if distance is not None
        )

    def _first_trail(self, row: np.ndarray, book: _Book) -> float:
        """Where a trailing stop begins: its distance from the first entry's fill, on the step."""
        before = [child.stop_price for child in book.children if child.type == "trailing_stop"]
        if before:
            return before[0]
        side = 1.0 if row[m.F_QUANTITY] > 0.0 else -1.0
        symbol = self.outcome.market.symbols[int(row[m.F_INSTRUMENT])]
        top, bottom = step_fraction(self.outcome.market.instruments[symbol].price_step)
        steps = (row[m.F_PRICE] - side * row[m.F_TRAIL]) * bottom / top
        return float((np.floor(steps + TOLERANCE) if side > 0.0 else np.ceil(steps - TOLERANCE)) * top / bottom)

    def _make(
        self,
        row: np.ndarray,
        bar: int,
        *,
        leg: str,
        quantity: float,
        type_: str,
        created_at: int,
        reason: str,
        rank: int,
        price: float = np.nan,
        stop: float = np.nan,
        tif: str = "gtc",
        parent: str = "",
    ) -> _Order:
        strategy = self.outcome.plan.strategy
        symbol = self.outcome.market.symbols[int(row[m.F_INSTRUMENT])]  # the same column in rows of orders
        key = (symbol, bar, leg)
        order_id = client_order_id(
            PAPER, strategy.name, str(strategy.version), symbol, self._opened(bar), leg, self.counts[key]
        )
        self.counts[key] += 1
        order = _Order(
            client_order_id=order_id,
            symbol=symbol,
            side="buy" if quantity > 0 else "sell",
            quantity=abs(float(quantity)),
            type=type_,
            price=float(price),
            stop_price=float(stop),
            time_in_force=tif,
            created_at=created_at,
            status="working",
            reason=reason,
            parent=parent,
            ended_at=0,
            ended_by="",
            rank=rank,
        )
        self.orders.append(order)
        return order

    def _end(self, order: _Order | None, status: str, why: str, at_ns: int) -> None:
        if order is not None:
            order.status, order.ended_by, order.ended_at = status, why, at_ns

    def _opened(self, bar: int) -> int:
        return int(self.outcome.market.times_ns[bar])

    def _own_bar_before(self, i: int, bar: int) -> int:
        rows = self.outcome.market.rows[self.outcome.market.symbols[i]]
        return int(rows[np.searchsorted(rows, bar) - 1])

    def _decided(self, bar: int) -> int:
        return self._opened(bar) + self.outcome.market.timeframe_ns

    def _fills_table(self, f: np.ndarray) -> pd.DataFrame:
        quantity, rate = np.abs(f[:, m.F_QUANTITY]), f[:, m.F_RATE]
        opened = self.outcome.market.times_ns[f[:, m.F_BAR].astype(np.int64)]
        traded = np.asarray(self.outcome.market.symbols, object)[f[:, m.F_INSTRUMENT].astype(np.int64)]
        is_closing = f[:, m.F_QUANTITY] * f[:, m.F_HELD_QUANTITY] < 0.0
        reasons = np.array([Reason(int(code)).word for code in f[:, m.F_REASON]], object)
        return pd.DataFrame(
            {
                "client_order_id": np.asarray(self.fill_ids, object),
                "symbol": traded,
                "side": np.where(f[:, m.F_QUANTITY] > 0, "buy", "sell").astype(object),
                "quantity": quantity,
                "price": f[:, m.F_PRICE],
                "fee": f[:, m.F_FEE],
                "time": pd.DatetimeIndex(opened, tz="UTC"),
                "effect": np.where(is_closing, "close", "open").astype(object),
                "reason": reasons,
                "spread_cost": quantity * f[:, m.F_HALF] * rate,
                "slippage_cost": quantity * np.abs(f[:, m.F_PRICE] - f[:, m.F_RAW]) * rate,
                "rate": rate,
                "ambiguous": f[:, m.F_AMBIGUOUS] > 0.0,
            }
        )
