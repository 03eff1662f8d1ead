"""A small desk: a quote venue with two pairs behind a paper broker, orders by few words, quotes by mid price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sptrader.clock import ReplayClock
from sptrader.execution.faults import Faults
from sptrader.execution.paper import PaperBroker
from sptrader.execution.quotes import QuoteVenue
from sptrader.execution.valuation import Costs
from sptrader.model.instrument import fx_pair
from sptrader.model.orders import Amend, Bracket, Cancel, Fill, Order, OrderUpdate, Report

HOUR_NS = 3_600_000_000_000
START_NS = 1_488_790_800_000_000_000  # Monday 2017-03-06 09:00 UTC
INSTRUMENTS = {symbol: fx_pair(symbol) for symbol in ("EURUSD", "USDJPY")}


def order(order_id: str, side: str, quantity: int, **fields: object) -> Order:
    """Make an order; prices as text, bracket distances as numbers."""
    values: dict[str, object] = {
        "symbol": "EURUSD",
        "type": "market",
        "time_in_force": "gtc",
        "leg": "entry",
        "reason": "signal",
        "time_ns": START_NS,
        "created_at": START_NS,
        **fields,
    }
    for name in ("limit_price", "stop_price"):
        if isinstance(values.get(name), str):
            values[name] = Decimal(str(values[name]))
    if isinstance(values.get("bracket"), dict):
        values["bracket"] = Bracket(**values["bracket"])  # type: ignore[arg-type]
    return Order(client_order_id=order_id, side=side, quantity=Decimal(quantity), **values)  # type: ignore[arg-type]


def cancel(order_id: str, symbol: str = "EURUSD") -> Cancel:
    return Cancel(client_order_id=order_id, symbol=symbol, reason="manual", time_ns=START_NS, created_at=START_NS)


def amend(order_id: str, symbol: str = "EURUSD", **fields: object) -> Amend:
    given = {name: Decimal(str(value)) for name, value in fields.items()}
    return Amend(client_order_id=order_id, symbol=symbol, reason="manual", created_at=START_NS, **given)  # type: ignore[arg-type]


@dataclass
class Desk:
    """A broker, the venue behind it and the clock of its quotes; `quote` moves all of them one bar on."""

    broker: PaperBroker
    venue: QuoteVenue
    clock: ReplayClock
    n_bars: int = 0

    def quote(self, symbol: str, bid: float, ask: float, *, is_closed: bool = True) -> None:
        """Show one quote, an hour later, and say whether the bar ends with it."""
        self.venue.add_quote(symbol, bid=bid, ask=ask, time_ns=START_NS + (self.n_bars + 1) * HOUR_NS)
        self.pass_bar(is_closed=is_closed)

    def pass_bar(self, *, is_closed: bool = True) -> None:
        self.n_bars += 1
        time_ns = START_NS + self.n_bars * HOUR_NS
        self.clock.advance_to(time_ns)
        self.broker.meet(time_ns, is_closed=is_closed)

    def told(self) -> list[Report]:
        return self.broker.reports()


def desk(faults: Faults | None = None, *, cash: int = 100_000, costs: Costs | None = None) -> Desk:
    venue = QuoteVenue("demo", "USD", cash=Decimal(cash), instruments=INSTRUMENTS, costs=costs)
    return Desk(PaperBroker(venue, instruments=INSTRUMENTS, faults=faults), venue, ReplayClock(START_NS))


def words(reports: Sequence[Report]) -> list[str]:
    """Write reports as `id status` and `id side quantity @ price`."""
    told = []
    for one in reports:
        if isinstance(one, Fill):
            told.append(f"{one.client_order_id} {one.side} {one.quantity} @ {one.price}")
        elif isinstance(one, OrderUpdate):
            told.append(f"{one.client_order_id} {one.status.value}{f' {one.reason}' if one.status.is_final else ''}")
    return told
