"""Coast: pass at once over bars on which nothing happens but marking, with one instrument; `step` leaves the same, bit for bit.

Flat and nothing asked for: the account stays as it is. Held and nothing asked for, with stop, target and limits out of reach: the
position is marked. The first bar on which anything else may happen is left to `step`.
"""

from __future__ import annotations

from sptrader.jit import compiled
from sptrader.kernel.prices import rate_at
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    ACTION,
    AVERAGE,
    BASELINE,
    BEST,
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
    NIGHTS,
    NOTHING,
    OUTCOME,
    PEAK,
    QUANTITY,
    QUIET_FOR,
    RATE_CLOSE,
    RATE_KIND,
    RATE_OPEN,
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

NOT_NEGATIVE = 2**62 - 1  # bits of a bar's number: an index that may count from the end costs more to look up
_BUSY = HAS_BAR | NEW_SESSION | NIGHTS  # of these, a quiet bar has the first alone


@compiled
def coast(market, orders, books, keeps, t, last, j, a):
    """Pass over the quiet bars from `t` on, before `last`, in lane `j`, and return the first bar that is not one."""
    p = a[ACCOUNT_FIELDS:]
    if p[SIDE] != 0.0 or p[QUIET_FOR] > 0.0 or p[WANT] != STAY or p[GONE] != NOTHING or a[SESSION] == 0.0:
        return t
    if p[QUANTITY] == 0.0:
        return drift(market.flags, orders.signal, books, keeps, t, last, j, a, p)
    if orders.terms.shape[0] > 0 or p[IS_INSIDE] != 0.0:
        return t
    return hold(market, orders.signal, books, keeps, t, last, j, a, p)


@compiled
def drift(flags, signal, books, keeps, t, last, j, a, p):
    """Pass over bars without a position: the account stays as it was marked."""
    if a[EQUITY] != a[CASH]:
        return t
    equity, margin, drawdown = a[EQUITY], a[USED_MARGIN], a[DRAWDOWN]
    n_bars = 0
    for bar in range(t, last):
        at = bar & NOT_NEGATIVE
        if signal[0, at, j] != 0 or flags[0, at] & NEW_SESSION != 0:
            break
        if keeps:
            books.equity[at] = equity
            books.cash[at] = equity
            books.margin[at] = margin
            books.drawdown[at] = drawdown
        n_bars += 1
    if n_bars > 0:
        a[CLOCK] += float(n_bars)
        p[FLAGS] = float(flags[0, (t + n_bars - 1) & NOT_NEGATIVE])
        p[OUTCOME] = 0.0
    return t + n_bars


@compiled
def hold(market, signal, books, keeps, t, last, j, a, p):
    """Pass over bars on which the position is only marked."""
    price, flags = market.price, market.flags
    quantity, average, margin_rate = p[QUANTITY], p[AVERAGE], p[MARGIN_RATE]
    stop, target, trail, top, bottom = p[STOP], p[TARGET], p[TRAIL], p[STEP_TOP], p[STEP_BOTTOM]
    best_seen, mfe, mae, held, most_held = p[BEST], p[MFE], p[MAE], p[HELD], a[MAX_HOLDING]
    cash, peak, baseline = a[CASH], a[PEAK], a[BASELINE]
    lowest, most_drawdown, most_loss = a[MAX_DRAWDOWN], a[LIMIT_DRAWDOWN], a[LIMIT_DAILY_LOSS]
    close, unrealised, margin, equity, drawdown = p[MARK], p[UNREALISED], p[MARGIN], a[EQUITY], a[DRAWDOWN]
    pair_rate, is_pair = p[RATE_CLOSE], p[RATE_KIND] == BY_PAIR
    n_rates = market.rate.shape[1] - 1
    is_long = quantity > 0.0
    n_bars = 0
    for bar in range(t, last):
        at = bar & NOT_NEGATIVE
        if signal[0, at, j] != 0 or flags[0, at] & _BUSY != HAS_BAR or not held + 1.0 < most_held:
            break
        if is_long:
            now, best, worst = price[0, at, 3], price[0, at, 1], price[0, at, 2]
            if worst <= stop or best >= target or (worst - (best_seen - trail)) * bottom <= top:
                break
            reached, gain, loss = max(best_seen, best), best - average, average - worst
        else:
            now, best, worst = price[0, at, 7], price[0, at, 6], price[0, at, 5]
            if worst >= stop or best <= target or (best_seen + trail - worst) * bottom <= top:
                break
            reached, gain, loss = min(best_seen, best), average - best, worst - average
        if is_pair:
            pair_rate = market.rate[0, min(at, n_rates), 1]
        rate = rate_at(now, pair_rate, p)
        worth = (now - average) * quantity * rate
        needs = abs(quantity) * now * rate * margin_rate
        value = cash + worth
        highest = value if value > peak else peak
        fallen = 1.0 - value / highest
        lost = 1.0 - value / baseline
        if not (value > 0.0 and value >= 0.5 * needs and fallen < most_drawdown and lost < most_loss):
            break
        best_seen, mfe, mae = reached, max(mfe, gain), max(mae, loss)
        close, unrealised, margin, equity, peak, drawdown = now, worth, needs, value, highest, fallen
        if fallen > lowest:
            lowest = fallen
        held += 1.0
        if keeps:
            books.equity[at] = value
            books.cash[at] = cash
            books.margin[at] = needs
            books.drawdown[at] = fallen
        n_bars += 1
    if n_bars > 0:
        end = (t + n_bars - 1) & NOT_NEGATIVE
        for k in range(8):
            p[BID_OPEN + k] = price[0, end, k]
        p[VOLUME] = market.volume[0, end]
        if is_pair:
            p[RATE_OPEN] = market.rate[0, min(end, n_rates), 0]
            p[RATE_CLOSE] = pair_rate
        p[FLAGS] = float(flags[0, end])
        p[OUTCOME] = 0.0
        p[ACTION] = 0.0
        p[REASON] = NOTHING
        p[CAP] = NOTHING
        p[BEST], p[MFE], p[MAE], p[HELD] = best_seen, mfe, mae, held
        p[MARK], p[UNREALISED], p[MARGIN] = close, unrealised, margin
        a[EQUITY], a[USED_MARGIN], a[PEAK], a[DRAWDOWN], a[MAX_DRAWDOWN] = equity, margin, peak, drawdown, lowest
        a[CLOCK] += float(n_bars)
        a[N_EXPOSED] += float(n_bars)
    return t + n_bars
