"""The second engine's exchange: financing, exits and entries of one bar, in decimals."""

from __future__ import annotations

from decimal import Decimal

from tests.reference_book import Entry, Exit, Side, exact
from tests.reference_data import HOUR_NS
from tests.reference_protection import Protection


class Match(Protection):
    """What the market does to orders and positions on one row: financing, exits, then entries."""

    def finance(self) -> None:
        for k, position in enumerate(self.positions):
            bar = self.bar(k)
            if position is None or not bar.has_bar:
                continue
            per_unit = exact(bar.finance_long if position.direction > 0 else bar.finance_short)
            # An instrument that holds the account currency converts at the middle of its own open.
            middle = (self.side(k, 1).open + self.side(k, -1).open) / 2
            amount = per_unit * position.quantity * self.rate(k, middle)
            self.balance += amount
            position.financing += amount

    def match_exits(self) -> None:
        for k, position in enumerate(self.positions):
            if position is None or not self.bar(k).has_bar:
                continue
            decided = self.exits[k]
            if decided is not None:
                self.close(k, Exit(self.side(k, -position.direction).open, True, decided.reason))
                continue
            found = self.child_of_whole_bar(k, position)
            if found is not None:
                self.close(k, found)

    def match_entries(self) -> None:
        for k, entry in enumerate(self.entries):
            if entry is None or not self.bar(k).has_bar:
                continue
            if self.waited_too_long(k):
                self.end_entry(k, "expired", "expired")
                continue
            if entry.adding and self.positions[k] is None:  # an add never opens a position of its own
                self.end_entry(k, "cancelled", "exit")
                continue
            if self.is_of_another_day(k, entry):
                self.end_entry(k, "expired", "expired")
                continue
            entry.bars += 1
            found = self.entry_price(k, entry)
            if found is not None:
                self.fill_entry(k, entry, *found)
            elif self.force(entry) == "ioc" or entry.bars == self.rules.bars_of(entry.order.side):
                self.end_entry(k, "expired", "expired")

    def force(self, entry: Entry) -> str:
        return self.rules.force_of(entry.order.side)

    def waited_too_long(self, k: int) -> bool:
        """Whether the gap before this bar was too long."""
        bar, before = self.bar(k), self.last_bar[k]
        timeframe = self.rules.timeframe_ns
        gap = bar.session_ns - (self.bar(k, before).session_ns + timeframe)
        return gap > max(5 * timeframe, HOUR_NS)

    def is_of_another_day(self, k: int, entry: Entry) -> bool:
        """Whether this bar is in a later session than the first bar that a day order met."""
        if entry.session is None:
            entry.session = self.bar(k).session_label
        return self.force(entry) == "day" and self.bar(k).session_label != entry.session

    def entry_price(self, k: int, entry: Entry) -> tuple[Decimal, bool, bool, bool] | None:
        """(price, slips, at the open, by a stop inside the bar), or None when this bar does not fill it."""
        order, d = entry.order, entry.order.side
        prices, whole = self.side(k, d), self.force(entry) != "ioc"
        stop, limit = order.stop_price, order.limit_price
        if order.kind == "market":
            return prices.open, True, True, False
        if order.kind == "limit" or entry.triggered:
            return self.limit_price(prices, limit, d, whole)
        if d * (prices.open - stop) >= 0:
            if order.kind == "stop":
                return prices.open, True, True, False
            entry.triggered = True
            return self.limit_price(prices, limit, d, whole)
        if not whole or d * (prices.far(d) - stop) < 0:
            return None
        if order.kind == "stop":
            return stop, True, False, True
        entry.triggered = True
        return (stop, False, False, True) if d * (stop - limit) <= 0 else None

    def limit_price(self, prices: Side, limit: Decimal, d: int, whole: bool) -> tuple[Decimal, bool, bool, bool] | None:
        if d * (prices.open - limit) <= 0:
            return prices.open, False, True, False
        if whole and d * (prices.far(-d) - limit) <= 0:
            return limit, False, False, False
        return None

    def fill_entry(self, k: int, entry: Entry, raw: Decimal, slips: bool, at_open: bool, by_stop: bool) -> None:
        order, d = entry.order, entry.order.side
        price = self.slipped(k, d, order.quantity, raw) if slips else raw
        needed = order.quantity * price * self.margin_rate[k] * self.rate(k, price)
        if needed > self.equity_at_open() - sum(self.margins):
            self.end_entry(k, "rejected", "margin_at_fill")
            return
        self.end_entry(k, "filled", order.reason)
        adding = self.positions[k] is not None
        fill = self.book_fill(k, d, order.quantity, price, raw, "add" if adding else "entry")
        self.book_entry(k, entry, fill, inside=not at_open)
        self.margins[k] += needed  # entries later on this bar see it
        position = self.positions[k]
        found = (
            self.child_of_whole_bar(k, position)
            if at_open
            else self.child_after_inside_entry(k, position, by_stop, raw, fill)
        )
        if found is not None:
            self.close(k, found)

    def equity_at_open(self) -> Decimal:
        total = self.balance
        for k, position in enumerate(self.positions):
            if position is not None:
                if self.bar(k).has_bar:
                    total += self.unrealised(k, position, self.side(k, -position.direction).open)
                else:
                    total += self.worth[k]
        return total

    def end_entry(self, k: int, end: str, reason: str) -> None:
        order = self.entries[k].order
        order.end, order.end_t, order.reason = end, self.t, reason
        self.entries[k] = None
