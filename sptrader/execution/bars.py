"""Bars: the paper venue that fills on closed bars, with the kernel's own matching on a state of its own.

Orders that were placed before a bar meet it exactly as they do in a backtest; what the venue holds is what a broker would: a
balance, positions and their protection, working entries.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from sptrader.errors import BrokerError
from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.model.ids import client_order_id
from sptrader.model.orders import (
    Amend,
    Bracket,
    BrokerAccount,
    BrokerPosition,
    Cancel,
    Fill,
    Leg,
    OpenOrder,
    Order,
    OrderStatus,
    OrderUpdate,
    Report,
)
from sptrader.model.reasons import Reason

Floats = NDArray[np.float64]
_INSIDE: dict[float, Literal["", "limit", "stop"]] = {0.0: "", k.BY_LIMIT: "limit", k.BY_STOP: "stop"}
_LEGS: dict[float, Leg] = {k.STOP_LOSS: "stop", k.TAKE_PROFIT: "target", k.TRAILING_STOP: "trail"}
_LEVELS: dict[Leg, int] = {"stop": k.STOP, "target": k.TARGET, "trail": k.TRAIL}
_ENDS = {k.MARGIN_AT_FILL: OrderStatus.REJECTED, k.CANCELLED_BY_EXIT: OrderStatus.CANCELLED}
_CODES = {reason.word: reason for reason in Reason}
_TYPES = {"market": k.MARKET, "limit": k.LIMIT, "stop": k.STOP_ENTRY, "stop_limit": k.STOP_LIMIT}


Arrays = Callable[[int], "tuple[m.Market, int] | None"]  # the bars that opened at a time, and their place in the arrays


class BarVenue:
    """A pretend exchange on bars. `state` is an opened account with the instruments `symbols`, which it owns from now on.

    `arrays` finds the bars of a time, None where no instrument has one. `account`, `strategy` and `version` name the children it
    makes. One entry and one exit work in an instrument at a time.
    """

    def __init__(
        self,
        state: Floats,
        symbols: Sequence[str],
        arrays: Arrays,
        *,
        account: str,
        currency: str,
        strategy: str,
        version: str,
    ) -> None:
        self.state, self.symbols, self._arrays = state, tuple(symbols), arrays
        self._account, self._currency = account, currency
        self._name = (account, strategy, version)
        self._entries: dict[int, str] = {}
        self._exits: dict[int, str] = {}
        self._children: dict[int, dict[Leg, str]] = {}
        self._counts: Counter[tuple[str, int, str]] = Counter()  # of the children made on one bar
        self._counted_ns = 0
        self._books: m.Books | None = None

    def place(self, order: Order) -> list[Report]:
        """Let an order work from the next bar on, or refuse it."""
        i = self._instrument(order.symbol)
        fault = self._exit_fault(order, i) if order.leg == "exit" else self._entry_fault(order, i)
        if fault:
            return [self._update(order.client_order_id, i, OrderStatus.REJECTED, fault, order.created_at)]
        p = self._fields(i)
        before = self._exits.get(i)
        if order.leg == "exit":
            p[k.WANT] = k.REVERSE if order.is_reversal else k.CLOSE
            p[k.WANT_REASON] = k.EXIT_SIGNAL if order.reason == "signal" else float(_CODES[order.reason])
            self._exits[i] = order.client_order_id
        else:
            self._place_entry(order, i, p)
        reports: list[Report] = [
            self._update(order.client_order_id, i, OrderStatus.ACCEPTED, "accepted", order.created_at)
        ]
        if before is not None and order.leg == "exit":  # a newer one takes its place
            ended = self._update(before, i, OrderStatus.CANCELLED, Reason.REPLACED.word, order.created_at)
            reports.append(ended)
        return reports

    def _exit_fault(self, order: Order, i: int) -> str:
        held = self._fields(i)[k.QUANTITY]
        if held == 0.0 or (held > 0.0) != (order.side == "sell"):
            return "no_position"
        return "" if order.reason in _CODES else "unknown_reason"

    def _entry_fault(self, order: Order, i: int) -> str:
        if i in self._entries:
            return "entry_working"
        known = self.state[k.ORDER_TYPE if order.side == "buy" else k.SHORT_ORDER_TYPE]
        return "" if _TYPES[order.type] == known else "other_type"

    def _place_entry(self, order: Order, i: int, p: Floats) -> None:
        self._entries[i] = order.client_order_id
        if order.is_reversal and p[k.WANT] == k.CLOSE:
            p[k.WANT] = k.REVERSE
        p[k.SIDE], p[k.ORDER_QUANTITY] = 1.0 if order.side == "buy" else -1.0, float(order.quantity)
        p[k.ORDER_LIMIT] = math.nan if order.limit_price is None else float(order.limit_price)
        p[k.ORDER_STOP] = math.nan if order.stop_price is None else float(order.stop_price)
        p[k.ORDER_LEFT] = math.inf if order.expires_bars is None else float(order.expires_bars)
        p[k.ORDER_SESSION] = p[k.IS_TRIGGERED] = p[k.ORDER_MARGIN] = 0.0
        p[k.IS_ADD] = float(not order.is_reversal and p[k.QUANTITY] != 0.0)
        bracket = order.bracket or Bracket()
        for field, distance in (
            (k.STOP_DISTANCE, bracket.stop_distance),
            (k.TARGET_DISTANCE, bracket.target_distance),
            (k.TRAIL_DISTANCE, bracket.trail_distance),
        ):
            p[field] = math.nan if distance is None else distance

    def amend(self, amend: Amend) -> list[Report]:
        """Change nothing: on bars protection is the venue's own, and moves with them."""
        return []

    def cancel(self, cancel: Cancel) -> list[Report]:
        """Take an entry, an exit or a child off; nothing happens where it no longer works."""
        from sptrader.kernel.live import take_off

        i, order_id = self._instrument(cancel.symbol), cancel.client_order_id
        p, children = self._fields(i), self._children.get(i, {})
        leg = next((leg for leg, child in children.items() if child == order_id), None)
        if self._entries.get(i) == order_id:
            del self._entries[i]
            take_off(self.state, i)
        elif self._exits.get(i) == order_id:
            del self._exits[i]
            p[k.WANT], p[k.WANT_REASON] = k.STAY, k.NOTHING
        elif leg is not None:
            del children[leg]
            p[_LEVELS[leg]] = math.nan
        else:
            return []
        return [self._update(order_id, i, OrderStatus.CANCELLED, cancel.reason, cancel.created_at)]

    def meet(self, time_ns: int, *, is_closed: bool) -> list[Report]:
        """Let all orders meet the bars that opened at `time_ns`, once they are closed; return what happened, in its order."""
        from sptrader.kernel.live import meet_bar

        found = self._arrays(time_ns) if is_closed else None
        if found is None:
            return []
        market, t = found
        if self._books is None:
            self._books = m.make_books(len(self.symbols), 1, n_rows=64 + 16 * len(self.symbols))
        books = self._books
        books.counts[:] = 0
        meet_bar(market, books, self.state, t)
        reports: list[Report] = []
        for row in books.fills[: books.counts[m.N_FILLS]]:
            reports += self._filled(row, time_ns)
        for row in books.orders[: books.counts[m.N_ORDERS]]:
            i = int(row[m.O_INSTRUMENT])
            ended = self._entries.pop(i)
            status = _ENDS.get(float(row[m.O_REASON]), OrderStatus.EXPIRED)
            reports.append(self._update(ended, i, status, Reason(int(row[m.O_REASON])).word, time_ns))
        return [*reports, *self._outrun(time_ns)]

    def _outrun(self, time_ns: int) -> list[Report]:
        """End the exits whose position another order has closed."""
        reports: list[Report] = []
        for i in [i for i in self._exits if self._fields(i)[k.QUANTITY] == 0.0]:
            ended = self._exits.pop(i)
            reports.append(self._update(ended, i, OrderStatus.CANCELLED, Reason.NO_POSITION.word, time_ns))
        return reports

    def last_price(self, symbol: str) -> tuple[float, float]:
        """Return the mid of the last close and account currency per quote currency then; nan before the first bar."""
        p = self._fields(self._instrument(symbol))
        mid = float(p[k.BID_CLOSE] + p[k.ASK_CLOSE]) / 2.0
        if not mid > 0.0:
            return math.nan, math.nan
        rate = {k.IS_QUOTE: 1.0, k.IS_BASE: 1.0 / mid}.get(float(p[k.RATE_KIND]), float(p[k.RATE_CLOSE]))
        return mid, rate

    def positions(self) -> list[BrokerPosition]:
        """Return what is held."""
        return [
            BrokerPosition(symbol=s, quantity=_decimal(p[k.QUANTITY]), average_price=float(p[k.AVERAGE]))
            for i, s in enumerate(self.symbols)
            if (p := self._fields(i))[k.QUANTITY] != 0.0
        ]

    def account_state(self) -> BrokerAccount:
        """Return whose account this is and what was in it at the last close."""
        return BrokerAccount(
            account=self._account,
            currency=self._currency,
            balance=float(self.state[k.CASH]),
            equity=float(self.state[k.EQUITY]),
            used_margin=float(self.state[k.USED_MARGIN]),
        )

    def _child(self, order_id: str, i: int, leg: Leg, held: float, parent: str, price: Decimal | None) -> OpenOrder:
        return OpenOrder(
            client_order_id=order_id,
            symbol=self.symbols[i],
            side="sell" if held > 0.0 else "buy",
            quantity=_decimal(abs(held)),
            filled=Decimal(0),
            status=OrderStatus.ACCEPTED,
            type=leg,
            leg=leg,
            parent=parent,
            limit_price=price if leg == "target" else None,
            stop_price=price if leg == "stop" else None,
        )

    def _filled(self, row: Floats, time_ns: int) -> list[Report]:
        i, reason = int(row[m.F_INSTRUMENT]), float(row[m.F_REASON])
        is_closing = row[m.F_QUANTITY] * row[m.F_HELD_QUANTITY] < 0.0
        ended: list[Report] = []
        leg: Leg
        if not is_closing:
            leg, order_id = "entry", self._entries.pop(i)
        else:
            children = self._children.pop(i, {})
            leg = _LEGS.get(reason, "exit")
            order_id = self._exits.pop(i, "") if leg == "exit" else children.pop(leg)
            ended = [
                self._update(child, i, OrderStatus.CANCELLED, Reason.OCO.word, time_ns) for child in children.values()
            ]
        fill = Fill(
            fill_id=f"{order_id}:0",  # on bars an order is filled once, or not
            client_order_id=order_id,
            symbol=self.symbols[i],
            side="buy" if row[m.F_QUANTITY] > 0.0 else "sell",
            quantity=_decimal(abs(row[m.F_QUANTITY])),
            price=_decimal(row[m.F_PRICE]),
            fee=float(row[m.F_FEE]),
            time=time_ns,
            leg=leg,
            reason=Reason(int(reason)).word,
            is_closing=bool(is_closing),
            raw_price=float(row[m.F_RAW]),
            half_spread=float(row[m.F_HALF]),
            inside="" if is_closing else _INSIDE[float(row[m.F_INSIDE])],
            is_ambiguous=bool(row[m.F_AMBIGUOUS] > 0.0),
            rate=float(row[m.F_RATE]) if self._fields(i)[k.RATE_KIND] == k.BY_PAIR else None,
        )
        return [fill, *ended, *(self._made_children(row, i, order_id, time_ns) if not is_closing else ())]

    def _made_children(self, row: Floats, i: int, parent: str, time_ns: int) -> list[Report]:
        """Make what protects an entry, in place of what protected the position before."""
        p, held = self._fields(i), float(row[m.F_HELD_QUANTITY] + row[m.F_QUANTITY])
        reports: list[Report] = [
            self._update(child, i, OrderStatus.CANCELLED, Reason.REPLACED.word, time_ns)
            for child in self._children.pop(i, {}).values()
        ]
        if time_ns != self._counted_ns:
            self._counted_ns, self._counts = time_ns, Counter()
        made: dict[Leg, str] = {}
        kinds: tuple[tuple[Leg, int], ...] = (("stop", k.HAS_STOP), ("target", k.HAS_TARGET), ("trail", k.HAS_TRAIL))
        for leg, has in kinds:
            if p[has] > 0.0:
                key = (self.symbols[i], time_ns, leg)
                made[leg] = client_order_id(*self._name, *key, self._counts[key])
                self._counts[key] += 1
                level = row[m.F_TARGET] if leg == "target" else row[m.F_STOP] if leg == "stop" else math.nan
                child = self._child(made[leg], i, leg, held, parent, None if math.isnan(level) else _decimal(level))
                update = self._update(made[leg], i, OrderStatus.ACCEPTED, "made", time_ns)
                reports.append(msgspec.structs.replace(update, made=child))
        self._children[i] = made
        return reports

    def _update(self, order_id: str, i: int, status: OrderStatus, reason: str, time_ns: int) -> OrderUpdate:
        return OrderUpdate(
            update_id=f"{order_id}:{status.value}",
            client_order_id=order_id,
            symbol=self.symbols[i],
            status=status,
            reason=reason,
            time=time_ns,
        )

    def _instrument(self, symbol: str) -> int:
        if symbol not in self.symbols:
            raise BrokerError(
                f"{symbol} is not traded in this account; allowed are {', '.join(self.symbols)}.",
                key="symbol",
                value=symbol,
            )
        return self.symbols.index(symbol)

    def _fields(self, i: int) -> Floats:
        return self.state[k.block(i, 1) : k.block(i + 1, 1)]


def _decimal(value: float) -> Decimal:
    """The shortest decimal that is this float."""
    return Decimal(int(value)) if value == int(value) else Decimal(repr(float(value)))
