"""Coast: pass at once over bars on which nothing happens but marking, with one instrument; `step` leaves the same, bit for bit.

Flat and nothing asked for: the account stays as it is. Held and nothing asked for, with stop, target and limits out of reach: the
position is marked. The first bar on which anything else may happen is left to `step`. A whole block of bars is passed at
once where its extremes say that each of its bars is quiet: worth rises with the price, also when both are rounded.
"""

from __future__ import annotations

import math

import numpy as np

from sptrader.jit import inlined
from sptrader.kernel.blocks import ASK_LEAST, ASK_MOST, BID_LEAST, BID_MOST, BLOCK, BUSY
from sptrader.kernel.observe import observe_rate
from sptrader.kernel.prices import rate_at
from sptrader.kernel.record import keep_marks
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    ACTION,
    ASK_CLOSE,
    AVERAGE,
    BASELINE,
    BEST,
    BID_CLOSE,
    BID_OPEN,
    BY_PAIR,
    CAP,
    CASH,
    CLOCK,
    DRAWDOWN,
    EQUITY,
    FLAGS,
    GONE,
    HAS_BAR,
    HELD,
    IS_INSIDE,
    IS_QUOTE,
    LIMIT_DAILY_LOSS,
    LIMIT_DRAWDOWN,
    MAE,
    MARGIN,
    MARGIN_RATE,
    MARK,
    MAX_DRAWDOWN,
    MAX_HOLDING,
    MFE,
    N_EXPOSED,
    NEW_SESSION,
    NOTHING,
    OUTCOME,
    PEAK,
    QUANTITY,
    QUIET_FOR,
    RATE_CLOSE,
    RATE_KIND,
    REASON,
    SESSION,
    SIDE,
    STAY,
    STEP_BOTTOM,
    STEP_TOP,
    STOP,
    TARGET,
    TRAIL,
    UNREALISED,
    USED_MARGIN,
    VOLUME,
    WANT,
)

CHUNK = 64  # bars that are marked together
MANY = 1e9  # bars
SURELY = 1.0 + 1e-9  # above a limit by more than rounding
NOT_NEGATIVE = 2**62 - 1  # bits of a bar's number: an index that may count from the end costs more to look up


@inlined
def coast(market, orders, books, keeps, t, last, j, a):
    """Pass over the quiet bars from `t` on, before `last`, in lane `j`, and return the first bar that is not one."""
    p = a[ACCOUNT_FIELDS:]
    if p[SIDE] != 0.0 or p[QUIET_FOR] > 0.0 or p[WANT] != STAY or p[GONE] != NOTHING or a[SESSION] == 0.0:
        return t
    if p[QUANTITY] == 0.0:
        return drift(market, orders, books, keeps, t, last, j, a, p)
    if orders.terms.shape[0] > 0 or p[IS_INSIDE] != 0.0:
        return t
    return hold(market, orders, books, keeps, t, last, j, a, p)


@inlined
def drift(market, orders, books, keeps, t, last, j, a, p):
    """Pass over bars without a position: the account stays as it was marked."""
    if a[EQUITY] != a[CASH]:
        return t
    flags, signal = market.flags, orders.signal
    bar, is_quiet = t, True
    while is_quiet and bar < last:
        while is_empty(market, orders, bar, last, j):
            bar += BLOCK
        for k in range(bar, end_of_block(bar, last)):
            at = k & NOT_NEGATIVE
            if signal[0, at, j] != 0 or flags[0, at] & NEW_SESSION != 0:
                is_quiet = False
                break
            bar += 1
    if bar > t:
        if keeps:
            keep_marks(books, t, bar, a)
        a[CLOCK] += float(bar - t)
        p[FLAGS] = float(flags[0, (bar - 1) & NOT_NEGATIVE])
        p[OUTCOME] = 0.0
    return bar


@inlined
def hold(market, orders, books, keeps, t, last, j, a, p):
    """Pass over bars on which the position is only marked."""
    until, best, worst = reach(market, orders, t, last, j, a, p)
    safe = mark_stretch(market, books, keeps, t, until, a, p)
    if safe < until:
        until, best, worst = reach(market, orders, t, safe, j, a, p)
    if until > t:
        stay(market, t, until, best, worst, a, p)
    return until


@inlined
def is_empty(market, orders, bar, last, j):
    """Return whether a whole block of bars begins at `bar`, before `last`, in which nothing is asked for in lane `j`."""
    at = bar & NOT_NEGATIVE
    block = at // BLOCK
    is_whole = at % BLOCK == 0 and bar + BLOCK <= last
    if is_whole and block < market.blocks.shape[0] and block < orders.asked.shape[0]:
        return not orders.asked[block, j] and not math.isnan(market.blocks[block, 0])
    return False


@inlined
def end_of_block(bar, last):
    """Return where the block that `bar` lies in ends, `last` at the latest."""
    return min(last, (bar & NOT_NEGATIVE) // BLOCK * BLOCK + BLOCK)


@inlined
def reach(market, orders, t, last, j, a, p):
    """Return the first bar before `last` on which the position may be closed or something is asked for, or `last`; and the best
    and the worst price of the bars before it."""
    price, flags, signal, blocks = market.price, market.flags, orders.signal, market.blocks
    # with a long's prices as they are and a short's negative, the higher is the better
    is_long = p[QUANTITY] > 0.0
    side, best_at, worst_at, best_of, worst_of = (
        (1.0, 1, 2, BID_MOST, BID_LEAST) if is_long else (-1.0, 6, 5, ASK_LEAST, ASK_MOST)
    )
    stop, target, trail, top, bottom = side * p[STOP], side * p[TARGET], p[TRAIL], p[STEP_TOP], p[STEP_BOTTOM]
    reached, best, worst = side * p[BEST], -math.inf, math.inf
    last = min(last, t + bars_left(p[HELD], a[MAX_HOLDING]))
    bar, is_quiet = t, True
    while is_quiet and bar < last:
        while is_empty(market, orders, bar, last, j):
            shown = blocks[(bar & NOT_NEGATIVE) // BLOCK]
            high, low = side * shown[best_of], side * shown[worst_of]
            highest = high if high > reached else reached
            if low <= stop or high >= target or (low - (highest - trail)) * bottom <= top:
                break
            reached, best, worst = highest, high if high > best else best, low if low < worst else worst
            bar += BLOCK
        for k in range(bar, end_of_block(bar, last)):
            at = k & NOT_NEGATIVE
            high, low = side * price[0, at, best_at], side * price[0, at, worst_at]
            is_near = low <= stop or high >= target or (low - (reached - trail)) * bottom <= top
            if is_near or signal[0, at, j] != 0 or flags[0, at] & BUSY != HAS_BAR:
                is_quiet = False
                break
            reached = high if high > reached else reached
            best, worst = high if high > best else best, low if low < worst else worst
            bar += 1
    return bar, side * best, side * worst


@inlined
def bars_left(held, most_held):
    """Return on how many bars more a position is not held for too long."""
    left = most_held - held - 1.0
    if left >= MANY:
        return int(MANY)
    return math.ceil(left) if left > 0.0 else 0


@inlined
def mark_stretch(market, books, keeps, t, until, a, p):
    """Mark the bars from `t` to `until`, and return the first on which a limit may be reached, or `until`."""
    bar = t
    while bar < until:
        end = min(bar + CHUNK, until)
        if not mark_together(market, books, keeps, bar, end, a, p):
            stopped = mark_each(market, books, keeps, bar, end, a, p)
            if stopped < end:
                return stopped
        bar = end
    return bar


@inlined
def mark_together(market, books, keeps, t, until, a, p):
    """Mark the bars from `t` to `until` if equity stays between the highest so far and every limit on all; return whether it does."""
    quantity, average, margin_rate = p[QUANTITY], p[AVERAGE], p[MARGIN_RATE]
    cash, peak, baseline, most_drawdown, most_loss = (
        a[CASH],
        a[PEAK],
        a[BASELINE],
        a[LIMIT_DRAWDOWN],
        a[LIMIT_DAILY_LOSS],
    )
    if p[RATE_KIND] == BY_PAIR or market.closes.shape[1] == 0:
        return False
    if not baseline > 0.0 or math.isnan(most_drawdown + most_loss):
        return False
    least = max(0.0, max(peak * (1.0 - most_drawdown), baseline * (1.0 - most_loss)) * SURELY)
    needed, is_quote = abs(quantity), p[RATE_KIND] == IS_QUOTE
    first, n_bars = t & NOT_NEGATIVE, until - t
    closes = market.closes[0 if quantity > 0.0 else 1, first : first + n_bars]
    is_calm, low = True, np.float64(peak).view(np.int64)
    if keeps:
        equity = books.equity[first : first + n_bars]
        for k in range(n_bars):
            now = closes[k]
            worth = cash + (now - average) * quantity * (1.0 if is_quote else 1.0 / now)
            equity[k] = worth
    for k in range(n_bars):
        now = closes[k]
        rate = 1.0 if is_quote else 1.0 / now
        worth = cash + (now - average) * quantity * rate
        needs = needed * now * rate * margin_rate
        is_calm = is_calm & (worth <= peak) & (worth > least) & (worth >= 0.5 * needs)
        low = min(low, np.float64(worth).view(np.int64))
    if not is_calm:
        return False
    a[MAX_DRAWDOWN] = max(a[MAX_DRAWDOWN], 1.0 - np.int64(low).view(np.float64) / peak)
    if keeps and books.cash.shape[0] > 0:
        for k in range(n_bars):
            at = (first + k) & NOT_NEGATIVE
            now = closes[k]
            books.cash[at] = cash
            books.margin[at] = needed * now * (1.0 if is_quote else 1.0 / now) * margin_rate
            books.drawdown[at] = 1.0 - books.equity[at] / peak
    return True


@inlined
def mark_each(market, books, keeps, t, until, a, p):
    """Mark the bars from `t` to `until` one after the other, and return the first on which a limit may be reached, or `until`."""
    price, quantity, average, margin_rate = market.price, p[QUANTITY], p[AVERAGE], p[MARGIN_RATE]
    cash, peak, baseline = a[CASH], a[PEAK], a[BASELINE]
    lowest, most_drawdown, most_loss = a[MAX_DRAWDOWN], a[LIMIT_DRAWDOWN], a[LIMIT_DAILY_LOSS]
    is_pair, n_rates = p[RATE_KIND] == BY_PAIR, market.rate.shape[1] - 1
    column = 3 if quantity > 0.0 else 7
    stopped = until
    for bar in range(t, until):
        at = bar & NOT_NEGATIVE
        now = price[0, at, column]
        rate = rate_at(now, market.rate[0, min(at, n_rates), 1] if is_pair else 1.0, p)
        worth = cash + (now - average) * quantity * rate
        needs = abs(quantity) * now * rate * margin_rate
        highest = worth if worth > peak else peak
        fallen, lost = 1.0 - worth / highest, 1.0 - worth / baseline
        if not (worth > 0.0 and worth >= 0.5 * needs and fallen < most_drawdown and lost < most_loss):
            stopped = bar
            break
        peak = highest
        if fallen > lowest:
            lowest = fallen
        if keeps:
            books.equity[at] = worth
            if books.cash.shape[0] > 0:
                books.cash[at] = cash
                books.margin[at] = needs
                books.drawdown[at] = fallen
    a[PEAK], a[MAX_DRAWDOWN] = peak, lowest
    return stopped


@inlined
def stay(market, t, until, best, worst, a, p):
    """Leave position and account as the last of the bars from `t` to `until` was marked."""
    price, quantity, average, at = market.price, p[QUANTITY], p[AVERAGE], (until - 1) & NOT_NEGATIVE
    for k in range(8):
        p[BID_OPEN + k] = price[0, at, k]
    p[VOLUME] = market.volume[0, at]
    observe_rate(market.rate, 0, at, p)
    p[FLAGS] = float(market.flags[0, at])
    p[OUTCOME] = 0.0
    p[ACTION] = 0.0
    p[REASON] = NOTHING
    p[CAP] = NOTHING
    side = 1.0 if quantity > 0.0 else -1.0
    now = p[BID_CLOSE] if quantity > 0.0 else p[ASK_CLOSE]
    rate = rate_at(now, p[RATE_CLOSE], p)
    p[BEST] = side * max(side * p[BEST], side * best)
    p[MFE], p[MAE] = max(p[MFE], side * (best - average)), max(p[MAE], side * (average - worst))
    p[HELD] += float(until - t)
    p[MARK], p[UNREALISED] = now, (now - average) * quantity * rate
    p[MARGIN] = abs(quantity) * now * rate * p[MARGIN_RATE]
    a[EQUITY] = a[CASH] + p[UNREALISED]
    a[USED_MARGIN] = p[MARGIN]
    a[DRAWDOWN] = 1.0 - a[EQUITY] / a[PEAK]
    a[CLOCK] += float(until - t)
    a[N_EXPOSED] += float(until - t)
