"""Broker desk: execution at any broker: what is to be sent is journalled before it is sent, and nothing is sent twice.

A broker cannot be replayed: the records of the orders stand in the journal, and a restart takes them up where they stood. What
was being sent then is unknown until the broker's evidence settles it; what happened meanwhile comes from its history.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from sptrader.clock import LiveClock
from sptrader.errors import BrokerError, RunError, StreamError
from sptrader.execution.bars import BarVenue
from sptrader.execution.kill import Latched
from sptrader.execution.reconcile import gather
from sptrader.execution.record import Outcome, Record
from sptrader.execution.safety import Market, Trading
from sptrader.model.messages import Answered, BrokerEvidence, Command, EvidenceRequest
from sptrader.model.orders import Amend, Cancel, Decided, Fill, Instruction, Matched, NightCharge, Order
from sptrader.model.ports import Broker, Clock, Entry, Streams
from sptrader.runs.bars_to_meet import BarsToMeet
from sptrader.runs.broker_history import missed_reports
from sptrader.runs.broker_line import Backoff, BrokerLine
from sptrader.runs.execution_desk import JOURNAL
from sptrader.runs.inbox import Inbox
from sptrader.runs.kill_switch import KillSwitch, kill_command
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.order_desk import OrderDesk
from sptrader.runs.order_limits import OrderLimits, order_limits
from sptrader.runs.outbox import Outbox
from sptrader.runs.part import UNANSWERED, Pulse
from sptrader.runs.reconciling import evidence_key, shown
from sptrader.runs.resolved import resolved
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.journal import Journal, Step
from sptrader.streams.journal_tables import Identity
from sptrader.streams.shelf import StateShelf

RECORD = "order:"  # how the names of orders begin among the journal's states
MET = "met"
TRADING = "trading"
DECIDED = "decided"
SETTLE_S = 1.0  # between two questions about what is unknown
_TRADING: Mapping[str, Trading] = {"pause": "reducing", "reduce_only": "reducing", "resume": "active"}


class BrokerDesk:
    """Execution of one account at `broker`, with its journal in `folder`.

    A broker that does not answer, at the start or later, is asked again after `backoff`; meanwhile no instruction is taken and
    no bar is closed, so that nothing is decided or sent. Once it answers, what was missed comes from its history, and the
    session compares its books before it trades on.
    """

    role = "execution"

    def __init__(
        self,
        streams: Streams,
        live: LiveSetting,
        folder: Path,
        broker: Broker,
        *,
        limits: OrderLimits | None = None,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        if broker.account != live.account:
            raise RunError(
                f"the broker's account was '{broker.account}', the session's is '{live.account}'.", key="account"
            )
        self._live, self._clock, self._watch = live, clock or LiveClock(), LiveClock()
        self.bars = BarsToMeet(streams, live)
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
        )
        kept = self._journal.states(RECORD)
        self._outbox = Outbox(streams, self._journal)
        names = [keys.control(live.account), keys.orders(live.account)]
        self._inbox = Inbox(streams, self._journal, f"execution:{live.account}", names)
        self._switch = KillSwitch(live.account, folder, streams)
        self._pulse = Pulse(streams, live.account, self.role)
        self._stream = keys.fills(live.account)
        self._counts = {"instructions": 0, "fills": 0, "dead": 0}
        self._decided_ns = int(self._journal.state(DECIDED) or 0)
        self._met_ns = int(self._journal.state(MET) or 0)
        self._prices: BarVenue | None = None  # which knows the last closes; no order ever works there
        self._waiting: list[Entry] = []  # that were read, and need an answer of the broker first
        self._next_settle_s = 0.0
        self._line = BrokerLine(broker.name, backoff or Backoff(), self._watch)
        self._has_started = False  # and heard what the broker did before
        self.desk = OrderDesk(
            broker,
            clock=self._clock,
            limits=limits or order_limits(live.strategy.live, mode=live.mode),
            last_price=self._last_price,
            keep=self._keep,
            records=[msgspec.json.decode(body, type=Record) for body in kept.values()],
            shelf=StateShelf(self._journal, RECORD),
        )
        trading = self._journal.state(TRADING)
        self.desk.trading = "active" if trading is None else msgspec.json.decode(trading, type=Trading)
        self._see_met_bars()
        try:
            self._start()
        except BrokerError as error:
            self._line.failed(error)
        self._look()

    @property
    def is_over(self) -> bool:
        """Whether the bars have ended and all of them were told of."""
        return self.bars.is_over

    @property
    def counters(self) -> dict[str, int]:
        """What it has counted."""
        own = {"unknown": len(self.desk.engine.unknown()), UNANSWERED: self._line.n_failed}
        return {**self._counts, **self.desk.counters, **own}

    def step(self, block_ms: int) -> bool:
        """Look at the kill switch, take instructions, hear the broker, and say which bars are over.

        While the broker is silent it waits for `block_ms` and does nothing else.
        """
        self._look()
        if not self._line.is_due(is_urgent=self.desk.is_flattening):
            self._beat()
            threading.Event().wait(block_ms / 1000)
            return False
        entries = self._waiting or (self._inbox.read(block_ms) if self._has_started else [])
        taken = self._attempt(entries)
        self._waiting = list(entries[len(taken) :])
        is_busy = bool(taken)
        if not self._line.is_silent:
            is_busy = self._close_bars() or is_busy
        self._send()
        self._inbox.acknowledge(taken)
        self.desk.shelve()
        self._beat()
        return is_busy

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def _attempt(self, entries: Sequence[Entry]) -> list[Entry]:
        """Start where that was not done, hear the broker and do what the entries ask for; return those that are done.

        A broker that does not answer ends it; what was missed until it does is heard by another start.
        """
        taken: list[Entry] = []
        try:
            if not self._has_started:
                self._start()
            self._pass()
            for entry in entries:
                self._take(entry)
                taken.append(entry)
            self._line.answered()
        except BrokerError as error:
            self._has_started = False
            self._line.failed(error)
        return taken

    def _see_met_bars(self) -> None:
        """Know the prices of the bars that were closed before a restart."""
        while self.bars.take(0):
            pass
        while (time_ns := self.bars.next_ns()) is not None and time_ns <= self._met_ns:
            self._see_prices(time_ns)

    def _start(self) -> None:
        """Take up the orders where the journal has them, and hear what the broker did meanwhile. Raises as the broker does."""
        now_ns = self._clock.now_ns()
        account = self.desk.broker.account_state()
        self.desk.recover(missed_reports(self.desk.broker, self.desk.engine, at_ns=now_ns))
        if self._met_ns or self.desk.engine.records:
            with self._journal.transaction() as step:
                step.send(self._stream, f"started:{now_ns}", BrokerEvidence(at_ns=now_ns, account=account))
        self._has_started = True
        self._send()

    def _beat(self) -> None:
        unknown = ", ".join(f"{one.client_order_id} ({one.symbol})" for one in self.desk.engine.unknown())
        notes = (
            "kill switch latched" if self.desk.latched is not None else "",
            self._line.note,
            f"unknown, and to be resolved: {unknown}" if unknown else "",
        )
        self._pulse.beat(self.counters, "; ".join(note for note in notes if note))

    def _keep(self, outcome: Outcome) -> None:
        """Journal what a call of the engine led to: `sending` stands there before anything is sent."""
        if not outcome.changed and not outcome.reports:
            return
        with self._journal.transaction() as step:
            for record in outcome.changed:
                step.put_state(f"{RECORD}{record.client_order_id}", msgspec.json.encode(record))
            for report in outcome.reports:
                if isinstance(report, Fill):
                    self._counts["fills"] += int(step.add_fill(report))
                    step.send(self._stream, report.fill_id, report)
                elif isinstance(report, NightCharge):
                    step.send(self._stream, report.charge_id, report)
                elif not isinstance(report, Matched):
                    step.send(self._stream, report.update_id, report)

    def _send(self) -> None:
        self._outbox.send()
        with self._journal.transaction() as step:
            self._outbox.note_sent(step)

    def _look(self) -> None:
        found = self._switch.look()
        if found is None and self.desk.latched is not None:
            self.desk.unlatch()
        elif found is not None and self.desk.latched is None:
            try:
                self._latch(found)
            except BrokerError as error:  # it is latched, and flattens once the broker answers
                self._line.failed(error)

    def _latch(self, latched: Latched) -> None:
        command = kill_command(latched)
        with self._journal.transaction() as step:
            step.send(keys.control(self._live.account), command.command_id, command)
        self.desk.latch(latched)

    def _take(self, entry: Entry) -> None:
        """Do what an entry asks for; one that is read again after a crash is known by its id, and not sent again."""
        is_order = entry.stream == keys.orders(self._live.account)
        reason, answer = "", None
        try:
            message = decode(entry.fields)
            if isinstance(message, Command) and not is_order:
                answer = self._command(message)
            elif isinstance(message, EvidenceRequest):
                self._answer(message)
            elif isinstance(message, Order | Cancel | Amend | Decided):
                reason = self._instruct(message)
            elif is_order:
                reason = "the stream of orders carries orders, cancels, amendments and decided"
        except StreamError as error:
            reason = str(error) if is_order else ""
        with self._journal.transaction() as step:
            if answer is not None:
                step.send(self._stream, f"answered:{answer.command_id}", answer)
            self._done(entry, reason, step)

    def _done(self, entry: Entry, reason: str, step: Step) -> None:
        if not reason:
            step.set_last_id(entry.stream, entry.id)
            return
        at_ns = self._clock.now_ns()
        step.add_dead_letter(entry, reason, at_ns=at_ns)
        self._outbox.dead(entry, reason, at_ns=at_ns)
        self._counts["dead"] += 1

    def _instruct(self, message: Instruction) -> str:
        """Send an instruction, or return why it cannot be this session's."""
        self._counts["instructions"] += 1
        if isinstance(message, Decided):
            self._decided_ns = max(self._decided_ns, message.time_ns)
            with self._journal.transaction() as step:
                step.put_state(DECIDED, str(self._decided_ns).encode())
            return ""
        if message.symbol not in self._live.plan.symbols:
            return f"{message.symbol} is not traded here; allowed are {', '.join(self._live.plan.symbols)}"
        self.desk.instruct(message)
        return ""

    def _command(self, command: Command) -> Answered | None:
        """Do what a person's command means to orders on their way; all else is the orchestrator's, and so is the answer."""
        with self._journal.transaction() as step:
            step.add_command(command)
        if command.command == "resolve":
            return resolved(self.desk, command, at_ns=self._clock.now_ns())[1]
        if command.command == "kill":
            latched = Latched(by=command.by, reason="command", at_ns=command.at_ns)
            self._switch.pull(latched)
            if self.desk.latched is None:
                self.desk.latch(latched)
        elif command.command == "unlatch":
            self.desk.unlatch()
            self._switch.open(by=command.by)
        elif command.command in _TRADING:
            self.desk.trading = _TRADING[command.command]
            with self._journal.transaction() as step:
                step.put_state(TRADING, msgspec.json.encode(self.desk.trading))
        return None

    def _answer(self, asked: EvidenceRequest) -> None:
        """Tell what the broker shows, behind everything that it has reported; what was told before a kill stands."""
        self.desk.hear()
        found = gather(self.desk.broker, asked.ids, since_ns=asked.since_ns)
        with self._journal.transaction() as step:
            step.send_first(self._stream, evidence_key(asked), lambda: shown(found, asked, at_ns=self._clock.now_ns()))

    def _pass(self) -> None:
        """Hear the broker; what is unknown is asked for once a second at most."""
        now_s = self._watch.elapsed_s()
        is_due = now_s >= self._next_settle_s
        if is_due:
            self._next_settle_s = now_s + SETTLE_S
        self.desk.passed(is_settling=is_due)

    def _close_bars(self) -> bool:
        """Say of every bar that has closed that all which was reported until then stands before it."""
        if self.bars.next_ns() is None:
            self.bars.take(0)
        is_busy = False
        while (time_ns := self.bars.next_ns()) is not None and (
            self._met_ns == 0 or self._decided_ns >= self._met_ns or self.desk.is_flattening
        ):
            self._see_prices(time_ns)
            self._met_ns, is_busy = time_ns, True
            with self._journal.transaction() as step:
                step.put_state(MET, str(time_ns).encode())
                step.send(self._stream, f"matched:{time_ns}", Matched(time_ns=time_ns, balance=self._balance()))
        return is_busy

    def _balance(self) -> float | None:
        try:
            return self.desk.broker.account_state().balance
        except BrokerError:
            return None  # the next bar's will tell

    def _see_prices(self, time_ns: int) -> None:
        setting = self._live.setting
        if self._prices is None:
            self._prices = BarVenue(
                self.bars.opened(time_ns),
                setting.plan.symbols,
                self.bars.arrays,
                account=setting.account,
                currency=setting.currency,
                strategy=self._live.strategy.name,
                version=str(self._live.strategy.version),
            )
        self._prices.meet(time_ns, is_closed=True)
        self.bars.met()

    def _last_price(self, symbol: str) -> Market | None:
        seen_ns = self.bars.seen_ns(symbol)
        if seen_ns is None or self._prices is None:
            return None
        price, rate = self._prices.last_price(symbol)
        return Market(price=price, time_ns=seen_ns, rate=rate)
