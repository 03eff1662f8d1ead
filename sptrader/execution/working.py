"""Working: an order that works at a paper venue: at which quotes it is marketable, and when its time is over."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from sptrader.execution.valuation import Quote
from sptrader.model.instrument import Instrument
from sptrader.model.orders import Order
from sptrader.model.session import sessions


class Working(msgspec.Struct):
    """An order as it stands now, and what has happened to it; `ends_ns` is the end of a day order's session."""

    order: Order
    is_add: bool
    ends_ns: int | None
    n_updates: int = 1
    n_bars: int = 0
    is_triggered: bool = False

    @property
    def is_entry(self) -> bool:
        """Whether it may open a position."""
        return self.order.leg == "entry"

    @property
    def is_slipping(self) -> bool:
        """Whether it takes what the market gives: a market order, or a stop that has become one."""
        return self.order.type in ("market", "stop")

    def price(self, quote: Quote) -> Decimal | None:
        """Return the quote's price where the order is marketable at it, None where it is not; a stop reached stays reached."""
        order = self.order
        sign = 1 if order.side == "buy" else -1
        price = quote.ask if sign > 0 else quote.bid
        if order.stop_price is not None and not self.is_triggered:
            if sign * (price - order.stop_price) < 0:
                return None
            self.is_triggered = True
        if order.limit_price is not None and sign * (price - order.limit_price) > 0:
            return None
        return price

    def is_over(self, time_ns: int) -> bool:
        """Whether a day order's session has ended."""
        return self.ends_ns is not None and time_ns >= self.ends_ns

    def end_bar(self) -> bool:
        """Count a completed bar, and return whether an entry's bars are used up."""
        self.n_bars += 1
        most = self.order.expires_bars
        return self.is_entry and most is not None and self.n_bars >= most


def session_end(order: Order, instrument: Instrument, now_ns: int) -> int | None:
    """Return when the session ends in which a day order works first; None for other orders."""
    if order.time_in_force != "day":
        return None
    closes = sessions(instrument.session, now_ns, now_ns).closes_ns
    return int(closes[closes > now_ns][0])
