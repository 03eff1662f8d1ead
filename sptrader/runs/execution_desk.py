"""Execution desk: orders in from their stream, through the engine to a broker, and what happens out onto the fills' stream.

What it was told stands in its journal before anything is sent or acknowledged. With a paper broker a restart is a replay of
the journal: the same instructions on the same bars lead to the same reports, and those not yet sent are sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sptrader.clock import ReplayClock
from sptrader.errors import StreamError
from sptrader.execution.bars import BarVenue
from sptrader.execution.engine import Engine
from sptrader.execution.faults import Faults
from sptrader.execution.paper import PaperBroker
from sptrader.kernel.market import Market
from sptrader.model.orders import Amend, Cancel, Decided, Fill, Instruction, Matched, Order, Report
from sptrader.model.ports import Entry, Streams
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.tail import Tail
from sptrader.runs.bar_streams import BarStreams
from sptrader.runs.inbox import Inbox
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.outbox import Outbox
from sptrader.runs.part import Pulse
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.journal import Journal, Step
from sptrader.streams.journal_tables import Identity

CHUNK = 2048  # bars whose arrays are made at once
JOURNAL = "execution.sqlite"
MET = "met"  # the journal's own note, among the inputs, that bars were met


class ExecutionDesk:
    """Paper execution of one account: the engine, the paper broker on bars, and its journal in `folder`."""

    role = "execution"

    def __init__(self, streams: Streams, live: LiveSetting, folder: Path, *, faults: Faults | None = None) -> None:
        self._live = live
        setting = live.setting
        self._tail = Tail(setting.plan, setting.facts, setting.instruments, setting.currency, setting.nights)
        self._bars = BarStreams(streams, setting.facts)
        self._faults = faults
        self._clock = ReplayClock(0)
        self._engine: Engine | None = None
        self._broker: PaperBroker | None = None
        self._met = 0  # times of the clock that were met or passed over
        self._decided_ns: int | None = None
        self._arrays_until: tuple[int, int] | None = None
        self._market: Market | None = None
        self._times: np.ndarray = np.empty(0, np.int64)
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
        self._outbox = Outbox(streams, self._journal)
        self._inbox = Inbox(streams, self._journal, f"execution:{live.account}", [keys.orders(live.account)])
        self._pulse = Pulse(streams, live.account, self.role)
        self.counters: dict[str, int] = {"instructions": 0, "fills": 0, "odd": 0, "dead": 0}
        self._stream = keys.fills(live.account)
        self._recover()

    @property
    def is_over(self) -> bool:
        """Whether the bars have ended and all of them were met."""
        return self._tail.has_ended and self._next_ns() is None

    def step(self, block_ms: int) -> bool:
        """Take instructions, let orders meet the bars that may be met, and tell what happened."""
        entries = self._inbox.read(0 if self._may_meet() else block_ms)
        has_bars = self._take_bars(0)
        is_busy = bool(entries) or has_bars
        if entries or self._may_meet():
            with self._journal.transaction() as step:
                self._outbox.note_sent(step)
                for entry in entries:
                    self._take(entry, step)
                is_busy = self._meet(step) or is_busy
            self._outbox.send()
            self._inbox.acknowledge(entries)
        self._pulse.beat(self.counters)
        return is_busy

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def _recover(self) -> None:
        """Do again what the journal says was done; its messages are in the outbox already."""
        inputs = self._journal.inputs()
        if inputs:
            while self._take_bars(0):
                pass
        with self._journal.transaction() as step:
            for one in inputs:
                if one.entry.stream == MET:
                    self._meet_next(step)
                    continue
                message = decode(one.entry.fields)
                if isinstance(message, Order | Cancel | Amend | Decided):
                    self._instruct(message, step)
        self._outbox.send()

    def _take_bars(self, block_ms: int) -> bool:
        found = self._bars.read(block_ms)
        for bar in found:
            self._tail.add(bar)
        start = self._live.setting.start_ns
        while start is not None and (time_ns := self._next_ns()) is not None and time_ns < start:
            self._met += 1
        return bool(found)

    def _next_ns(self) -> int | None:
        times = self._tail.clock.times_ns
        return int(times[self._met]) if self._met < len(times) else None

    def _may_meet(self) -> bool:
        """Whether the next bars are there and everything that the bars before led to has been said."""
        time_ns = self._next_ns()
        if time_ns is None:
            return False
        times, start = self._tail.clock.times_ns, self._live.setting.start_ns
        is_first = self._met == 0 or (start is not None and int(times[self._met - 1]) < start)
        return is_first or (self._decided_ns is not None and self._decided_ns >= int(times[self._met - 1]))

    def _take(self, entry: Entry, step: Step) -> None:
        try:
            message = decode(entry.fields)
        except StreamError as error:
            self._dead(entry, str(error), step)
            return
        if not isinstance(message, Order | Cancel | Amend | Decided):
            self._dead(entry, "the stream of orders carries orders, cancels, amendments and decided", step)
            return
        step.add_input(entry)
        self._instruct(message, step)
        self._meet(step)

    def _dead(self, entry: Entry, reason: str, step: Step) -> None:
        step.add_dead_letter(entry, reason, at_ns=self._clock.now_ns())
        self._outbox.dead(entry, reason, at_ns=self._clock.now_ns())
        self.counters["dead"] += 1

    def _instruct(self, message: Instruction, step: Step) -> None:
        self.counters["instructions"] += 1
        if isinstance(message, Decided):
            self._decided_ns = max(message.time_ns, self._decided_ns or message.time_ns)
        if self._engine is None:
            return  # nothing has been met: only a `decided` of an earlier session can come now
        self._clock.advance_to(message.time_ns if isinstance(message, Decided) else message.created_at)
        taken = self._engine.take(message)
        sent = self._engine.send(taken.to_send)
        told = self._engine.poll()
        self.counters["odd"] += sum(len(outcome.oddities) for outcome in (taken, sent, told))
        self._tell((*taken.reports, *sent.reports, *told.reports), step)

    def _meet(self, step: Step) -> bool:
        """Let the orders meet every bar that may be met."""
        is_busy = False
        while self._may_meet():
            step.add_input(Entry(MET, str(self._next_ns()), {MET: b""}))
            self._meet_next(step)
            is_busy = True
        return is_busy

    def _meet_next(self, step: Step) -> None:
        time_ns = self._next_ns()
        if time_ns is None:
            raise StreamError(
                "the streams of bars have lost bars that the journal says were met; replay them before going on.",
                key="bars",
                is_failure=True,
            )
        engine, broker = self._opened(time_ns)
        self._clock.advance_to(time_ns)
        broker.meet(time_ns)
        told = engine.poll()
        self.counters["odd"] += len(told.oddities)
        self._met += 1
        self._tell(told.reports, step)

    def _opened(self, time_ns: int) -> tuple[Engine, PaperBroker]:
        """The engine and its broker, whose account is opened at the first bar."""
        if self._engine is None or self._broker is None:
            setting, strategy = self._live.setting, self._live.strategy
            state = opening_state(setting.plan, self._tail.market(time_ns, time_ns), setting.cash)
            venue = BarVenue(
                state,
                setting.plan.symbols,
                self._arrays,
                account=setting.account,
                currency=setting.currency,
                strategy=strategy.name,
                version=str(strategy.version),
            )
            traded = {symbol: setting.instruments[symbol] for symbol in setting.plan.symbols}
            self._broker = PaperBroker(venue, instruments=traded, faults=self._faults)
            self._engine = Engine(self._broker, clock=self._clock)
        return self._engine, self._broker

    def _arrays(self, time_ns: int) -> tuple[Market, int] | None:
        """The arrays of the bars of a time, made for many at once where many have come."""
        until = self._arrays_until
        if until is None or not until[0] <= time_ns <= until[1]:
            times = self._tail.clock.times_ns
            last = int(times[min(self._met + CHUNK, len(times)) - 1])
            made = self._tail.market(time_ns, last)
            self._market, self._times, self._arrays_until = made.kernel, made.times_ns, (time_ns, last)
        return None if self._market is None else (self._market, int(np.searchsorted(self._times, time_ns)))

    def _tell(self, reports: Sequence[Report], step: Step) -> None:
        for report in reports:
            if isinstance(report, Fill):
                self.counters["fills"] += int(step.add_fill(report))
                key = report.fill_id
            else:
                key = f"matched:{report.time_ns}" if isinstance(report, Matched) else report.update_id
            step.send(self._stream, key, report)
