"""Adopting: the reports with which a session's books take in what its broker shows."""

from __future__ import annotations

from decimal import Decimal

from sptrader.execution.reconcile import Case, Finding, Reconciliation
from sptrader.kernel import state as k
from sptrader.model.ids import ADOPTED
from sptrader.model.messages import BrokerEvidence
from sptrader.model.orders import Fill, OrderStatus, OrderUpdate
from sptrader.orchestrator.instructions import exact
from sptrader.orchestrator.session import Session

_POSITIONS = (Case.BROKER_HAS_MORE, Case.BROKER_HAS_LESS, Case.OPPOSITE, Case.BROKER_FLAT)


def adopted_reports(session: Session, found: Reconciliation, shown: BrokerEvidence) -> tuple[Fill | OrderUpdate, ...]:
    """Return what the books are to be told so that they say what the broker shows; nothing while anything halts.

    Missed fills are told as the broker's history has them, under the ids under which they may still come by themselves. A
    position that no fill explains is told as fills of an order of its own: what is closed at the last mark, what is opened
    at the broker's average price. Foreign positions and orders stay what they are: others'.
    """
    if found.decision == "halt":
        return ()
    told: list[Fill | OrderUpdate] = []
    for one in found.findings:
        if one.decision != "adopt" or one.case is Case.SAME:
            continue
        told += one.fills
        if one.case in _POSITIONS and one.symbol in session.plan.symbols:
            told += _position(session, one, shown)
        elif one.case is Case.MISSED_END and one.order is not None:
            told.append(_ended(one, one.order.status, shown))
        elif one.case is Case.MISSING_ORDER:
            told.append(_ended(one, OrderStatus.CANCELLED, shown))
        elif one.case is Case.MISSED_CHILD and one.order is not None:
            told.append(
                OrderUpdate(
                    update_id=f"{one.client_order_id}/evidence/{shown.request_id}",
                    client_order_id=one.client_order_id,
                    symbol=one.symbol,
                    status=one.order.status,
                    reason=one.order.type,
                    time=shown.at_ns,
                    made=one.order,
                )
            )
    return tuple(told)


def _ended(finding: Finding, status: OrderStatus, shown: BrokerEvidence) -> OrderUpdate:
    return OrderUpdate(
        update_id=f"{finding.client_order_id}/evidence/{shown.request_id}",
        client_order_id=finding.client_order_id,
        symbol=finding.symbol,
        status=status,
        reason="broker_evidence",
        time=shown.at_ns,
    )


def _position(session: Session, finding: Finding, shown: BrokerEvidence) -> list[Fill]:
    """The fills that lead from the position of the books to the broker's: first what closes, then what opens."""
    expected = session.held().get(finding.symbol, Decimal(0))
    there = [one for one in shown.positions if one.symbol == finding.symbol]
    held = sum((one.quantity for one in there), Decimal(0))
    same_side = expected * held > 0
    kept = min(abs(expected), abs(held)) if same_side else Decimal(0)
    i = session.plan.symbols.index(finding.symbol)
    mark = float(session.state[k.block(i, 1) + k.MARK])
    price = there[0].average_price if there else mark
    fills = []
    if abs(expected) > kept:
        fills.append(_fill(finding, shown, abs(expected) - kept, is_buy=expected < 0, price=mark, is_closing=True))
    if abs(held) > kept:
        fills.append(_fill(finding, shown, abs(held) - kept, is_buy=held > 0, price=price, is_closing=False))
    return fills


def _fill(
    finding: Finding, shown: BrokerEvidence, quantity: Decimal, *, is_buy: bool, price: float, is_closing: bool
) -> Fill:
    order_id = f"{ADOPTED}{finding.symbol}-{shown.request_id}-{'exit' if is_closing else 'entry'}"
    return Fill(
        fill_id=f"{order_id}/fill",
        client_order_id=order_id,
        symbol=finding.symbol,
        side="buy" if is_buy else "sell",
        quantity=quantity,
        price=exact(price),
        fee=0.0,
        time=shown.at_ns,
        leg="exit" if is_closing else "entry",
        reason="manual",
        is_closing=is_closing,
    )
