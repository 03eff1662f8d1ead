"""Valuation: what trading costs at a paper venue, and what its holdings are worth at the last quotes, in decimals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from sptrader.errors import BrokerError
from sptrader.execution.holdings import ZERO, Holdings, snapped
from sptrader.model.instrument import Instrument
from sptrader.model.orders import Order, Side

_FEE_STEP = Decimal("0.00000001")  # fees are kept to eight decimals of account currency
_PRICES = {"market": (False, False), "limit": (True, False), "stop": (False, True), "stop_limit": (True, True)}


@dataclass(frozen=True)
class Costs:
    """What the venue charges: fees as a fraction of notional, by lot and at least (account currency); slippage in price steps.

    Market and stop fills slip, limits and targets do not. There is no financing: what is held over night costs nothing.
    """

    fee_fraction: Decimal = ZERO
    fee_per_lot: Decimal = ZERO
    fee_minimum: Decimal = ZERO
    slippage_steps: Decimal = ZERO

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isinstance(value, Decimal) and value.is_finite() and value >= 0):
                raise BrokerError(
                    f"paper costs: {field.name} was {value!r}; allowed is a Decimal of 0 or more.", key=field.name
                )


class Quote(msgspec.Struct, frozen=True):
    """Bid and ask of a symbol at a time, on the price step."""

    symbol: str
    time_ns: int
    bid: Decimal
    ask: Decimal


@dataclass(frozen=True)
class Valuation:
    """The terms under which a venue values: account currency, instruments, costs; `quotes` are its last ones by symbol."""

    currency: str
    instruments: Mapping[str, Instrument]
    costs: Costs
    quotes: Mapping[str, Quote]

    def slipped(self, symbol: str, side: Side, price: Decimal) -> Decimal:
        """Return what a market order gets at `price`: after slippage, on the step, against it."""
        step = self.instruments[symbol].price_step
        slip = self.costs.slippage_steps * step
        return snapped(price + slip if side == "buy" else price - slip, step, is_up=side == "buy")

    def fee(self, symbol: str, quantity: Decimal, *, price: Decimal, rate: Decimal) -> Decimal:
        """Return the fee of one fill, account currency."""
        lots = quantity / self.instruments[symbol].contract_size
        fee = self.costs.fee_fraction * quantity * price * rate + self.costs.fee_per_lot * lots
        return max(fee, self.costs.fee_minimum).quantize(_FEE_STEP, ROUND_HALF_EVEN)

    def rate(self, symbol: str, price: Decimal) -> Decimal | None:
        """Return account currency per quote currency: 1, by the symbol itself, or by the mid of a conversion pair; None unknown."""
        instrument = self.instruments[symbol]
        if instrument.quote == self.currency:
            return Decimal(1)
        if instrument.base == self.currency:
            return 1 / price
        direct = self.quotes.get(instrument.quote + self.currency)
        if direct is not None:
            return (direct.bid + direct.ask) / 2
        inverse = self.quotes.get(self.currency + instrument.quote)
        return None if inverse is None else 2 / (inverse.bid + inverse.ask)

    def equity(self, holdings: Holdings) -> Decimal:
        """Return the balance and what the positions have won, marked at the quote of the closing side."""
        total = holdings.cash
        for symbol, holding in holdings.held.items():
            price, rate = self._mark(symbol, holdings)
            total += (price - holding.average) * holding.quantity * rate
        return total

    def used_margin(self, holdings: Holdings) -> Decimal:
        """Return what of the equity the positions tie up."""
        total = ZERO
        for symbol, holding in holdings.held.items():
            price, rate = self._mark(symbol, holdings)
            total += abs(holding.quantity) * price * rate * self.instruments[symbol].margin_rate
        return total

    def _mark(self, symbol: str, holdings: Holdings) -> tuple[Decimal, Decimal]:
        holding, quote = holdings.held[symbol], self.quotes[symbol]
        price = quote.bid if holding.quantity > 0 else quote.ask
        return price, self.rate(symbol, price) or holding.rate


def order_fault(order: Order, instrument: Instrument | None) -> str:
    """Return the word for what the instrument does not allow about an order; empty when it may be taken."""
    if instrument is None:
        return "symbol_unknown"
    prices = (order.limit_price, order.stop_price)
    numbers = [order.quantity, *(price for price in prices if price is not None)]
    if tuple(price is not None for price in prices) != _PRICES[order.type]:
        return "order_invalid"
    if not all(number.is_finite() and number > 0 for number in numbers):
        return "order_invalid"
    bracket = () if order.bracket is None else msgspec.structs.astuple(order.bracket)
    if not all(value is None or 0.0 < value < float("inf") for value in bracket):
        return "distance_unknown"
    if order.quantity % instrument.lot_step or any(number % instrument.price_step for number in numbers[1:]):
        return "off_step"
    return "below_minimum" if order.leg == "entry" and order.quantity < instrument.min_quantity else ""
