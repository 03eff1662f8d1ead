"""Orchestrator desk: a session with its journal: signals, fills and commands in from their streams, orders out.

A restart is a replay of the journal's inputs through a new session; what had not been sent is sent then. Before it trades on
it asks for the broker's evidence: no bar is booked until that has been compared with the books.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, cast

import msgspec

from sptrader.clock import LiveClock, ReplayClock
from sptrader.errors import RunError, StreamError
from sptrader.execution.reconcile import Policy
from sptrader.execution.safety import refusal_sentence
from sptrader.kernel.state import HALTED
from sptrader.model.messages import (
    Answered,
    BrokerEvidence,
    ColumnsMessage,
    Command,
    Event,
    EvidenceRequest,
    Reconciled,
)
from sptrader.model.orders import (
    Cancel,
    Decided,
    Instruction,
    Order,
    OrderStatus,
    OrderUpdate,
    Report,
)
from sptrader.model.ports import Entry, Streams
from sptrader.orchestrator.backtest import Outcome
from sptrader.orchestrator.between import Answer, hold, take_command, take_event
from sptrader.orchestrator.session import Session
from sptrader.runs.admission import check_message, is_passed_over
from sptrader.runs.again import Again, Writes
from sptrader.runs.cash_watch import CashWatch
from sptrader.runs.evidence import Comparison
from sptrader.runs.inbox import Inbox, group_of
from sptrader.runs.leftovers import began_after
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.outbox import Outbox
from sptrader.runs.part import Pulse
from sptrader.runs.refusals import refusals
from sptrader.runs.signal_groups import require_all_signals, shorten_signals
from sptrader.runs.snapshot import snapshot
from sptrader.runs.venue_reports import VenueReports, key_of
from sptrader.streams import keys
from sptrader.streams.codec import decode, event_time_ns
from sptrader.streams.journal import Journal, Step
from sptrader.streams.journal_tables import Identity

JOURNAL = "session.sqlite"
STATE = "kernel"
SNAPSHOT_S = 0.25
MOST_EVENTS = 10_000  # of which the desk knows whether they come again
_log = logging.getLogger("sptrader.live")


class OrchestratorDesk:
    """One session of one account, with its journal in `folder`."""

    role = "orchestrator"

    def __init__(
        self,
        streams: Streams,
        live: LiveSetting,
        folder: Path,
        *,
        adopt: bool = False,
        policy: Policy | None = None,
    ) -> None:
        self._streams, self.live = streams, live
        folder.mkdir(parents=True, exist_ok=True)
        self.session = Session(live.setting, partial(_nameless, folder))
        self._clock = LiveClock()
        self._feed_clock = ReplayClock(0)  # the end of the last bar: what the age of signals is measured on
        self._cash = CashWatch(live.strategy.live, mode=live.mode)
        self._events: dict[bytes, None] = {}  # the last ones, for a publisher that sends again
        self._warned_ns = 0
        self._is_idle = True
        self._has_ended = False  # and viewers were shown
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
        self._evidence = Comparison(self.session, self._journal, policy or live.policy)
        self._reports = VenueReports(live.plan.symbols, self._journal, self.session.writer.is_working)
        self._outbox = Outbox(streams, self._journal)
        self.recent: list[dict[str, object]] = []
        self.counters: Counter[str] = Counter(read=0, acted=0, ignored=0, refused=0, dead=0, passed_over=0)
        try:
            self._recover()
            self._inbox = self._joined()
        except BaseException:
            self.close()
            raise
        self._trimmed = self.counters["read"]  # when the stream of signals was shortened last
        self._pulse = Pulse(streams, live.account, self.role)
        self._next_snapshot_s = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the bars have ended and all of them were booked."""
        return self.session.is_over

    @property
    def is_waiting(self) -> bool:
        """Whether it has asked for the broker's evidence and has no answer yet."""
        return self._evidence.is_waiting

    @property
    def reconciled(self) -> Reconciled | None:
        """What came of the last comparison with the broker's evidence."""
        return self._evidence.found

    def step(self, block_ms: int) -> bool:
        """Take in what has arrived, journal what it leads to, then send and acknowledge."""
        entries = self._inbox.read(block_ms)
        if entries:
            before = dict(self.counters)
            with self._journal.transaction() as step:
                self._outbox.note_sent(step)
                for entry in entries:
                    self._take(entry, step)
                for name, value in self.counters.items():
                    if value != before.get(name, 0):
                        step.count(name, value - before.get(name, 0))
                step.put_state(STATE, self.session.state.tobytes())
            self._outbox.send()
            self._inbox.acknowledge(entries)
            self._is_idle = False
        elif not self._is_idle:
            self._rest()
        self._show(is_due=self.is_over and not self._has_ended)
        return bool(entries)

    def outcome(self) -> Outcome:
        """Return all that the session made; a strategy with `close_at_end` is closed out first."""
        if self.session.last_ns is None:
            raise RunError("no bar was traded: the bars ended before the start.", key="start")
        if self.live.plan.execution.close_at_end and not self.session.has_closed_out:
            self.session.close_out()
        return self.session.outcome()

    def refusals(self) -> list[dict[str, Any]]:
        """Return the orders that a check or the broker refused, as `sptrader.runs.refusals` lists them."""
        return refusals(self._journal)

    def close(self) -> None:
        """Let go of the journal and of the session's files."""
        self.session.close()
        self._journal.close()

    def _rest(self) -> None:
        """Use a moment without work for what need not be done at once."""
        self._is_idle = True
        with self._journal.transaction() as step:
            self._outbox.note_sent(step)
        self._journal.checkpoint()
        thousands = (self.counters["read"] - self._trimmed) // 1_000
        self._trimmed += 1_000 * thousands
        if thousands:
            shorten_signals(self._streams, own=self.live.account, times=thousands)

    def _joined(self) -> Inbox:
        """Join the readers of its streams, behind what its journal has of them."""
        streams, account = self._streams, self.live.account
        began = began_after(streams, account)
        if not self.session.is_over:
            require_all_signals(streams, account, after=self._journal.last_ids().get(keys.SIGNALS, began))
        names = [keys.SIGNALS, keys.fills(account), keys.control(account)]
        inbox = Inbox(streams, self._journal, group_of(account), names, begins={keys.SIGNALS: began})
        streams.delete(keys.dropped(account))
        return inbox

    def _recover(self) -> None:
        """Fold the journal's inputs again; the state they lead to must be the one that was journalled."""
        self.counters.update(self._journal.counters())
        kept = dict(self.counters)
        with self._journal.transaction() as step:
            again = Again(step)
            for one in self._journal.each_input():
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
        is_under_way = self.session.last_ns is not None and not self.session.is_over
        if is_under_way or self.live.mode == "live":
            with self._journal.transaction() as step:
                self._evidence.ask(step)
        self._outbox.send()

    def _compare(self, entry: Entry, shown: BrokerEvidence, step: Step) -> None:
        """Compare the books with what the broker shows, and do what the policy says; an answer to another request is none."""
        found = self._evidence.compare(entry, shown, step)
        if found is not None:
            self._fold_reconciled(found, step)
            for one in found.differences:
                _log.warning("The broker shows something else: %s", one["why"])

    def _fold_reconciled(self, found: Reconciled, step: Writes) -> None:
        self._evidence.fold_reconciled(found)
        self._reports.adopt(found.reports, step)
        if found.decision == "halt":
            hold(self.session, HALTED)
        self.session.blocked |= frozenset(found.blocked)
        self._book(step)

    def _may_book(self) -> bool:
        """Whether nothing is waited for; where all was told of the last bars, execution may have ended and nothing is traded."""
        if not self.is_waiting:
            return True
        tail = self.session.tail
        return tail.has_ended and self._reports.has_all(tail.times_ns(self.session.done, tail.n_times))

    def _take(self, entry: Entry, step: Step) -> None:
        is_signal = entry.stream == keys.SIGNALS
        self.counters["read"] += is_signal
        try:
            message = decode(entry.fields)
            check_message(entry.stream, message, self.live.plan_id, self.session, self._reports)
        except StreamError as error:
            at_ns = self._clock.now_ns()
            step.add_dead_letter(entry, str(error), at_ns=at_ns)
            self._outbox.dead(entry, str(error), at_ns=at_ns)
            self.counters["dead" if is_signal else "dead_elsewhere"] += 1
            _log.warning("A message on %s was not understood: %s", entry.stream, error)
            return
        if isinstance(message, BrokerEvidence):
            self._compare(entry, message, step)
            return
        if is_passed_over(message, self.live.plan_id):
            step.set_last_id(entry.stream, entry.id)
            verdict = "ignored"
            self.counters["passed_over"] += is_signal
        else:
            step.add_input(entry)
            verdict = self._act(entry, message, step)
        if is_signal:
            self.counters[verdict] += 1

    def _act(self, entry: Entry, message: object, step: Writes) -> str:
        """Fold what was checked; return what became of it."""
        verdict = "acted"
        if isinstance(message, ColumnsMessage):
            verdict = "acted" if self.session.take_columns(message) else "ignored"
        elif isinstance(message, Event):
            verdict = self._event(message, entry.fields["signal"], step)
        elif isinstance(message, Command):
            self._command(message, step)
        elif isinstance(message, Answered):
            self._note_answer(message, step)
        elif isinstance(message, Report):
            is_new = self._reports.take(message, step, last_ns=self.session.last_ns)
            if is_new and isinstance(message, OrderUpdate) and message.status is OrderStatus.REJECTED:
                why = f"order {message.client_order_id}: {refusal_sentence(message.reason)}"
                self._answered(Answer("refused", why), "order refused", message.symbol, step)
        elif isinstance(message, EvidenceRequest):
            self._evidence.fold_request(message, step)
        elif isinstance(message, Reconciled):
            self._fold_reconciled(message, step)
        self._book(step)
        return verdict

    def _event(self, event: Event, body: bytes, step: Writes) -> str:
        digest = hashlib.blake2b(body, digest_size=16).digest()
        if digest in self._events:
            return "ignored"
        if self.is_waiting:
            answer = Answer("refused", "nothing is traded before the books were compared with the broker")
            self._answered(answer, f"{event.signal_name} {event.signal_type}", str(event.metadata["symbol"]), step)
            return answer.verdict
        self._events[digest] = None
        if len(self._events) > MOST_EVENTS:
            del self._events[next(iter(self._events))]
        age_s = (self._feed_clock.now_ns() - event_time_ns(event)) / 1e9
        most = self.live.max_age_s
        answer = take_event(self.session, event, is_stale=most is not None and abs(age_s) > most)
        self._answered(answer, f"{event.signal_name} {event.signal_type}", str(event.metadata["symbol"]), step)
        return answer.verdict

    def _command(self, command: Command, step: Writes) -> None:
        if step.is_first("command", command.command_id):
            step.add_command(command)
            if command.command == "resolve":
                return  # execution answers
            answer = take_command(self.session, command)
            self._answered(answer, f"{command.command} by {command.by}", command.name, step)

    def _note_answer(self, message: Answered, step: Writes) -> None:
        """Keep what execution answered to a command, for whoever asked."""
        if step.is_first("answered", message.command_id):
            answer = Answer(message.verdict, message.why)
            self._answered(answer, f"{message.command} by {message.by}", message.symbol, step)

    def _answered(self, answer: Answer, what: str, symbol: str, step: Writes) -> None:
        last_ns = self.session.last_ns or 0
        body = {"what": what, "symbol": symbol, "verdict": answer.verdict, "why": answer.why, "action": answer.action}
        self._note({"time_ns": last_ns, **body})
        step.add_decision(last_ns, symbol, msgspec.json.encode(body))
        _log.info("%s: %s, %s", what, answer.verdict, answer.why, extra={**body, "account": self.live.account})
        self._send(answer.instructions, step)

    def _book(self, step: Writes) -> None:
        """Book every bar whose outputs and fills are both there."""
        while (time_ns := self.session.next_ns()) is not None and self._may_book():
            reports = self._reports.until(time_ns)
            if reports is None:
                self._warn_passed(time_ns)
                return
            instructions = self.session.book(reports)
            self._feed_clock.advance_to(time_ns + self.session.timeframe_ns)
            for decision in self.session.decisions():
                step.add_decision(time_ns, str(decision["symbol"]), msgspec.json.encode(decision))
                self._note({"time_ns": time_ns, **decision})
            self._send(instructions, step)
            if (drift := self._cash.see(self.session, self._reports.balance)) is not None:
                self.counters["cash_drifts"] += 1
                self._answered(drift, "balance", "", step)
            step.send(keys.orders(self.live.account), f"decided:{time_ns}", Decided(time_ns=time_ns))

    def _warn_passed(self, time_ns: int) -> None:
        passed = [one for one in self._reports.passed(time_ns) if one > self._warned_ns]
        if passed:
            self._warned_ns = passed[-1]
            _log.warning("Execution speaks of bars at %s that the signal worker did not; it waits for them.", passed)

    def _send(self, instructions: Sequence[Instruction], step: Writes) -> None:
        for instruction in instructions:
            if isinstance(instruction, Order | Cancel):
                step.send(keys.orders(self.live.account), key_of(instruction), instruction)
                _log.info("for execution of %s", self.live.account, extra={"instruction": instruction})
                self._reports.sent(instruction, step)

    def _note(self, decision: dict[str, object]) -> None:
        self.recent.append(decision)
        del self.recent[:-200]

    def _show(self, *, is_due: bool) -> None:
        """Write heartbeat and snapshot for viewers, a few times a second at most."""
        now_s = self._clock.elapsed_s()
        self._has_ended = self._has_ended or is_due
        if is_due or now_s >= self._next_snapshot_s:
            self._next_snapshot_s = now_s + SNAPSHOT_S
            body = snapshot(self.session, self.live, dict(self.counters), self.recent, at_ns=self._clock.now_ns())
            body["reconciliation"] = self._evidence.told()
            self._streams.set(keys.state(self.live.account), msgspec.json.encode(body))
            self._pulse.beat(self.counters, is_due=is_due)


def _nameless(folder: Path) -> IO[bytes]:
    """A file that is gone with its process, however that ends: a restart folds all of it anew."""
    return cast(IO[bytes], TemporaryFile(dir=folder))
