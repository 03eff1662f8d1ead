"""Live: the step of a bar in two halves, the venue's and the orchestrator's, made of the same verbs as the replay.

`meet_bar` is what a venue does with its orders on a bar; `book_bar` is all else, with the venue's fills for its own. On two equal
states both together leave what one `step` leaves, bit for bit. `decide_now` decides between bars, on what arrives there.
"""

from __future__ import annotations

from sptrader.jit import compiled
from sptrader.kernel.book import end_order, finance
from sptrader.kernel.decide import decide_exit
from sptrader.kernel.market import (
    F_AMBIGUOUS,
    F_FEE,
    F_HALF,
    F_HELD,
    F_INSIDE,
    F_INSTRUMENT,
    F_PRICE,
    F_QUANTITY,
    F_RATE,
    F_RAW,
    F_REASON,
    O_INSTRUMENT,
    O_REASON,
)
from sptrader.kernel.observe import observe_bar, observe_filter, observe_nights, observe_signal
from sptrader.kernel.prices import rate_at
from sptrader.kernel.replay import conclude, decide_entries, drop_gone, mark_all, match_entries, match_exit, settle
from sptrader.kernel.risk import open_bar
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    ADDS,
    AVERAGE,
    CANDIDATE,
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
    INSTRUMENT_FIELDS,
    IS_ADD,
    IS_AMBIGUOUS,
    IS_INSIDE,
    MAE,
    MARGIN_RATE,
    MFE,
    NIGHTS,
    NOTHING,
    ORDER_MARGIN,
    ORDER_QUANTITY,
    OUTCOME,
    QUANTITY,
    QUIET_FOR,
    RATE_OPEN,
    RESERVED_MARGIN,
    SIDE,
)

DUST = 1e-9  # of a position


@compiled
def meet_bar(market, books, s, t):
    """Let the venue's orders and positions in `s` meet bar `t`: what fills or ends is kept in the books' rows."""
    a, n = s, market.price.shape[0]
    open_bar(market.flags[0, t], a)
    is_working = False
    for i in range(n):
        p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
        flags = market.flags[i, t]
        p[FLAGS] = float(flags)
        if flags & HAS_BAR != 0:
            observe_bar(market, i, t, p)
            is_working = is_working or p[SIDE] != 0.0
            if p[QUANTITY] != 0.0:
                observe_nights(market.nights, i, t, p)
                match_exit(market.finer, market.finer_at, books.fills, books.counts, True, i, t, a, p)
    if is_working:
        match_entries(market.finer, market.finer_at, books.fills, books.counts, True, n, t, a)
    mark_all(market, n, t, a, False)
    for i in range(n):
        p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
        if p[GONE] != NOTHING:
            drop_gone(books.orders, books.counts, True, i, t, a, p)


@compiled
def book_bar(market, orders, books, s, t, given, gone):
    """Do all that happens on bar `t` but the matching, which another did: its fills are `given` and the entries that ended
    unfilled `gone`, rows as in the books, in its order: exits first.

    Of a given fill instrument, signed quantity, price, raw price, half spread, fee, reason, ambiguity and IS_INSIDE are read, F_RATE
    where it is above 0 (else the bar's own conversion counts), and F_HELD: 1 where it is a further part of an entry that has
    filled in part before, and 2 more where its entry was taken off already, so that it leaves the one alone that works now.
    """
    a, n = s, market.price.shape[0]
    is_first = open_bar(market.flags[0, t], a)
    is_idle, done = True, 0
    for i in range(n):
        p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
        flags = market.flags[i, t]
        p[FLAGS] = float(flags)
        p[OUTCOME] = 0.0
        q = p[QUANTITY]
        if q != 0.0 or orders.signal[i, t, 0] != 0 or p[SIDE] != 0.0 or p[QUIET_FOR] > 0.0:
            is_idle = False
            if flags & HAS_BAR != 0:
                observe_bar(market, i, t, p)
                if q != 0.0 and flags & NIGHTS != 0:
                    observe_nights(market.nights, i, t, p)
                    finance(a, p)
        if done < given.shape[0] and int(given[done, F_INSTRUMENT]) == i and given[done, F_QUANTITY] * q < 0.0:
            take_fill(books.fills, books.counts, i, t, given[done], a, p)
            done += 1
    while done < given.shape[0]:
        i = int(given[done, F_INSTRUMENT])
        p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
        take_fill(books.fills, books.counts, i, t, given[done], a, p)
        done += 1
    for row in range(gone.shape[0]):
        p = a[ACCOUNT_FIELDS + int(gone[row, O_INSTRUMENT]) * INSTRUMENT_FIELDS :]
        if p[SIDE] != 0.0:
            p[GONE] = gone[row, O_REASON]
    conclude(market, orders, books, True, n, t, 0, a, is_idle and given.shape[0] == 0, is_first)


@compiled
def take_fill(fills, counts, i, t, row, a, p):
    """Keep and book one fill that a venue made."""
    quantity, price, held = row[F_QUANTITY], row[F_PRICE], p[QUANTITY]
    if abs(quantity + held) < DUST * abs(held):
        quantity = -held  # what rounding left of several parts is no position
    p[FILL] = quantity
    p[FILL_PRICE] = price
    p[FILL_RAW] = row[F_RAW]
    p[FILL_HALF] = row[F_HALF]
    p[FILL_RATE] = row[F_RATE] if row[F_RATE] > 0.0 else rate_at(price, p[RATE_OPEN], p)
    p[FILL_FEE] = row[F_FEE]
    p[FILL_REASON] = row[F_REASON]
    p[IS_AMBIGUOUS] = row[F_AMBIGUOUS]
    if quantity * held < 0.0:
        gain = (price - p[AVERAGE]) * (1.0 if held > 0.0 else -1.0)
        p[MFE] = max(p[MFE], gain)
        p[MAE] = max(p[MAE], -gain)
        settle(fills, counts, True, i, t, a, p)
    else:
        is_part, is_other = row[F_HELD] == 1.0 or row[F_HELD] == 3.0, row[F_HELD] >= 2.0
        side, rest = p[SIDE], p[ORDER_QUANTITY] - (0.0 if is_other else abs(quantity))
        p[IS_INSIDE] = row[F_INSIDE]
        rate = p[FILL_RATE]
        settle(fills, counts, True, i, t, a, p)
        if is_part and held != 0.0:
            p[ADDS] -= 1.0
        if side != 0.0 and rest > 0.0:  # the rest works on, as an add
            p[SIDE] = side
            p[ORDER_QUANTITY] = rest
            p[IS_ADD] = 1.0
            p[ORDER_MARGIN] = rest * price * rate * p[MARGIN_RATE]
            a[RESERVED_MARGIN] += p[ORDER_MARGIN]


@compiled
def decide_now(market, orders, books, s, t):
    """Decide at once on what arrived after the close of bar `t`: nothing is matched, marked or counted again.

    What was decided stands in ACTION, OUTCOME, REASON and CAP of each instrument, and new entries in the books' rows.
    """
    a, n = s, market.price.shape[0]
    is_entering = False
    for i in range(n):
        p = a[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :]
        p[OUTCOME] = 0.0
        signal = orders.signal[i, t, 0]
        if signal != 0 and market.flags[i, t] & HAS_BAR != 0:
            p[FLAGS] = float(market.flags[i, t])
            observe_bar(market, i, t, p)
            observe_filter(orders.refused, i, t, p)
            decide_exit(int(signal), False, a, p)
            if p[GONE] != NOTHING:
                drop_gone(books.orders, books.counts, True, i, t, a, p)
            if p[OUTCOME] == CANDIDATE:
                is_entering = True
                observe_signal(orders, i, t, 0, p)
    if is_entering:
        decide_entries(orders.correlation, books.orders, books.counts, True, n, t, a)


@compiled
def take_off(s, i):
    """Take instrument `i`'s working entry off, as somebody asked for."""
    end_order(s, s[ACCOUNT_FIELDS + i * INSTRUMENT_FIELDS :])
