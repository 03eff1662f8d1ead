"""Closing: what each fill that closes came to, in one compiled pass over the fills of a run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader.jit import compiled
from sptrader.kernel.market import (
    F_AVERAGE,
    F_ENTRY_FEES,
    F_ENTRY_SLIPPAGE,
    F_ENTRY_SPREAD,
    F_FEE,
    F_FINANCED,
    F_HALF,
    F_HELD,
    F_HELD_QUANTITY,
    F_PRICE,
    F_QUANTITY,
    F_RATE,
    F_RAW,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WAY, QUANTITY, GROSS, SPREAD, SLIPPAGE, FEES, FINANCING, PNL, HELD = range(9)
N_AMOUNTS = 9


@compiled
def closing(fills: Floats, rows: Ints, out: Floats) -> int:
    """Write what each closing fill came to into the columns of `out` (N_AMOUNTS, n), its row in `fills` (n,
    `kernel.market.F_*`) into `rows` (n,), and return how many there are.

    Entry costs and financing are shared by the quantity that closes.
    """
    count = 0
    for row in range(len(fills)):
        f = fills[row]
        if not f[F_QUANTITY] * f[F_HELD_QUANTITY] < 0.0:
            continue
        quantity, rate, price = abs(f[F_QUANTITY]), f[F_RATE], f[F_PRICE]
        way = 1.0 if f[F_QUANTITY] < 0.0 else -1.0
        share = quantity / abs(f[F_HELD_QUANTITY])
        realised = (price - f[F_AVERAGE]) * way * quantity * rate
        fees = f[F_FEE] + share * f[F_ENTRY_FEES]
        financing = share * f[F_FINANCED]
        spread = (share * f[F_ENTRY_SPREAD] + quantity * f[F_HALF]) * rate
        slippage = (share * f[F_ENTRY_SLIPPAGE] + quantity * abs(price - f[F_RAW])) * rate
        rows[count] = row
        out[WAY, count], out[QUANTITY, count] = way, quantity
        out[GROSS, count] = realised + spread + slippage
        out[SPREAD, count], out[SLIPPAGE, count] = spread, slippage
        out[FEES, count], out[FINANCING, count] = fees, financing
        out[PNL, count] = realised - fees + financing
        out[HELD, count] = f[F_HELD]
        count += 1
    return count
