"""Guard: finds positions whose entry carried a stop that does not rest at the broker, and closes them after a while."""

from __future__ import annotations

from itertools import count

from sptrader.execution.engine import Engine
from sptrader.execution.record import Record
from sptrader.model.ids import KILL_ORDER
from sptrader.model.orders import Bracket, BrokerPosition, Fill, Order
from sptrader.model.ports import Broker

_STOPS = ("stop", "trail")
_ASKS = ("stop_distance", "stop_fraction", "trail_distance", "trail_fraction")


class Guard:
    """Remembers which positions must have a stop, and since when one had none; `after_s` seconds are allowed."""

    def __init__(self, after_s: float) -> None:
        self._after_ns = round(after_s * 1e9)
        self._wants: set[str] = set()  # symbols whose entry carried a stop
        self._since: dict[str, int] = {}

    @property
    def is_watching(self) -> bool:
        """Whether any position must have a stop."""
        return bool(self._wants)

    def see(self, fill: Fill, record: Record | None) -> None:
        """Take note of an entry that was filled and of what it asked for."""
        order = None if record is None else record.order
        if fill.leg == "entry" and order is not None and _has_stop(order.bracket):
            self._wants.add(fill.symbol)

    def unprotected(self, broker: Broker, engine: Engine, *, now_ns: int) -> list[BrokerPosition]:
        """Return the positions that have been without a stop for too long, and are not being closed."""
        held = {position.symbol: position for position in broker.positions() if position.quantity != 0}
        self._wants &= held.keys()
        working = engine.working()
        safe = {record.symbol for record in working if record.leg in _STOPS or record.leg == "exit"}
        bare = self._wants - safe
        self._since = {symbol: self._since.get(symbol, now_ns) for symbol in sorted(bare)}
        return [held[symbol] for symbol, since in self._since.items() if now_ns - since >= self._after_ns]

    def exit(self, broker: Broker, engine: Engine, position: BrokerPosition, *, now_ns: int) -> Order:
        """Make the market order that closes a position without its stop, under an id that no order before it had."""
        ids = (f"{KILL_ORDER}bare-{broker.account}-{position.symbol}-{n}" for n in count(1))
        return Order(
            client_order_id=next(one for one in ids if engine.record(one) is None),
            symbol=position.symbol,
            side="sell" if position.quantity > 0 else "buy",
            quantity=abs(position.quantity),
            type="market",
            time_in_force="gtc",
            leg="exit",
            reason="manual",
            time_ns=now_ns,
            created_at=now_ns,
        )


def _has_stop(bracket: Bracket | None) -> bool:
    return bracket is not None and any(getattr(bracket, name) is not None for name in _ASKS)
