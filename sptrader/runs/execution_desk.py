"""Execution desk: orders in from their stream, through checks and engine to a broker, and what happens out onto the fills' stream.

What it was told stands in its journal before anything is sent or acknowledged. With a paper broker a restart is a replay of
the journal: the same instructions on the same bars lead to the same reports, and those not yet sent are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from sptrader.clock import ReplayClock
from sptrader.errors import StreamError
from sptrader.execution.bars import BarVenue
from sptrader.execution.faults import Faults
from sptrader.execution.kill import Latched
from sptrader.execution.paper import PaperBroker
from sptrader.execution.reconcile import Evidence, gather
from sptrader.execution.safety import Market, Trading
from sptrader.execution.told import Told
from sptrader.model.instrument import Instrument
from sptrader.model.messages import BrokerEvidence, Command, EvidenceRequest
from sptrader.model.orders import (
    Amend,
    Cancel,
    Decided,
    Fill,
    Instruction,
    Matched,
    NightCharge,
    Order,
    OrderUpdate,
    Report,
)
from sptrader.model.ports import Entry, Streams
from sptrader.runs.bars_to_meet import BarsToMeet
from sptrader.runs.inbox import Inbox
from sptrader.runs.kill_switch import KillSwitch, kill_command
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.order_desk import OrderDesk
from sptrader.runs.order_limits import OrderLimits, order_limits
from sptrader.runs.outbox import Outbox
from sptrader.runs.part import Pulse
from sptrader.runs.reconciling import evidence_key, shown, untouched
from sptrader.runs.resolved import resolved
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.journal import Journal, Step
from sptrader.streams.journal_tables import Identity
from sptrader.streams.shelf import JournalShelf

JOURNAL = "execution.sqlite"
# the journal's own notes among the inputs
MET = "met"  # bars were met
TERMS = "terms"  # the limits and faults from here on
LATCHED = "latched"  # the kill switch was found latched
OPENED = "opened"  # or open again
_TRADING: Mapping[str, Trading] = {"pause": "reducing", "reduce_only": "reducing", "resume": "active"}


class Terms(msgspec.Struct, frozen=True):
    """Under what the desk works from here on."""

    limits: OrderLimits
    faults: Faults


class ExecutionDesk:
    """Paper execution of one account: checks, engine, the paper broker on bars, and its journal in `folder`."""

    role = "execution"
    fills = "bars"  # what the orders meet

    def __init__(
        self,
        streams: Streams,
        live: LiveSetting,
        folder: Path,
        *,
        faults: Faults | None = None,
        limits: OrderLimits | None = None,
    ) -> None:
        self._live = live
        self._terms = Terms(limits or order_limits(live.strategy.live, mode=live.mode), faults or Faults())
        self.bars = BarsToMeet(streams, live)
        self.desk: OrderDesk | None = None  # from the first bar on
        self._broker: PaperBroker | None = None
        self._clock = ReplayClock(0)
        self._decided_ns: int | None = None
        self._latched: Latched | None = None
        self._trading: Trading = "active"
        self._journal = Journal(
            folder / JOURNAL,
            Identity(
                account=live.account,
                mode=live.mode,
                strategy=live.strategy.name,
                version=str(live.strategy.version),
                plan=live.plan_id if self.fills == "bars" else f"{live.plan_id} on {self.fills}",
            ),
            synchronous="FULL" if live.mode == "live" else "NORMAL",
        )
        self._shelf = JournalShelf(self._journal)
        self._outbox = Outbox(streams, self._journal)
        names = [keys.control(live.account), keys.orders(live.account)]
        self._inbox = Inbox(streams, self._journal, f"execution:{live.account}", names)
        self._switch = KillSwitch(live.account, folder, streams)
        self._pulse = Pulse(streams, live.account, self.role)
        self._counts: dict[str, int] = {"instructions": 0, "fills": 0, "dead": 0}
        self._stream = keys.fills(live.account)
        self._recover()

    @property
    def is_over(self) -> bool:
        """Whether the bars have ended and all of them were met."""
        return self.bars.is_over

    @property
    def counters(self) -> dict[str, int]:
        """What it has counted."""
        own = {"refused": 0, "odd": 0, "flattened": 0} if self.desk is None else dict(self.desk.counters)
        return {**self._counts, **own}

    def step(self, block_ms: int) -> bool:
        """Look at the kill switch, take instructions, let orders meet the bars that may be met, and tell what happened."""
        is_pulled = self._look()
        entries = self._inbox.read(0 if self._may_meet() else block_ms)
        is_busy = self._hear() or bool(entries)
        if entries or is_pulled or self._may_meet():
            with self._journal.transaction() as step:
                self._outbox.note_sent(step)
                for entry in entries:
                    self._take(entry, step)
                is_busy = self._meet(step) or is_busy
                self._shelve()
            self._outbox.send()
            self._inbox.acknowledge(entries)
        self._pulse.beat(self.counters, "kill switch latched" if self._latched is not None else "")
        return is_busy

    def evidence(self, ids: Iterable[str], *, since_ns: int = 0) -> Evidence | None:
        """Return what the broker shows, and its history of the orders `ids`; None before the first bar."""
        if self.desk is None:
            return None
        broker = self.desk.broker  # of a paper one's reports that are late nobody knows yet
        return gather(Told(broker) if isinstance(broker, PaperBroker) else broker, ids, since_ns=since_ns)

    def _answer(self, asked: EvidenceRequest, step: Step) -> None:
        """Tell what the broker shows, behind all reports that were told before; what was told before a kill stands."""

        def made() -> BrokerEvidence:
            found = self.evidence(asked.ids, since_ns=asked.since_ns) or untouched(self._live.setting)
            return shown(found, asked, at_ns=self._clock.now_ns())

        step.send_first(self._stream, evidence_key(asked), made)

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def _recover(self) -> None:
        """Do again what the journal says was done; its messages are in the outbox already."""
        wanted, self._terms = self._terms, Terms(OrderLimits(), Faults())
        if self._journal.last_ids():
            while self.bars.take(0):
                pass
        with self._journal.transaction() as step:
            step.clear_shelf()
            for one in self._journal.each_input():
                self._again(one.entry, step)
                self._shelve()
            if wanted != self._terms:
                self._note(TERMS, msgspec.json.encode(wanted), step)
                self._set_terms(wanted)
        self._outbox.send()

    def _shelve(self) -> None:
        """Let what has ended leave memory when it is much."""
        if self.desk is not None and self._broker is not None:
            self.desk.shelve()
            self._broker.shelve()

    def _again(self, entry: Entry, step: Step) -> None:
        """Fold an input or a note of the journal."""
        ((_, body),) = entry.fields.items()
        if entry.stream == MET:
            self._meet_next(step)
        elif entry.stream == TERMS:
            self._set_terms(msgspec.json.decode(body, type=Terms))
        elif entry.stream == LATCHED:
            self._latch(msgspec.json.decode(body, type=Latched), step)
        elif entry.stream == OPENED:
            self._open()
        else:
            message = decode(entry.fields)
            if isinstance(message, Command):
                self._command(message, step)
            elif isinstance(message, Order | Cancel | Amend | Decided):
                self._instruct(message, step)

    def _note(self, name: str, body: bytes, step: Step) -> None:
        step.add_input(Entry(name, str(self._clock.now_ns()), {name: body}))

    def _set_terms(self, terms: Terms) -> None:
        self._terms = terms
        if self.desk is not None and self._broker is not None:
            self.desk.limits = terms.limits
            self._broker.faults = terms.faults

    def _look(self) -> bool:
        """See whether the kill switch was pulled or opened since, and act on it; what it leads to needs no server."""
        found = self._switch.look()
        if (found is None) == (self._latched is None):
            return False
        with self._journal.transaction() as step:
            if found is None:
                self._note(OPENED, b"{}", step)
                self._open()
            else:
                self._note(LATCHED, msgspec.json.encode(found), step)
                self._latch(found, step)
        return True

    def _latch(self, latched: Latched, step: Step) -> None:
        """Cancel and flatten all; the orchestrator is told, and learns the rest from the reports."""
        if self._latched is not None:
            return
        self._latched = latched
        command = kill_command(latched)
        step.send(keys.control(self._live.account), command.command_id, command)
        if self.desk is not None:
            self._tell(self.desk.latch(latched), step)

    def _open(self) -> None:
        self._latched = None
        if self.desk is not None:
            self.desk.unlatch()

    def _hear(self) -> bool:
        """Take in what the feed has said; return whether it has said anything."""
        return self.bars.next_ns() is None and self.bars.take(0)

    def _may_meet(self) -> bool:
        """Whether the next bars are there and everything that the bars before led to has been said."""
        return self.bars.next_ns() is not None and self._has_been_decided()

    def _has_been_decided(self) -> bool:
        """Whether the orchestrator has said all that the bars before led to.

        While positions are being flattened nothing is waited for: no word of an orchestrator counts then.
        """
        before = self.bars.before_ns()
        is_flattening = self.desk is not None and self.desk.is_flattening
        return before is None or is_flattening or (self._decided_ns is not None and self._decided_ns >= before)

    def _take(self, entry: Entry, step: Step) -> None:
        try:
            message = decode(entry.fields)
        except StreamError as error:
            self._dead(entry, str(error), step)
            return
        if isinstance(message, Command):
            step.add_input(entry)
            self._command(message, step, is_now=True)
        elif isinstance(message, Order | Cancel | Amend | Decided):
            fault = self._fault(message)
            if fault:
                self._dead(entry, fault, step)
                return
            step.add_input(entry)
            self._instruct(message, step)
            self._meet(step)
        elif isinstance(message, EvidenceRequest):
            step.set_last_id(entry.stream, entry.id)
            self._answer(message, step)
        elif entry.stream == keys.orders(self._live.account):
            self._dead(entry, "the stream of orders carries orders, cancels, amendments and decided", step)
        else:
            step.set_last_id(entry.stream, entry.id)  # the orchestrator buries what is no command

    def _fault(self, message: Instruction) -> str:
        """Why an instruction cannot be this session's; empty when it can."""
        if not isinstance(message, Decided) and message.symbol not in self._live.plan.symbols:
            return f"{message.symbol} is not traded here; allowed are {', '.join(self._live.plan.symbols)}"
        last = self.bars.before_ns()
        time_ns = message.created_at if isinstance(message, Amend) else message.time_ns
        if last is None or (time_ns > last and not isinstance(message, Amend)):
            return f"it speaks of bars at {time_ns}, which have not been met"
        return ""

    def _dead(self, entry: Entry, reason: str, step: Step) -> None:
        if entry.stream != keys.orders(self._live.account):
            step.set_last_id(entry.stream, entry.id)
            return
        step.add_dead_letter(entry, reason, at_ns=self._clock.now_ns())
        self._outbox.dead(entry, reason, at_ns=self._clock.now_ns())
        self._counts["dead"] += 1

    def _command(self, command: Command, step: Step, *, is_now: bool = False) -> None:
        """Do what a person's command means to orders on their way; all else is the orchestrator's."""
        if command.command == "kill":
            latched = Latched(by=command.by, reason="command", at_ns=command.at_ns)
            if is_now:
                self._switch.pull(latched)
            self._latch(latched, step)
        elif command.command == "unlatch":
            self._open()
            if is_now:
                self._switch.open(by=command.by)
        elif command.command == "resolve":
            reports, answer = resolved(self.desk, command, at_ns=self._clock.now_ns())
            self._tell(reports, step)
            step.send(self._stream, f"answered:{command.command_id}", answer)
        self._trading = _TRADING.get(command.command, self._trading)
        if self.desk is not None:
            self.desk.trading = self._trading

    def _instruct(self, message: Instruction, step: Step) -> None:
        self._counts["instructions"] += 1
        if isinstance(message, Decided):
            self._decided_ns = max(message.time_ns, self._decided_ns or message.time_ns)
        if self.desk is None:
            return  # nothing has been met: only a `decided` of an earlier session can come now
        self._clock.advance_to(message.time_ns if isinstance(message, Decided) else message.created_at)
        self._tell(self.desk.instruct(message), step)

    def _meet(self, step: Step) -> bool:
        """Let the orders meet every bar that may be met."""
        is_busy = False
        while self._may_meet():
            step.add_input(Entry(MET, str(self.bars.next_ns()), {MET: b""}))
            self._meet_next(step)
            is_busy = True
        return is_busy

    def _meet_next(self, step: Step) -> None:
        time_ns = self.bars.require_next_ns()
        desk, broker = self._opened(time_ns)
        self._clock.advance_to(time_ns)
        broker.meet(time_ns)
        self.bars.met()
        self._tell(desk.passed(), step)

    def _opened(self, time_ns: int) -> tuple[OrderDesk, PaperBroker]:
        """The desk and its broker, whose account is opened at the first bar."""
        if self.desk is None or self._broker is None:
            setting = self._live.setting
            traded = {symbol: setting.instruments[symbol] for symbol in setting.plan.symbols}
            self._broker = self._make_broker(time_ns, traded)
            self.desk = OrderDesk(
                self._broker,
                clock=self._clock,
                limits=self._terms.limits,
                last_price=self._last_price,
                shelf=self._shelf,
            )
            self.desk.trading = self._trading
            if self._latched is not None:
                self.desk.latch(self._latched)
        return self.desk, self._broker

    def _make_broker(self, time_ns: int, traded: dict[str, Instrument]) -> PaperBroker:
        """Open an account with the bars of a time."""
        setting, strategy = self._live.setting, self._live.strategy
        self._venue = BarVenue(
            self.bars.opened(time_ns),
            setting.plan.symbols,
            self.bars.arrays,
            account=setting.account,
            currency=setting.currency,
            strategy=strategy.name,
            version=str(strategy.version),
        )
        return PaperBroker(self._venue, instruments=traded, faults=self._terms.faults, shelf=self._shelf)

    def _last_price(self, symbol: str) -> Market | None:
        seen_ns = self.bars.seen_ns(symbol)
        if seen_ns is None:
            return None
        price, rate = self._venue.last_price(symbol)
        return Market(price=price, time_ns=seen_ns, rate=rate)

    def _tell(self, reports: Sequence[Report], step: Step) -> None:
        for report in reports:
            if isinstance(report, Fill):
                self._counts["fills"] += int(step.add_fill(report))
                key = report.fill_id
            else:
                key = _key(report)
            step.send(self._stream, key, report)


def _key(report: OrderUpdate | NightCharge | Matched) -> str:
    """Under which key the outbox keeps a report that is no fill."""
    if isinstance(report, Matched):
        return f"matched:{report.time_ns}"
    return report.charge_id if isinstance(report, NightCharge) else report.update_id
