"""Admission: which messages belong on an orchestrator's streams, and which of them leave no trace there but their count."""

from __future__ import annotations

from sptrader.errors import StreamError
from sptrader.model.messages import Answered, BrokerEvidence, ColumnsMessage, Command, Event, PriceUpdate
from sptrader.model.orders import Fill, Matched, NightCharge, OrderUpdate, Report
from sptrader.orchestrator.session import Session
from sptrader.runs.venue_reports import VenueReports
from sptrader.runs.worker_events import is_of_worker

_CARRIES: dict[str, tuple[type, ...]] = {
    "signals": (ColumnsMessage, Event, PriceUpdate),
    "fills": (Fill, OrderUpdate, NightCharge, Matched, BrokerEvidence, Answered),
    "control": (Command,),
}


def check_message(stream: str, message: object, plan_id: str, session: Session, reports: VenueReports) -> None:
    """Raise `StreamError` for what does not belong on a stream, or cannot be: nothing of it is folded."""
    allowed = _CARRIES[stream.partition(":")[0]]
    if not isinstance(message, allowed):
        raise StreamError(f"the stream {stream} carries no {type(message).__name__}.", key="message")
    if isinstance(message, Report):
        reports.check(message)
    elif isinstance(message, ColumnsMessage) and message.plan == plan_id:
        session.check_columns(message)


def is_passed_over(message: object, plan_id: str) -> bool:
    """Whether a message leaves no trace but its count: other plans' outputs, workers' events, which their outputs have told
    already, prices, which decide nothing."""
    if isinstance(message, ColumnsMessage):
        return message.plan != plan_id
    return isinstance(message, PriceUpdate) or (isinstance(message, Event) and is_of_worker(message))
