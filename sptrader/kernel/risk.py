"""Risk: what the account's limits do when they are reached, every bar, marked to market."""

from __future__ import annotations

from sptrader.jit import compiled, inlined
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    BASELINE,
    CLOCK,
    CLOSE,
    DAILY_LOSS,
    DRAWDOWN,
    DRAWDOWN_LIMIT,
    EQUITY,
    GONE,
    HALTED,
    INSTRUMENT_FIELDS,
    IS_DAY_HALTED,
    LIMIT_DAILY_LOSS,
    LIMIT_DRAWDOWN,
    MARGIN,
    MARGIN_CALL,
    MAX_DRAWDOWN,
    N_EXPOSED,
    N_OPEN,
    NEW_SESSION,
    NOTHING,
    PEAK,
    QUANTITY,
    SESSION,
    SIDE,
    STAY,
    TRADING,
    USED_MARGIN,
    WANT,
    WANT_REASON,
)


@inlined
def open_bar(flags, a):
    """Count the bar; at the first of a session set the day's baseline and end the day's halt. Return whether it is one."""
    a[CLOCK] += 1.0
    is_first = flags & NEW_SESSION != 0 or a[SESSION] == 0.0
    if is_first:
        a[SESSION] += 1.0
        a[BASELINE] = a[EQUITY]
        a[IS_DAY_HALTED] = 0.0
    return is_first


@inlined
def watch(n_instruments, a):
    """Compare the marked account with its limits; a breach closes everything at the next open and halts."""
    equity = a[EQUITY]
    if equity > a[PEAK]:
        a[PEAK] = equity
    drawdown = 1.0 - equity / a[PEAK]
    a[DRAWDOWN] = drawdown
    if drawdown > a[MAX_DRAWDOWN]:
        a[MAX_DRAWDOWN] = drawdown
    if a[N_OPEN] > 0.0:
        a[N_EXPOSED] += 1.0
    loss = 1.0 - equity / a[BASELINE]
    is_safe = equity > 0.0 and equity >= 0.5 * a[USED_MARGIN]
    if not (is_safe and drawdown < a[LIMIT_DRAWDOWN] and loss < a[LIMIT_DAILY_LOSS]):
        enforce(drawdown, loss, n_instruments, a)


@compiled
def enforce(drawdown, loss, n_instruments, a):
    """Act on each limit that is reached."""
    equity = a[EQUITY]
    if a[N_OPEN] > 0.0 and not (equity >= 0.5 * a[USED_MARGIN]):
        call_margin(n_instruments, a)
    if not (equity > 0.0) and a[TRADING] != HALTED:
        a[TRADING] = HALTED
        flatten(MARGIN_CALL, n_instruments, a)
    if not (drawdown < a[LIMIT_DRAWDOWN]) and a[TRADING] != HALTED:
        a[TRADING] = HALTED
        flatten(DRAWDOWN_LIMIT, n_instruments, a)
    if not (loss < a[LIMIT_DAILY_LOSS]) and a[IS_DAY_HALTED] == 0.0:
        a[IS_DAY_HALTED] = 1.0
        flatten(DAILY_LOSS, n_instruments, a)


@compiled
def flatten(reason, n_instruments, a):
    """Order every position closed at its next open and mark every working entry as gone, for `reason`; an exit that was
    ordered before keeps its own."""
    for k in range(n_instruments):
        p = a[ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS :]
        if p[QUANTITY] != 0.0:
            if p[WANT] == STAY:
                p[WANT_REASON] = reason
            p[WANT] = CLOSE
        if p[SIDE] != 0.0 and p[GONE] == NOTHING:
            p[GONE] = reason


@compiled
def call_margin(n_instruments, a):
    """Order positions closed, largest margin first, until equity is half of what the others need."""
    staying = 0.0
    for k in range(n_instruments):
        p = a[ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS :]
        if p[QUANTITY] != 0.0 and p[WANT] == STAY:
            staying += p[MARGIN]
    for _ in range(n_instruments):
        if staying > 0.0 and not (a[EQUITY] >= 0.5 * staying):
            largest, where = -1.0, -1
            for k in range(n_instruments):
                p = a[ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS :]
                if p[QUANTITY] != 0.0 and p[WANT] == STAY and p[MARGIN] > largest:
                    largest, where = p[MARGIN], k
            if where >= 0:
                p = a[ACCOUNT_FIELDS + where * INSTRUMENT_FIELDS :]
                p[WANT] = CLOSE
                p[WANT_REASON] = MARGIN_CALL
                staying -= largest
