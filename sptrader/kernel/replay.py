"""Replay: bars in, books out; a fold of the step over the bars, for one run or for many side by side.

`replay` runs one lane and keeps books; `replay_lanes` runs eight and keeps only their states. Both call the same `step`.
"""

from __future__ import annotations

from sptrader.jit import compiled, inlined
from sptrader.kernel.book import add_mark, book_fill, end_order, finance, mark, mark_again
from sptrader.kernel.decide import decide_entry, decide_exit, strongest
from sptrader.kernel.market import N_FILLS, N_ORDERS
from sptrader.kernel.matching import fill_at_close, match_entry, match_exit, match_protection
from sptrader.kernel.observe import observe_bar, observe_rate, observe_signal
from sptrader.kernel.record import keep_bar, keep_fill, keep_gone, keep_levels, keep_mark, keep_placed, mark_ambiguous
from sptrader.kernel.risk import open_bar, watch
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    ACTION,
    CASH,
    EQUITY,
    FILL,
    FLAGS,
    GONE,
    HAS_BAR,
    INSTRUMENT_FIELDS,
    IS_AMBIGUOUS,
    IS_INSIDE,
    LEAVE,
    NIGHTS,
    NOTHING,
    ORDERED,
    OUTCOME,
    QUANTITY,
    QUIET_FOR,
    SIDE,
    USED_MARGIN,
)


@compiled
def replay(market, orders, books, s, first, last):
    """Run bars `first` to `last` (not included) through the state `s` of one lane; return the first bar not done.

    That is `last`, or earlier when the books have no room for another bar's fills and orders: the caller turns the
    page and goes on.
    """
    n = market.price.shape[0]
    room = books.fills.shape[0] - 4 * n  # of each instrument: an exit, an entry and its exit; one more for `close_out`
    for t in range(first, last):
        if books.counts[N_FILLS] > room or books.counts[N_ORDERS] > room:
            return t
        step(market, orders, books, True, n, t, s, 1, 0)
    return last


@compiled
def replay_lanes(market, orders, books, s, first, last):
    """Run bars `first` to `last` through the states `s` of eight lanes side by side; `books` is not touched."""
    n = market.price.shape[0]
    for t in range(first, last):
        for j in range(8):
            step(market, orders, books, False, n, t, s, 8, j)
    return last


@inlined
def step(market, orders, books, keeps, n, t, s, L, j):
    """Do all that happens on bar `t` in lane `j`: each verb for all instruments before the next."""
    open_bar(market.flags[0, t], s, L, j)
    n_active = 0.0
    for i in range(n):
        at = (ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS) * L + j
        flags = market.flags[i, t]
        s[at + FLAGS * L] = float(flags)
        s[at + OUTCOME * L] = 0.0
        q = s[at + QUANTITY * L]
        if q != 0.0 or orders.signal[i, t, j] != 0 or s[at + SIDE * L] != 0.0 or s[at + QUIET_FOR * L] > 0.0:
            n_active += 1.0
            if flags & HAS_BAR != 0:
                observe_bar(market, i, t, s, L, at)
    if n_active > 0.0:
        match_all(books, keeps, n, t, s, L, j)
    s[EQUITY * L + j] = s[CASH * L + j]
    s[USED_MARGIN * L + j] = 0.0
    if n_active > 0.0:
        for i in range(n):
            at = (ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS) * L + j
            if s[at + QUANTITY * L] != 0.0:
                if int(s[at + FLAGS * L]) & HAS_BAR != 0:
                    mark(s, L, j, at)
                else:
                    observe_rate(market, i, t, s, L, at)
                    mark_again(s, L, at)
                add_mark(s, L, j, at)
    watch(n, s, L, j)
    if n_active > 0.0:
        decide_all(orders, books, keeps, n, t, s, L, j)
    if keeps:
        keep_bar(books, n, t, s, L, j)


@inlined
def match_all(books, keeps, n, t, s, L, j):
    """Finance, then let the exits of all instruments meet the bar, then the entries."""
    for i in range(n):
        at = (ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS) * L + j
        flags = int(s[at + FLAGS * L])
        if s[at + QUANTITY * L] != 0.0 and flags & HAS_BAR != 0:
            if flags & NIGHTS != 0:
                finance(s, L, j, at)
            match_exit(s, L, j, at)
            settle(books, keeps, i, t, s, L, j, at)
    for i in range(n):
        at = (ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS) * L + j
        if s[at + SIDE * L] != 0.0 and int(s[at + FLAGS * L]) & HAS_BAR != 0:
            match_entry(n, s, L, j, at)
            if s[at + FILL * L] != 0.0:
                settle(books, keeps, i, t, s, L, j, at)
                match_protection(s[at + IS_INSIDE * L] != 0.0, s, L, j, at)
                if keeps and s[at + FILL * L] == 0.0 and s[at + IS_AMBIGUOUS * L] > 0.0:
                    mark_ambiguous(books)
                s[at + IS_AMBIGUOUS * L] *= 1.0 if s[at + FILL * L] != 0.0 else 0.0
                settle(books, keeps, i, t, s, L, j, at)


@inlined
def decide_all(orders, books, keeps, n, t, s, L, j):
    """Decide the exits of all instruments, then their entries, strongest signal first."""
    for i in range(n):
        at = (ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS) * L + j
        drop_gone(books, keeps, i, t, s, L, j, at)
        if int(s[at + FLAGS * L]) & HAS_BAR != 0:
            observe_signal(orders, i, t, s, L, j, at)
            decide_exit(s, L, j, at)
            drop_gone(books, keeps, i, t, s, L, j, at)
    for _ in range(n):
        i = strongest(n, s, L, j)
        if i >= 0:
            at = (ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS) * L + j
            decide_entry(s, L, j, at)
            if keeps and s[at + OUTCOME * L] == ORDERED and s[at + ACTION * L] != LEAVE:
                if s[at + GONE * L] != NOTHING:  # it replaced one
                    keep_gone(books, i, t, s, L, at)
                keep_placed(books, i, t, s, L, at)
            s[at + GONE * L] = NOTHING


@inlined
def settle(books, keeps, i, t, s, L, j, at):
    """Record and book the fill of the phase just done."""
    if s[at + FILL * L] != 0.0:
        if keeps:
            keep_fill(books, i, t, s, L, at)
        book_fill(s, L, j, at)
        if keeps:
            keep_levels(books, s, L, at)
        s[at + FILL * L] = 0.0
        s[at + IS_AMBIGUOUS * L] = 0.0


@inlined
def drop_gone(books, keeps, i, t, s, L, j, at):
    """Record an entry order that ended unfilled, and take it off."""
    if s[at + GONE * L] != NOTHING:
        if keeps:
            keep_gone(books, i, t, s, L, at)
        end_order(s, L, j, at)
        s[at + GONE * L] = NOTHING


@compiled
def close_out(market, books, s, ends):
    """Close every open position of one lane at its last close, `ends[i]` being instrument i's last bar, and mark again."""
    n = market.price.shape[0]
    t_last = market.price.shape[1] - 1
    for i in range(n):
        at = ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS
        if s[at + QUANTITY] != 0.0:
            observe_bar(market, i, ends[i], s, 1, at)
            observe_rate(market, i, t_last, s, 1, at)
            fill_at_close(s, 1, 0, at)
            settle(books, True, i, t_last, s, 1, 0, at)
    s[EQUITY] = s[CASH]
    s[USED_MARGIN] = 0.0
    watch(n, s, 1, 0)
    keep_mark(books, t_last, s, 1, 0)
