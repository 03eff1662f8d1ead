"""Book: what a fill, a night and a close do to the position and the account."""

from __future__ import annotations

import math

from sptrader.jit import compiled, inlined
from sptrader.kernel.prices import rate_at, snapped_down, snapped_up
from sptrader.kernel.state import (
    ADDS,
    ASK_CLOSE,
    ASK_HIGH,
    ASK_LOW,
    ASK_OPEN,
    AVERAGE,
    BARS_HELD,
    BEST,
    BID_CLOSE,
    BID_HIGH,
    BID_LOW,
    BID_OPEN,
    BY_PAIR,
    CASH,
    CLOCK,
    COOLDOWN,
    ENTERED_SESSION,
    ENTRY_BAR,
    ENTRY_FEES,
    ENTRY_SLIPPAGE,
    ENTRY_SPREAD,
    EQUITY,
    FEES,
    FILL,
    FILL_FEE,
    FILL_HALF,
    FILL_PRICE,
    FILL_RATE,
    FILL_RAW,
    FINANCED,
    GAIN,
    HELD,
    IS_ADD,
    IS_INSIDE,
    IS_TRIGGERED,
    LOSS,
    MAE,
    MARGIN,
    MARGIN_RATE,
    MARK,
    MFE,
    N_OPEN,
    N_TRADES,
    N_WINS,
    N_WORKING,
    NIGHT_LONG,
    NIGHT_SHORT,
    NOTHING,
    ORDER_MARGIN,
    ORDER_SESSION,
    QUANTITY,
    QUIET_FOR,
    RATE_CLOSE,
    RATE_KIND,
    RATE_OPEN,
    RESERVED_MARGIN,
    SESSION,
    SIDE,
    STAY,
    STEP_BOTTOM,
    STEP_TOP,
    STOP,
    STOP_DISTANCE,
    STOP_FRACTION,
    TARGET,
    TARGET_DISTANCE,
    TARGET_FRACTION,
    TRAIL,
    TRAIL_DISTANCE,
    TRAIL_FRACTION,
    TURNOVER,
    UNREALISED,
    USED_MARGIN,
    WANT,
    WANT_REASON,
)

ROUNDING = 1e-12  # of the notional: a P&L that is nearer to zero is what rounding left of zero, and no loss


@compiled
def finance(a, p):
    """Charge or credit the nights since the previous bar on the quantity held."""
    q = p[QUANTITY]
    if q != 0.0:
        per_unit = p[NIGHT_LONG] if q > 0.0 else p[NIGHT_SHORT]
        mid = (p[BID_OPEN] + p[ASK_OPEN]) * 0.5
        rate = rate_at(mid, p[RATE_OPEN], p)
        amount = abs(q) * per_unit * rate
        a[CASH] += amount
        p[FINANCED] += amount


@compiled
def book_fill(a, p):
    """Enter the fill in the FILL fields into position and account: an entry, an add, or a close."""
    f, price, rate, fee = p[FILL], p[FILL_PRICE], p[FILL_RATE], p[FILL_FEE]
    a[CASH] -= fee
    a[FEES] += fee
    a[TURNOVER] += abs(f) * price * rate
    if f * p[QUANTITY] < 0.0:
        book_close(f, price, rate, fee, a, p)
    else:
        book_entry(f, price, rate, fee, a, p)


@inlined
def book_entry(f, price, rate, fee, a, p):
    """Open a position, or add to it at average cost, and set what protects it."""
    q = p[QUANTITY]
    stop, target, trail = levels(f, price, p)
    end_order(a, p)
    if q == 0.0:
        a[N_OPEN] += 1.0
        p[AVERAGE] = price
        p[STOP] = stop
        p[TARGET] = target
        p[TRAIL] = trail
        p[BEST] = price
        p[ENTRY_BAR] = a[CLOCK]
        p[HELD] = 0.0
        p[MFE] = 0.0
        p[MAE] = 0.0
        p[ADDS] = 0.0
        p[FINANCED] = 0.0
        p[ENTRY_FEES] = fee
        p[ENTRY_SPREAD] = abs(f) * p[FILL_HALF]
        p[ENTRY_SLIPPAGE] = abs(f) * abs(price - p[FILL_RAW])
    else:
        p[AVERAGE] = (p[AVERAGE] * q + price * f) / (q + f)
        if f > 0.0:
            if stop > p[STOP]:
                p[STOP] = stop
        elif stop < p[STOP]:
            p[STOP] = stop
        p[ADDS] += 1.0
        p[ENTRY_FEES] += fee
        p[ENTRY_SPREAD] += abs(f) * p[FILL_HALF]
        p[ENTRY_SLIPPAGE] += abs(f) * abs(price - p[FILL_RAW])
    p[QUANTITY] = q + f
    margin = abs(f) * price * rate * p[MARGIN_RATE]
    p[MARGIN] += margin
    a[USED_MARGIN] += margin
    p[ENTERED_SESSION] = a[SESSION]


@inlined
def levels(f, price, p):
    """Return stop and target level and trailing distance of an entry of `f` units at `price`; nan for none."""
    side = 1.0 if f > 0.0 else -1.0
    stop, target, trail = p[STOP_DISTANCE], p[TARGET_DISTANCE], p[TRAIL_DISTANCE]
    if not math.isnan(p[STOP_FRACTION]):
        stop = price * p[STOP_FRACTION]
    if not math.isnan(p[TARGET_FRACTION]):
        target = price * p[TARGET_FRACTION]
    if not math.isnan(p[TRAIL_FRACTION]):
        trail = price * p[TRAIL_FRACTION]
    top, bottom = p[STEP_TOP], p[STEP_BOTTOM]
    if side > 0.0:
        if not math.isnan(stop):
            stop = snapped_down(price - stop, top, bottom)
        if not math.isnan(target):
            target = snapped_up(price + target, top, bottom)
    else:
        if not math.isnan(stop):
            stop = snapped_up(price + stop, top, bottom)
        if not math.isnan(target):
            target = snapped_down(price - target, top, bottom)
    return stop, target, trail


@compiled
def end_order(a, p):
    """Take the working entry off, with the margin and the slot it reserved."""
    if p[SIDE] != 0.0:
        a[RESERVED_MARGIN] -= p[ORDER_MARGIN]
        if p[QUANTITY] == 0.0 and p[IS_ADD] == 0.0:
            a[N_WORKING] -= 1.0
        p[SIDE] = 0.0
        p[ORDER_MARGIN] = 0.0
        p[ORDER_SESSION] = 0.0
        p[IS_TRIGGERED] = 0.0
        p[IS_ADD] = 0.0


@inlined
def book_close(f, price, rate, fee, a, p):
    """Realise P&L on the closed part at average price; what is left keeps its average."""
    q = p[QUANTITY]
    share = -f / q
    pnl = (price - p[AVERAGE]) * -f * rate
    a[CASH] += pnl
    net = pnl - fee - share * p[ENTRY_FEES] + share * p[FINANCED]
    a[N_TRADES] += 1.0
    a[BARS_HELD] += p[HELD]
    if net > 0.0:
        a[N_WINS] += 1.0
        a[GAIN] += net
    else:
        a[LOSS] += net
        if net < -ROUNDING * abs(f) * price * rate:
            p[QUIET_FOR] = a[COOLDOWN] + 1.0
    released = share * p[MARGIN]
    a[USED_MARGIN] -= released
    p[MARGIN] -= released
    p[ENTRY_FEES] -= share * p[ENTRY_FEES]
    p[ENTRY_SPREAD] -= share * p[ENTRY_SPREAD]
    p[ENTRY_SLIPPAGE] -= share * p[ENTRY_SLIPPAGE]
    p[FINANCED] -= share * p[FINANCED]
    p[QUANTITY] = q + f
    if share == 1.0:
        a[N_OPEN] -= 1.0
        if p[SIDE] != 0.0 and p[IS_ADD] == 0.0:
            a[N_WORKING] += 1.0  # the reversal's other leg takes over the slot
        p[UNREALISED] = 0.0
        p[WANT] = STAY
        p[WANT_REASON] = NOTHING
        p[IS_INSIDE] = 0.0


@inlined
def mark(a, p):
    """Value the position at the close of its side, and note how far the bar went for and against it."""
    q = p[QUANTITY]
    average = p[AVERAGE]
    if q > 0.0:
        close, best, worst = p[BID_CLOSE], p[BID_HIGH], p[BID_LOW]
    else:
        close, best, worst = p[ASK_CLOSE], p[ASK_LOW], p[ASK_HIGH]
    if p[IS_INSIDE] != 0.0:
        if p[ADDS] == 0.0:  # what was held before an add was held from the open
            best = close
            worst = close
        p[IS_INSIDE] = 0.0
    if q > 0.0:
        p[BEST] = max(p[BEST], best)
        gain, loss = best - average, average - worst
    else:
        p[BEST] = min(p[BEST], best)
        gain, loss = average - best, worst - average
    p[MFE] = max(p[MFE], gain)
    p[MAE] = max(p[MAE], loss)
    rate = rate_at(close, p[RATE_CLOSE], p)
    p[MARK] = close
    p[UNREALISED] = (close - average) * q * rate
    p[MARGIN] = abs(q) * close * rate * p[MARGIN_RATE]


@compiled
def mark_again(p):
    """Value a position whose instrument has no bar: at its last mark, converted at this close."""
    if p[RATE_KIND] == BY_PAIR:
        q, price, rate = p[QUANTITY], p[MARK], p[RATE_CLOSE]
        p[UNREALISED] = (price - p[AVERAGE]) * q * rate
        p[MARGIN] = abs(q) * price * rate * p[MARGIN_RATE]


@inlined
def add_mark(a, p):
    """Add the position's mark to the account's equity and used margin, which start a bar's marks at the balance and zero."""
    a[EQUITY] += p[UNREALISED]
    a[USED_MARGIN] += p[MARGIN]
