"""Holdings: positions and cash at a paper venue, exact in decimals."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

import msgspec

ZERO = Decimal(0)
_EXACT = Context(prec=50)  # an average of a few adds needs no more; prices have 6 digits, quantities 9
_TOLERANCE = Decimal("0.000001")  # of a step


class Holding(msgspec.Struct):
    """One position: signed quantity, average price, and account currency per quote currency at its last fill."""

    quantity: Decimal
    average: Decimal
    rate: Decimal


class Holdings(msgspec.Struct):
    """The account's balance and what it holds, by symbol; plain data."""

    cash: Decimal
    held: dict[str, Holding] = {}
    fees: Decimal = ZERO
    financed: Decimal = ZERO

    def quantity(self, symbol: str) -> Decimal:
        """Return the signed quantity held, 0 for none."""
        holding = self.held.get(symbol)
        return ZERO if holding is None else holding.quantity

    def book(self, symbol: str, quantity: Decimal, *, price: Decimal, rate: Decimal, fee: Decimal) -> None:
        """Enter a fill of signed `quantity`: open, add at average cost, or close and realise; it never crosses zero."""
        self.cash -= fee
        self.fees += fee
        holding = self.held.get(symbol)
        if holding is None:
            self.held[symbol] = Holding(quantity, price, rate)
            return
        total = holding.quantity + quantity
        if holding.quantity * quantity > 0:
            worth = _EXACT.add(_EXACT.multiply(holding.average, holding.quantity), _EXACT.multiply(price, quantity))
            holding.average, holding.quantity, holding.rate = _EXACT.divide(worth, total), total, rate
            return
        gain = _EXACT.multiply(_EXACT.subtract(holding.average, price), quantity)
        self.cash = _EXACT.add(self.cash, _EXACT.multiply(gain, rate))
        if total == 0:
            del self.held[symbol]
        else:
            holding.quantity, holding.rate = total, rate

    def finance(self, amount: Decimal) -> None:
        """Enter what a night brought or cost."""
        self.cash += amount
        self.financed += amount


def snapped(price: Decimal, step: Decimal, *, is_up: bool) -> Decimal:
    """Return `price` on the step, up or down unless it is within a millionth of one."""
    steps = price / step
    whole = (steps - _TOLERANCE if is_up else steps + _TOLERANCE).to_integral_value(
        ROUND_CEILING if is_up else ROUND_FLOOR
    )
    return whole * step
