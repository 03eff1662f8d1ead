"""Live orders: what became of each order of a running session, put together from its orders and their reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from sptrader.model.orders import Amend, Cancel, Fill, Matched, OpenOrder, Order, OrderStatus, OrderUpdate

WORKING = "working"
_OPEN = (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class LiveOrder:
    """One order as far as it is known. `placed_ns` is its decision's time, of a child of a bracket that of the entry's fill;
    0 where only a report of it was kept. `ended_ns` is 0 while it can still be filled; `why` is the reason's word, or the
    broker's."""

    client_order_id: str
    symbol: str
    leg: str = ""
    side: str = ""
    type: str = ""
    quantity: Decimal = _NOTHING
    filled: Decimal = _NOTHING
    price: Decimal | None = None
    stop_price: Decimal | None = None
    placed_ns: int = 0
    status: OrderStatus = OrderStatus.SUBMITTED
    is_cancelling: bool = False
    ended_ns: int = 0
    why: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return self.status.is_final

    @property
    def word(self) -> str:
        """How it stands: as a run's table of orders says it, or `cancelling` once that was asked for."""
        if self.is_cancelling and not self.is_final:
            return "cancelling"
        return WORKING if self.status in _OPEN else str(self.status)


class OrderHistory:
    """The last `most` orders of a session; messages that come twice, or a report before its order, do no harm.

    An order whose reports the server does not keep any more is left out: it would seem to work for ever.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, LiveOrder] = {}
        self._fills: dict[str, set[str]] = {}
        self._reported_ns: int | None = None  # the first report that was kept

    def take(self, messages: Iterable[object]) -> None:
        """Take in what the session's orders and their reports say; what is about no order is passed over."""
        for message in messages:
            if isinstance(message, Order):
                self._placed(message)
            elif isinstance(message, Cancel):
                self._change(self._of(message.client_order_id, message.symbol), is_cancelling=True)
            elif isinstance(message, Amend):
                self._amended(message)
            elif isinstance(message, Fill | OrderUpdate | Matched):
                self._reported(message)
        if len(self._known) > self._most:
            oldest = sorted(self._known.values(), key=lambda one: (not one.is_final, one.placed_ns))
            for one in oldest[: len(self._known) - self._most]:
                del self._known[one.client_order_id]
                self._fills.pop(one.client_order_id, None)

    def newest(self) -> list[LiveOrder]:
        """Return all that are known, newest first."""
        since_ns = self._reported_ns or 0
        known = [
            one for one in self._known.values() if one.status != OrderStatus.SUBMITTED or one.placed_ns >= since_ns
        ]
        return sorted(known, key=lambda one: one.placed_ns)[::-1]

    def working(self) -> list[LiveOrder]:
        """Return those that can still be filled, newest first."""
        return [one for one in self.newest() if not one.is_final]

    def _reported(self, message: Fill | OrderUpdate | Matched) -> None:
        if self._reported_ns is None:
            self._reported_ns = message.time_ns if isinstance(message, Matched) else message.time
        if isinstance(message, Fill):
            self._filled(message)
        elif isinstance(message, OrderUpdate):
            self._updated(message)

    def _placed(self, order: Order) -> None:
        found = self._of(order.client_order_id, order.symbol)
        if found.status is OrderStatus.FILLED and found.filled < order.quantity:  # a part was told before the order
            found = replace(found, status=OrderStatus.PARTIALLY_FILLED, ended_ns=0, why="")
        self._change(
            found,
            leg=order.leg,
            side=order.side,
            type=order.type,
            quantity=order.quantity,
            price=order.limit_price,
            stop_price=order.stop_price,
            placed_ns=order.created_at,
        )

    def _amended(self, asked: Amend) -> None:
        found = self._of(asked.client_order_id, asked.symbol)
        self._change(
            found,
            quantity=found.quantity if asked.quantity is None else asked.quantity,
            price=found.price if asked.limit_price is None else asked.limit_price,
            stop_price=found.stop_price if asked.stop_price is None else asked.stop_price,
        )

    def _filled(self, fill: Fill) -> None:
        found = self._of(fill.client_order_id, fill.symbol)
        counted = self._fills.setdefault(fill.client_order_id, set())
        if fill.fill_id in counted:
            return
        counted.add(fill.fill_id)
        found = replace(found, leg=fill.leg, side=fill.side, filled=found.filled + fill.quantity)
        is_whole = found.filled >= found.quantity
        if is_whole:
            self._change(found, status=OrderStatus.FILLED, ended_ns=fill.time, why=fill.reason)
        elif not found.is_final:
            self._change(found, status=OrderStatus.PARTIALLY_FILLED)
        else:
            self._change(found)

    def _updated(self, told: OrderUpdate) -> None:
        found = self._of(told.client_order_id, told.symbol)
        if told.made is not None:
            found = _made(found, told.made, told.time)
        if not found.is_final:
            ended_ns, why = (told.time, told.reason) if told.status.is_final else (0, found.why)
            found = replace(found, status=told.status, ended_ns=ended_ns, why=why)
        self._change(found)

    def _of(self, order_id: str, symbol: str) -> LiveOrder:
        return self._known.get(order_id) or LiveOrder(order_id, symbol)

    def _change(self, found: LiveOrder, **values: object) -> None:
        self._known[found.client_order_id] = replace(found, **values)  # type: ignore[arg-type]


def _made(found: LiveOrder, made: OpenOrder, at_ns: int) -> LiveOrder:
    """An order that the broker's side made: a child of a bracket."""
    return replace(
        found,
        leg=made.leg,
        side=made.side,
        type=made.type,
        quantity=made.quantity,
        price=made.limit_price,
        stop_price=made.stop_price,
        placed_ns=at_ns,
    )
