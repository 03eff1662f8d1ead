"""Matching: the only pretend exchange. Orders and protective levels meet a bar; what fills is left in the FILL fields."""

from __future__ import annotations

import math

from sptrader.jit import compiled, inlined
from sptrader.kernel.finer import walk
from sptrader.kernel.levels import NEITHER, STOPPED, UNDECIDED, settled
from sptrader.kernel.prices import buy_fill, fee_of, for_side, rate_at, sell_fill, snapped_down, snapped_up
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    ASK_CLOSE,
    ASK_HIGH,
    ASK_LOW,
    ASK_OPEN,
    AVERAGE,
    BEST,
    BID_CLOSE,
    BID_HIGH,
    BID_LOW,
    BID_OPEN,
    BY_LIMIT,
    BY_STOP,
    CANCELLED_BY_EXIT,
    CASH,
    END_OF_DATA,
    ENTRY_SIGNAL,
    EXPIRED,
    FILL,
    FILL_FEE,
    FILL_HALF,
    FILL_PRICE,
    FILL_RATE,
    FILL_RAW,
    FILL_REASON,
    FLAGS,
    GONE,
    HAS_BAR,
    IDLE,
    INSTRUMENT_FIELDS,
    IS_ADD,
    IS_AMBIGUOUS,
    IS_FINER,
    IS_INSIDE,
    IS_TRIGGERED,
    MAE,
    MARGIN_AT_FILL,
    MARGIN_RATE,
    MARKET,
    MFE,
    NOTHING,
    OPTIMISTIC,
    ORDER_AT_OPEN,
    ORDER_DAY,
    ORDER_LEFT,
    ORDER_LIMIT,
    ORDER_QUANTITY,
    ORDER_SESSION,
    ORDER_STOP,
    ORDER_TYPE,
    QUANTITY,
    RATE_CLOSE,
    RATE_OPEN,
    SESSION,
    SIDE,
    STAY,
    STEP_BOTTOM,
    STEP_TOP,
    STOP,
    STOP_ENTRY,
    STOP_LIMIT,
    STOP_LOSS,
    TAKE_PROFIT,
    TARGET,
    TRAIL,
    TRAILING_STOP,
    UNREALISED,
    USED_MARGIN,
    VOLUME,
    WANT,
    WANT_REASON,
)


@inlined
def may_leave(p):
    """Return whether the position may be closed on this bar: that was decided, or the bar comes near what protects it.

    Cheaper than to know: `match_protection` does.
    """
    if p[WANT] != STAY:
        return True
    if p[QUANTITY] > 0.0:
        best, worst = p[BID_HIGH], p[BID_LOW]
        trailed = worst - (p[BEST] - p[TRAIL])
        is_near = worst <= p[STOP] or best >= p[TARGET]
    else:
        best, worst = p[ASK_LOW], p[ASK_HIGH]
        trailed = p[BEST] + p[TRAIL] - worst
        is_near = worst >= p[STOP] or best <= p[TARGET]
    # the trailing level is on the step, at most one away
    return is_near or trailed * p[STEP_BOTTOM] <= p[STEP_TOP]


@inlined
def fill_at_open(a, p):
    """Fill the exit that was decided."""
    raw = p[BID_OPEN] if p[QUANTITY] > 0.0 else p[ASK_OPEN]
    fill_exit(raw, True, p[WANT_REASON], False, a, p)


@compiled
def match_protection(finer, finer_at, i, t, is_inside, a, p):
    """Fill the stop or the target of the position where bar `t` of instrument `i` reaches it.

    They have worked since the open, unless `is_inside` says that the position was entered or added to inside the bar. With
    IS_FINER the finer bars are asked what the bar cannot decide.
    """
    side = 1.0 if p[QUANTITY] > 0.0 else -1.0
    first = BID_OPEN if side > 0.0 else ASK_OPEN
    # seen from the position's side, `side` * price rises when it wins
    open_, close = side * p[first], side * p[first + 3]
    if side > 0.0:
        best, worst = p[BID_HIGH], p[BID_LOW]
    else:
        best, worst = -p[ASK_LOW], -p[ASK_HIGH]
    stop, reason = side * p[STOP], STOP_LOSS
    trail = p[TRAIL]
    if not math.isnan(trail):
        top, bottom = p[STEP_TOP], p[STEP_BOTTOM]
        if side > 0.0:
            level = snapped_down(p[BEST] - trail, top, bottom)
        else:
            level = -snapped_up(p[BEST] + trail, top, bottom)
        if not (stop >= level):
            stop, reason = level, TRAILING_STOP
    target = side * p[TARGET]
    if worst <= stop or best >= target:
        by = p[IS_INSIDE] if is_inside else 0.0
        is_optimistic = a[OPTIMISTIC] > 0.0
        verdict, raw, is_ambiguous = settled(by, is_optimistic, open_, close, best, worst, stop, target)
        if a[IS_FINER] > 0.0 and (is_inside or is_ambiguous) and t + 1 < finer_at.shape[1]:
            begin, end = finer_at[i, t], finer_at[i, t + 1]
            is_told, told, at, is_doubtful = walk(finer, begin, end, by, side, side * p[FILL_RAW], stop, target)
            if is_told:
                verdict, raw, is_ambiguous = told, at, is_doubtful
        if verdict == UNDECIDED:
            p[IS_AMBIGUOUS] = 1.0
        elif verdict == STOPPED:
            fill_exit(side * raw, True, reason, is_ambiguous, a, p)
        elif verdict != NEITHER:
            fill_exit(side * raw, False, TAKE_PROFIT, is_ambiguous, a, p)


@compiled
def fill_exit(raw, is_slipping, reason, is_ambiguous, a, p):
    """Close the whole position at `raw`, after slippage where it applies, and note how far the price had gone."""
    q = p[QUANTITY]
    filled = raw
    if is_slipping:
        if q > 0.0:
            filled = sell_fill(raw, q, p[BID_HIGH] - p[BID_LOW], p[VOLUME], p)
        else:
            filled = buy_fill(raw, -q, p[ASK_HIGH] - p[ASK_LOW], p[VOLUME], p)
    gain = (filled - p[AVERAGE]) * (1.0 if q > 0.0 else -1.0)
    p[MFE] = max(p[MFE], gain)
    p[MAE] = max(p[MAE], -gain)
    fill(-q, filled, raw, reason, is_ambiguous, a, p)


@compiled
def fill(quantity, filled, raw, reason, is_ambiguous, a, p):
    """Leave a fill of signed `quantity` at `filled` in the FILL fields, with its rate and fee."""
    rate = rate_at(filled, p[RATE_OPEN], p)
    p[FILL] = quantity
    p[FILL_PRICE] = filled
    p[FILL_RAW] = raw
    p[FILL_HALF] = (p[ASK_OPEN] - p[BID_OPEN]) * 0.5
    p[FILL_RATE] = rate
    p[FILL_FEE] = fee_of(abs(quantity), filled, rate, a, p)
    p[FILL_REASON] = reason
    p[IS_AMBIGUOUS] = 1.0 if is_ambiguous else 0.0


@compiled
def match_entry(n_instruments, a, p):
    """Fill the working entry where the bar reaches it, or end it: expired, cancelled, or without margin."""
    side = p[SIDE]
    if int(p[FLAGS]) & IDLE != 0:
        p[GONE] = EXPIRED
    elif p[IS_ADD] > 0.0 and p[QUANTITY] * side <= 0.0:
        p[GONE] = CANCELLED_BY_EXIT
    elif p[QUANTITY] * side >= 0.0:
        if p[ORDER_SESSION] == 0.0:
            p[ORDER_SESSION] = a[SESSION]
        if for_side(ORDER_DAY, side, a) > 0.0 and p[ORDER_SESSION] != a[SESSION]:
            p[GONE] = EXPIRED
        else:
            work_entry(side, n_instruments, a, p)
            p[ORDER_LEFT] -= 1.0
            is_over = not (p[ORDER_LEFT] > 0.0) or for_side(ORDER_AT_OPEN, side, a) > 0.0
            if is_over and p[FILL] == 0.0 and p[GONE] == NOTHING:
                p[GONE] = EXPIRED


@inlined
def work_entry(side, n_instruments, a, p):
    """Find the price at which the working entry fills on this bar, if it does."""
    first = ASK_OPEN if side > 0.0 else BID_OPEN
    open_ = side * p[first]
    if side > 0.0:
        high, low = p[ASK_HIGH], p[ASK_LOW]
    else:
        high, low = -p[BID_LOW], -p[BID_HIGH]
    kind = for_side(ORDER_TYPE, side, a)
    limit, stop = side * p[ORDER_LIMIT], side * p[ORDER_STOP]
    raw, is_slipping, inside = math.nan, False, 0.0
    if kind == MARKET:
        raw, is_slipping = open_, True
    elif kind == STOP_ENTRY:
        if open_ >= stop:
            raw, is_slipping = open_, True
        elif high >= stop:
            raw, is_slipping, inside = stop, True, BY_STOP
    elif kind == STOP_LIMIT and p[IS_TRIGGERED] == 0.0:
        if open_ >= stop:
            p[IS_TRIGGERED] = 1.0
            if open_ <= limit:
                raw = open_
            elif low <= limit:
                raw, inside = limit, BY_LIMIT
        elif high >= stop:
            p[IS_TRIGGERED] = 1.0
            if stop <= limit:
                raw, inside = stop, BY_STOP
    elif open_ <= limit:
        raw = open_
    elif low <= limit:
        raw, inside = limit, BY_LIMIT
    if not math.isnan(raw) and (inside == 0.0 or for_side(ORDER_AT_OPEN, side, a) == 0.0):
        fill_entry(side * raw, is_slipping, inside, n_instruments, a, p)


@inlined
def fill_entry(raw, is_slipping, inside, n_instruments, a, p):
    """Open or add at `raw`, after slippage where it applies, unless the margin does not suffice."""
    quantity = p[ORDER_QUANTITY]
    side = p[SIDE]
    filled = raw
    if is_slipping:
        if side > 0.0:
            filled = buy_fill(raw, quantity, p[ASK_HIGH] - p[ASK_LOW], p[VOLUME], p)
        else:
            filled = sell_fill(raw, quantity, p[BID_HIGH] - p[BID_LOW], p[VOLUME], p)
    rate = rate_at(filled, p[RATE_OPEN], p)
    needed = quantity * filled * rate * p[MARGIN_RATE]
    if needed <= equity_at_open(n_instruments, a) - a[USED_MARGIN]:
        fill(side * quantity, filled, raw, ENTRY_SIGNAL, False, a, p)
        p[IS_INSIDE] = inside
    else:
        p[GONE] = MARGIN_AT_FILL


@compiled
def equity_at_open(n_instruments, a):
    """Return the balance plus what the open positions are worth at this bar's open."""
    equity = a[CASH]
    for k in range(n_instruments):
        p = a[ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS :]
        q = p[QUANTITY]
        if q != 0.0:
            if int(p[FLAGS]) & HAS_BAR != 0:
                mark = p[BID_OPEN] if q > 0.0 else p[ASK_OPEN]
                equity += (mark - p[AVERAGE]) * q * rate_at(mark, p[RATE_OPEN], p)
            else:
                equity += p[UNREALISED]
    return equity


@inlined
def fill_at_close(a, p):
    """Close the whole position at the close of its side, as the data end, without slippage."""
    q = p[QUANTITY]
    raw = p[BID_CLOSE] if q > 0.0 else p[ASK_CLOSE]
    rate = rate_at(raw, p[RATE_CLOSE], p)
    fill(-q, raw, raw, END_OF_DATA, False, a, p)
    p[FILL_HALF] = (p[ASK_CLOSE] - p[BID_CLOSE]) * 0.5
    p[FILL_RATE] = rate
    p[FILL_FEE] = fee_of(abs(q), raw, rate, a, p)
