"""Faults: what a paper broker does wrong on purpose, seeded, so that every schedule can be had again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from decimal import ROUND_DOWN, Decimal

from sptrader.errors import BrokerError


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong; all zero is an exact pass-through that changes nothing and reorders nothing.

    `latency_bars`: how many bars late an instruction reaches the venue. Rates are probabilities, 0 to 1, drawn for each order,
    instruction or report: `reject_rate` the venue refuses an order; `partial_rate` an entry is filled in two parts,
    `partial_fraction` of it first, the rest works on as an add; `lost_rate` an answer never comes (`BrokerTimeout`), of
    which `lost_arrives_rate` reached the venue all the same; `duplicate_rate` a report comes twice; `delay_rate` it comes
    `delay_bars` later, so that a fill may follow the cancel of its order.
    """

    seed: int = 0
    latency_bars: int = 0
    reject_rate: float = 0.0
    partial_rate: float = 0.0
    partial_fraction: float = 0.5
    lost_rate: float = 0.0
    lost_arrives_rate: float = 0.5
    duplicate_rate: float = 0.0
    delay_rate: float = 0.0
    delay_bars: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_rate") and not 0.0 <= value <= 1.0:
                self._refuse(field.name, "a probability, 0 to 1")
            if field.name.endswith("_bars") and not (isinstance(value, int) and 0 <= value <= 1000):
                self._refuse(field.name, "a whole number of bars, 0 to 1000")
        if not 0.0 < self.partial_fraction < 1.0:
            self._refuse("partial_fraction", "a fraction between 0 and 1, both excluded")
        if self.delay_rate > 0.0 and self.delay_bars == 0:
            self._refuse("delay_bars", "1 or more when delay_rate is above 0")

    def _refuse(self, name: str, allowed: str) -> None:
        value = getattr(self, name)
        raise BrokerError(f"paper faults: {name} was {value}; allowed is {allowed}.", key=name, value=value)

    def happens(self, rate: float, *key: object) -> bool:
        """Whether something of probability `rate` happens at `key`: the same seed and key give the same answer.

        Each key has a draw of its own, so one fault more or less leaves all others as they were.
        """
        return rate > 0.0 and draw(self.seed, *key) < rate

    def first_part(self, quantity: Decimal, *, lot_step: Decimal, min_quantity: Decimal) -> Decimal | None:
        """Return how much of an entry is filled first; None when its parts would be too small to trade."""
        part = (quantity * Decimal(str(self.partial_fraction)) / lot_step).to_integral_value(ROUND_DOWN) * lot_step
        return part if min_quantity <= part and min_quantity <= quantity - part else None


def draw(seed: int, *key: object) -> float:
    """Return the number in [0, 1) that belongs to `seed` and `key`."""
    text = "\0".join((str(seed), *(str(part) for part in key)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big") / 2.0**56
