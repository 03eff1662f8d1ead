"""Nights told: the charges for nights that a venue has booked, entered into the account as it did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import state as k
from sptrader.model.orders import NightCharge

Floats = NDArray[np.float64]


class NightsTold:
    """Enters charges into the balance at once, and into the position they are of, so that its trade shows them.

    One that is told before the fill of its position waits for that, but for the balance.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = tuple(symbols)
        self._left: dict[int, float] = {}

    def book(self, charges: Sequence[NightCharge], state: Floats) -> None:
        """Enter what was told."""
        for one in charges:
            i = self._symbols.index(one.symbol)
            state[k.CASH] += one.amount
            self._left[i] = self._left.get(i, 0.0) + one.amount
        self.place(state)

    def place(self, state: Floats) -> None:
        """Put what waits to the positions that are held now."""
        for i in [i for i in self._left if state[k.block(i, 1) + k.QUANTITY] != 0.0]:
            state[k.block(i, 1) + k.FINANCED] += self._left.pop(i)
