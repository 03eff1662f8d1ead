"""How often generated cases meet each rule: the second engine, counting what its decisions and its bars came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, localcontext

from tests.reference import Engine
from tests.reference_book import Exit, Position, Side
from tests.reference_data import RefCase


class Tallying(Engine):
    """An engine that counts in `met` what became of each walk over finer bars and of each entry among them."""

    def __init__(self, case: RefCase) -> None:
        super().__init__(case)
        self.met: Counter[str] = Counter()

    def walk(self, k: int, position: Position, bars: Sequence[Side]) -> Exit | None:
        found = super().walk(k, position, bars)
        how = "nothing"
        if found is not None:
            taking = next(bar for bar in bars if self.takes(k, position, bar) is not None)
            opens = found.price == taking.open
            how = f"{found.reason}{' at an open' * opens}{' of both' * found.ambiguous}"
        self.met[f"walk: {how}"] += 1
        return found

    def first_at(self, bars: Sequence[Side], d: int, by_stop: bool, raw: Decimal) -> int | None:
        at = super().first_at(bars, d, by_stop, raw)
        where = "none" if at is None else "the first" if at == 0 else "a later"
        self.met[f"entry by a {'stop' if by_stop else 'limit'}: in {where}"] += 1
        return at

    def takes_from(self, k: int, position: Position, at: int, by_stop: bool, raw: Decimal) -> tuple[Exit | None, bool]:
        found, undecided = super().takes_from(k, position, at, by_stop, raw)
        ahead = position.direction if by_stop else -position.direction
        through = ahead * (self.inner(k, position.direction)[at].open - raw) >= 0
        how = "nothing" if found is None else f"{found.reason}{' ambiguous' * found.ambiguous}"
        self.met[f"after an entry {'through an open' if through else 'inside'}: {how}{', undecided' * undecided}"] += 1
        return found, undecided


def tally(case: RefCase) -> Counter[str]:
    """Run a case; count its caps, its refusals, the kinds of its orders by side and what its finer bars came to."""
    with localcontext() as context:
        context.prec = 50
        engine = Tallying(case)
        out = engine.run()
    met = engine.met
    for decision in out.decisions:
        what = "cap" if decision.outcome == "ordered" and decision.action != "exit" else decision.outcome
        name = decision.cap if what == "cap" else decision.reason
        met[f"{what}: {name}"] += 1
        if decision.outcome == "refused" and decision.cap:
            met[f"refused under the cap: {decision.cap}"] += 1
    for order in out.orders:
        if order.leg == "entry":
            other = order.kind != case.rules.order_kind
            met[f"order: {'buy' if order.side > 0 else 'sell'} {order.kind}{' unlike buys' * other}, {order.end}"] += 1
    return met
