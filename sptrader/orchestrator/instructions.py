"""Instructions: what the kernel decided as orders and cancels for a venue, each with its client order id."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.model.ids import client_order_id
from sptrader.model.orders import Bracket, Cancel, Fill, Instruction, Leg, Order
from sptrader.model.reasons import Reason
from sptrader.orchestrator.account import entry_order
from sptrader.strategy.plan import Plan

Floats = NDArray[np.float64]
MOST_LEFT = (
    1_000  # orders, beside those that work, of which it is known what has not filled: late fills are of the last ones
)


class Writer:
    """Knows which orders were sent and still work: the entry and the exit of each instrument."""

    def __init__(self, plan: Plan, account: str) -> None:
        self.plan, self.account = plan, account
        self.entries: dict[int, str] = {}
        self.exits: dict[int, str] = {}
        self._begun: set[str] = set()  # of those, which have filled in part
        self._left: dict[str, Decimal] = {}  # of orders that work or did lately, what has not filled
        self._counts: Counter[tuple[str, Leg]] = Counter()  # of the orders made on one bar
        self._counted_ns = 0

    def instructions(
        self, rows: Floats, ended: Sequence[int], state: Floats, time_ns: int, decided_ns: int
    ) -> list[Instruction]:
        """Return what is to be sent after the bar of `time_ns`: cancels, then exits, then entries.

        `rows` are the kernel's rows of orders placed and gone on the bar; `ended` the instruments whose working entry the
        venue ended itself.
        """
        by_venue = list(ended)
        cancels: list[Instruction] = []
        placed: list[Floats] = []
        for row in rows:
            i = int(row[m.O_INSTRUMENT])
            if row[m.O_QUANTITY] != 0.0:
                placed.append(row)
                continue
            is_told = i in by_venue
            if is_told:
                by_venue.remove(i)
            working = self.entries.pop(i, None)
            if working is not None and not is_told:
                cancels.append(self._cancel(working, i, Reason(int(row[m.O_REASON])).word, time_ns, decided_ns))
        exits = self._missing_exits(state, time_ns, decided_ns)
        return [*cancels, *exits, *(self._entry(row, state, time_ns, decided_ns) for row in placed)]

    def filled(self, i: int, fill: Fill) -> bool:
        """Take note of a fill in an instrument; return whether it is a further part of an order."""
        order_id = fill.client_order_id
        left = self._left.get(order_id)
        is_part = left is not None and order_id in self._begun
        if left is not None and left > fill.quantity:
            self._left[order_id] = left - fill.quantity
            self._begun.add(order_id)
        else:
            self._left.pop(order_id, None)
            self._begun.discard(order_id)
            for working in (self.entries, self.exits):
                if working.get(i) == order_id:
                    del working[i]
        return is_part

    def is_working(self, order_id: str) -> bool:
        """Whether an order is the working entry or exit of an instrument."""
        return order_id in self.entries.values() or order_id in self.exits.values()

    def cancel_entry(self, i: int, reason: str, time_ns: int, decided_ns: int) -> list[Instruction]:
        """Return the cancel of an instrument's working entry, if it has one."""
        working = self.entries.pop(i, None)
        return [] if working is None else [self._cancel(working, i, reason, time_ns, decided_ns)]

    def _cancel(self, order_id: str, i: int, reason: str, time_ns: int, decided_ns: int) -> Cancel:
        return Cancel(
            client_order_id=order_id,
            symbol=self.plan.symbols[i],
            reason=reason,
            time_ns=time_ns,
            created_at=decided_ns,
        )

    def _missing_exits(self, state: Floats, time_ns: int, decided_ns: int) -> list[Instruction]:
        """The exits that were decided and have no order that works."""
        found: list[Instruction] = []
        for i, symbol in enumerate(self.plan.symbols):
            p = state[k.block(i, 1) :]
            if p[k.QUANTITY] == 0.0 or p[k.WANT] == k.STAY:
                self.exits.pop(i, None)
            elif i not in self.exits:
                self.exits[i] = self._id(symbol, time_ns, "exit")
                self._sent(self.exits[i], exact(abs(p[k.QUANTITY])))
                found.append(
                    Order(
                        client_order_id=self.exits[i],
                        symbol=symbol,
                        side="sell" if p[k.QUANTITY] > 0.0 else "buy",
                        quantity=exact(abs(p[k.QUANTITY])),
                        type="market",
                        time_in_force="gtc",
                        leg="exit",
                        reason=Reason(int(p[k.WANT_REASON])).word,
                        time_ns=time_ns,
                        created_at=decided_ns,
                        is_reversal=bool(p[k.WANT] == k.REVERSE),
                    )
                )
        return found

    def _entry(self, row: Floats, state: Floats, time_ns: int, decided_ns: int) -> Order:
        i, quantity = int(row[m.O_INSTRUMENT]), float(row[m.O_QUANTITY])
        symbol, p = self.plan.symbols[i], state[k.block(i, 1) :]
        spec = entry_order(self.plan, 1 if quantity > 0.0 else -1)
        self.entries[i] = self._id(symbol, time_ns, "entry")
        self._sent(self.entries[i], exact(abs(quantity)))
        return Order(
            client_order_id=self.entries[i],
            symbol=symbol,
            side="buy" if quantity > 0.0 else "sell",
            quantity=exact(abs(quantity)),
            type=spec.type,
            time_in_force=spec.time_in_force,
            leg="entry",
            reason=Reason(int(row[m.O_REASON])).word,
            time_ns=time_ns,
            created_at=decided_ns,
            limit_price=_price(row[m.O_LIMIT]),
            stop_price=_price(row[m.O_STOP]),
            expires_bars=spec.expires_bars,
            is_reversal=bool(row[m.O_IS_REVERSAL]),
            bracket=_bracket(p),
        )

    def _sent(self, order_id: str, quantity: Decimal) -> None:
        """Know what of an order has not filled, and forget the oldest that no longer work."""
        self._left[order_id] = quantity
        working = {*self.entries.values(), *self.exits.values()}
        while len(self._left) > MOST_LEFT + len(working):
            oldest = next(one for one in self._left if one not in working)
            del self._left[oldest]
            self._begun.discard(oldest)

    @property
    def n_held(self) -> int:
        """How many orders it knows."""
        return len(self._left)

    def _id(self, symbol: str, time_ns: int, leg: Leg) -> str:
        if time_ns != self._counted_ns:
            self._counted_ns, self._counts = time_ns, Counter()
        key = (symbol, leg)
        strategy = self.plan.strategy
        made = client_order_id(
            self.account, strategy.name, str(strategy.version), symbol, time_ns, leg, self._counts[key]
        )
        self._counts[key] += 1
        return made


def _bracket(p: Floats) -> Bracket | None:
    """What protects an entry: a fraction of the fill where one is set, else the distance that was frozen with the order."""
    kinds: Mapping[str, tuple[int, int, int]] = {
        "stop": (k.HAS_STOP, k.STOP_FRACTION, k.STOP_DISTANCE),
        "target": (k.HAS_TARGET, k.TARGET_FRACTION, k.TARGET_DISTANCE),
        "trail": (k.HAS_TRAIL, k.TRAIL_FRACTION, k.TRAIL_DISTANCE),
    }
    found: dict[str, float] = {}
    for name, (has, fraction, distance) in kinds.items():
        if p[has] > 0.0:
            is_fraction = not math.isnan(p[fraction])
            found[f"{name}_{'fraction' if is_fraction else 'distance'}"] = float(
                p[fraction if is_fraction else distance]
            )
    return Bracket(**found) if found else None


def _price(value: float) -> Decimal | None:
    return None if math.isnan(value) else exact(value)


def exact(value: float) -> Decimal:
    """Return the shortest decimal that is this float: prices and quantities on their steps are exact."""
    return Decimal(int(value)) if value == int(value) else Decimal(repr(float(value)))
