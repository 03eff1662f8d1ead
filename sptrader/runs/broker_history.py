"""Broker history: what happened to orders while nobody listened, as the reports that were missed."""

from __future__ import annotations

from sptrader.execution.engine import Engine
from sptrader.model.orders import Fill, OpenOrder, OrderUpdate, Report
from sptrader.model.ports import Broker

_BEFORE_NS = 86_400_000_000_000  # a fill may bear the opening time of its bar, which lies before its order


def missed_reports(broker: Broker, engine: Engine, *, at_ns: int) -> list[Report]:
    """Return what the broker's history shows of working orders and their children: what was made, every fill, every end.

    Fills that are known already come too, under their ids, and are no news to an engine. Raises as the broker does.
    """
    working = engine.working()
    if not working:
        return []
    since_ns = min(record.sent_ns for record in working) - _BEFORE_NS
    fills = sorted(broker.fills(since_ns=since_ns), key=lambda fill: fill.time)
    known = {record.client_order_id for record in engine.records.values()}
    made = {one.client_order_id: one for one in broker.open_orders() if one.parent in known}
    for order_id in {fill.client_order_id for fill in fills} - known - made.keys():
        found = broker.find_order(order_id)
        if found is not None and found.parent in known:
            made[order_id] = found
    children = [_update(one, at_ns, one) for order_id, one in sorted(made.items()) if order_id not in known]
    return [*children, *(fill for fill in fills if _is_ours(fill, known, made)), *_ends(broker, engine, at_ns)]


def _is_ours(fill: Fill, known: set[str], made: dict[str, OpenOrder]) -> bool:
    return fill.client_order_id in known or fill.client_order_id in made


def _ends(broker: Broker, engine: Engine, at_ns: int) -> list[OrderUpdate]:
    found = [broker.find_order(one.client_order_id) for one in engine.working() if one.stage == "answered"]
    return [_update(one, at_ns) for one in found if one is not None and one.status.is_final and one.status != "filled"]


def _update(order: OpenOrder, at_ns: int, made: OpenOrder | None = None) -> OrderUpdate:
    return OrderUpdate(
        update_id=f"{order.client_order_id}/history/{order.status.value}",
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        status=order.status,
        reason=order.type if made is not None else "broker_evidence",
        time=at_ns,
        made=made,
    )
