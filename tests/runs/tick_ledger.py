"""What fills at quotes come to, worked out from the ticks alone: slow, obvious, and none of the project's own arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sptrader.model.orders import Fill

MINUTE_NS = 60 * 10**9


class TickLedger:
    """An account that is marked to the last quotes; all symbols are six letters, base and quote currency."""

    def __init__(self, ticks: dict[str, pd.DataFrame], *, cash: float, currency: str) -> None:
        rows = [
            (time_ns, symbol, bid, ask)
            for symbol, frame in ticks.items()
            for time_ns, bid, ask in zip(frame.index.as_unit("ns").asi8, frame["bid"], frame["ask"], strict=True)
        ]
        self._rows = sorted(rows, key=lambda row: (row[0], row[1]))
        self._last: dict[str, tuple[float, float]] = {}
        self._currency = currency
        self.cash = cash
        self.held: dict[str, float] = {}
        self.average: dict[str, float] = {}

    def run(self, fills: Sequence[Fill], *, slip: float, per_lot: float) -> dict[int, tuple[float, float]]:
        """Return cash and equity at the end of each minute with quotes, by its opening time; checks each fill's price."""
        left, marks = list(fills), {}
        for k, (time_ns, symbol, bid, ask) in enumerate(self._rows):
            self._last[symbol] = (bid, ask)
            while left and (left[0].time, left[0].symbol) == (time_ns, symbol) and self._is_here(left[0], bid, ask):
                self._book(left.pop(0), bid, ask, slip=slip, per_lot=per_lot)
            minute = time_ns - time_ns % MINUTE_NS
            is_last = k + 1 == len(self._rows) or self._rows[k + 1][0] >= minute + MINUTE_NS
            if is_last:
                marks[minute] = (self.cash, self.equity())
        assert left == []
        return marks

    def equity(self) -> float:
        """Cash, and what each position would bring on the side that closes it."""
        return self.cash + sum(
            quantity * (self._last[s][0 if quantity > 0 else 1] - self.average[s]) * self._unit(s, quantity)
            for s, quantity in self.held.items()
        )

    def _is_here(self, fill: Fill, bid: float, ask: float) -> bool:
        """Several quotes of one time differ in their prices."""
        return fill.raw_price == (ask if fill.side == "buy" else bid)

    def _book(self, fill: Fill, bid: float, ask: float, *, slip: float, per_lot: float) -> None:
        sign = 1 if fill.side == "buy" else -1
        at_its_price = fill.leg == "target" or float(fill.price) == fill.raw_price
        price = round((ask if sign > 0 else bid) + (0.0 if at_its_price else sign * slip), 5)
        assert float(fill.price) == price
        quantity, symbol = sign * float(fill.quantity), fill.symbol
        self.cash -= per_lot * abs(quantity) / 100_000
        before = self.held.get(symbol, 0.0)
        if before == 0.0:
            self.held[symbol], self.average[symbol] = quantity, price
            return
        if before * quantity > 0:
            worth = self.average[symbol] * before + price * quantity
            self.held[symbol], self.average[symbol] = before + quantity, worth / (before + quantity)
            return
        base, quote = symbol[:3], symbol[3:]
        rate = 1.0 / price if base == self._currency else self._mid(quote)
        self.cash += -quantity * (price - self.average[symbol]) * rate
        self.held[symbol] = before + quantity
        if self.held[symbol] == 0.0:
            del self.held[symbol]

    def _unit(self, symbol: str, quantity: float) -> float:
        if symbol[:3] == self._currency:
            return 1.0 / self._last[symbol][0 if quantity > 0 else 1]
        return self._mid(symbol[3:])

    def _mid(self, quote: str) -> float:
        """Account currency for one of `quote`, at the middle of the last quote of the pair of both."""
        if quote == self._currency:
            return 1.0
        if quote + self._currency in self._last:
            return sum(self._last[quote + self._currency]) / 2
        return 2 / sum(self._last[self._currency + quote])
