"""Session: the orchestrator's state while bars, signals and fills arrive; each bar is the backtest's step in another order.

A session is a fold of its inputs: the same inputs in the same order give the same state, instructions and tables. It opens no
socket or clock, and a file only where it is given a place: who runs it journals the inputs and sends the instructions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import RunError
from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.model.bars import BarsFacts
from sptrader.model.instrument import Instrument
from sptrader.model.messages import ColumnsMessage
from sptrader.model.orders import Fill, Instruction, NightCharge, Report
from sptrader.model.reasons import Action, Reason
from sptrader.model.reasons import Outcome as Decided
from sptrader.model.timeframe import make_timeframe
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.arriving import Arriving
from sptrader.orchestrator.asks import Rules, make_orders, make_rules
from sptrader.orchestrator.backtest import Outcome
from sptrader.orchestrator.causal import Causal
from sptrader.orchestrator.columns import Columns, signal_columns
from sptrader.orchestrator.filters import filter_codes
from sptrader.orchestrator.instructions import Writer, exact
from sptrader.orchestrator.market import MarketData
from sptrader.orchestrator.nights import NightRates
from sptrader.orchestrator.nights_told import NightsTold
from sptrader.orchestrator.pages import Pages
from sptrader.orchestrator.pile import BLOCK, Place
from sptrader.orchestrator.reported import reported_rows
from sptrader.orchestrator.tail import ENDED_NS, Tail
from sptrader.strategy.plan import Plan
from sptrader.strategy.tree import Tree, column_names

Floats = NDArray[np.float64]
CHUNK = 2048  # bars whose rules are worked out at once when many have arrived


@dataclass(frozen=True)
class Setting:
    """What a session trades, and for whom; `facts` are those of every instrument's bars, `start_ns` where trading begins."""

    plan: Plan
    facts: Mapping[str, BarsFacts]
    instruments: Mapping[str, Instrument]
    account: str
    cash: float
    currency: str
    start_ns: int | None = None
    nights: NightRates | None = None


@dataclass(frozen=True)
class Chunk:
    """The kernel's arrays of the bars from `first_ns` to `last_ns`, and the columns and rules they were made of."""

    plan: Plan
    first_ns: int
    last_ns: int
    market: MarketData
    columns: Mapping[str, Columns]
    rules: Mapping[str, Rules]
    orders: m.Orders

    @cached_property
    def filters(self) -> dict[str, NDArray[np.uint8]]:
        """What the filters say of every bar, asked or not."""
        plan, rows = self.plan, self.market.rows
        return {s: filter_codes(plan, self.market, s, np.arange(len(rows[s]))) for s in self.market.symbols}

    @cached_property
    def is_independent(self) -> bool:
        """Whether nothing of `orders` but what is asked for, and what filters refuse of it, follows from signals."""
        plan = self.plan
        if len(plan.symbols) > 1 or (plan.sizing.method == "volatility" and plan.sizing.column is None):
            return False
        distances = (plan.stop_loss, plan.take_profit, plan.trailing_stop)
        read: list[Tree | None] = [plan.sizing.column, *(one.expression for one in distances if one is not None)]
        for side in (plan.long, plan.short):
            if side is not None:
                read += [side.order.price, side.order.stop_price]
                read += [term.condition for term in side.leave if term.rules]
                read += [rule.right for term in side.leave for rule in term.rules]
        signals = {name for columns in self.columns.values() for name in signal_columns(columns)}
        names = {name.split(".")[0] for tree in read if tree is not None for name in column_names(tree)}
        return names.isdisjoint(signals)

    def row(self, time_ns: int) -> int:
        """Return where a time stands on the arrays' clock."""
        return int(np.searchsorted(self.market.times_ns, time_ns))


class Session:
    """The state of one strategy in one account: what has arrived, what is held, what was decided.

    With a `place` what is over lies in files there, which `outcome` reads, and memory does not grow with the session.
    """

    def __init__(self, setting: Setting, place: Place | None = None) -> None:
        plan = setting.plan
        if plan.execution.intrabar == "finer":
            raise RunError(
                f"{plan.strategy.source_path}: execution.intrabar: finer is for backtests; a live session has no finer bars "
                "of a bar that is still open. Say pessimistic or optimistic.",
                path=plan.strategy.source_path,
                key="execution.intrabar",
            )
        self.setting = setting
        self._place = place
        self.tail = Tail(plan, setting.facts, setting.instruments, setting.currency, setting.nights, place)
        self.arriving = Arriving(setting.instruments, place)
        self.pages = Pages(len(plan.symbols), place)
        self._causal = Causal()
        self.writer = Writer(plan, setting.account)
        self._nights = NightsTold(plan.symbols)
        self.state: Floats = np.empty(0)
        self.chunk: Chunk | None = None
        self._last: Chunk | None = None
        self.done = 0  # bars of the clock that were stepped over or booked
        self.has_closed_out = False
        self.is_paused = False  # by a person, who may resume
        self.is_killed = False  # latched until a person unlatches it
        self.opens_as = k.ACTIVE  # how trading stands when the account is opened at the first bar
        self.blocked: frozenset[str] = frozenset()  # instruments that take no new risk until a person resumes

    @property
    def plan(self) -> Plan:
        """The strategy with its parameters."""
        return self.setting.plan

    def check_columns(self, message: ColumnsMessage) -> None:
        """Raise `StreamError` for a bar or outputs that are not this session's; nothing is taken."""
        self.tail.check(message.bar)
        if message.bar.kind == "bar" and message.bar.symbol in self.plan.symbols:
            self.arriving.check(message)

    def take_columns(self, message: ColumnsMessage) -> bool:
        """Take one bar of one instrument with its components' outputs; False when it was here before."""
        if not self.tail.add(message.bar):
            return False
        if message.bar.kind == "bar" and message.bar.symbol in self.plan.symbols:
            self.arriving.add(message)
        start = self.setting.start_ns
        while start is not None and (time_ns := self._next_time()) is not None and time_ns < start:
            self.pages.skip()
            self._is_done()
        return True

    def _next_time(self) -> int | None:
        return self.tail.time_ns(self.done) if self.done < self.tail.n_times else None

    def _is_done(self) -> None:
        """Count a bar of the clock as done, and let what is over leave memory now and then."""
        self.done += 1
        if self._place is not None and self.done % BLOCK == 0:
            self.arriving.release(self.tail.release(self.done))

    @property
    def n_held(self) -> int:
        """How many rows of bars and of what was made of them are in memory."""
        return self.tail.n_held + self.pages.n_held

    def close(self) -> None:
        """Let go of the files."""
        for one in (self.tail, self.arriving, self.pages):
            one.close()

    def next_ns(self) -> int | None:
        """Return the time of the bars that are complete and wait for their fills; None when none are."""
        return self._next_time()

    @property
    def last_ns(self) -> int | None:
        """The time of the bars booked last; None before the first."""
        return self.pages.last_ns

    @property
    def is_over(self) -> bool:
        """Whether the bars have ended and all of them were booked."""
        return self.tail.has_ended and self._next_time() is None

    def book(self, reports: Sequence[Report]) -> list[Instruction]:
        """Do all that happens on the next bars, whose fills are `reports`, and return what is to be sent."""
        from sptrader.kernel.live import book_bar

        time_ns = self._next_time()
        if time_ns is None:
            raise RunError("no bar is complete; there is nothing to book.", key="bars")
        chunk = self._chunk(time_ns)
        if len(self.state) == 0:
            self.state = opening_state(self.plan, chunk.market, self.setting.cash)
            self.state[k.TRADING] = self.opens_as
        t, kernel = chunk.row(time_ns), chunk.market.kernel
        opened = kernel.price[:, t, 4] - kernel.price[:, t, 0]
        given, gone = reported_rows(self._causal.take(reports, self.held()), self.writer, opened * 0.5)
        page = self.pages.page(kernel.price.shape[1])
        self._nights.book([one for one in reports if isinstance(one, NightCharge)], self.state)
        book_bar(kernel, self.allowed(chunk.orders), page, self.state, t, given, gone)
        self._nights.place(self.state)
        _, placed = self.pages.keep(page, t, time_ns)
        self._is_done()
        ended = [int(row[m.O_INSTRUMENT]) for row in gone]
        return self.writer.instructions(placed, ended, self.state, time_ns, time_ns + chunk.market.timeframe_ns)

    def allowed(self, orders: m.Orders) -> m.Orders:
        """Return the orders with every entry of a blocked instrument refused."""
        if not self.blocked:
            return orders
        refused = np.array(orders.refused)
        refused[[symbol in self.blocked for symbol in self.plan.symbols]] = Reason.TRADING_HALTED
        return orders._replace(refused=refused)

    def held(self) -> dict[str, Decimal]:
        """Return the signed quantities held, by symbol, of the instruments where any is."""
        if len(self.state) == 0:
            return {}
        quantities = {s: float(self.state[k.block(i, 1) + k.QUANTITY]) for i, s in enumerate(self.plan.symbols)}
        return {symbol: exact(quantity) for symbol, quantity in quantities.items() if quantity != 0.0}

    @property
    def waiting(self) -> tuple[Fill, ...]:
        """The fills that cannot be booked before another one has come."""
        return tuple(self._causal.waiting)

    @property
    def timeframe_ns(self) -> int:
        """How long a bar is."""
        return make_timeframe(self.plan.timeframe).ns

    def decisions(self) -> list[dict[str, object]]:
        """Return what was decided on the bars booked last, as words, for each instrument where something was."""
        action, outcome, reason, cap = self.pages.last_codes
        return [
            {
                "symbol": symbol,
                "action": Action(int(action[i])).word,
                "outcome": Decided(int(outcome[i])).word,
                "reason": Reason(int(reason[i])).word,
                "cap": Reason(int(cap[i])).word,
            }
            for i, symbol in enumerate(self.plan.symbols)
            if outcome[i] != 0
        ]

    def close_out(self) -> None:
        """Close every position at its last close, as a strategy with `close_at_end` does when its bars have ended."""
        from sptrader.kernel.replay import close_out

        chunk = self._whole()
        ends = np.array([chunk.market.rows[s][-1] for s in self.plan.symbols], np.int64)
        books = self.pages.page(chunk.market.kernel.price.shape[1])
        close_out(chunk.market.kernel, books, self.state, ends)
        self.pages.keep_end(books, len(chunk.market.times_ns) - 1)
        self.has_closed_out = True

    def outcome(self) -> Outcome:
        """Return all that the session made, as a backtest of the same bars would have left it."""
        whole = self._whole()
        columns = self._columns(whole.market, whole.first_ns, whole.last_ns)
        return Outcome(
            plan=self.plan,
            market=whole.market,
            columns=columns,
            rules={s: make_rules(self.plan, columns[s]) for s in self.plan.symbols},
            orders=whole.orders,
            books=self.pages.books(),
            state=self.state,
            first=self.pages.first,
            last=self.done,
            cash=self.setting.cash,
            currency=self.setting.currency,
        )

    def last_chunk(self) -> Chunk:
        """Return the arrays of the last bars that were booked and of those before that they are compared with."""
        last_ns = self.pages.last_ns
        if last_ns is None:
            raise RunError("no bar was booked yet.", key="bars")
        if self._last is None or self._last.last_ns != last_ns:
            is_made = self.chunk is not None and (self.chunk.first_ns, self.chunk.last_ns) == (last_ns, last_ns)
            self._last = self.chunk if is_made else self._arrays(last_ns, last_ns)
        return cast(Chunk, self._last)

    def _chunk(self, time_ns: int) -> Chunk:
        if self.chunk is None or not self.chunk.first_ns <= time_ns <= self.chunk.last_ns:
            last = min(self.done + CHUNK, self.tail.n_times) - 1
            self.chunk = self._arrays(time_ns, self.tail.time_ns(last))
        return self.chunk

    def _whole(self) -> Chunk:
        return self._arrays(-ENDED_NS, self.tail.time_ns(self.done - 1))

    def _arrays(self, first_ns: int, last_ns: int) -> Chunk:
        market = self.tail.market(first_ns, last_ns)
        columns = self._columns(market, first_ns, last_ns)
        rules = {s: make_rules(self.plan, columns[s]) for s in self.plan.symbols}
        orders = make_orders(self.plan, market, columns, rules)
        return Chunk(self.plan, first_ns, last_ns, market, columns, rules, orders)

    def _columns(self, market: MarketData, first_ns: int, last_ns: int) -> dict[str, Columns]:
        return {
            s: self.arriving.columns(s, market.frames[s], self.tail.rows(s, first_ns, last_ns))
            for s in self.plan.symbols
        }
