"""Resolved: a person's word on an unknown order, done at a desk, and the answer that goes to whoever said it."""

from __future__ import annotations

from msgspec.structs import replace

from sptrader.errors import BrokerError
from sptrader.model.messages import Answered, Command
from sptrader.model.orders import Report
from sptrader.runs.order_desk import OrderDesk


def resolved(desk: OrderDesk | None, word: Command, *, at_ns: int) -> tuple[list[Report], Answered]:
    """Settle the order behind all that the broker has reported; return the reports and the answer.

    `desk` is None before the first bar. Raises as the broker does when it does not answer at all.
    """
    reports = [] if desk is None else desk.hear()
    record = None if desk is None else desk.engine.record(word.name)
    answer = Answered(
        command_id=word.command_id,
        command=word.command,
        by=word.by,
        verdict="acted",
        why=f"order '{word.name}' is {word.status}, says {word.by}",
        at_ns=at_ns,
        symbol="" if record is None else record.symbol,
    )
    try:
        if desk is None:
            raise BrokerError("no bar has closed yet, so no order was sent.")
        reports += desk.resolve(word)
    except BrokerError as error:
        return reports, replace(answer, verdict="refused", why=str(error))
    return reports, answer
