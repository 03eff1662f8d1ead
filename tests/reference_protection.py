"""The second engine's stops and targets: whether and where one bar, or the finer bars inside it, takes them, in decimals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from tests.reference_book import Book, Exit, Position, Side, exact, snap
from tests.reference_data import RefFill


class Protection(Book):
    """What takes a position out within a bar: after an entry at the open, or held from before, and after an entry inside."""

    def working_stop(self, k: int, position: Position) -> tuple[Decimal | None, str]:
        """The tighter of the fixed stop and the trailing level; the fixed one when they are equal."""
        d, stop, reason = position.direction, position.stop, "stop_loss"
        if position.trail is not None:
            level = snap(position.best - d * position.trail, self.step[k], up=d < 0)
            if stop is None or d * (level - stop) > 0:
                stop, reason = level, "trailing_stop"
        return stop, reason

    def child_of_whole_bar(self, k: int, position: Position) -> Exit | None:
        found = self.takes(k, position, self.side(k, -position.direction))
        # Ambiguous is what opens between the levels and reaches both.
        if found is not None and found.ambiguous and self.rules.intrabar == "finer":
            return self.walk(k, position, self.inner(k, -position.direction)) or found
        return found

    def child_after_inside_entry(
        self, k: int, position: Position, by_stop: bool, raw: Decimal, entry_fill: RefFill
    ) -> Exit | None:
        d, whole = position.direction, self.side(k, -position.direction)
        at = None
        if self.rules.intrabar == "finer" and any(self.reaches(k, position, whole)):
            at = self.first_at(self.inner(k, d), d, by_stop, raw)
        if at is None:
            found, undecided = self.takes_inside(k, position, whole, by_stop)
        else:
            found, undecided = self.takes_from(k, position, at, by_stop, raw)
        if found is None:
            entry_fill.ambiguous = undecided
        return found

    def reaches(self, k: int, position: Position, prices: Side) -> tuple[bool, bool]:
        """Whether a bar reaches the stop, and the target."""
        d, (stop, _), target = position.direction, self.working_stop(k, position), position.target
        reaches_stop = stop is not None and d * (prices.far(-d) - stop) <= 0
        return reaches_stop, target is not None and d * (prices.far(d) - target) >= 0

    def takes(self, k: int, position: Position, prices: Side) -> Exit | None:
        """What a bar takes of which all is after the entry."""
        d, target = position.direction, position.target
        stop, reason = self.working_stop(k, position)
        if stop is not None and d * (prices.open - stop) <= 0:
            return Exit(prices.open, True, reason)
        if target is not None and d * (prices.open - target) >= 0:
            return Exit(prices.open, False, "take_profit")
        reaches_stop, reaches_target = self.reaches(k, position, prices)
        both = reaches_stop and reaches_target
        if reaches_target and (not reaches_stop or self.rules.intrabar == "optimistic"):
            return Exit(target, False, "take_profit", both)
        if reaches_stop:
            return Exit(stop, True, reason, both)
        return None

    def takes_inside(self, k: int, position: Position, prices: Side, by_stop: bool) -> tuple[Exit | None, bool]:
        """What a bar takes inside which the entry was; and, where it takes nothing, whether that is uncertain."""
        d, target = position.direction, position.target
        stop, reason = self.working_stop(k, position)
        reaches_stop, reaches_target = self.reaches(k, position, prices)
        closes_stop = stop is not None and d * (prices.close - stop) <= 0
        closes_target = target is not None and d * (prices.close - target) >= 0
        # A stop so near that it lies outside the side it trades on (inside the spread) fills inside the bar.
        at = None if stop is None else (min(stop, prices.high) if d > 0 else max(stop, prices.low))
        optimistic = self.rules.intrabar == "optimistic"
        # A bar comes through a limit before it reaches the stop; after an entry by a stop only its close tells.
        certain = reaches_stop and (closes_stop or not by_stop)
        if optimistic and reaches_target:
            return Exit(target, False, "take_profit", reaches_stop or not closes_target), False
        if certain or (reaches_stop and not optimistic):
            return Exit(at, True, reason, reaches_target or not certain), False
        if closes_target:
            return Exit(target, False, "take_profit"), False
        return None, reaches_stop or reaches_target

    def inner(self, k: int, direction: int) -> list[Side]:
        """The finer bars of this row on the side on which an order of `direction` trades."""
        sides = [ask if direction > 0 else bid for bid, ask in self.bar(k).inner]
        return [Side(*map(exact, prices)) for prices in sides]

    def walk(self, k: int, position: Position, bars: Sequence[Side]) -> Exit | None:
        """What finer bars take that are all after the entry: the first of them that takes anything."""
        return next((found for bar in bars if (found := self.takes(k, position, bar)) is not None), None)

    def first_at(self, bars: Sequence[Side], d: int, by_stop: bool, raw: Decimal) -> int | None:
        """The first finer bar in which an entry is filled at `raw`: a stop is reached from below by a buy, a limit from above."""
        ahead = d if by_stop else -d  # where the price moves to when it fills
        return next((n for n, bar in enumerate(bars) if ahead * (bar.far(ahead) - raw) >= 0), None)

    def takes_from(self, k: int, position: Position, at: int, by_stop: bool, raw: Decimal) -> tuple[Exit | None, bool]:
        """What the finer bars take when the entry is in the one `at`; and, where nothing, whether that is uncertain."""
        d = position.direction
        bars, ahead = self.inner(k, -d), d if by_stop else -d
        if ahead * (self.inner(k, d)[at].open - raw) >= 0:  # filled at its open
            return self.walk(k, position, bars[at:]), False
        found, undecided = self.takes_inside(k, position, bars[at], by_stop)
        if found is None:
            found = self.walk(k, position, bars[at + 1 :])
            if found is not None:
                found = replace(found, ambiguous=found.ambiguous or undecided)
        return found, undecided
