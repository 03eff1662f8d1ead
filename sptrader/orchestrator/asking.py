"""Asking: what the rules of an instrument ask for, as the kernel's bits, in one compiled pass over their truths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sptrader.jit import compiled
from sptrader.kernel.state import LONG_ENTRY, LONG_EXIT, SHORT_ENTRY, SHORT_EXIT

Truths = NDArray[np.int8]
Bits = NDArray[np.uint8]


@compiled
def asking(
    enter_long: Truths,
    enter_short: Truths,
    leave_long: Truths,
    leave_short: Truths,
    bits: Bits,
    words: NDArray[np.uint64],
    asked: NDArray[np.bool_],
) -> None:
    """Write into `bits` (n,) what is asked for on each bar, and into `asked` (m, 1) whether anything is in each `BLOCK` of them.

    A rule is int8 (n,), 1 where it is true, or (0,) where there is none. `words` (2 m,) are the same bytes as the first of
    `bits`. A loop for each rule runs on whole registers.
    """
    for t in range(len(enter_long)):
        bits[t] |= LONG_ENTRY if enter_long[t] == 1 else 0
    for t in range(len(enter_short)):
        bits[t] |= SHORT_ENTRY if enter_short[t] == 1 else 0
    for t in range(len(leave_long)):
        bits[t] |= LONG_EXIT if leave_long[t] == 1 else 0
    for t in range(len(leave_short)):
        bits[t] |= SHORT_EXIT if leave_short[t] == 1 else 0
    for block in range(len(asked)):
        asked[block, 0] = (words[2 * block] | words[2 * block + 1]) != 0
