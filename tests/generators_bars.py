"""Generated bars of one instrument: whole steps, tight ranges, gaps, missing bars, and the finer bars inside them."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from tests.reference_data import NAN, Prices, RefInstrument


def _price(steps: int, step: float) -> float:
    return float(steps * Decimal(repr(step)))


class Market:
    """Makes the rows of one instrument: whole steps, tight ranges, now and then a gap or no bar."""

    def __init__(
        self, instrument: RefInstrument, start: int, random: Random, *, wild: bool, financed: bool, finer: bool
    ) -> None:
        self.instrument, self.last, self.start, self.random = instrument, start, start, random
        self.wild, self.financed, self.finer = wild, financed, finer
        self.rate = 125_000
        self.missing = 0
        self.boundaries = 0  # session boundaries since its last bar

    def _steps(self) -> tuple[list[int], list[int]]:
        """Bid and ask open, high, low, close in steps; the spread is 0 to 3 steps and may change within the bar."""
        random = self.random
        gap = random.choice((0, 0, 0, 1, -1, 2, -2)) if random.random() < 0.9 else random.randint(-9, 9)
        if self.wild and random.random() < 0.1:
            gap = int(self.last * random.choice((-0.15, -0.03, -0.02, 0.02, 0.03, 0.15)))
        opened = max(self.last + gap, self.start // 4)
        closed = opened + random.randint(-4, 4)
        high, low = max(opened, closed) + random.randint(0, 3), min(opened, closed) - random.randint(0, 3)
        bid = [opened, high, low, closed]
        spread = random.randint(0, 2)
        ask = [price + spread + (random.random() < 0.2) for price in bid]
        ask[1], ask[2] = max(ask), min(ask)
        self.last = closed
        return bid, ask

    def row(self, first: bool, boundary: bool) -> dict[str, object]:
        """The facts of the next row of this instrument: prices (or none), volume, financing, rates."""
        random, step = self.random, self.instrument.price_step
        self.boundaries += boundary
        facts: dict[str, object] = {}
        if self.instrument.conversion == "pair":
            self.rate += random.randint(-30, 30)
            known = first or random.random() > 0.04
            facts["rate_open"] = self.rate / 100_000 if known else NAN
            facts["rate_close"] = (self.rate + random.randint(-20, 20)) / 100_000 if known else NAN
        if self.missing == 0 and not first and random.random() < 0.07:
            self.missing = random.choice((1, 1, 2, 5, 6, 7, 9))
        if self.missing > 0:
            self.missing -= 1
            facts["has_bar"] = False
            return facts
        bid, ask = self._steps()
        facts["bid"], facts["ask"] = (_prices(bid, step), _prices(ask, step))
        if self.finer:
            inner = _inner(random, bid, ask)
            facts["inner"] = tuple((_prices(b, step), _prices(a, step)) for b, a in inner)
        facts["volume"] = float(random.randint(1_000, 500_000)) if random.random() > 0.05 else random.choice((0.0, NAN))
        if self.financed and self.boundaries:
            nights = self.boundaries * random.choice((1, 1, 1, 3))
            facts["finance_long"] = float(-nights * Decimal(repr(step)) * Decimal("0.7"))
            facts["finance_short"] = float(nights * Decimal(repr(step)) * Decimal("0.3"))
        self.boundaries = 0
        return facts


Steps = tuple[list[int], list[int]]  # bid and ask, in steps


def _inner(random: Random, bid: list[int], ask: list[int]) -> list[Steps]:
    """The finer bars or ticks inside a bar: on each side they make up the bar, but at times some or all are missing."""
    kind = random.random()
    if kind < 0.08:
        return []
    found = _ticks(random, bid, ask) if kind < 0.25 else _finer_bars(random, bid, ask)
    return [inner for inner in found if random.random() < 0.6] if random.random() < 0.1 else found


def _ticks(random: Random, bid: list[int], ask: list[int]) -> list[Steps]:
    """Ticks from the open to the close by way of the high and the low, in any order."""
    between = [(bid[1], ask[1]), (bid[2], ask[2])]
    for _ in range(random.randint(0, 3)):
        price = random.randint(bid[2], bid[1])
        between.append((price, min(max(price + random.randint(0, 2), ask[2]), ask[1])))
    random.shuffle(between)
    return [([b] * 4, [a] * 4) for b, a in ((bid[0], ask[0]), *between, (bid[3], ask[3]))]


def _finer_bars(random: Random, bid: list[int], ask: list[int]) -> list[Steps]:
    """One to seven bars, at times with gaps between them; one of them has the high, one the low."""
    n = random.randint(1, 7)
    highest, lowest, last = random.randrange(n), random.randrange(n), bid[0]
    _, high, low, _ = bid
    found: list[Steps] = []
    for j in range(n):
        gap = 0 if j == 0 or random.random() < 0.6 else random.randint(-4, 4)
        opened = min(max(last + gap, low), high)
        closed = bid[3] if j == n - 1 else random.randint(max(opened - 3, low), min(opened + 3, high))
        top = min(max(opened, closed) + random.randint(0, 1), high)
        bottom = max(min(opened, closed) - random.randint(0, 1), low)
        own = [opened, high if j == highest else top, low if j == lowest else bottom, closed]
        spread = random.randint(0, 2)
        other = [min(max(price + spread, ask[2]), ask[1]) for price in own]
        other[0], other[3] = ask[0] if j == 0 else other[0], ask[3] if j == n - 1 else other[3]
        other[1] = ask[1] if j == highest else max(other)
        other[2] = ask[2] if j == lowest else min(other)
        found.append((own, other))
        last = closed
    return found


def _prices(steps: list[int], step: float) -> Prices:
    opened, high, low, closed = (_price(s, step) for s in steps)
    return opened, high, low, closed
