"""Again: the journal's step while its inputs are folded anew: what was written stays, what was to be sent is compared."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from sptrader.model.messages import Command
from sptrader.model.orders import Fill, Order, OrderStatus, OrderUpdate
from sptrader.streams.codec import Message
from sptrader.streams.journal import Step

_NONE = Decimal(0)


class Writes(Protocol):
    """What folding an input writes."""

    def add_decision(self, time_ns: int, symbol: str, body: bytes) -> None:
        """Keep a decision."""
        ...

    def add_fill(self, fill: Fill) -> bool:
        """Keep a fill; False when it is known."""
        ...

    def add_command(self, command: Command) -> bool:
        """Keep a command; False when it is known."""
        ...

    def put_order(
        self, order: Order, status: OrderStatus, *, at_ns: int, filled: Decimal = _NONE, reason: str = ""
    ) -> None:
        """Write how an order stands."""
        ...

    def put_report(self, report: Fill | OrderUpdate) -> bool:
        """Write how the order of a report stands after it; False for an order that is not here."""
        ...

    def is_first(self, kind: str, key: str, body: bytes = b"") -> bool:
        """Put something on the shelf; False when there is something under its key."""
        ...

    def send(self, stream: str, key: str, message: Message) -> bool:
        """Put a message into the outbox; False when it is there."""
        ...


class Again:
    """Writes nothing twice. A message that differs from the one that was to be sent raises `RunError`."""

    def __init__(self, step: Step) -> None:
        self._step = step
        step.clear_shelf()

    def add_decision(self, time_ns: int, symbol: str, body: bytes) -> None:
        """It stands in the journal."""

    def add_fill(self, fill: Fill) -> bool:
        """It stands in the journal."""
        return True

    def add_command(self, command: Command) -> bool:
        """It stands in the journal."""
        return True

    def put_order(
        self, order: Order, status: OrderStatus, *, at_ns: int, filled: Decimal = _NONE, reason: str = ""
    ) -> None:
        """It stands in the journal, as it was last."""

    def put_report(self, report: Fill | OrderUpdate) -> bool:
        """It stands in the journal, as it was last."""
        return self._step.has_order(report.client_order_id)

    def is_first(self, kind: str, key: str, body: bytes = b"") -> bool:
        """Put it on the shelf, which was cleared before."""
        return self._step.is_first(kind, key, body)

    def send(self, stream: str, key: str, message: Message) -> bool:
        """Compare it with what the journal was to send under this key."""
        return self._step.send(stream, key, message)
