"""Engine: instructions in, reports out, over any broker; each order is sent once, through timeouts and crashes.

For each instruction the caller does three things: `take` says what changes and what is to be sent, the caller journals
the changed records (`sending` stands in them now), `send` asks the broker, the caller journals what came of it. After a
restart the records come back from the journal: whatever was `sending` is unknown until the broker's evidence settles it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from sptrader.errors import BrokerError, BrokerTimeout
from sptrader.execution.lifecycle import Anomaly, Change, Life, after
from sptrader.execution.record import Oddity, Outcome, Record, Sent
from sptrader.execution.resolving import (
    STATUS,
    fill_by_hand,
    require_no_contradiction,
    require_plain,
    require_unknown,
    was_filled_by_hand,
)
from sptrader.model.ids import BY_HAND
from sptrader.model.messages import Command
from sptrader.model.orders import (
    Amend,
    Cancel,
    Decided,
    Fill,
    Instruction,
    Matched,
    NightCharge,
    OpenOrder,
    Order,
    OrderStatus,
    OrderUpdate,
    Report,
)
from sptrader.model.ports import Broker, Clock


def _forgotten(client_order_id: str) -> Record | None:
    """Know nothing of orders that are not in memory."""
    return None


class Engine:
    """The state of execution, as records by client order id, and the broker they are sent to.

    `records` are those of the journal after a restart. `recall` finds a record that was let go with `forget`.
    `absence_after_s`: how long after its sending an order may still be on its way, so that its absence proves nothing.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        clock: Clock,
        records: Iterable[Record] = (),
        recall: Callable[[str], Record | None] = _forgotten,
        absence_after_s: float = 5.0,
    ) -> None:
        if not 0.0 <= absence_after_s < float("inf"):
            raise BrokerError(f"absence_after_s was {absence_after_s}; allowed are 0 seconds or more.")
        self.broker = broker
        self.records = {record.client_order_id: record for record in records}
        self._open = {key for key, record in self.records.items() if not record.life.status.is_final}
        self.decided_ns: int | None = None
        self._clock = clock
        self._recall = recall
        self._absence_after_ns = round(absence_after_s * 1e9)

    def take(self, instruction: Instruction) -> Outcome:
        """Say what an instruction leads to, before anything is sent; the caller journals it and calls `send`.

        The same instruction again does nothing but repeat the last report. Raises as the broker does when an exit needs its
        position and it does not answer: nothing has been changed then.
        """
        if isinstance(instruction, Decided):
            self.decided_ns = max(instruction.time_ns, self.decided_ns or instruction.time_ns)
            return Outcome()
        record = self.record(instruction.client_order_id)
        if isinstance(instruction, Order):
            return self._take_order(instruction) if record is None else _repeated(instruction, record)
        if record is None:
            return Outcome(oddities=(_odd(Anomaly.UNKNOWN_ORDER, instruction),))
        if record.life.status.is_final:
            return Outcome(reports=() if record.last is None else (record.last,))
        if isinstance(instruction, Amend):
            fault = _amend_fault(instruction, record)
            if fault:
                return Outcome(oddities=(Oddity(Anomaly.CONFLICT, instruction, fault),))
            instruction = self._clamped_amend(instruction, record)
        if instruction not in record.unanswered:
            record = self._keep(record, unanswered=(*record.unanswered, instruction))
        return Outcome((record,), to_send=(instruction,))

    def send(self, to_send: Iterable[Sent]) -> Outcome:
        """Give to the broker what `take` or `settle` asked for, in its order."""
        outcomes = [self._send_order(one) if isinstance(one, Order) else self._send_change(one) for one in to_send]
        return _joined(outcomes)

    def poll(self) -> Outcome:
        """Take in what the broker reports: news is told on, what was seen before is not, what is odd is named."""
        return self.hear(self.broker.reports())

    def hear(self, reports: Iterable[Report]) -> Outcome:
        """Take in what the broker's history shows, as if it had been reported."""
        return _joined([self._take_in(report) for report in reports])

    def recover(self) -> Outcome:
        """Mark what was being sent when the process ended as unknown; the first call after a restart."""
        caught = [r for r in self.working() if r.stage == "sending" and r.life.status is OrderStatus.SUBMITTED]
        return _joined([self._update(record, OrderStatus.UNKNOWN, "crashed_while_sending") for record in caught])

    def settle(self) -> Outcome:
        """Ask the broker's history about every unknown order, and repeat cancels and amendments without an answer.

        An order that is found has its status from there (its fills come as reports, or by reconciliation). One that never
        got an answer is sent again where the broker remembers ids for ever, or its history proves that it is not there; the
        caller journals and sends. All others stay unknown until a person decides (`resolve`).
        """
        outcomes: list[Outcome] = []
        for record in self.working():
            if record.life.status is OrderStatus.UNKNOWN:
                outcomes.append(self._settle(record))
            elif record.unanswered:
                outcomes.append(Outcome(to_send=record.unanswered))
        return _joined(outcomes)

    def resolve(self, word: Command) -> Outcome:
        """Settle an unknown order by the word of a person who looked at the broker.

        What is filled is told as a fill, and what of the order is not is cancelled. Raises `BrokerError` for an order that is
        not unknown, and where the broker's evidence, as far as it answers, says otherwise.
        """
        record = require_unknown(word.name, self.record(word.name), self.unknown())
        require_plain(word, record)
        try:
            found = self.broker.find_order(word.name)
        except BrokerError:
            found = None  # no evidence: the person's word is all there is
        require_no_contradiction(word, record, found)
        record = self._keep(record, stage="answered")
        if word.status != "filled":
            return self._update(record, STATUS[word.status], "manual")
        outcome = self._applied(record, fill_by_hand(word, record, now_ns=self._clock.now_ns()))
        record = self.records[word.name]
        if record.life.status.is_final:
            return outcome
        return _joined([outcome, self._update(record, OrderStatus.CANCELLED, "manual")])

    def is_blocked(self, symbol: str) -> bool:
        """Whether an order of the symbol is unknown, so that no new risk may be taken in it."""
        return any(record.symbol == symbol for record in self.unknown())

    def unknown(self) -> tuple[Record, ...]:
        """Return the orders whose fate is not known."""
        return tuple(record for record in self.working() if record.life.status is OrderStatus.UNKNOWN)

    @property
    def has_doubts(self) -> bool:
        """Whether `settle` has something to ask about."""
        records = (self.records[key] for key in self._open)
        return any(record.unanswered or record.life.status is OrderStatus.UNKNOWN for record in records)

    def record(self, client_order_id: str) -> Record | None:
        """Return all about an order; None when it was never seen."""
        return self.records.get(client_order_id) or self._recall(client_order_id)

    def forget(self, *, keep: int) -> tuple[Record, ...]:
        """Let go of ended orders but the last `keep` of them, and return them; `recall` must find them afterwards."""
        ended = [key for key, record in self.records.items() if record.life.status.is_final]
        return tuple(self.records.pop(key) for key in ended[: max(len(ended) - keep, 0)])

    def _keep(self, record: Record, **changes: object) -> Record:
        record = msgspec.structs.replace(record, **changes)
        self.records[record.client_order_id] = record
        (self._open.discard if record.life.status.is_final else self._open.add)(record.client_order_id)
        return record

    def working(self) -> tuple[Record, ...]:
        """Return the records of orders that have not ended, in the order of their ids: the same on every run."""
        return tuple(self.records[key] for key in sorted(self._open))

    def refuse(self, order: Order, reason: str) -> Outcome:
        """Enter an order that the caller will not send, as rejected for `reason`; one that is known is not refused again."""
        if self.record(order.client_order_id) is not None:
            return Outcome()
        return self._update(self._keep(self._new_record(order, stage="new")), OrderStatus.REJECTED, reason)

    def adopt(self, order: Order) -> Outcome:
        """Take an order into the books that was sent past this engine: by the kill switch."""
        if self.record(order.client_order_id) is not None:
            return Outcome()
        return Outcome((self._keep(self._new_record(order, stage="answered")),))

    def _take_order(self, order: Order) -> Outcome:
        quantity = order.quantity if order.leg == "entry" else min(order.quantity, self._closable(order))
        is_sent = quantity > 0 and not (order.leg == "entry" and self.is_blocked(order.symbol))
        sent = msgspec.structs.replace(order, quantity=quantity) if is_sent else order
        record = self._keep(self._new_record(sent, stage="sending" if is_sent else "new"))
        if is_sent:
            return Outcome((record,), to_send=(sent,))
        return self._update(record, OrderStatus.REJECTED, "order_unknown" if order.leg == "entry" else "no_position")

    def _new_record(self, order: Order, *, stage: Literal["new", "sending", "answered"]) -> Record:
        return Record(
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            leg=order.leg,
            life=Life(quantity=order.quantity),
            stage=stage,
            sent_ns=self._clock.now_ns(),
            order=order,
            parent=order.parent,
        )

    def _closable(self, order: Order | Record) -> Decimal:
        """What of the broker's position is left for this exit: never more than it, less what other exits may still close."""
        held = sum((p.quantity for p in self.broker.positions() if p.symbol == order.symbol), Decimal(0))
        if (held > 0) != (order.side == "sell"):
            return Decimal(0)
        closing = sum(
            (
                record.life.left
                for record in self.working()
                if record.symbol == order.symbol
                and record.side == order.side
                and record.leg == "exit"
                and record.client_order_id != order.client_order_id
            ),
            Decimal(0),
        )
        return max(abs(held) - closing, Decimal(0))

    def _clamped_amend(self, amend: Amend, record: Record) -> Amend:
        if amend.quantity is None or record.leg == "entry":
            return amend
        most = record.life.filled + self._closable(record)
        return msgspec.structs.replace(amend, quantity=min(amend.quantity, max(most, record.life.quantity)))

    def _send_order(self, order: Order) -> Outcome:
        record = self.records[order.client_order_id]
        if record.stage != "sending":
            return Outcome()  # a report settled it before it was sent again
        try:
            self.broker.submit(order)
        except BrokerTimeout:
            return self._update(record, OrderStatus.UNKNOWN, "timeout")
        except BrokerError as error:
            return self._update(self._keep(record, stage="new"), OrderStatus.REJECTED, str(error) or "refused")
        record = self._keep(record, stage="answered")
        if record.life.status is OrderStatus.UNKNOWN:
            return self._update(record, OrderStatus.ACCEPTED, "sent_again")
        return Outcome((record,))

    def _send_change(self, change: Cancel | Amend) -> Outcome:
        record = self.records.get(change.client_order_id)
        if record is None or record.life.status.is_final:
            return Outcome()
        try:
            if isinstance(change, Cancel):
                self.broker.cancel(change)
            else:
                self.broker.amend(change)
        except BrokerTimeout:
            return Outcome()  # stays unanswered; `settle` repeats it, which does no harm
        except BrokerError as error:
            record = self._keep(record, unanswered=_without(record.unanswered, change))
            sentence = f"the broker refused: {error}"
            return Outcome((record,), oddities=(Oddity(Anomaly.LATE, change, sentence),))
        return Outcome((self._keep(record, unanswered=_without(record.unanswered, change)),))

    def _settle(self, record: Record) -> Outcome:
        if record.stage == "sending" and record.order is not None and self.broker.remembers_ids:
            return Outcome((self._keep(record, sent_ns=self._clock.now_ns()),), to_send=(record.order,))
        try:
            found = self.broker.find_order(record.client_order_id)
        except BrokerError:
            return Outcome()  # no evidence
        if found is not None:
            return self._settle_found(self._keep(record, stage="answered"), found)
        is_old = self._clock.now_ns() - record.sent_ns >= self._absence_after_ns
        if record.stage == "sending" and record.order is not None and is_old:
            return Outcome((self._keep(record, sent_ns=self._clock.now_ns()),), to_send=(record.order,))
        return Outcome()

    def _settle_found(self, record: Record, found: OpenOrder) -> Outcome:
        """Take a status from the broker's history; an end only when all its fills are known, which come by themselves."""
        if found.filled > record.life.filled or found.status is OrderStatus.UNKNOWN:
            return Outcome((record,))
        return self._update(record, found.status, "broker_evidence")

    def _take_in(self, report: Report) -> Outcome:
        if isinstance(report, Matched | NightCharge):
            return Outcome(reports=(report,))
        record = self.record(report.client_order_id)
        if record is None and isinstance(report, OrderUpdate) and report.made is not None:
            record = _child(report.made, sent_ns=report.time)
        if record is None:
            return Outcome(oddities=(_odd(Anomaly.UNKNOWN_ORDER, report),))
        return self._applied(record, report)

    def _applied(self, record: Record, report: Fill | OrderUpdate) -> Outcome:
        if isinstance(report, Fill) and was_filled_by_hand(record) and not report.fill_id.startswith(BY_HAND):
            return Outcome(oddities=(_odd(Anomaly.BY_HAND, report),))
        change: Change = after(record.life, report)
        oddities = () if change.anomaly is None else (_odd(change.anomaly, report),)
        if not change.is_news:
            return Outcome(oddities=oddities)
        stage = record.stage if change.life.status is OrderStatus.UNKNOWN else "answered"
        unanswered = () if change.life.status.is_final else record.unanswered
        record = self._keep(record, life=change.life, last=report, stage=stage, unanswered=unanswered)
        return Outcome((record,), (report,), oddities=oddities)

    def _update(self, record: Record, status: OrderStatus, reason: str) -> Outcome:
        """Report a change of status that the engine itself found out."""
        n = len(record.life.updates)
        stage = record.stage
        outcome = self._applied(
            record,
            OrderUpdate(
                update_id=f"{record.client_order_id}/engine/{n}",
                client_order_id=record.client_order_id,
                symbol=record.symbol,
                status=status,
                reason=reason,
                time=self._clock.now_ns(),
            ),
        )
        if outcome.changed and stage == "new":
            return msgspec.structs.replace(outcome, changed=(self._keep(outcome.changed[0], stage=stage),))
        return outcome


def _repeated(order: Order, record: Record) -> Outcome:
    """Answer an order that is known: its last report again; and name it when it says something else than the first time."""
    reports = () if record.last is None else (record.last,)
    first = record.order
    is_same = first is not None and msgspec.structs.replace(order, quantity=first.quantity) == first
    return Outcome(reports=reports, oddities=() if is_same else (_odd(Anomaly.CONFLICT, order),))


def _amend_fault(amend: Amend, record: Record) -> str:
    """Say what is wrong with an amendment's numbers; empty for nothing."""
    for name in ("quantity", "limit_price", "stop_price"):
        value = getattr(amend, name)
        if value is not None and not (value.is_finite() and value > 0):
            return f"the amended {name} was {value}; allowed is a number above 0"
    if amend.quantity is not None and amend.quantity <= record.life.filled:
        return f"the amended quantity was {amend.quantity}; {record.life.filled} were filled already: cancel the rest"
    return ""


def _child(made: OpenOrder, *, sent_ns: int) -> Record:
    return Record(
        client_order_id=made.client_order_id,
        symbol=made.symbol,
        side=made.side,
        leg=made.leg,
        life=Life(quantity=made.quantity),
        stage="answered",
        sent_ns=sent_ns,
        parent=made.parent,
    )


def _without(changes: tuple[Cancel | Amend, ...], change: Cancel | Amend) -> tuple[Cancel | Amend, ...]:
    return tuple(one for one in changes if one != change)


def _odd(anomaly: Anomaly, message: Report | Instruction) -> Oddity:
    return Oddity(anomaly, message, anomaly.sentence)


def _joined(outcomes: Iterable[Outcome]) -> Outcome:
    every = tuple(outcomes)
    changed: dict[str, Record] = {record.client_order_id: record for one in every for record in one.changed}
    return Outcome(
        tuple(changed.values()),
        tuple(report for one in every for report in one.reports),
        tuple(sent for one in every for sent in one.to_send),
        tuple(oddity for one in every for oddity in one.oddities),
    )
