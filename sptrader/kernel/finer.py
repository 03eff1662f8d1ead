"""Finer: the bars inside a bar, or its ticks, decide what the bar itself cannot."""

from __future__ import annotations

import math

from sptrader.jit import compiled
from sptrader.kernel.levels import NEITHER, UNDECIDED, settled
from sptrader.kernel.state import BY_LIMIT


@compiled
def walk(finer, begin, end, by, side, entered, stop, target):
    """Ask the finer bars `begin` to `end`, in the order of time, which level was taken.

    `by` is 0 where both levels work from the open, else how the position was entered inside the bar, at `entered`: the finer
    bar that first comes to that price is the entry's. Levels and `entered` are seen from the position's side. Return whether the
    finer bars tell, the verdict, the price before slippage, and whether it is ambiguous.
    """
    has_entry, is_doubtful = by == 0.0, False
    for k in range(begin, end):
        how = 0.0
        if not has_entry:
            # the entry traded on the other side of the spread than what protects it
            if side > 0.0:
                open_, high, low = finer[k, 4], finer[k, 5], finer[k, 6]
            else:
                open_, high, low = -finer[k, 0], -finer[k, 2], -finer[k, 1]
            if by == BY_LIMIT:
                has_entry, is_at_open = low <= entered, open_ <= entered
            else:
                has_entry, is_at_open = high >= entered, open_ >= entered
            how = 0.0 if is_at_open else by
        if has_entry:
            if side > 0.0:
                open_, best, worst, close = finer[k, 0], finer[k, 1], finer[k, 2], finer[k, 3]
            else:
                open_, best, worst, close = -finer[k, 4], -finer[k, 6], -finer[k, 5], -finer[k, 7]
            verdict, raw, is_ambiguous = settled(how, False, open_, close, best, worst, stop, target)
            if verdict == UNDECIDED:
                is_doubtful = True
            elif verdict != NEITHER:
                return True, verdict, raw, is_ambiguous or is_doubtful
    if by == 0.0 or not has_entry:
        return False, NEITHER, math.nan, False
    return True, (UNDECIDED if is_doubtful else NEITHER), math.nan, is_doubtful
