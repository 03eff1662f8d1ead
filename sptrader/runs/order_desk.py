"""Order desk: each instruction through the checks and the engine to the broker; the kill switch and lost stops act here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from sptrader.execution.engine import Engine
from sptrader.execution.guard import Guard
from sptrader.execution.kill import KillReport, Latched, flatten
from sptrader.execution.record import Outcome, Record
from sptrader.execution.safety import Market, Trading, check_order, memory_of
from sptrader.model.messages import Command
from sptrader.model.orders import Fill, Instruction, Order, Report
from sptrader.model.ports import Broker, Clock
from sptrader.model.shelf import KEPT_ENDED, Shelf
from sptrader.runs.order_limits import OrderLimits

_KIND = "record"  # on the shelf


def _unkept(outcome: Outcome) -> None:
    """Journal nothing: a replay leads to the same again."""


class OrderDesk:
    """What stands between instructions and a broker. Each call returns the reports it led to.

    `keep` journals what a call of the engine led to: before anything of it is sent, and after each answer. `records` are those
    that were kept before a restart. `shelf` takes the records of orders that have ended, but the last ones: see `shelve`.

    `last_price` knows a symbol's last price, its time and its conversion rate; None where it has none. What happens depends on
    the calls and the clock alone.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        clock: Clock,
        limits: OrderLimits,
        last_price: Callable[[str], Market | None],
        keep: Callable[[Outcome], None] = _unkept,
        records: Iterable[Record] = (),
        shelf: Shelf | None = None,
    ) -> None:
        self.broker, self.limits = broker, limits
        self.engine = Engine(broker, clock=clock, records=records, recall=self._recalled)
        self._shelf, self._n_shelved = shelf, 0
        self._shelving_at = 2 * KEPT_ENDED
        self._keep = keep
        self.trading: Trading = "active"
        self.latched: Latched | None = None
        self.last_round: KillReport | None = None
        self.counters: Counter[str] = Counter(refused=0, odd=0, flattened=0)
        self._clock, self._last_price = clock, last_price
        self._memory = memory_of(self.engine.records.values())
        self._guard = Guard(limits.unprotected_after_s)

    @property
    def is_flattening(self) -> bool:
        """Whether the kill switch is latched and the broker still shows a position or an order."""
        return self.latched is not None and not (self.last_round is not None and self.last_round.is_flat)

    def instruct(self, instruction: Instruction) -> list[Report]:
        """Check, send and hear what came of it; an order that fails a check is reported as rejected with the check's code."""
        if isinstance(instruction, Order) and self.engine.record(instruction.client_order_id) is None:
            verdict = check_order(
                instruction,
                self._last_price(instruction.symbol),
                self._memory,
                limits=self.limits.checks,
                now_ns=self._clock.now_ns(),
                trading=self.trading,
                is_killed=self.latched is not None,
            )
            self._memory = verdict.memory
            if verdict.refusal is not None:
                self.counters["refused"] += 1
                return self._told(self.engine.refuse(instruction, verdict.refusal.check.value))
        return self._through(instruction)

    def hear(self) -> list[Report]:
        """Take in what the broker has reported."""
        return self._told(self.engine.poll())

    def passed(self, *, is_settling: bool = True) -> list[Report]:
        """Do what time asks for, after prices have moved: hear reports, settle what is unknown, flatten what must not stay."""
        reports = self._told(self.engine.poll())
        if is_settling and self.engine.has_doubts:
            settled = self.engine.settle()
            reports += [*self._told(settled), *self._sent(settled)]
        if self.is_flattening:
            return [*reports, *self._flatten()]
        return [*reports, *self._protect()]

    def latch(self, latched: Latched) -> list[Report]:
        """Pull the kill switch: everything is cancelled and flattened straight at the broker, now and until it is flat."""
        if self.latched is not None:
            return []
        self.latched, self.last_round = latched, None
        return self._flatten()

    def unlatch(self) -> None:
        """Open the kill switch again."""
        self.latched = self.last_round = None

    def resolve(self, word: Command) -> list[Report]:
        """Settle an unknown order by a person's word. Raises as the engine does."""
        return self._told(self.engine.resolve(word))

    def shelve(self) -> None:
        """Let the records of orders that have ended leave memory when they are many; they are found again by their ids."""
        if self._shelf is None or len(self.engine.records) < self._shelving_at:
            return
        gone = self.engine.forget(keep=KEPT_ENDED)
        for record in gone:
            self._shelf.put(_KIND, record.client_order_id, msgspec.json.encode(record))
        self._n_shelved += len(gone)
        self._shelving_at = len(self.engine.records) + KEPT_ENDED

    def _recalled(self, client_order_id: str) -> Record | None:
        body = None if self._shelf is None or not self._n_shelved else self._shelf.get(_KIND, client_order_id)
        return None if body is None else msgspec.json.decode(body, type=Record)

    def _flatten(self) -> list[Report]:
        if self.latched is None:
            return []
        self.last_round = flatten(self.broker, self.latched, now_ns=self._clock.now_ns())
        for order in self.last_round.flattening:
            self.counters["flattened"] += 1
            self._told(self.engine.adopt(order))
        return self._told(self.engine.poll())

    def _protect(self) -> list[Report]:
        if not self._guard.is_watching:
            return []
        unprotected = self._guard.unprotected(self.broker, self.engine, now_ns=self._clock.now_ns())
        self.counters["flattened"] += len(unprotected)
        exits = [
            self._guard.exit(self.broker, self.engine, position, now_ns=self._clock.now_ns())
            for position in unprotected
        ]
        return [report for order in exits for report in self._through(order)]

    def _through(self, instruction: Instruction) -> list[Report]:
        taken = self.engine.take(instruction)
        return [*self._told(taken), *self._sent(taken), *self._told(self.engine.poll())]

    def _sent(self, outcome: Outcome) -> list[Report]:
        return self._told(self.engine.send(outcome.to_send))

    def recover(self, missed: Iterable[Report]) -> list[Report]:
        """Take up after a restart: what was being sent is unknown, what happened meanwhile is heard from the broker's history."""
        for record in self.engine.records.values():
            for fill in record.life.fills:
                self._guard.see(fill, record)
        return [*self._told(self.engine.recover()), *self._told(self.engine.hear(missed))]

    def _told(self, outcome: Outcome) -> list[Report]:
        self._keep(outcome)
        self.counters["odd"] += len(outcome.oddities)
        for report in outcome.reports:
            if isinstance(report, Fill):
                self._guard.see(report, self.engine.record(report.client_order_id))
        return list(outcome.reports)
