"""Reconciling: a session's books, as its journal has them, beside what the broker shows, before anything is traded."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from sptrader.execution.engine import Record
from sptrader.execution.lifecycle import Life, after
from sptrader.execution.reconcile import Evidence, Expected, Policy, Reconciliation, reconcile
from sptrader.model.ids import KILL_ORDER
from sptrader.model.orders import Fill, OpenOrder, OrderUpdate, Report, Side
from sptrader.orchestrator.session import Session
from sptrader.runs.again import Writes
from sptrader.streams.codec import decode
from sptrader.streams.journal_reader import JournalReader


def expected_of(session: Session, journal: JournalReader) -> Expected:
    """Return what the session believes: its orders and fills from its journal, with what was told and is not booked yet.

    Children that the venue made are known from the reports that made them, orders of the kill switch from their fills.
    """
    orders = {one.order.client_order_id: one.order for one in journal.orders()}
    records = {
        order.client_order_id: Record(
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            leg=order.leg,
            life=Life(quantity=order.quantity),
            stage="answered",
            sent_ns=order.created_at,
            order=order,
            parent=order.parent,
        )
        for order in orders.values()
    }
    positions: dict[str, Decimal] = {}
    for report in _reports(journal):
        record = records.get(report.client_order_id) or _made(report)
        if record is None:
            continue
        change = after(record.life, report)
        records[record.client_order_id] = msgspec.structs.replace(record, life=change.life)
        if isinstance(report, Fill) and change.is_news:
            signed = report.quantity if report.side == "buy" else -report.quantity
            positions[report.symbol] = positions.get(report.symbol, Decimal(0)) + signed
    setting = session.setting
    held = {symbol: quantity for symbol, quantity in positions.items() if quantity}
    return Expected(account=setting.account, currency=setting.currency, positions=held, records=records)


def reconciled(
    session: Session, journal: JournalReader, evidence: Evidence, policy: Policy, *, step: Writes, at_ns: int
) -> Reconciliation:
    """Compare session and broker, and write every finding into the journal's decisions.

    `decision` says whether trading may begin; `adopted_fills` are to be given to the session as reports, once: their ids are
    those under which they may still come by themselves. `blocked` are symbols that take no new risk.
    """
    expected = expected_of(session, journal)
    found = reconcile(expected, evidence, policy=policy, symbols=session.plan.symbols)
    for one in found.findings:
        body = {
            "what": "reconciliation",
            "symbol": one.symbol,
            "case": one.case.value,
            "decision": one.decision,
            "expected": one.expected,
            "found": one.found,
            "order": one.client_order_id,
            "why": one.sentence,
        }
        step.add_decision(at_ns, one.symbol, msgspec.json.encode(body))
    return found


def shown(found: Reconciliation) -> list[dict[str, str]]:
    """Return the differences as a snapshot shows them."""
    return [{"case": one.case.value, "decision": one.decision, "why": one.sentence} for one in found.differences]


def _reports(journal: JournalReader) -> Sequence[Fill | OrderUpdate]:
    """What the venue told the session, as its journal took it in."""
    bodies = [one.entry.fields for one in journal.inputs() if "report" in one.entry.fields]
    messages: list[Report | object] = [decode(fields) for fields in bodies]
    return [one for one in messages if isinstance(one, Fill | OrderUpdate)]


def _made(report: Fill | OrderUpdate) -> Record | None:
    """The record of an order that the session has not sent: a child, or one of the kill switch."""
    if isinstance(report, OrderUpdate):
        return None if report.made is None else _child(report.made, report.time)
    if not report.client_order_id.startswith(KILL_ORDER):
        return None
    side: Side = report.side
    return Record(
        client_order_id=report.client_order_id,
        symbol=report.symbol,
        side=side,
        leg=report.leg,
        life=Life(quantity=report.quantity),
        stage="answered",
        sent_ns=report.time,
    )


def _child(made: OpenOrder, at_ns: int) -> Record:
    return Record(
        client_order_id=made.client_order_id,
        symbol=made.symbol,
        side=made.side,
        leg=made.leg,
        life=Life(quantity=made.quantity),
        stage="answered",
        sent_ns=at_ns,
        parent=made.parent,
    )
