"""Venue reports: what execution tells an orchestrator, checked against what was asked for, and put to the bar it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from sptrader.errors import StreamError
from sptrader.model.ids import KILL_ORDER
from sptrader.model.orders import (
    Cancel,
    Fill,
    Instruction,
    Matched,
    NightCharge,
    Order,
    OrderStatus,
    OrderUpdate,
    Report,
)
from sptrader.runs.again import Writes
from sptrader.streams.journal_reader import JournalReader

# kinds on the journal's shelf: reports that came, and orders that the venue or the kill switch made
REPORT, FOREIGN = "report", "foreign"
MOST_WAITING = 10_000  # reports that wait for their bar; far more than one bar leads to


class VenueReports:
    """The reports that are not booked yet, in their order. Orders, and ids of all reports ever, are known from the journal.

    What is not a fill waits only where it is the end of an order that works in the books, as `is_working` says: nothing else
    is booked.
    """

    def __init__(self, symbols: Collection[str], journal: JournalReader, is_working: Callable[[str], bool]) -> None:
        self._symbols, self._journal, self._is_working = frozenset(symbols), journal, is_working
        self._waiting: list[Report] = []
        self.balance: float | None = None  # the account's after the bars told last; None where the venue did not say

    def check(self, report: Report) -> None:
        """Raise `StreamError` for a report that cannot be about this session's orders."""
        if len(self._waiting) >= MOST_WAITING:
            raise StreamError(
                f"{MOST_WAITING:,} reports wait for their bar already; this one is not kept.", key="message"
            )
        if isinstance(report, Matched):
            return
        if report.symbol not in self._symbols:
            raise StreamError(
                f"a report is on {report.symbol}; this session trades {', '.join(sorted(self._symbols))}.",
                key="symbol",
                value=report.symbol,
            )
        if isinstance(report, NightCharge):
            return
        order_id = report.client_order_id
        known = self._symbol_of(order_id)
        made = report.made if isinstance(report, OrderUpdate) else None
        is_made = made is not None and (made.client_order_id, made.symbol) == (order_id, report.symbol)
        if known is None and not (is_made or order_id.startswith(KILL_ORDER)):
            raise StreamError(
                f"a report is on order {order_id}, which this session has not sent.",
                key="client_order_id",
                value=order_id,
            )
        if known is not None and known != report.symbol:
            raise StreamError(
                f"a report on {report.symbol} is on order {order_id} of {known}.", key="symbol", value=report.symbol
            )

    def sent(self, instruction: Instruction, step: Writes) -> None:
        """Take note of an order that is to be sent."""
        if isinstance(instruction, Order):
            step.put_order(instruction, OrderStatus.SUBMITTED, at_ns=instruction.created_at)

    def take(self, report: Report, step: Writes, *, last_ns: int | None) -> bool:
        """Keep a report until its bar is booked; False for one that was here before."""
        if isinstance(report, Matched):
            is_new = (last_ns is None or report.time_ns > last_ns) and self._mark(report.time_ns) is None
        else:
            key = _id(report)
            is_new = step.is_first(REPORT, key)
        if not is_new:
            return False
        if not isinstance(report, OrderUpdate) or (report.status.is_final and self._is_working(report.client_order_id)):
            self._waiting.append(report)
        if isinstance(report, Fill):
            step.add_fill(report)
        if not isinstance(report, Matched | NightCharge) and not step.put_report(report):
            step.is_first(FOREIGN, report.client_order_id, report.symbol.encode())
        return True

    def adopt(self, reports: Sequence[Fill | OrderUpdate], step: Writes) -> None:
        """Take in what the broker's evidence proved, for the next bar that is booked; what was here before is not again."""
        later, self._waiting = self._waiting, []
        for report in reports:
            self.take(report, step, last_ns=None)
        at = next((i for i, one in enumerate(later) if isinstance(one, Matched)), len(later))
        self._waiting = [*later[:at], *self._waiting, *later[at:]]

    def has_all(self, times_ns: Iterable[int]) -> bool:
        """Return whether all that happened on the bars of these times has been told."""
        return {int(one) for one in times_ns} <= {one.time_ns for one in self._waiting if isinstance(one, Matched)}

    def until(self, time_ns: int) -> list[Report] | None:
        """Return what happened on the bars of a time, and forget it; None while that has not all been told."""
        mark = self._mark(time_ns)
        if mark is None:
            return None
        at, self.balance = self._waiting.index(mark), mark.balance
        found: list[Report] = [report for report in self._waiting[:at] if not isinstance(report, Matched)]
        # a mark before `time_ns` is of bars that there never were
        later = [report for report in self._waiting[:at] if isinstance(report, Matched) and report.time_ns > time_ns]
        self._waiting = [*later, *self._waiting[at + 1 :]]
        return found

    def _mark(self, time_ns: int) -> Matched | None:
        return next((one for one in self._waiting if isinstance(one, Matched) and one.time_ns == time_ns), None)

    @property
    def n_held(self) -> int:
        """How many reports are in memory."""
        return len(self._waiting)

    def passed(self, time_ns: int) -> list[int]:
        """Return the times before `time_ns` of which the venue speaks: bars that it met and the session was never shown."""
        return [report.time_ns for report in self._waiting if isinstance(report, Matched) and report.time_ns < time_ns]

    def _symbol_of(self, order_id: str) -> str | None:
        """The symbol of an order that was sent, or of which there was a report."""
        found = self._journal.symbol_of(order_id)
        if found is not None:
            return found
        body = self._journal.shelved(FOREIGN, order_id)
        return None if body is None else body.decode()


def _id(report: Fill | OrderUpdate | NightCharge) -> str:
    if isinstance(report, Fill):
        return report.fill_id
    return report.charge_id if isinstance(report, NightCharge) else report.update_id


def key_of(instruction: Order | Cancel) -> str:
    """Return under which key the outbox keeps an instruction."""
    return f"cancel:{instruction.client_order_id}" if isinstance(instruction, Cancel) else instruction.client_order_id
