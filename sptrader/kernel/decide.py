"""Decide: the step. At a bar's close it says what each instrument shall do from the next bar on, and why."""

from __future__ import annotations

import math

from sptrader.jit import compiled, inlined
from sptrader.kernel.book import end_order
from sptrader.kernel.prices import for_side, rate_at, snapped_down, snapped_up
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
    CORRELATED,
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
    LIMIT_CORRELATION,
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
    SESSION,
    SESSION_ENDS,
    SHORT_ENTRY,
    SHORT_EXIT,
    SIDE,
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
def is_asked(signal, leaves, a, p):
    """Count the bar, and return whether there is anything for `decide_exit`; if not, nothing is decided on this bar."""
    if p[QUIET_FOR] > 0.0:
        p[QUIET_FOR] -= 1.0
    found = signal != 0 or leaves
    if p[QUANTITY] != 0.0:
        p[HELD] += 1.0
        found = found or p[WANT] != STAY or not (p[HELD] < a[MAX_HOLDING])
    if not found:
        p[ACTION] = 0.0
        p[REASON] = NOTHING
        p[CAP] = NOTHING
    return found


@compiled
def decide_exit(signal, leaves, a, p):
    """Set whether the position is closed at the next open, and whether an entry is a candidate for `decide_entry`.

    Reads the bar's `signal`, whether a rule on the position `leaves`, QUANTITY, HELD, MAX_HOLDING; writes WANT, ACTION,
    OUTCOME, REASON, CAP. Stops and targets are not here: they work in `match_protection`.
    """
    q = p[QUANTITY]
    leave, is_flattened = False, False
    action, outcome, reason, cap = 0.0, 0.0, NOTHING, NOTHING
    if q != 0.0:
        leave = signal & (LONG_EXIT if q > 0.0 else SHORT_EXIT) != 0 or leaves
        if p[WANT] != STAY:  # `watch` closes it
            is_flattened = True
            action, outcome, reason = LEAVE, ORDERED, p[WANT_REASON]
        elif leave or not (p[HELD] < a[MAX_HOLDING]):
            action, outcome, reason = LEAVE, ORDERED, (EXIT_SIGNAL if leave else HELD_LONG_ENOUGH)
            p[WANT] = CLOSE
            p[WANT_REASON] = reason
    side = p[SIDE]
    if side != 0.0 and signal & (LONG_EXIT if side > 0.0 else SHORT_EXIT) != 0:
        p[GONE] = CANCELLED_BY_EXIT
    enter = signal & (LONG_ENTRY | SHORT_ENTRY)
    if enter != 0:
        verdict, why = CANDIDATE, NOTHING
        direction = 1.0 if enter == LONG_ENTRY else -1.0
        if enter == LONG_ENTRY | SHORT_ENTRY:
            verdict, why = REFUSED, BOTH_SIDES
        elif q * direction < 0.0 and (is_flattened or (not leave and a[REVERSING] == 0.0)):
            verdict, why = IGNORED, OPPOSITE_POSITION
        elif q * direction > 0.0 and (not (p[ADDS] < a[N_ADDS]) or p[WANT] != STAY):
            verdict, why = IGNORED, ALREADY_LONG_OR_SHORT
        elif side == direction and p[GONE] == NOTHING:
            verdict, why = IGNORED, ORDER_WORKING
        if verdict == CANDIDATE or outcome == 0.0:
            outcome, reason = verdict, why
            if q * direction < 0.0:
                action = REVERSE_LONG if direction > 0.0 else REVERSE_SHORT
            else:
                action = ENTER_LONG if direction > 0.0 else ENTER_SHORT
        else:
            cap = why
    p[ACTION] = action
    p[OUTCOME] = outcome
    p[REASON] = reason
    p[CAP] = cap


@inlined
def strongest(n_instruments, a):
    """Return the instrument whose candidate has the strongest signal, the earlier one of equals; -1 when none is left."""
    best, where = -1.0, -1
    for k in range(n_instruments):
        p = a[ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS :]
        if p[OUTCOME] == CANDIDATE:
            strength = p[STRENGTH]
            if not (strength >= 0.0):
                strength = 0.0
            if strength > best:
                best, where = strength, k
    return where


@compiled
def decide_entry(correlation, n_instruments, i, t, a, p):
    """Place the candidate's entry order, or refuse it; the checks stand in the order in which they are asked."""
    action = p[ACTION]
    direction = 1.0 if action == ENTER_LONG or action == REVERSE_LONG else -1.0
    is_reversal = action == REVERSE_LONG or action == REVERSE_SHORT
    price = p[ASK_CLOSE] if direction > 0.0 else p[BID_CLOSE]
    rate = rate_at(price, p[RATE_CLOSE], p)
    stop = distance(p[STOP_COLUMN], p[STOP_FRACTION], price)
    target = distance(p[TARGET_COLUMN], p[TARGET_FRACTION], price)
    trail = distance(p[TRAIL_COLUMN], p[TRAIL_FRACTION], price)
    limit, trigger = entry_prices(direction, a, p)
    reason = forbidden(is_reversal, a, p)
    is_bound = reason == NOTHING and a[LIMIT_CORRELATION] != math.inf
    if is_bound and is_correlated(correlation, direction, n_instruments, i, t, a):
        reason = CORRELATED
    if reason == NOTHING:
        kind = for_side(ORDER_TYPE, direction, a)
        is_priced = price > 0.0 and (kind == MARKET or kind == STOP_ENTRY or limit > 0.0)
        is_priced = is_priced and (kind == MARKET or kind == LIMIT or trigger > 0.0)
        if not is_priced:
            reason = PRICE_UNKNOWN
        elif not (rate > 0.0):
            reason = RATE_UNKNOWN
        elif int(p[FLAGS]) & STALE_RATE != 0:
            reason = RATE_STALE
        elif (
            (p[HAS_STOP] > 0.0 and not stop > 0.0)
            or (p[HAS_TARGET] > 0.0 and not target > 0.0)
            or (p[HAS_TRAIL] > 0.0 and not trail > 0.0)
        ):
            reason = DISTANCE_UNKNOWN
    units = 0.0
    if reason == NOTHING:
        volatility = p[VOLATILITY_COLUMN]
        risked = stop if p[HAS_STOP] > 0.0 else trail
        wanted = wanted_units(price * rate, rate, risked, volatility, a)
        if math.isnan(wanted) or math.isinf(wanted):
            reason = SIZE_UNKNOWN
        else:
            units, cap = capped_units(wanted, price * rate, direction, is_reversal, n_instruments, i, a, p)
            p[CAP] = cap
            if not (units >= p[MIN_QUANTITY]):
                reason = BELOW_MINIMUM
    if reason == NOTHING:
        place(units, direction, is_reversal, limit, trigger, stop, target, trail, units * price * rate, a, p)
    elif is_reversal and p[WANT] == CLOSE:
        p[ACTION] = LEAVE  # the exit stands, its other leg is refused
        p[OUTCOME] = ORDERED
        p[REASON] = p[WANT_REASON]
        p[CAP] = reason
    else:
        p[OUTCOME] = REFUSED
        p[REASON] = reason


@inlined
def distance(column, fraction, price):
    """Return a protective distance in price units: a fraction of `price`, or the column's value."""
    if math.isnan(fraction):
        return column
    return fraction * price


@inlined
def entry_prices(direction, a, p):
    """Return the limit and the trigger price of an entry, snapped: buy limits and sell stops down, sell limits and buy stops up."""
    top, bottom = p[STEP_TOP], p[STEP_BOTTOM]
    if direction > 0.0:
        limit, trigger = p[LIMIT_TO_BUY], p[TRIGGER_TO_BUY]
        if not math.isnan(limit):
            limit = snapped_down(limit, top, bottom)
        if not math.isnan(trigger):
            trigger = snapped_up(trigger, top, bottom)
    else:
        limit, trigger = p[LIMIT_TO_SELL], p[TRIGGER_TO_SELL]
        if not math.isnan(limit):
            limit = snapped_up(limit, top, bottom)
        if not math.isnan(trigger):
            trigger = snapped_down(trigger, top, bottom)
    return limit, trigger


@inlined
def forbidden(is_reversal, a, p):
    """Return why no entry is allowed now whatever its size: trading state, filters, memory, slots; NOTHING when one is."""
    ends = 1.0 if int(p[FLAGS]) & SESSION_ENDS != 0 else 0.0
    needs_slot = not is_reversal and p[QUANTITY] == 0.0
    taken = a[N_OPEN] + a[N_WORKING]
    if needs_slot and p[SIDE] != 0.0:
        taken -= 1.0  # its own working order is about to be replaced
    if a[TRADING] == HALTED:
        return TRADING_HALTED
    if a[TRADING] == REDUCING:
        return ONLY_REDUCING
    if a[IS_DAY_HALTED] > 0.0:
        return DAY_HALTED
    if p[FILTER] != NOTHING:
        return p[FILTER]
    if p[QUIET_FOR] > 0.0:
        return COOLING_DOWN
    if a[ONE_PER_SESSION] > 0.0 and p[ENTERED_SESSION] == a[SESSION] + ends:
        return ENTERED_THIS_SESSION
    if not (a[EQUITY] > 0.0):
        return EQUITY_UNKNOWN
    if needs_slot and not (taken + 1.0 <= a[LIMIT_POSITIONS]):
        return NO_FREE_SLOT
    return NOTHING


@compiled
def is_correlated(correlation, direction, n_instruments, i, t, a):
    """Return whether an entry of `direction` in instrument `i` goes together too closely with another's position or entry."""
    for k in range(n_instruments):
        if k != i:
            p = a[ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS :]
            found = direction * correlation[i, k, min(t, correlation.shape[2] - 1)]
            held = 0.0 if p[QUANTITY] == 0.0 else (1.0 if p[QUANTITY] > 0.0 else -1.0)
            if held != 0.0 and not (held * found <= a[LIMIT_CORRELATION]):
                return True
            if p[SIDE] != 0.0 and not (p[SIDE] * found <= a[LIMIT_CORRELATION]):
                return True
    return False


@inlined
def place(units, direction, is_reversal, limit, trigger, stop, target, trail, notional, a, p):
    """Write the entry order into the ORDER fields and reserve its margin and slot."""
    if p[SIDE] != 0.0:
        p[GONE] = REPLACED
        end_order(a, p)
    if is_reversal:
        if p[WANT] == STAY:
            p[WANT_REASON] = EXIT_SIGNAL
        p[WANT] = REVERSE
    is_add = not is_reversal and p[QUANTITY] != 0.0
    if not is_add and not is_reversal:
        a[N_WORKING] += 1.0
    p[SIDE] = direction
    p[ORDER_QUANTITY] = units
    p[ORDER_LIMIT] = limit
    p[ORDER_STOP] = trigger
    p[ORDER_LEFT] = for_side(ORDER_BARS, direction, a)
    p[ORDER_SESSION] = 0.0
    p[IS_ADD] = 1.0 if is_add else 0.0
    p[STOP_DISTANCE] = stop
    p[TARGET_DISTANCE] = target
    p[TRAIL_DISTANCE] = trail
    margin = notional * p[MARGIN_RATE]
    p[ORDER_MARGIN] = margin
    a[RESERVED_MARGIN] += margin
    p[OUTCOME] = ORDERED
    p[REASON] = ENTRY_SIGNAL
