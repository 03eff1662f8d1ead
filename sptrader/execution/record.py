"""Record: all that execution knows of one order, as its journal keeps it, and what a call of the engine led to."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from sptrader.execution.lifecycle import Anomaly, Life
from sptrader.model.orders import Amend, Cancel, Fill, Instruction, Leg, Order, OrderUpdate, Report, Side

Sent = Order | Cancel | Amend


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All about one order, as the caller journals it.

    `stage`: `new` was never given to the broker, `sending` may or may not have been, `answered` was. `order` is what was
    sent, None for a child that the broker's side made. `unanswered` are cancels and amendments whose answer is missing.
    """

    client_order_id: str
    symbol: str
    side: Side
    leg: Leg
    life: Life
    stage: Literal["new", "sending", "answered"]
    sent_ns: int
    order: Order | None = None
    parent: str = ""
    unanswered: tuple[Cancel | Amend, ...] = ()
    last: OrderUpdate | Fill | None = None


class Oddity(NamedTuple):
    """Something about a report or an instruction that the caller counts and shows."""

    anomaly: Anomaly
    message: Report | Instruction
    sentence: str


class Outcome(msgspec.Struct, frozen=True):
    """What a call led to: records to journal, reports to tell on, what is to be sent next, and what was odd."""

    changed: tuple[Record, ...] = ()
    reports: tuple[Report, ...] = ()
    to_send: tuple[Sent, ...] = ()
    oddities: tuple[Oddity, ...] = ()
