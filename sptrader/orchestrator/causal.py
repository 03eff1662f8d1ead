"""Causal: fills that were told in another order than they happened in, put so that no position is closed before it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sptrader.model.orders import Fill, Report

_NONE = Decimal(0)
_ROUNDED = 1 + Decimal("1e-9")  # quantities held are sums of floats


class Causal:
    """Holds back a fill that closes more than is known to be held, or opens against it, until the missing one has come.

    What a venue tells in its own order passes as it is.
    """

    def __init__(self) -> None:
        self.waiting: list[Fill] = []

    def take(self, reports: Sequence[Report], held: Mapping[str, Decimal]) -> list[Report]:
        """Return what may be booked now, on top of the signed quantities `held`, in an order in which it can have happened."""
        known = dict(held)
        taken: list[Report] = []
        for report in reports:
            if not isinstance(report, Fill):
                taken.append(report)
                continue
            self.waiting.append(report)
            while (fill := next((one for one in self.waiting if _may_be_next(one, known)), None)) is not None:
                self.waiting.remove(fill)
                known[fill.symbol] = known.get(fill.symbol, _NONE) + _signed(fill)
                taken.append(fill)
        return taken


def _may_be_next(fill: Fill, held: Mapping[str, Decimal]) -> bool:
    quantity = held.get(fill.symbol, _NONE)
    is_against = quantity * _signed(fill) < 0
    return is_against and fill.quantity <= abs(quantity) * _ROUNDED if fill.is_closing else not is_against


def _signed(fill: Fill) -> Decimal:
    return fill.quantity if fill.side == "buy" else -fill.quantity
