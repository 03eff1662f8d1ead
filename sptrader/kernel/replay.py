"""Replay: bars in, books out; a fold of the step over the bars, for one run or for many side by side.

`coast` passes over quiet bars, `step` runs on all others: what is seldom needed stands in functions that it calls, so that
it stays short and fast.
"""

from __future__ import annotations

import numpy as np

from sptrader.jit import compiled, inlined
from sptrader.kernel.book import add_mark, book_fill, end_order, finance, mark, mark_again
from sptrader.kernel.coast import NOT_NEGATIVE, coast
from sptrader.kernel.decide import decide_entry, decide_exit, is_asked, strongest
from sptrader.kernel.market import N_FILLS, N_ORDERS, make_books
from sptrader.kernel.matching import fill_at_close, fill_at_open, match_entry, match_protection, may_leave
from sptrader.kernel.observe import observe_bar, observe_filter, observe_nights, observe_rate, observe_signal
from sptrader.kernel.record import keep_bar, keep_fill, keep_gone, keep_levels, keep_mark, keep_placed, mark_ambiguous
from sptrader.kernel.risk import open_bar, watch
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    ACTION,
    CANDIDATE,
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
    STAY,
    USED_MARGIN,
    WANT,
)
from sptrader.kernel.terms import leaves_by_terms

SPAN = 1024  # bars one lane does before the next has its turn, so that what the market showed is still near


@compiled
def replay(market, orders, books, s, first, last):
    """Run bars `first` to `last` (not included) through the states `s`, one lane's after the other; return the first bar
    not done.

    That is `last`, or earlier when the books have no room for another bar's fills and orders: the caller turns the page
    and goes on. Books are of one lane; books of no bars keep nothing.
    """
    n, n_lanes = market.price.shape[0], orders.signal.shape[2]
    keeps = books.equity.shape[0] > 0
    room = books.fills.shape[0] - 4 * n  # of each instrument: an exit, an entry and its exit; one more for `close_out`
    span = SPAN if n_lanes > 1 else max(last - first, 1)
    for start in range(first, last, span):
        until = min(start + span, last)
        for j in range(n_lanes):
            a = s[j * (s.shape[0] // n_lanes) :]
            # a state without an instrument; asked so that the compiler knows that the fields are there
            if a.shape[0] < ACCOUNT_FIELDS + INSTRUMENT_FIELDS:
                return start
            bar = start
            while bar < until:
                if n == 1:
                    bar = coast(market, orders, books, keeps, bar, until, j, a)
                    if bar == until:
                        break
                t = bar & NOT_NEGATIVE
                if keeps and (books.counts[N_FILLS] > room or books.counts[N_ORDERS] > room):
                    return t
                if n == 1:  # said as a literal every field is at a fixed place: half the time
                    step(market, orders, books, keeps, 1, t, j, a)
                else:
                    step(market, orders, books, keeps, n, t, j, a)
                bar = t + 1
    return last


def replay_lanes(market, orders, books, s, first, last):
    """Run bars `first` to `last` through the states `s` of the lanes of `orders`, side by side; `books` is not touched."""
    columns = s.reshape(-1, orders.signal.shape[2])
    rows = np.ascontiguousarray(columns.T)
    done = replay(market, orders, make_books(0, 0, n_rows=0), rows.ravel(), first, last)
    columns[:] = rows.T
    return done


@inlined
def step(market, orders, books, keeps, n, t, j, a):
    """Do all that happens on bar `t` in lane `j`: each verb for all instruments before the next."""
    is_first = open_bar(market.flags[0, t], a)
    is_idle, is_working = True, False
    for i in range(n):
        p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
        flags = market.flags[i, t]
        p[FLAGS] = float(flags)
        p[OUTCOME] = 0.0
        q, side = p[QUANTITY], p[SIDE]
        if q != 0.0 or orders.signal[i, t, j] != 0 or side != 0.0 or p[QUIET_FOR] > 0.0:
            is_idle = False
            if flags & HAS_BAR != 0:
                observe_bar(market, i, t, p)
                is_working = is_working or side != 0.0
                if q != 0.0 and (flags & NIGHTS != 0 or may_leave(p)):
                    observe_nights(market.nights, i, t, p)
                    match_exit(market.finer, market.finer_at, books.fills, books.counts, keeps, i, t, a, p)
    if is_working:
        match_entries(market.finer, market.finer_at, books.fills, books.counts, keeps, n, t, a)
    conclude(market, orders, books, keeps, n, t, j, a, is_idle, is_first)


@inlined
def conclude(market, orders, books, keeps, n, t, j, a, is_idle, is_first):
    """Mark, watch and decide on bar `t`, after its fills. `is_idle`: nothing is held, working or asked for."""
    if is_idle and not is_first and a[EQUITY] == a[CASH]:  # as it was watched on the bar before
        if keeps:
            keep_mark(books, t, a)
        return
    mark_all(market, n, t, a, is_idle)
    watch(n, a)
    if not is_idle:
        is_entering = False
        for i in range(n):
            p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
            if p[GONE] != NOTHING:
                drop_gone(books.orders, books.counts, keeps, i, t, a, p)
            if market.flags[i, t] & HAS_BAR != 0:
                signal, leaves = orders.signal[i, t, j], False
                if orders.terms.shape[0] > 0 and p[QUANTITY] != 0.0:
                    leaves = leaves_by_terms(orders.terms, orders.term_truth, orders.term_right, i, t, j, p)
                if is_asked(signal, leaves, a, p):
                    observe_filter(orders.refused, i, t, p)
                    decide_exit(int(signal), leaves, a, p)
                    if p[GONE] != NOTHING:
                        drop_gone(books.orders, books.counts, keeps, i, t, a, p)
                    if p[OUTCOME] == CANDIDATE:
                        is_entering = True
                        observe_signal(orders, i, t, j, p)
        if is_entering:
            decide_entries(orders.correlation, books.orders, books.counts, keeps, n, t, a)
    if keeps:
        keep_bar(books, n, t, a)


@inlined
def mark_all(market, n, t, a, is_idle):
    """Add up the account as it stands at the close of bar `t`."""
    a[EQUITY] = a[CASH]
    a[USED_MARGIN] = 0.0
    if not is_idle:
        for i in range(n):
            p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
            if p[QUANTITY] != 0.0:
                if market.flags[i, t] & HAS_BAR != 0:
                    mark(a, p)
                else:
                    observe_rate(market.rate, i, t, p)
                    mark_again(p)
                add_mark(a, p)


@compiled
def match_exit(finer, finer_at, fills, counts, keeps, i, t, a, p):
    """Finance the position and let its exit and what protects it meet the bar."""
    if int(p[FLAGS]) & NIGHTS != 0:
        finance(a, p)
    if p[WANT] != STAY:
        fill_at_open(a, p)
    else:
        match_protection(finer, finer_at, i, t, False, a, p)
    settle(fills, counts, keeps, i, t, a, p)


@compiled
def match_entries(finer, finer_at, fills, counts, keeps, n, t, a):
    """Let the working entries of all instruments meet the bar, and then what protects those that filled."""
    for i in range(n):
        p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
        if p[SIDE] != 0.0 and int(p[FLAGS]) & HAS_BAR != 0:
            match_entry(n, a, p)
            if p[FILL] != 0.0:
                settle(fills, counts, keeps, i, t, a, p)
                match_protection(finer, finer_at, i, t, p[IS_INSIDE] != 0.0, a, p)
                if keeps and p[FILL] == 0.0 and p[IS_AMBIGUOUS] > 0.0:
                    mark_ambiguous(fills, counts)
                p[IS_AMBIGUOUS] *= 1.0 if p[FILL] != 0.0 else 0.0
                settle(fills, counts, keeps, i, t, a, p)


@compiled
def decide_entries(correlation, rows, counts, keeps, n, t, a):
    """Decide the candidates' entries, strongest signal first."""
    for _ in range(n):
        i = strongest(n, a)
        if i >= 0:
            p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
            decide_entry(correlation, n, i, t, a, p)
            if keeps and p[OUTCOME] == ORDERED and p[ACTION] != LEAVE:
                if p[GONE] != NOTHING:  # it replaced one
                    keep_gone(rows, counts, i, t, p)
                keep_placed(rows, counts, i, t, p)
            p[GONE] = NOTHING


@compiled
def settle(fills, counts, keeps, i, t, a, p):
    """Record and book the fill of the phase just done."""
    if p[FILL] != 0.0:
        if keeps:
            keep_fill(fills, counts, i, t, p)
        book_fill(a, p)
        if keeps:
            keep_levels(fills, counts, p)
        p[FILL] = 0.0
        p[IS_AMBIGUOUS] = 0.0


@compiled
def drop_gone(rows, counts, keeps, i, t, a, p):
    """Record an entry order that ended unfilled, and take it off."""
    if keeps:
        keep_gone(rows, counts, i, t, p)
    end_order(a, p)
    p[GONE] = NOTHING


@compiled
def close_out(market, books, s, ends):
    """Close every open position of one lane at its last close, `ends[i]` being instrument i's last bar, and mark again."""
    n = market.price.shape[0]
    a = s
    t_last = market.price.shape[1] - 1
    for i in range(n):
        p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
        if p[QUANTITY] != 0.0:
            observe_bar(market, i, ends[i], p)
            observe_rate(market.rate, i, t_last, p)
            fill_at_close(a, p)
            settle(books.fills, books.counts, True, i, t_last, a, p)
    a[EQUITY] = a[CASH]
    a[USED_MARGIN] = 0.0
    watch(n, a)
    keep_mark(books, t_last, a)
