"""The second engine's entries before they are ordered: what refuses one, how large it is, and what bounds it, in decimals."""

from __future__ import annotations

from decimal import Decimal

from tests.reference_book import ONE, ZERO, exact, snap
from tests.reference_data import RefSignals
from tests.reference_match import Match


class Limits(Match):
    """Refusals, sizes and caps of an entry, as of this row's close."""

    def refusal(self, k: int, side: int, signals: RefSignals) -> str:
        rules, bar = self.rules, self.bar(k)
        since = self.bars_since_loss[k]
        taken = sum(
            1
            for j in range(len(self.instruments))
            if j != k and (self.positions[j] is not None or self.entries[j] is not None)
        )
        checks = (
            ("halted", self.ended or self.halted),
            ("halted_for_the_day", self.day_halted),
            (signals.filter_code or "", signals.filter_code is not None),
            ("cooldown", since is not None and since < rules.cooldown_bars),
            # The session of the decision, which may already be the next one, against that of the last entry's fill.
            (
                "session_entry",
                rules.one_entry_per_session and not bar.session_ends and self.entered_session[k] == bar.session_label,
            ),
            ("max_positions", rules.max_positions is not None and taken >= rules.max_positions),
            ("correlation_limit", self.correlates(k, side, signals)),
            ("price_unknown", not all(price > 0 for price in self.order_prices(side, signals))),
            ("rate_stale", self.instruments[k].conversion == "pair" and bar.rate_close != bar.rate_close),
            ("distance_unknown", not all(distance > 0 for distance in self.distances(signals))),  # nan is not above 0
        )
        return next((reason for reason, applies in checks if applies), "")

    def correlates(self, k: int, side: int, signals: RefSignals) -> bool:
        """Whether an entry of `side` moves too much as what another instrument holds, or has ordered, does."""
        limit = self.rules.correlation_limit
        if limit is None:
            return False
        for j, (position, entry) in enumerate(zip(self.positions, self.entries, strict=True)):
            if j == k:
                continue
            there = [] if position is None else [position.direction]
            there += [] if entry is None else [entry.order.side]
            # written so that nan is not within the limit
            if not all(side * s * signals.correlation[j] <= limit for s in there):
                return True
        return False

    def order_prices(self, side: int, signals: RefSignals) -> list[float]:
        """The prices that an entry order of `side` needs."""
        pairs = {"market": [], "stop_limit": [signals.order_price, signals.limit_price]}
        return [p[0 if side > 0 else 1] for p in pairs.get(self.rules.kind_of(side), [signals.order_price])]

    def distances(self, signals: RefSignals) -> list[float]:
        """The distances that an entry needs."""
        rules = self.rules
        kinds = (
            (rules.stop_kind, signals.stop),
            (rules.target_kind, signals.target),
            (rules.trail_kind, signals.trail),
        )
        return [distance for kind, distance in kinds if kind != "none"]

    def size(
        self, k: int, side: int, price: Decimal, signals: RefSignals, *, reversing: bool
    ) -> tuple[Decimal | None, str]:
        """The quantity on the lot step (None: what it is made from is not known), and the name of the lowest cap that bound it."""
        rules, rate, value = self.rules, self.rate(k, price), exact(self.rules.size_value)
        unit = price * rate
        if rules.sizing == "units":
            units = value
        elif rules.sizing == "notional":
            units = value / unit
        elif rules.sizing == "percent":
            units = self.equity * value / unit
        elif rules.sizing == "risk":
            # What is risked is the distance of the stop, of the trailing stop when there is no other.
            kind, distance = (rules.stop_kind, signals.stop)
            if kind == "none":
                kind, distance = (rules.trail_kind, signals.trail)
            if kind == "none":
                return None, ""
            units = self.equity * value / (exact(distance) * (price if kind == "fraction" else ONE) * rate)
        elif not signals.volatility > 0:
            return None, ""
        else:
            units = self.equity * value / (exact(signals.volatility) * rate)
        bound = ""
        for name, cap in self.caps(k, side, unit, reversing=reversing):
            if cap < units:
                units, bound = cap, name
        units = max(units, ZERO)
        return snap(units, exact(self.instruments[k].lot_step), up=False), bound

    def caps(self, k: int, side: int, unit: Decimal, *, reversing: bool) -> list[tuple[str, Decimal]]:
        """What bounds the units of an entry; `unit` is the account money of one. Of equals the first is named."""
        rules, position = self.rules, self.positions[k]
        found: list[tuple[str, Decimal]] = []
        if rules.position_limit is not None:
            held = position.quantity * unit if position is not None and not reversing else ZERO
            found.append(("position_limit", (exact(rules.position_limit) * self.equity - held) / unit))
        if rules.max_order_notional is not None:
            found.append(("max_order_notional", exact(rules.max_order_notional) / unit))
        if rules.currency_exposure is not None:
            most, own = exact(rules.currency_exposure) * self.equity, self.instruments[k]
            for currency, sign in ((own.base, side), (own.quote, -side)):
                if currency:
                    there = sign * self.exposure(currency, k, reversing=reversing)
                    found.append(("currency_exposure", (most - there) / unit))
        used = sum(self.margins) - (self.margins[k] if reversing else ZERO)
        used += sum(e.reserved for j, e in enumerate(self.entries) if e is not None and j != k)  # its own is replaced
        if rules.margin_limit is not None:
            most = exact(rules.margin_limit) * self.equity
            found.append(("margin_limit", (most - used) / (unit * self.margin_rate[k])))
        found.append(("margin", (self.equity - used) / (unit * self.margin_rate[k])))
        return found

    def exposure(self, currency: str, k: int, *, reversing: bool) -> Decimal:
        """The net exposure to a currency, account money, as an entry of instrument `k` finds it: without what it takes away."""
        total = ZERO
        for j, instrument in enumerate(self.instruments):
            position, entry, signed = self.positions[j], self.entries[j], ZERO
            if position is not None and not (j == k and reversing):
                signed += position.direction * self.notionals[j]
            if entry is not None and j != k:
                signed += entry.order.side * entry.notional
            total += signed * ((instrument.base == currency) - (instrument.quote == currency))
        return total
