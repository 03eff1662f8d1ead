"""Order desk: each instruction through the checks and the engine to the broker; the kill switch and lost stops act here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sptrader.execution.engine import Engine, Outcome
from sptrader.execution.guard import Guard
from sptrader.execution.kill import KillReport, Latched, flatten
from sptrader.execution.safety import Market, Memory, Trading, check_order
from sptrader.model.orders import Fill, Instruction, Order, Report
from sptrader.model.ports import Broker, Clock
from sptrader.runs.order_limits import OrderLimits


class OrderDesk:
    """What stands between instructions and a broker. Each call returns the reports it led to.

    `last_price` knows a symbol's last price, its time and its conversion rate; None where it has none. What happens depends on
    the calls and the clock alone.
    """

    def __init__(
        self, broker: Broker, *, clock: Clock, limits: OrderLimits, last_price: Callable[[str], Market | None]
    ) -> None:
        self.broker, self.limits = broker, limits
        self.engine = Engine(broker, clock=clock)
        self.trading: Trading = "active"
        self.latched: Latched | None = None
        self.last_round: KillReport | None = None
        self.counters: Counter[str] = Counter(refused=0, odd=0, flattened=0)
        self._clock, self._last_price = clock, last_price
        self._memory = Memory()
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

    def passed(self) -> list[Report]:
        """Do what time asks for, after prices have moved: hear reports, settle what is unknown, flatten what must not stay."""
        reports = self._told(self.engine.poll())
        if self.engine.has_doubts:
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
        exits = [self._guard.exit(self.broker, position, now_ns=self._clock.now_ns()) for position in unprotected]
        return [report for order in exits for report in self._through(order)]

    def _through(self, instruction: Instruction) -> list[Report]:
        taken = self.engine.take(instruction)
        return [*self._told(taken), *self._sent(taken), *self._told(self.engine.poll())]

    def _sent(self, outcome: Outcome) -> list[Report]:
        return self._told(self.engine.send(outcome.to_send))

    def _told(self, outcome: Outcome) -> list[Report]:
        self.counters["odd"] += len(outcome.oddities)
        for report in outcome.reports:
            if isinstance(report, Fill):
                self._guard.see(report, self.engine.record(report.client_order_id))
        return list(outcome.reports)
