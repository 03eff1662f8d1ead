"""A slow and obvious ledger in fractions, which shares no code with the program: what must follow from a list of reports."""

from __future__ import annotations

from fractions import Fraction

from sptrader.model.orders import Fill, OrderUpdate, Report


class Ledger:
    """Reads reports as they were told, some twice, some late, and can say what they amount to."""

    def __init__(self, quantities: dict[str, Fraction]) -> None:
        self.quantities = quantities
        self.fills: dict[str, Fill] = {}
        self.ends: dict[str, set[str]] = {}
        self.made: set[str] = set()

    def read(self, reports: list[Report]) -> None:
        for report in reports:
            if isinstance(report, Fill):
                assert self.fills.get(report.fill_id, report) == report, "one id, two fills"
                self.fills[report.fill_id] = report
            elif isinstance(report, OrderUpdate):
                if report.made is not None:
                    self.made.add(report.client_order_id)
                    self.quantities[report.client_order_id] = Fraction(report.made.quantity)
                if report.status.value in ("cancelled", "rejected", "expired"):
                    self.ends.setdefault(report.client_order_id, set()).add(report.status.value)

    def filled(self, order_id: str) -> Fraction:
        return sum((Fraction(f.quantity) for f in self.fills.values() if f.client_order_id == order_id), Fraction(0))

    def is_open(self, order_id: str) -> bool:
        return order_id not in self.ends and self.filled(order_id) < self.quantities[order_id]

    def positions(self) -> dict[str, Fraction]:
        held: dict[str, Fraction] = {}
        for fill in self.fills.values():
            sign = 1 if fill.side == "buy" else -1
            held[fill.symbol] = held.get(fill.symbol, Fraction(0)) + sign * Fraction(fill.quantity)
        return {symbol: quantity for symbol, quantity in held.items() if quantity != 0}

    def cash(self, start: int, history: list[Fill]) -> Fraction:
        """Balance from the fills in the order in which they happened: each close against the average cost until then."""
        cash = Fraction(start)
        held: dict[str, tuple[Fraction, Fraction]] = {}  # quantity and total cost, both signed
        for fill in history:
            assert self.fills[fill.fill_id] == fill
            price = Fraction(fill.price)
            rate = Fraction(1) if fill.symbol.endswith("USD") else 1 / price  # USDJPY: yen become dollars at the price
            signed = Fraction(fill.quantity) * (1 if fill.side == "buy" else -1)
            quantity, cost = held.get(fill.symbol, (Fraction(0), Fraction(0)))
            if quantity * signed >= 0:
                held[fill.symbol] = (quantity + signed, cost + signed * price)
            else:
                assert abs(signed) <= abs(quantity), "a close never crosses zero"
                share = -signed / quantity
                cash += (-signed * price - cost * share) * rate
                held[fill.symbol] = (quantity + signed, cost * (1 - share))
            cash -= Fraction(fill.fee)
        return cash
