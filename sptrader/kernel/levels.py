"""Levels: which of stop and target a bar takes, seen from the position's side: prices rise when it wins."""

from __future__ import annotations

import math

from sptrader.jit import inlined
from sptrader.kernel.state import BY_STOP

# verdicts: nothing was reached; the stop; the target; something was reached, and whether it counts is not known
NEITHER, STOPPED, REACHED, UNDECIDED = 0, 1, 2, 3


@inlined
def settled(by, is_optimistic, open_, close, best, worst, stop, target):
    """Return the verdict on a bar, the price before slippage and whether that is ambiguous.

    `by` is 0 where both levels have worked since the open, else how the position was entered inside the bar. What of the
    bar came before that is not known: the stop counts when the bar reaches it, the target when the close does. Optimistic:
    the target counts when the bar reaches it, and after an entry by a stop the stop when the close does.
    """
    is_stopped = worst <= stop
    is_target = best >= target
    # a bar comes through a limit before it reaches the stop; after an entry by a stop only the close tells
    is_certain = by != BY_STOP or close <= stop
    verdict, raw, is_ambiguous = NEITHER, math.nan, False
    if not (is_stopped or is_target):
        verdict = NEITHER
    elif by == 0.0:
        if open_ <= stop:
            verdict, raw = STOPPED, open_
        elif open_ >= target:
            verdict, raw = REACHED, open_
        elif is_stopped and not (is_target and is_optimistic):
            verdict, raw, is_ambiguous = STOPPED, stop, is_target
        else:
            verdict, raw, is_ambiguous = REACHED, target, is_stopped
    elif is_target and is_optimistic:
        verdict, raw, is_ambiguous = REACHED, target, is_stopped or close < target
    elif is_stopped and (not is_optimistic or is_certain):
        # a stop inside the spread fills where the bar was, not above it
        verdict, raw, is_ambiguous = STOPPED, min(stop, best), is_target or not is_certain
    elif close >= target:
        verdict, raw = REACHED, target
    else:
        verdict, is_ambiguous = UNDECIDED, True
    return verdict, raw, is_ambiguous
