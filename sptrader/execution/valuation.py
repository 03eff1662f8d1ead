"""Valuation: what trading costs at a paper venue, and what its holdings are worth at the last quotes, in decimals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property

import msgspec

from sptrader.errors import BrokerError, DataError
from sptrader.execution.holdings import ZERO, Holding, Holdings, snapped
from sptrader.model.conversion import Step, conversion_path
from sptrader.model.instrument import Instrument
from sptrader.model.orders import Fill, Order, Side

_MONEY_STEP = Decimal("0.00000001")  # fees and financing are kept to eight decimals of account currency
_PRICES = {"market": (False, False), "limit": (True, False), "stop": (False, True), "stop_limit": (True, True)}


@dataclass(frozen=True)
class Costs:
    """What the venue charges: fees as a fraction of notional, by lot and at least (account currency), and slippage.

    Market and stop fills slip, limits and targets do not: by `slippage_steps` price steps; by a fraction `slippage_range` of
    the last complete bar's range, high - low of the side that is traded; by `slippage_impact` x price x share^2, the order's
    share of that bar's volume: 1 at most, and 1 where the volume is unknown.
    """

    fee_fraction: Decimal = ZERO
    fee_per_lot: Decimal = ZERO
    fee_minimum: Decimal = ZERO
    slippage_steps: Decimal = ZERO
    slippage_range: Decimal = ZERO
    slippage_impact: Decimal = ZERO

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


def quote_on_step(symbol: str, *, bid: float, ask: float, time_ns: int, step: Decimal) -> Quote:
    """Return a quote on the price step, bid down and ask up; raises `DataError` for what is no quote."""
    if not (math.isfinite(bid) and math.isfinite(ask) and 0.0 < bid <= ask):
        raise DataError(f"quote of '{symbol}': bid {bid}, ask {ask}; allowed are numbers with 0 < bid <= ask.")
    low, high = Decimal(repr(float(bid))), Decimal(repr(float(ask)))
    quote = Quote(symbol, time_ns, snapped(low, step, is_up=False), snapped(high, step, is_up=True))
    if quote.bid <= 0:
        raise DataError(f"quote of '{symbol}': bid {bid} is below the price step {step}.")
    return quote


class LastBar(msgspec.Struct, frozen=True):
    """The last complete bar of a symbol: high - low of bid and of ask, and its volume; None where that is not known."""

    bid_range: Decimal
    ask_range: Decimal
    volume: Decimal | None


@dataclass(frozen=True)
class Valuation:
    """The terms under which a venue values: account currency, instruments, and by symbol costs, last quotes and last bars.

    `pairs` are all instruments that are quoted, those that only convert included.
    """

    currency: str
    instruments: Mapping[str, Instrument]
    costs: Mapping[str, Costs]
    quotes: Mapping[str, Quote]
    bars: Mapping[str, LastBar]
    pairs: Mapping[str, Instrument]

    @cached_property
    def paths(self) -> Mapping[str, tuple[Step, ...] | None]:
        """Over which other pairs each instrument's quote currency becomes the account's; None where none convert."""
        pairs = self.pairs.values()
        return {s: conversion_path(one.quote, self.currency, pairs) for s, one in self.instruments.items()}

    def is_converted(self, symbol: str) -> bool:
        """Whether other pairs convert the instrument's amounts: it holds the account currency on neither side."""
        return self.currency not in (self.instruments[symbol].base, self.instruments[symbol].quote)

    def slipped(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what a market order of `quantity` gets at `price`: after slippage, on the step, against it."""
        step, slip = self.instruments[symbol].price_step, self._slippage(symbol, side, quantity, price)
        return snapped(price + slip if side == "buy" else price - slip, step, is_up=side == "buy")

    def _slippage(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> Decimal:
        costs, bar = self.costs[symbol], self.bars.get(symbol)
        slip = costs.slippage_steps * self.instruments[symbol].price_step
        if bar is not None:
            slip += costs.slippage_range * (bar.ask_range if side == "buy" else bar.bid_range)
        volume = None if bar is None else bar.volume
        share = Decimal(1) if volume is None or volume <= quantity else quantity / volume
        return slip + costs.slippage_impact * price * share * share

    def fee(self, symbol: str, quantity: Decimal, *, price: Decimal, rate: Decimal) -> Decimal:
        """Return the fee of one fill, account currency."""
        lots = quantity / self.instruments[symbol].contract_size
        costs = self.costs[symbol]
        fee = costs.fee_fraction * quantity * price * rate + costs.fee_per_lot * lots
        return max(fee, costs.fee_minimum).quantize(_MONEY_STEP, ROUND_HALF_EVEN)

    def rate(self, symbol: str, price: Decimal) -> Decimal | None:
        """Return account currency per quote currency: 1, by the symbol itself, or by the mids of other pairs; None unknown."""
        if self.instruments[symbol].quote == self.currency:
            return Decimal(1)
        if self.instruments[symbol].base == self.currency:
            return 1 / price
        path, rate = self.paths[symbol], Decimal(1)
        for step in path or ():
            quote = self.quotes.get(step.symbol)
            if quote is None:
                return None
            twice = quote.bid + quote.ask
            rate *= 2 / twice if step.is_inverse else twice / 2
        return rate if path else None

    def fill(
        self,
        order: Order,
        quote: Quote,
        *,
        quantity: Decimal,
        raw: Decimal,
        price: Decimal,
        rate: Decimal,
        fee: Decimal,
        is_closing: bool,
    ) -> Fill:
        """Return the report of a fill at `quote`; an order is filled once."""
        return Fill(
            fill_id=f"{order.client_order_id}/fill",
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=price,
            fee=float(fee),
            time=quote.time_ns,
            leg=order.leg,
            reason=order.reason,
            is_closing=is_closing,
            raw_price=float(raw),
            half_spread=float((quote.ask - quote.bid) / 2),
            rate=float(rate) if self.is_converted(order.symbol) else None,
        )

    def night(self, before: Quote, now: Quote, holding: Holding, shares: tuple[Decimal, Decimal]) -> Decimal:
        """Return what holding over nights brings, account currency; `shares` of the notional are what a long and a short get.

        The notional is at the mid of the last quote before, converted at the first quotes after.
        """
        share = shares[0] if holding.quantity > 0 else shares[1]
        rate = self.rate(now.symbol, (now.bid + now.ask) / 2) or holding.rate
        amount = abs(holding.quantity) * (before.bid + before.ask) / 2 * share * rate
        return amount.quantize(_MONEY_STEP, ROUND_HALF_EVEN)

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
