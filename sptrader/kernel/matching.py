"""Matching: the only pretend exchange. Orders and protective levels meet a bar; what fills is left in the FILL fields."""

from __future__ import annotations

import math

from sptrader.jit import inlined
from sptrader.kernel.prices import buy_fill, fee_of, rate_at, sell_fill, snapped_down, snapped_up
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
def match_exit(s, L, j, at):
    """Fill the exit that was decided, at the open, or what protects the position, where the bar reaches it."""
    if s[at + WANT * L] != STAY:
        q = s[at + QUANTITY * L]
        raw = s[at + BID_OPEN * L] if q > 0.0 else s[at + ASK_OPEN * L]
        fill_exit(raw, True, s[at + WANT_REASON * L], False, True, s, L, j, at)
    else:
        match_protection(False, s, L, j, at)


@inlined
def match_protection(is_inside, s, L, j, at):
    """Fill the stop or the target of the position.

    They have worked since the open, unless `is_inside` says how the position was entered or added to inside the bar. What
    of the bar came before that is not known: the stop counts when the bar reaches it, the target when the close does.
    Optimistic: the target counts when the bar reaches it, and after an entry by a stop the stop when the close does.
    """
    side = 1.0 if s[at + QUANTITY * L] > 0.0 else -1.0
    first = BID_OPEN if side > 0.0 else ASK_OPEN
    # seen from the position's side, `side` * price rises when it wins
    open_, close = side * s[at + first * L], side * s[at + (first + 3) * L]
    if side > 0.0:
        best, worst = s[at + BID_HIGH * L], s[at + BID_LOW * L]
    else:
        best, worst = -s[at + ASK_LOW * L], -s[at + ASK_HIGH * L]
    stop, reason = side * s[at + STOP * L], STOP_LOSS
    trail = s[at + TRAIL * L]
    if not math.isnan(trail):
        top, bottom = s[at + STEP_TOP * L], s[at + STEP_BOTTOM * L]
        if side > 0.0:
            level = snapped_down(s[at + BEST * L] - trail, top, bottom)
        else:
            level = -snapped_up(s[at + BEST * L] + trail, top, bottom)
        if not (stop >= level):
            stop, reason = level, TRAILING_STOP
    target = side * s[at + TARGET * L]
    is_stopped = worst <= stop
    is_target = best >= target
    # a bar comes through a limit before it reaches the stop; after an entry by a stop only the close tells
    is_certain = s[at + IS_INSIDE * L] != BY_STOP or close <= stop
    if is_stopped or is_target:
        if not is_inside:
            if open_ <= stop:
                fill_exit(side * open_, True, reason, False, True, s, L, j, at)
            elif open_ >= target:
                fill_exit(side * open_, False, TAKE_PROFIT, False, True, s, L, j, at)
            elif is_stopped and not (is_target and s[OPTIMISTIC * L + j] > 0.0):
                fill_exit(side * stop, True, reason, is_target, False, s, L, j, at)
            else:
                fill_exit(side * target, False, TAKE_PROFIT, is_stopped, False, s, L, j, at)
        elif is_target and s[OPTIMISTIC * L + j] > 0.0:
            fill_exit(side * target, False, TAKE_PROFIT, is_stopped or close < target, False, s, L, j, at)
        elif is_stopped and (s[OPTIMISTIC * L + j] == 0.0 or is_certain):
            # a stop inside the spread fills where the bar was, not above it
            fill_exit(side * min(stop, best), True, reason, is_target or not is_certain, False, s, L, j, at)
        elif close >= target:
            fill_exit(side * target, False, TAKE_PROFIT, False, False, s, L, j, at)
        else:
            s[at + IS_AMBIGUOUS * L] = 1.0


@inlined
def fill_exit(raw, is_slipping, reason, is_ambiguous, is_at_open, s, L, j, at):
    """Close the whole position at `raw`, after slippage where it applies, and note how far the price had gone."""
    q = s[at + QUANTITY * L]
    filled = raw
    if is_slipping:
        if q > 0.0:
            filled = sell_fill(raw, q, s[at + BID_HIGH * L] - s[at + BID_LOW * L], s[at + VOLUME * L], s, L, at)
        else:
            filled = buy_fill(raw, -q, s[at + ASK_HIGH * L] - s[at + ASK_LOW * L], s[at + VOLUME * L], s, L, at)
    gain = (filled - s[at + AVERAGE * L]) * (1.0 if q > 0.0 else -1.0)
    s[at + MFE * L] = max(s[at + MFE * L], gain)
    s[at + MAE * L] = max(s[at + MAE * L], -gain)
    fill(-q, filled, raw, reason, is_ambiguous, s, L, j, at)


@inlined
def fill(quantity, filled, raw, reason, is_ambiguous, s, L, j, at):
    """Leave a fill of signed `quantity` at `filled` in the FILL fields, with its rate and fee."""
    rate = rate_at(filled, s[at + RATE_OPEN * L], s, L, at)
    s[at + FILL * L] = quantity
    s[at + FILL_PRICE * L] = filled
    s[at + FILL_RAW * L] = raw
    s[at + FILL_HALF * L] = (s[at + ASK_OPEN * L] - s[at + BID_OPEN * L]) * 0.5
    s[at + FILL_RATE * L] = rate
    s[at + FILL_FEE * L] = fee_of(abs(quantity), filled, rate, s, L, j, at)
    s[at + FILL_REASON * L] = reason
    s[at + IS_AMBIGUOUS * L] = 1.0 if is_ambiguous else 0.0


@inlined
def match_entry(n_instruments, s, L, j, at):
    """Fill the working entry where the bar reaches it, or end it: expired, cancelled, or without margin."""
    side = s[at + SIDE * L]
    if int(s[at + FLAGS * L]) & IDLE != 0:
        s[at + GONE * L] = EXPIRED
    elif s[at + IS_ADD * L] > 0.0 and s[at + QUANTITY * L] * side <= 0.0:
        s[at + GONE * L] = CANCELLED_BY_EXIT
    elif s[at + QUANTITY * L] * side >= 0.0:
        if s[at + ORDER_SESSION * L] == 0.0:
            s[at + ORDER_SESSION * L] = s[SESSION * L + j]
        if s[ORDER_DAY * L + j] > 0.0 and s[at + ORDER_SESSION * L] != s[SESSION * L + j]:
            s[at + GONE * L] = EXPIRED
        else:
            work_entry(side, n_instruments, s, L, j, at)
            s[at + ORDER_LEFT * L] -= 1.0
            is_over = not (s[at + ORDER_LEFT * L] > 0.0) or s[ORDER_AT_OPEN * L + j] > 0.0
            if is_over and s[at + FILL * L] == 0.0 and s[at + GONE * L] == NOTHING:
                s[at + GONE * L] = EXPIRED


@inlined
def work_entry(side, n_instruments, s, L, j, at):
    """Find the price at which the working entry fills on this bar, if it does."""
    first = ASK_OPEN if side > 0.0 else BID_OPEN
    open_ = side * s[at + first * L]
    if side > 0.0:
        high, low = s[at + ASK_HIGH * L], s[at + ASK_LOW * L]
    else:
        high, low = -s[at + BID_LOW * L], -s[at + BID_HIGH * L]
    kind = s[ORDER_TYPE * L + j]
    limit, stop = side * s[at + ORDER_LIMIT * L], side * s[at + ORDER_STOP * L]
    raw, is_slipping, inside = math.nan, False, 0.0
    if kind == MARKET:
        raw, is_slipping = open_, True
    elif kind == STOP_ENTRY:
        if open_ >= stop:
            raw, is_slipping = open_, True
        elif high >= stop:
            raw, is_slipping, inside = stop, True, BY_STOP
    elif kind == STOP_LIMIT and s[at + IS_TRIGGERED * L] == 0.0:
        if open_ >= stop:
            s[at + IS_TRIGGERED * L] = 1.0
            if open_ <= limit:
                raw = open_
            elif low <= limit:
                raw, inside = limit, BY_LIMIT
        elif high >= stop:
            s[at + IS_TRIGGERED * L] = 1.0
            if stop <= limit:
                raw, inside = stop, BY_STOP
    elif open_ <= limit:
        raw = open_
    elif low <= limit:
        raw, inside = limit, BY_LIMIT
    if not math.isnan(raw) and (inside == 0.0 or s[ORDER_AT_OPEN * L + j] == 0.0):
        fill_entry(side * raw, is_slipping, inside, n_instruments, s, L, j, at)


@inlined
def fill_entry(raw, is_slipping, inside, n_instruments, s, L, j, at):
    """Open or add at `raw`, after slippage where it applies, unless the margin does not suffice."""
    quantity = s[at + ORDER_QUANTITY * L]
    side = s[at + SIDE * L]
    filled = raw
    if is_slipping:
        if side > 0.0:
            filled = buy_fill(raw, quantity, s[at + ASK_HIGH * L] - s[at + ASK_LOW * L], s[at + VOLUME * L], s, L, at)
        else:
            filled = sell_fill(raw, quantity, s[at + BID_HIGH * L] - s[at + BID_LOW * L], s[at + VOLUME * L], s, L, at)
    rate = rate_at(filled, s[at + RATE_OPEN * L], s, L, at)
    needed = quantity * filled * rate * s[at + MARGIN_RATE * L]
    if needed <= equity_at_open(n_instruments, s, L, j) - s[USED_MARGIN * L + j]:
        fill(side * quantity, filled, raw, ENTRY_SIGNAL, False, s, L, j, at)
        s[at + IS_INSIDE * L] = inside
    else:
        s[at + GONE * L] = MARGIN_AT_FILL


@inlined
def equity_at_open(n_instruments, s, L, j):
    """Return the balance plus what the open positions are worth at this bar's open."""
    equity = s[CASH * L + j]
    for k in range(n_instruments):
        at = (ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS) * L + j
        q = s[at + QUANTITY * L]
        if q != 0.0:
            if int(s[at + FLAGS * L]) & HAS_BAR != 0:
                mark = s[at + BID_OPEN * L] if q > 0.0 else s[at + ASK_OPEN * L]
                equity += (mark - s[at + AVERAGE * L]) * q * rate_at(mark, s[at + RATE_OPEN * L], s, L, at)
            else:
                equity += s[at + UNREALISED * L]
    return equity


@inlined
def fill_at_close(s, L, j, at):
    """Close the whole position at the close of its side, as the data end, without slippage."""
    q = s[at + QUANTITY * L]
    raw = s[at + BID_CLOSE * L] if q > 0.0 else s[at + ASK_CLOSE * L]
    rate = rate_at(raw, s[at + RATE_CLOSE * L], s, L, at)
    fill(-q, raw, raw, END_OF_DATA, False, s, L, j, at)
    s[at + FILL_HALF * L] = (s[at + ASK_CLOSE * L] - s[at + BID_CLOSE * L]) * 0.5
    s[at + FILL_RATE * L] = rate
    s[at + FILL_FEE * L] = fee_of(abs(q), raw, rate, s, L, j, at)
