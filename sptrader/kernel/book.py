"""Book: what a fill, a night and a close do to the position and the account."""

from __future__ import annotations

import math

from sptrader.jit import inlined
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


@inlined
def finance(s, L, j, at):
    """Charge or credit the nights since the previous bar on the quantity held."""
    q = s[at + QUANTITY * L]
    if q != 0.0:
        per_unit = s[at + NIGHT_LONG * L] if q > 0.0 else s[at + NIGHT_SHORT * L]
        mid = (s[at + BID_OPEN * L] + s[at + ASK_OPEN * L]) * 0.5
        rate = rate_at(mid, s[at + RATE_OPEN * L], s, L, at)
        amount = abs(q) * per_unit * rate
        s[CASH * L + j] += amount
        s[at + FINANCED * L] += amount


@inlined
def book_fill(s, L, j, at):
    """Enter the fill in the FILL fields into position and account: an entry, an add, or a close."""
    f, price, rate, fee = s[at + FILL * L], s[at + FILL_PRICE * L], s[at + FILL_RATE * L], s[at + FILL_FEE * L]
    s[CASH * L + j] -= fee
    s[FEES * L + j] += fee
    s[TURNOVER * L + j] += abs(f) * price * rate
    if f * s[at + QUANTITY * L] < 0.0:
        book_close(f, price, rate, fee, s, L, j, at)
    else:
        book_entry(f, price, rate, fee, s, L, j, at)


@inlined
def book_entry(f, price, rate, fee, s, L, j, at):
    """Open a position, or add to it at average cost, and set what protects it."""
    q = s[at + QUANTITY * L]
    stop, target, trail = levels(f, price, s, L, at)
    end_order(s, L, j, at)
    if q == 0.0:
        s[N_OPEN * L + j] += 1.0
        s[at + AVERAGE * L] = price
        s[at + STOP * L] = stop
        s[at + TARGET * L] = target
        s[at + TRAIL * L] = trail
        s[at + BEST * L] = price
        s[at + ENTRY_BAR * L] = s[CLOCK * L + j]
        s[at + HELD * L] = 0.0
        s[at + MFE * L] = 0.0
        s[at + MAE * L] = 0.0
        s[at + ADDS * L] = 0.0
        s[at + FINANCED * L] = 0.0
        s[at + ENTRY_FEES * L] = fee
        s[at + ENTRY_SPREAD * L] = abs(f) * s[at + FILL_HALF * L]
        s[at + ENTRY_SLIPPAGE * L] = abs(f) * abs(price - s[at + FILL_RAW * L])
    else:
        s[at + AVERAGE * L] = (s[at + AVERAGE * L] * q + price * f) / (q + f)
        if f > 0.0:
            if stop > s[at + STOP * L]:
                s[at + STOP * L] = stop
        elif stop < s[at + STOP * L]:
            s[at + STOP * L] = stop
        s[at + ADDS * L] += 1.0
        s[at + ENTRY_FEES * L] += fee
        s[at + ENTRY_SPREAD * L] += abs(f) * s[at + FILL_HALF * L]
        s[at + ENTRY_SLIPPAGE * L] += abs(f) * abs(price - s[at + FILL_RAW * L])
    s[at + QUANTITY * L] = q + f
    margin = abs(f) * price * rate * s[at + MARGIN_RATE * L]
    s[at + MARGIN * L] += margin
    s[USED_MARGIN * L + j] += margin
    s[at + ENTERED_SESSION * L] = s[SESSION * L + j]


@inlined
def levels(f, price, s, L, at):
    """Return stop and target level and trailing distance of an entry of `f` units at `price`; nan for none."""
    side = 1.0 if f > 0.0 else -1.0
    stop, target, trail = s[at + STOP_DISTANCE * L], s[at + TARGET_DISTANCE * L], s[at + TRAIL_DISTANCE * L]
    if not math.isnan(s[at + STOP_FRACTION * L]):
        stop = price * s[at + STOP_FRACTION * L]
    if not math.isnan(s[at + TARGET_FRACTION * L]):
        target = price * s[at + TARGET_FRACTION * L]
    if not math.isnan(s[at + TRAIL_FRACTION * L]):
        trail = price * s[at + TRAIL_FRACTION * L]
    top, bottom = s[at + STEP_TOP * L], s[at + STEP_BOTTOM * L]
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


@inlined
def end_order(s, L, j, at):
    """Take the working entry off, with the margin and the slot it reserved."""
    if s[at + SIDE * L] != 0.0:
        s[RESERVED_MARGIN * L + j] -= s[at + ORDER_MARGIN * L]
        if s[at + QUANTITY * L] == 0.0 and s[at + IS_ADD * L] == 0.0:
            s[N_WORKING * L + j] -= 1.0
        s[at + SIDE * L] = 0.0
        s[at + ORDER_MARGIN * L] = 0.0
        s[at + ORDER_SESSION * L] = 0.0
        s[at + IS_TRIGGERED * L] = 0.0
        s[at + IS_ADD * L] = 0.0


@inlined
def book_close(f, price, rate, fee, s, L, j, at):
    """Realise P&L on the closed part at average price; what is left keeps its average."""
    q = s[at + QUANTITY * L]
    share = -f / q
    pnl = (price - s[at + AVERAGE * L]) * -f * rate
    s[CASH * L + j] += pnl
    net = pnl - fee - share * s[at + ENTRY_FEES * L] + share * s[at + FINANCED * L]
    s[N_TRADES * L + j] += 1.0
    s[BARS_HELD * L + j] += s[at + HELD * L]
    if net > 0.0:
        s[N_WINS * L + j] += 1.0
        s[GAIN * L + j] += net
    else:
        s[LOSS * L + j] += net
        if net < -ROUNDING * abs(f) * price * rate:
            s[at + QUIET_FOR * L] = s[COOLDOWN * L + j] + 1.0
    released = share * s[at + MARGIN * L]
    s[USED_MARGIN * L + j] -= released
    s[at + MARGIN * L] -= released
    s[at + ENTRY_FEES * L] -= share * s[at + ENTRY_FEES * L]
    s[at + ENTRY_SPREAD * L] -= share * s[at + ENTRY_SPREAD * L]
    s[at + ENTRY_SLIPPAGE * L] -= share * s[at + ENTRY_SLIPPAGE * L]
    s[at + FINANCED * L] -= share * s[at + FINANCED * L]
    s[at + QUANTITY * L] = q + f
    if share == 1.0:
        s[N_OPEN * L + j] -= 1.0
        if s[at + SIDE * L] != 0.0 and s[at + IS_ADD * L] == 0.0:
            s[N_WORKING * L + j] += 1.0  # the reversal's other leg takes over the slot
        s[at + UNREALISED * L] = 0.0
        s[at + WANT * L] = STAY
        s[at + WANT_REASON * L] = NOTHING
        s[at + IS_INSIDE * L] = 0.0


@inlined
def mark(s, L, j, at):
    """Value the position at the close of its side, and note how far the bar went for and against it."""
    q = s[at + QUANTITY * L]
    average = s[at + AVERAGE * L]
    if q > 0.0:
        close, best, worst = s[at + BID_CLOSE * L], s[at + BID_HIGH * L], s[at + BID_LOW * L]
    else:
        close, best, worst = s[at + ASK_CLOSE * L], s[at + ASK_LOW * L], s[at + ASK_HIGH * L]
    if s[at + IS_INSIDE * L] != 0.0:
        if s[at + ADDS * L] == 0.0:  # what was held before an add was held from the open
            best = close
            worst = close
        s[at + IS_INSIDE * L] = 0.0
    if q > 0.0:
        s[at + BEST * L] = max(s[at + BEST * L], best)
        gain, loss = best - average, average - worst
    else:
        s[at + BEST * L] = min(s[at + BEST * L], best)
        gain, loss = average - best, worst - average
    s[at + MFE * L] = max(s[at + MFE * L], gain)
    s[at + MAE * L] = max(s[at + MAE * L], loss)
    rate = rate_at(close, s[at + RATE_CLOSE * L], s, L, at)
    s[at + MARK * L] = close
    s[at + UNREALISED * L] = (close - average) * q * rate
    s[at + MARGIN * L] = abs(q) * close * rate * s[at + MARGIN_RATE * L]


@inlined
def mark_again(s, L, at):
    """Value a position whose instrument has no bar: at its last mark, converted at this close."""
    if s[at + RATE_KIND * L] == BY_PAIR:
        q, price, rate = s[at + QUANTITY * L], s[at + MARK * L], s[at + RATE_CLOSE * L]
        s[at + UNREALISED * L] = (price - s[at + AVERAGE * L]) * q * rate
        s[at + MARGIN * L] = abs(q) * price * rate * s[at + MARGIN_RATE * L]


@inlined
def add_mark(s, L, j, at):
    """Add the position's mark to the account's equity and used margin, which start a bar's marks at the balance and zero."""
    s[EQUITY * L + j] += s[at + UNREALISED * L]
    s[USED_MARGIN * L + j] += s[at + MARGIN * L]
