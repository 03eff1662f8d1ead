"""Risk: what the account's limits do when they are reached, every bar, marked to market."""

from __future__ import annotations

from sptrader.jit import inlined
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
def open_bar(flags, s, L, j):
    """Count the bar; at the first of a session set the day's baseline and end the day's halt."""
    s[CLOCK * L + j] += 1.0
    if flags & NEW_SESSION != 0 or s[SESSION * L + j] == 0.0:
        s[SESSION * L + j] += 1.0
        s[BASELINE * L + j] = s[EQUITY * L + j]
        s[IS_DAY_HALTED * L + j] = 0.0


@inlined
def watch(n_instruments, s, L, j):
    """Compare the marked account with its limits; a breach closes everything at the next open and halts."""
    equity = s[EQUITY * L + j]
    if equity > s[PEAK * L + j]:
        s[PEAK * L + j] = equity
    drawdown = 1.0 - equity / s[PEAK * L + j]
    s[DRAWDOWN * L + j] = drawdown
    if drawdown > s[MAX_DRAWDOWN * L + j]:
        s[MAX_DRAWDOWN * L + j] = drawdown
    if s[N_OPEN * L + j] > 0.0:
        s[N_EXPOSED * L + j] += 1.0
        if not (equity >= 0.5 * s[USED_MARGIN * L + j]):
            call_margin(n_instruments, s, L, j)
    if not (equity > 0.0) and s[TRADING * L + j] != HALTED:
        s[TRADING * L + j] = HALTED
        flatten(MARGIN_CALL, n_instruments, s, L, j)
    if not (drawdown < s[LIMIT_DRAWDOWN * L + j]) and s[TRADING * L + j] != HALTED:
        s[TRADING * L + j] = HALTED
        flatten(DRAWDOWN_LIMIT, n_instruments, s, L, j)
    if not (1.0 - equity / s[BASELINE * L + j] < s[LIMIT_DAILY_LOSS * L + j]) and s[IS_DAY_HALTED * L + j] == 0.0:
        s[IS_DAY_HALTED * L + j] = 1.0
        flatten(DAILY_LOSS, n_instruments, s, L, j)


@inlined
def flatten(reason, n_instruments, s, L, j):
    """Order every position closed at its next open and mark every working entry as gone, for `reason`; an exit that was
    ordered before keeps its own."""
    for k in range(n_instruments):
        at = (ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS) * L + j
        if s[at + QUANTITY * L] != 0.0:
            if s[at + WANT * L] == STAY:
                s[at + WANT_REASON * L] = reason
            s[at + WANT * L] = CLOSE
        if s[at + SIDE * L] != 0.0 and s[at + GONE * L] == NOTHING:
            s[at + GONE * L] = reason


@inlined
def call_margin(n_instruments, s, L, j):
    """Order positions closed, largest margin first, until equity is half of what the others need."""
    staying = 0.0
    for k in range(n_instruments):
        at = (ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS) * L + j
        if s[at + QUANTITY * L] != 0.0 and s[at + WANT * L] == STAY:
            staying += s[at + MARGIN * L]
    for _ in range(n_instruments):
        if staying > 0.0 and not (s[EQUITY * L + j] >= 0.5 * staying):
            largest, where = -1.0, -1
            for k in range(n_instruments):
                at = (ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS) * L + j
                if s[at + QUANTITY * L] != 0.0 and s[at + WANT * L] == STAY and s[at + MARGIN * L] > largest:
                    largest, where = s[at + MARGIN * L], at
            if where >= 0:
                s[where + WANT * L] = CLOSE
                s[where + WANT_REASON * L] = MARGIN_CALL
                staying -= largest
