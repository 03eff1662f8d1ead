"""Decide: the step. At a bar's close it says what each instrument shall do from the next bar on, and why."""

from __future__ import annotations

import math

from sptrader.jit import inlined
from sptrader.kernel.book import end_order
from sptrader.kernel.prices import rate_at, snapped_down, snapped_up
from sptrader.kernel.sizing import capped_units, wanted_units
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    ACTION,
    ADDS,
    ALREADY_LONG_OR_SHORT,
    ASK_CLOSE,
    BELOW_MINIMUM,
    BID_CLOSE,
    BOTH_SIDES,
    CANCELLED_BY_EXIT,
    CANDIDATE,
    CAP,
    CLOSE,
    COOLING_DOWN,
    DAY_HALTED,
    DISTANCE_UNKNOWN,
    ENTER_LONG,
    ENTER_SHORT,
    ENTERED_SESSION,
    ENTERED_THIS_SESSION,
    ENTRY_SIGNAL,
    EQUITY,
    EQUITY_UNKNOWN,
    EXIT_SIGNAL,
    FILTER,
    FLAGS,
    GONE,
    HALTED,
    HAS_STOP,
    HAS_TARGET,
    HAS_TRAIL,
    HELD,
    HELD_LONG_ENOUGH,
    IGNORED,
    INSTRUMENT_FIELDS,
    IS_ADD,
    IS_DAY_HALTED,
    LEAVE,
    LIMIT,
    LIMIT_POSITIONS,
    LIMIT_TO_BUY,
    LIMIT_TO_SELL,
    LONG_ENTRY,
    LONG_EXIT,
    MARGIN_RATE,
    MARKET,
    MAX_HOLDING,
    MIN_QUANTITY,
    N_ADDS,
    N_OPEN,
    N_WORKING,
    NO_FREE_SLOT,
    NOTHING,
    ONE_PER_SESSION,
    ONLY_REDUCING,
    OPPOSITE_POSITION,
    ORDER_BARS,
    ORDER_LEFT,
    ORDER_LIMIT,
    ORDER_MARGIN,
    ORDER_QUANTITY,
    ORDER_SESSION,
    ORDER_STOP,
    ORDER_TYPE,
    ORDER_WORKING,
    ORDERED,
    OUTCOME,
    PRICE_UNKNOWN,
    QUANTITY,
    QUIET_FOR,
    RATE_CLOSE,
    RATE_STALE,
    RATE_UNKNOWN,
    REASON,
    REDUCING,
    REFUSED,
    REPLACED,
    RESERVED_MARGIN,
    REVERSE,
    REVERSE_LONG,
    REVERSE_SHORT,
    REVERSING,
    RULE_LEAVES,
    SESSION,
    SESSION_ENDS,
    SHORT_ENTRY,
    SHORT_EXIT,
    SIDE,
    SIGNAL,
    SIZE_UNKNOWN,
    STALE_RATE,
    STAY,
    STEP_BOTTOM,
    STEP_TOP,
    STOP_COLUMN,
    STOP_DISTANCE,
    STOP_ENTRY,
    STOP_FRACTION,
    STRENGTH,
    TARGET_COLUMN,
    TARGET_DISTANCE,
    TARGET_FRACTION,
    TRADING,
    TRADING_HALTED,
    TRAIL_COLUMN,
    TRAIL_DISTANCE,
    TRAIL_FRACTION,
    TRIGGER_TO_BUY,
    TRIGGER_TO_SELL,
    VOLATILITY_COLUMN,
    WANT,
    WANT_REASON,
)


@inlined
def decide_exit(s, L, j, at):
    """Set whether the position is closed at the next open, and whether an entry is a candidate for `decide_entry`.

    Reads the bar's signal, QUANTITY, HELD, MAX_HOLDING; writes WANT, ACTION, OUTCOME, REASON. Stops and targets are not
    here: they work in `match_exit`.
    """
    signal = int(s[at + SIGNAL * L])
    q = s[at + QUANTITY * L]
    leave, is_flattened = False, False
    action, outcome, reason, cap = 0.0, 0.0, NOTHING, NOTHING
    if s[at + QUIET_FOR * L] > 0.0:
        s[at + QUIET_FOR * L] -= 1.0
    if q != 0.0:
        s[at + HELD * L] += 1.0
        leave = signal & (LONG_EXIT if q > 0.0 else SHORT_EXIT) != 0 or s[at + RULE_LEAVES * L] > 0.0
        if s[at + WANT * L] != STAY:  # `watch` closes it
            is_flattened = True
            action, outcome, reason = LEAVE, ORDERED, s[at + WANT_REASON * L]
        elif leave or not (s[at + HELD * L] < s[MAX_HOLDING * L + j]):
            action, outcome, reason = LEAVE, ORDERED, (EXIT_SIGNAL if leave else HELD_LONG_ENOUGH)
            s[at + WANT * L] = CLOSE
            s[at + WANT_REASON * L] = reason
    side = s[at + SIDE * L]
    if side != 0.0 and signal & (LONG_EXIT if side > 0.0 else SHORT_EXIT) != 0:
        s[at + GONE * L] = CANCELLED_BY_EXIT
    enter = signal & (LONG_ENTRY | SHORT_ENTRY)
    if enter != 0:
        verdict, why = CANDIDATE, NOTHING
        direction = 1.0 if enter == LONG_ENTRY else -1.0
        if enter == LONG_ENTRY | SHORT_ENTRY:
            verdict, why = REFUSED, BOTH_SIDES
        elif q * direction < 0.0 and (is_flattened or (not leave and s[REVERSING * L + j] == 0.0)):
            verdict, why = IGNORED, OPPOSITE_POSITION
        elif q * direction > 0.0 and (not (s[at + ADDS * L] < s[N_ADDS * L + j]) or s[at + WANT * L] != STAY):
            verdict, why = IGNORED, ALREADY_LONG_OR_SHORT
        elif side == direction and s[at + GONE * L] == NOTHING:
            verdict, why = IGNORED, ORDER_WORKING
        if verdict == CANDIDATE or outcome == 0.0:
            outcome, reason = verdict, why
            if q * direction < 0.0:
                action = REVERSE_LONG if direction > 0.0 else REVERSE_SHORT
            else:
                action = ENTER_LONG if direction > 0.0 else ENTER_SHORT
        else:
            cap = why
    s[at + ACTION * L] = action
    s[at + OUTCOME * L] = outcome
    s[at + REASON * L] = reason
    s[at + CAP * L] = cap


@inlined
def strongest(n_instruments, s, L, j):
    """Return the instrument whose candidate has the strongest signal, the earlier one of equals; -1 when none is left."""
    best, where = -1.0, -1
    for k in range(n_instruments):
        at = (ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS) * L + j
        if s[at + OUTCOME * L] == CANDIDATE:
            strength = s[at + STRENGTH * L]
            if not (strength >= 0.0):
                strength = 0.0
            if strength > best:
                best, where = strength, k
    return where


@inlined
def decide_entry(s, L, j, at):
    """Place the candidate's entry order, or refuse it; the checks stand in the order in which they are asked."""
    action = s[at + ACTION * L]
    direction = 1.0 if action == ENTER_LONG or action == REVERSE_LONG else -1.0
    is_reversal = action == REVERSE_LONG or action == REVERSE_SHORT
    price = s[at + ASK_CLOSE * L] if direction > 0.0 else s[at + BID_CLOSE * L]
    rate = rate_at(price, s[at + RATE_CLOSE * L], s, L, at)
    stop = distance(s[at + STOP_COLUMN * L], s[at + STOP_FRACTION * L], price)
    target = distance(s[at + TARGET_COLUMN * L], s[at + TARGET_FRACTION * L], price)
    trail = distance(s[at + TRAIL_COLUMN * L], s[at + TRAIL_FRACTION * L], price)
    limit, trigger = entry_prices(direction, s, L, j, at)
    reason = forbidden(is_reversal, s, L, j, at)
    if reason == NOTHING:
        kind = s[ORDER_TYPE * L + j]
        is_priced = price > 0.0 and (kind == MARKET or kind == STOP_ENTRY or limit > 0.0)
        is_priced = is_priced and (kind == MARKET or kind == LIMIT or trigger > 0.0)
        if not is_priced:
            reason = PRICE_UNKNOWN
        elif not (rate > 0.0):
            reason = RATE_UNKNOWN
        elif int(s[at + FLAGS * L]) & STALE_RATE != 0:
            reason = RATE_STALE
        elif (
            (s[at + HAS_STOP * L] > 0.0 and not stop > 0.0)
            or (s[at + HAS_TARGET * L] > 0.0 and not target > 0.0)
            or (s[at + HAS_TRAIL * L] > 0.0 and not trail > 0.0)
        ):
            reason = DISTANCE_UNKNOWN
    units = 0.0
    if reason == NOTHING:
        volatility = s[at + VOLATILITY_COLUMN * L]
        risked = stop if s[at + HAS_STOP * L] > 0.0 else trail
        wanted = wanted_units(price * rate, rate, risked, volatility, s, L, j)
        if math.isnan(wanted) or math.isinf(wanted):
            reason = SIZE_UNKNOWN
        else:
            units, cap = capped_units(wanted, price * rate, is_reversal, s, L, j, at)
            s[at + CAP * L] = cap
            if not (units >= s[at + MIN_QUANTITY * L]):
                reason = BELOW_MINIMUM
    if reason == NOTHING:
        place(units, direction, is_reversal, limit, trigger, stop, target, trail, units * price * rate, s, L, j, at)
    elif is_reversal and s[at + WANT * L] == CLOSE:
        s[at + ACTION * L] = LEAVE  # the exit stands, its other leg is refused
        s[at + OUTCOME * L] = ORDERED
        s[at + REASON * L] = s[at + WANT_REASON * L]
        s[at + CAP * L] = reason
    else:
        s[at + OUTCOME * L] = REFUSED
        s[at + REASON * L] = reason


@inlined
def distance(column, fraction, price):
    """Return a protective distance in price units: a fraction of `price`, or the column's value."""
    if math.isnan(fraction):
        return column
    return fraction * price


@inlined
def entry_prices(direction, s, L, j, at):
    """Return the limit and the trigger price of an entry, snapped: buy limits and sell stops down, sell limits and buy stops up."""
    top, bottom = s[at + STEP_TOP * L], s[at + STEP_BOTTOM * L]
    if direction > 0.0:
        limit, trigger = s[at + LIMIT_TO_BUY * L], s[at + TRIGGER_TO_BUY * L]
        if not math.isnan(limit):
            limit = snapped_down(limit, top, bottom)
        if not math.isnan(trigger):
            trigger = snapped_up(trigger, top, bottom)
    else:
        limit, trigger = s[at + LIMIT_TO_SELL * L], s[at + TRIGGER_TO_SELL * L]
        if not math.isnan(limit):
            limit = snapped_up(limit, top, bottom)
        if not math.isnan(trigger):
            trigger = snapped_down(trigger, top, bottom)
    return limit, trigger


@inlined
def forbidden(is_reversal, s, L, j, at):
    """Return why no entry is allowed now whatever its size: trading state, filters, memory, slots; NOTHING when one is."""
    ends = 1.0 if int(s[at + FLAGS * L]) & SESSION_ENDS != 0 else 0.0
    needs_slot = not is_reversal and s[at + QUANTITY * L] == 0.0
    taken = s[N_OPEN * L + j] + s[N_WORKING * L + j]
    if needs_slot and s[at + SIDE * L] != 0.0:
        taken -= 1.0  # its own working order is about to be replaced
    if s[TRADING * L + j] == HALTED:
        return TRADING_HALTED
    if s[TRADING * L + j] == REDUCING:
        return ONLY_REDUCING
    if s[IS_DAY_HALTED * L + j] > 0.0:
        return DAY_HALTED
    if s[at + FILTER * L] != NOTHING:
        return s[at + FILTER * L]
    if s[at + QUIET_FOR * L] > 0.0:
        return COOLING_DOWN
    if s[ONE_PER_SESSION * L + j] > 0.0 and s[at + ENTERED_SESSION * L] == s[SESSION * L + j] + ends:
        return ENTERED_THIS_SESSION
    if not (s[EQUITY * L + j] > 0.0):
        return EQUITY_UNKNOWN
    if needs_slot and not (taken + 1.0 <= s[LIMIT_POSITIONS * L + j]):
        return NO_FREE_SLOT
    return NOTHING


@inlined
def place(units, direction, is_reversal, limit, trigger, stop, target, trail, notional, s, L, j, at):
    """Write the entry order into the ORDER fields and reserve its margin and slot."""
    if s[at + SIDE * L] != 0.0:
        s[at + GONE * L] = REPLACED
        end_order(s, L, j, at)
    if is_reversal:
        if s[at + WANT * L] == STAY:
            s[at + WANT_REASON * L] = EXIT_SIGNAL
        s[at + WANT * L] = REVERSE
    is_add = not is_reversal and s[at + QUANTITY * L] != 0.0
    if not is_add and not is_reversal:
        s[N_WORKING * L + j] += 1.0
    s[at + SIDE * L] = direction
    s[at + ORDER_QUANTITY * L] = units
    s[at + ORDER_LIMIT * L] = limit
    s[at + ORDER_STOP * L] = trigger
    s[at + ORDER_LEFT * L] = s[ORDER_BARS * L + j]
    s[at + ORDER_SESSION * L] = 0.0
    s[at + IS_ADD * L] = 1.0 if is_add else 0.0
    s[at + STOP_DISTANCE * L] = stop
    s[at + TARGET_DISTANCE * L] = target
    s[at + TRAIL_DISTANCE * L] = trail
    margin = notional * s[at + MARGIN_RATE * L]
    s[at + ORDER_MARGIN * L] = margin
    s[RESERVED_MARGIN * L + j] += margin
    s[at + OUTCOME * L] = ORDERED
    s[at + REASON * L] = ENTRY_SIGNAL
