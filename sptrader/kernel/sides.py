"""Sides: bid and ask prices of a bar from one-sided prices and a spread, on the instrument's step."""

from __future__ import annotations

import math

from sptrader.jit import compiled
from sptrader.kernel.prices import TOLERANCE

BID, ASK, MID = 0, 1, 2


@compiled
def two_sided(prices, spread, basis, top, bottom, where, out):
    """Write bid and ask into `out` (n, 8) at the rows `where[k]`, from `prices` (4, m) and `spread` (m or 1).

    Basis bid: ask = bid + spread; ask: bid = ask - spread; mid: half each way. Ask is rounded up and bid down to the
    step top / bottom, unless within 1e-6 of one.
    """
    below, above = 0.0, 1.0
    if basis == ASK:
        below, above = 1.0, 0.0
    elif basis == MID:
        below, above = 0.5, 0.5
    per_step = bottom / top
    is_constant = spread.shape[0] == 1
    for k in range(prices.shape[1]):
        width = spread[0] if is_constant else spread[k]
        row = where[k] if where.shape[0] > 0 else k
        for column in range(4):
            price = prices[column, k]
            out[row, column] = math.floor((price - below * width) * per_step + TOLERANCE) * top / bottom
            out[row, column + 4] = math.ceil((price + above * width) * per_step - TOLERANCE) * top / bottom
