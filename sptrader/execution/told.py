"""Told: what a paper broker shows as if its reports that are still on their way back had not happened yet.

A late report is late for whoever compares books with the broker too: a restart then finds what an undisturbed session knows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from sptrader.execution.paper import PaperBroker
from sptrader.model.orders import (
    BrokerAccount,
    BrokerPosition,
    Fill,
    OpenOrder,
    OrderStatus,
    OrderUpdate,
)


class Told:
    """The evidence of `broker` without its reports that were not told."""

    def __init__(self, broker: PaperBroker) -> None:
        self._broker = broker
        self._late: dict[str, dict[str, Fill | OrderUpdate]] = defaultdict(dict)  # by order, then by id
        for waiting in broker.state.to_tell:
            one = waiting.message
            if isinstance(one, Fill):
                self._late[one.client_order_id][one.fill_id] = one
            elif isinstance(one, OrderUpdate):
                self._late[one.client_order_id][one.update_id] = one

    def account_state(self) -> BrokerAccount:
        """Return whose account this is and what is in it."""
        return self._broker.account_state()

    def find_order(self, client_order_id: str) -> OpenOrder | None:
        """Return what was told of an order; None when it never came."""
        found = self._broker.find_order(client_order_id)
        late = self._late.get(client_order_id)
        if found is None or not late:
            return found
        filled = found.filled - sum((one.quantity for one in late.values() if isinstance(one, Fill)), Decimal(0))
        status = found.status
        is_end_late = filled < found.filled if status is OrderStatus.FILLED else _says(late.values(), status)
        if status.is_final and is_end_late:
            status = OrderStatus.PARTIALLY_FILLED if filled > 0 else OrderStatus.ACCEPTED
        return replace(found, filled=filled, status=status)

    def fills(self, *, since_ns: int) -> list[Fill]:
        """Return the fills that were told."""
        return [
            one for one in self._broker.fills(since_ns=since_ns) if one.fill_id not in self._late[one.client_order_id]
        ]

    def open_orders(self) -> list[OpenOrder]:
        """Return the orders whose end was not told."""
        ids = dict.fromkeys([one.client_order_id for one in self._broker.open_orders()] + list(self._late))
        found = [self.find_order(order_id) for order_id in ids]
        return [one for one in found if one is not None and not one.status.is_final]

    def positions(self) -> list[BrokerPosition]:
        """Return what is held by the fills that were told."""
        held = {one.symbol: one for one in self._broker.positions()}
        for late in self._late.values():
            for one in late.values():
                if isinstance(one, Fill):
                    was = held.get(one.symbol) or BrokerPosition(
                        symbol=one.symbol, quantity=Decimal(0), average_price=float(one.price)
                    )
                    signed = one.quantity if one.side == "buy" else -one.quantity
                    held[one.symbol] = replace(was, quantity=was.quantity - signed)
        return [one for one in held.values() if one.quantity]


def _says(late: Iterable[Fill | OrderUpdate], status: OrderStatus) -> bool:
    return any(isinstance(one, OrderUpdate) and one.status is status for one in late)
