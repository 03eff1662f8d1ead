"""Refusals: the orders of a session that a check before sending, or the broker, refused; told beside the run's own orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from sptrader.model.orders import OrderStatus
from sptrader.model.period import period_ns
from sptrader.model.reasons import Reason
from sptrader.model.timeframe import make_timeframe
from sptrader.orchestrator.explain import Explanation

if TYPE_CHECKING:
    from sptrader.streams.journal_reader import JournalReader

KEY = "refused"  # of the run's provenance


def refusals(journal: JournalReader) -> list[dict[str, Any]]:
    """Return the orders that were refused, as plain data: `symbol created_at leg client_order_id code why`.

    `code` is the check's (`price_collar`), or `rejected` for what the broker said in its own words. What the margin did not allow
    at the fill is no refusal: a backtest knows of it too.
    """
    from sptrader.execution.safety import is_check, refusal_sentence

    return [
        {
            "symbol": one.order.symbol,
            "created_at": one.order.created_at,
            "leg": one.order.leg,
            "client_order_id": one.order.client_order_id,
            "code": one.reason if is_check(one.reason) else Reason.REJECTED.word,
            "why": refusal_sentence(one.reason) if one.reason else "the broker gave no reason",
        }
        for one in journal.orders()
        if one.status is OrderStatus.REJECTED and one.reason != Reason.MARGIN_AT_FILL.word
    ]


def with_codes(orders: pd.DataFrame, refused: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a run's orders with the code of what refused them as `ended_by`."""
    codes = {(one["symbol"], one["created_at"]): one["code"] for one in refused if one["leg"] == "entry"}
    if not codes:
        return orders
    at_ns = pd.DatetimeIndex(orders["created_at"]).as_unit("ns").asi8
    places = zip(orders["symbol"], at_ns.tolist(), orders["status"], orders["ended_by"], strict=True)
    ended_by = [codes.get((symbol, ns), why) if status == "rejected" else why for symbol, ns, status, why in places]
    return orders.assign(ended_by=pd.Series(ended_by, orders.index, orders["ended_by"].dtype))


def explained(found: Explanation, refused: Sequence[Mapping[str, Any]]) -> Explanation:
    """Return an explanation with what was refused of the orders decided on its bar."""
    decided_ns = found.decided_at.as_unit("ns").value
    here = [one for one in refused if (one["symbol"], one["created_at"]) == (found.symbol, decided_ns)]
    if not here:
        return found
    codes = {one["leg"]: one["code"] for one in here}
    orders = tuple(
        {**one, "ended_by": codes["entry"]} if one["status"] == "rejected" and "entry" in codes else one
        for one in found.orders
    )
    return replace(found, orders=orders, refused=tuple(f"{one['leg']} order refused: {one['why']}" for one in here))


def kept_refusals(refused: Sequence[Mapping[str, Any]], time: str | pd.Timestamp, timeframe: str) -> str:
    """Return what was refused of the orders decided on the bar that opened at `time`, as a sentence; empty where nothing was."""
    opened_ns = period_ns(time)[0] or 0
    here = [one for one in refused if one["created_at"] == opened_ns + make_timeframe(timeframe).ns]
    return "; ".join(f"{one['symbol']}: {one['leg']} order refused: {one['why']}" for one in here)
