"""Eight runs side by side: the arrays of one market with eight sets of rules and signals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.kernel.blocks import asked_in_blocks
from tests.kernel.adapter import Arrays

LANES = 8


def side_by_side(singles: Sequence[Arrays]) -> Arrays:
    """Put eight single runs on the same market into the lanes of one."""
    rows = singles[0].market.flags.shape[1]

    def stacked(field: str) -> NDArray[np.generic]:
        columns = [getattr(single.orders, field) for single in singles]
        if max(column.shape[1] for column in columns) > 1:
            columns = [np.broadcast_to(c, (len(c), rows, *c.shape[2:])) for c in columns]
        return np.ascontiguousarray(np.concatenate(columns, axis=2))

    first = singles[0].orders
    n = len(singles[0].market.flags)
    signal = stacked("signal")
    orders = m.Orders(
        signal=signal,
        asked=asked_in_blocks(signal),
        strength=stacked("strength"),
        refused=first.refused,
        stop=stacked("stop"),
        target=stacked("target"),
        trail=stacked("trail"),
        limit=stacked("limit"),
        trigger=stacked("trigger"),
        volatility=stacked("volatility"),
        correlation=first.correlation,
        terms=first.terms,
        term_truth=np.zeros((0, n, rows, LANES), np.uint8),
        term_right=np.zeros((0, n, 1, LANES)),
    )
    return Arrays(singles[0].market, orders, np.column_stack([single.state for single in singles]).ravel())


def lane(states: NDArray[np.float64], j: int) -> NDArray[np.float64]:
    """The state of lane `j`, as a single run has it."""
    return np.ascontiguousarray(states.reshape(-1, LANES)[:, j])
