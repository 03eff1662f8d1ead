"""Conversion: over which pairs one currency becomes another."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, pairwise
from typing import NamedTuple

from sptrader.model.instrument import CURRENCIES, Instrument


class Step(NamedTuple):
    """One pair on the way, and whether it converts the other way round: by 1 / its price."""

    symbol: str
    is_inverse: bool


def conversion_path(from_: str, to: str, pairs: Iterable[Instrument]) -> tuple[Step, ...] | None:
    """Return the pairs that turn `from_` into `to`: one directly, else two over the first currency that joins them.

    None where there are none; empty where both are the same.
    """
    if from_ == to:
        return ()
    known = tuple(pairs)
    between = sorted({currency for pair in known for currency in (pair.base, pair.quote)} | set(CURRENCIES))
    for legs in chain([(from_, to)], ((from_, currency, to) for currency in between)):
        steps = [_step(a, b, known) for a, b in pairwise(legs)]
        found = [step for step in steps if step is not None]
        if len(found) == len(steps):
            return tuple(found)
    return None


def _step(from_: str, to: str, pairs: tuple[Instrument, ...]) -> Step | None:
    for pair in pairs:
        if (pair.base, pair.quote) == (from_, to):
            return Step(pair.symbol, is_inverse=False)
        if (pair.base, pair.quote) == (to, from_):
            return Step(pair.symbol, is_inverse=True)
    return None
