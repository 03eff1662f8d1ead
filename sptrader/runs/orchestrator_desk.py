"""Orchestrator desk: a session with its journal: signals, fills and commands in from their streams, orders out.

A restart is a replay of the journal's inputs through a new session; what had not been sent is sent then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

from sptrader.clock import LiveClock, ReplayClock
from sptrader.errors import RunError, StreamError
from sptrader.model.messages import ColumnsMessage, Command, Event, PriceUpdate
from sptrader.model.orders import Cancel, Decided, Fill, Instruction, Matched, Order, OrderStatus, OrderUpdate, Report
from sptrader.model.ports import Entry, Streams
from sptrader.orchestrator.backtest import Outcome
from sptrader.orchestrator.between import Answer, take_command, take_event
from sptrader.orchestrator.session import Session
from sptrader.runs.again import Again, Writes
from sptrader.runs.inbox import Inbox
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.outbox import Outbox
from sptrader.runs.part import Pulse
from sptrader.runs.snapshot import snapshot
from sptrader.streams import keys
from sptrader.streams.codec import decode, event_time_ns
from sptrader.streams.journal import Journal, Step
from sptrader.streams.journal_tables import Identity

JOURNAL = "session.sqlite"
STATE = "kernel"
SNAPSHOT_S = 0.25


class OrchestratorDesk:
    """One session of one account, with its journal in `folder`."""

    role = "orchestrator"

    def __init__(self, streams: Streams, live: LiveSetting, folder: Path, *, adopt: bool = False) -> None:
        self._streams, self.live = streams, live
        self.session = Session(live.setting)
        self._clock = LiveClock()
        self._feed_clock = ReplayClock(0)  # the end of the last bar: what the age of signals is measured on
        self._reports: list[Report] = []
        self._matched: dict[int, list[Report]] = {}
        self._seen: set[str] = set()
        self._orders: dict[str, Order] = {}  # that work, and what of them has not filled
        self._left: dict[str, Decimal] = {}
        self._journal = Journal(
            folder / JOURNAL,
            Identity(
                account=live.account,
                mode=live.mode,
                strategy=live.strategy.name,
                version=str(live.strategy.version),
                plan=live.plan_id,
            ),
            synchronous="FULL" if live.mode == "live" else "NORMAL",
            adopt=adopt,
        )
        self._outbox = Outbox(streams, self._journal)
        self.recent: list[dict[str, object]] = []
        self.counters: Counter[str] = Counter(read=0, acted=0, ignored=0, refused=0, dead=0)
        self._recover()
        names = [keys.SIGNALS, keys.fills(live.account), keys.control(live.account)]
        self._inbox = Inbox(streams, self._journal, f"orchestrator:{live.account}", names)
        self._pulse = Pulse(streams, live.account, self.role)
        self._next_snapshot_s = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the bars have ended and all of them were booked."""
        return self.session.is_over

    def step(self, block_ms: int) -> bool:
        """Take in what has arrived, journal what it leads to, then acknowledge and send."""
        entries = self._inbox.read(block_ms)
        if entries:
            with self._journal.transaction() as step:
                before = dict(self.counters)
                for entry in entries:
                    self._take(entry, step)
                for name, value in self.counters.items():
                    if value != before.get(name, 0):
                        step.count(name, value - before.get(name, 0))
                step.put_state(STATE, self.session.state.tobytes())
            self._outbox.send()
            self._inbox.acknowledge(entries)
        self._show(is_due=self.is_over and bool(entries))
        return bool(entries)

    def outcome(self) -> Outcome:
        """Return all that the session made; a strategy with `close_at_end` is closed out first."""
        if self.session.last_ns is None:
            raise RunError("no bar was traded: the bars ended before the start.", key="start")
        if self.live.plan.execution.close_at_end and not self.session.has_closed_out:
            self.session.close_out()
        return self.session.outcome()

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def _recover(self) -> None:
        """Fold the journal's inputs again; the state they lead to must be the one that was journalled."""
        self.counters.update(self._journal.counters())
        kept = dict(self.counters)
        inputs = self._journal.inputs()
        with self._journal.transaction() as step:
            again = Again(step)
            for one in inputs:
                self._act(one.entry, decode(one.entry.fields), again)
        self.counters = Counter(kept)
        stored = self._journal.state(STATE)
        if stored is not None and stored != self.session.state.tobytes():
            raise RunError(
                f"{self._journal.path}: its inputs no longer lead to the state it holds; the engine, a component or a package "
                "has changed since. Close its positions by hand, or go on with the version that made it.",
                path=self._journal.path,
                is_failure=True,
            )
        self._outbox.send()

    def _take(self, entry: Entry, step: Step) -> None:
        is_signal = entry.stream == keys.SIGNALS
        self.counters["read"] += is_signal
        try:
            message = decode(entry.fields)
            verdict = self._verdict_of(entry, message, step)
        except StreamError as error:
            step.add_dead_letter(entry, str(error), at_ns=self._clock.now_ns())
            self._outbox.dead(entry, str(error), at_ns=self._clock.now_ns())
            self.counters["dead" if is_signal else "dead_elsewhere"] += 1
            return
        if is_signal:
            self.counters[verdict] += 1

    def _verdict_of(self, entry: Entry, message: object, step: Step) -> str:
        """What became of a message; those that nothing is done with are passed over without a trace but their count."""
        is_own = isinstance(message, ColumnsMessage) and message.plan == self.live.plan_id
        is_of_a_worker = isinstance(message, Event) and message.metadata.get("source") == "worker"
        if is_own or not (isinstance(message, ColumnsMessage) or is_of_a_worker):
            step.add_input(entry)
            return self._act(entry, message, step)
        step.set_last_id(entry.stream, entry.id)
        return "ignored"

    def _act(self, entry: Entry, message: object, step: Writes) -> str:
        verdict = "acted"
        if isinstance(message, ColumnsMessage):
            verdict = "acted" if self.session.take_columns(message) else "ignored"
        elif isinstance(message, Event):
            verdict = self._event(message, step)
        elif isinstance(message, Command):
            self._command(message, step)
        elif isinstance(message, Fill | OrderUpdate | Matched):
            self._report(message, step)
        elif isinstance(message, PriceUpdate):
            verdict = "ignored"  # fills come from the venue's prices; a price alone decides nothing
        else:
            raise StreamError(f"the stream {entry.stream} carries no {type(message).__name__}.", key="message")
        self._book(step)
        return verdict

    def _event(self, event: Event, step: Writes) -> str:
        age_s = (self._feed_clock.now_ns() - event_time_ns(event)) / 1e9
        most = self.live.max_age_s
        answer = take_event(self.session, event, is_stale=most is not None and age_s > most)
        self._answered(answer, f"{event.signal_name} {event.signal_type}", str(event.metadata["symbol"]), step)
        return answer.verdict

    def _command(self, command: Command, step: Writes) -> None:
        if command.command_id not in self._seen:
            self._seen.add(command.command_id)
            step.add_command(command)
            answer = take_command(self.session, command)
            self._answered(answer, f"{command.command} by {command.by}", command.name, step)

    def _answered(self, answer: Answer, what: str, symbol: str, step: Writes) -> None:
        last_ns = self.session.last_ns or 0
        body = {"what": what, "symbol": symbol, "verdict": answer.verdict, "why": answer.why, "action": answer.action}
        self._note({"time_ns": last_ns, **body})
        step.add_decision(last_ns, symbol, msgspec.json.encode(body))
        self._send(answer.instructions, step)

    def _report(self, report: Report, step: Writes) -> None:
        if isinstance(report, Matched):
            key = f"matched:{report.time_ns}"
        else:
            key = report.fill_id if isinstance(report, Fill) else report.update_id
        if key in self._seen:
            return
        self._seen.add(key)
        if isinstance(report, Matched):
            self._matched[report.time_ns] = self._reports
            self._reports = []
            return
        self._reports.append(report)
        if isinstance(report, Fill):
            step.add_fill(report)
        self._order_stands(report, step)

    def _order_stands(self, report: Fill | OrderUpdate, step: Writes) -> None:
        """Write how the order of a report stands now."""
        known = self._orders.get(report.client_order_id)
        if known is None:
            return  # a child that the venue made
        status = report.status if isinstance(report, OrderUpdate) else OrderStatus.FILLED
        if isinstance(report, Fill):
            self._left[report.client_order_id] = left = self._left[report.client_order_id] - report.quantity
            status = OrderStatus.PARTIALLY_FILLED if left > 0 else OrderStatus.FILLED
        if status.is_final:
            del self._orders[report.client_order_id], self._left[report.client_order_id]
        filled = known.quantity - self._left.get(report.client_order_id, Decimal(0))
        step.put_order(known, status, at_ns=report.time, filled=filled, reason=report.reason)

    def _book(self, step: Writes) -> None:
        """Book every bar whose outputs and fills are both there."""
        while (time_ns := self.session.next_ns()) is not None and time_ns in self._matched:
            instructions = self.session.book(self._matched.pop(time_ns))
            decided_ns = time_ns + self.session.timeframe_ns
            self._feed_clock.advance_to(decided_ns)
            for decision in self.session.decisions():
                step.add_decision(time_ns, str(decision["symbol"]), msgspec.json.encode(decision))
                self._note({"time_ns": time_ns, **decision})
            self._send(instructions, step)
            step.send(keys.orders(self.live.account), f"decided:{time_ns}", Decided(time_ns=time_ns))

    def _send(self, instructions: Sequence[Instruction], step: Writes) -> None:
        stream = keys.orders(self.live.account)
        for instruction in instructions:
            if isinstance(instruction, Order):
                self._orders[instruction.client_order_id] = instruction
                self._left[instruction.client_order_id] = instruction.quantity
                step.send(stream, instruction.client_order_id, instruction)
                step.put_order(instruction, OrderStatus.SUBMITTED, at_ns=instruction.created_at)
            elif isinstance(instruction, Cancel):
                step.send(stream, f"cancel:{instruction.client_order_id}", instruction)

    def _note(self, decision: dict[str, object]) -> None:
        self.recent = [*self.recent[-199:], decision]

    def _show(self, *, is_due: bool) -> None:
        """Write heartbeat and snapshot for viewers, a few times a second at most."""
        now_s = self._clock.elapsed_s()
        if is_due or now_s >= self._next_snapshot_s:
            self._next_snapshot_s = now_s + SNAPSHOT_S
            body = snapshot(self.session, self.live, dict(self.counters), self.recent, at_ns=self._clock.now_ns())
            self._streams.set(keys.state(self.live.account), msgspec.json.encode(body))
            self._pulse.beat(self.counters, is_due=is_due)
