"""Reconciling: a session's books, as its journal has them, beside what the broker shows, before anything is traded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec

from sptrader.execution.lifecycle import Life, after
from sptrader.execution.reconcile import Evidence, Expected, Policy, Reconciliation, reconcile
from sptrader.execution.record import Record
from sptrader.model.ids import ADOPTED, KILL_ORDER
from sptrader.model.messages import BrokerEvidence, EvidenceRequest, Reconciled
from sptrader.model.orders import BrokerAccount, Fill, OpenOrder, OrderUpdate, Side
from sptrader.orchestrator.session import Session, Setting
from sptrader.runs.adopting import adopted_reports
from sptrader.runs.again import Writes
from sptrader.streams.codec import decode
from sptrader.streams.journal_reader import JournalReader


def expected_of(session: Session, journal: JournalReader) -> Expected:
    """Return what the session believes: its orders and fills from its journal, with what was told and is not booked yet.

    Children that the venue made are known from the reports that made them, orders of the kill switch and positions that
    were adopted from their fills.
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


def request(session: Session, journal: JournalReader, *, at_ns: int) -> EvidenceRequest:
    """Return what execution is asked: about every order that works as far as the books know, and the fills since."""
    working = [one for one in expected_of(session, journal).records.values() if not one.life.status.is_final]
    since_ns = min([one.sent_ns for one in working] + [session.last_ns or at_ns])
    return EvidenceRequest(
        request_id=f"{at_ns}",
        ids=tuple(one.client_order_id for one in working),
        since_ns=since_ns - session.timeframe_ns,  # a fill's time is its bar's opening time
    )


def reconciled(
    session: Session,
    journal: JournalReader,
    answer: BrokerEvidence,
    policy: Policy,
    *,
    step: Writes,
    at_ns: int,
) -> Reconciled:
    """Compare session and broker, write every finding into the journal's decisions, and return what is to be done."""
    found = reconcile(expected_of(session, journal), evidence_of(answer), policy=policy, symbols=session.plan.symbols)
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
    return Reconciled(
        request_id=answer.request_id,
        decision=found.decision,
        blocked=tuple(sorted(_blocked(found, session.plan.symbols))),
        reports=adopted_reports(session, found, answer),
        differences=tuple(differences(found)),
    )


def _blocked(found: Reconciliation, symbols: Collection[str]) -> set[str]:
    """The instruments that take no new risk: all of them where what differs is the account itself."""
    return set(symbols) if "" in found.blocked else set(symbols) & found.blocked


def shown(found: Evidence, asked: EvidenceRequest, *, at_ns: int) -> BrokerEvidence:
    """Return the evidence as the answer to a request."""
    return BrokerEvidence(
        at_ns=at_ns,
        account=found.account,
        request_id=asked.request_id,
        positions=found.positions,
        open_orders=found.open_orders,
        fills=found.fills,
        history=dict(found.history),
    )


def evidence_key(asked: EvidenceRequest) -> str:
    """Return the key of the answer to a request: it is answered once, also when a kill has the request read again."""
    return f"evidence:{asked.request_id}"


def untouched(setting: Setting) -> Evidence:
    """Return what a paper account shows before its first bar."""
    cash = setting.cash
    account = BrokerAccount(
        account=setting.account, currency=setting.currency, balance=cash, equity=cash, used_margin=0.0
    )
    return Evidence(account, (), ())


def evidence_of(answer: BrokerEvidence) -> Evidence:
    """Return the evidence that a message carries."""
    return Evidence(
        account=answer.account,
        positions=answer.positions,
        open_orders=answer.open_orders,
        fills=answer.fills,
        history=answer.history,
    )


def differences(found: Reconciliation) -> list[dict[str, str]]:
    """Return the differences as a snapshot shows them."""
    return [{"case": one.case.value, "decision": one.decision, "why": one.sentence} for one in found.differences]


def _reports(journal: JournalReader) -> Sequence[Fill | OrderUpdate]:
    """What the venue told the session, as its journal took it in, and what was adopted from the broker's evidence."""
    found: list[Fill | OrderUpdate] = []
    for one in journal.inputs():
        if not {"report", "reconciled"} & one.entry.fields.keys():
            continue
        message = decode(one.entry.fields)
        if isinstance(message, Reconciled):
            found += message.reports
        elif isinstance(message, Fill | OrderUpdate):
            found.append(message)
    return found


def _made(report: Fill | OrderUpdate) -> Record | None:
    """The record of an order that the session has not sent: a child, or one of the kill switch."""
    if isinstance(report, OrderUpdate):
        return None if report.made is None else _child(report.made, report.time)
    if not report.client_order_id.startswith((KILL_ORDER, ADOPTED)):
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
