"""Record: what the books keep of a step."""

from __future__ import annotations

from sptrader.jit import inlined
from sptrader.kernel.market import (
    F_AMBIGUOUS,
    F_AVERAGE,
    F_BAR,
    F_ENTRY_BAR,
    F_ENTRY_FEES,
    F_ENTRY_SLIPPAGE,
    F_ENTRY_SPREAD,
    F_FEE,
    F_FINANCED,
    F_HALF,
    F_HELD,
    F_HELD_QUANTITY,
    F_INSIDE,
    F_INSTRUMENT,
    F_MAE,
    F_MFE,
    F_PRICE,
    F_QUANTITY,
    F_RATE,
    F_RAW,
    F_REASON,
    F_STOP,
    F_TARGET,
    F_TRAIL,
    N_FILLS,
    N_ORDERS,
    O_BAR,
    O_INSTRUMENT,
    O_IS_REVERSAL,
    O_LIMIT,
    O_QUANTITY,
    O_REASON,
    O_STOP,
)
from sptrader.kernel.state import (
    ACCOUNT_FIELDS,
    ACTION,
    AVERAGE,
    CAP,
    CASH,
    DRAWDOWN,
    ENTRY_BAR,
    ENTRY_FEES,
    ENTRY_SLIPPAGE,
    ENTRY_SPREAD,
    EQUITY,
    FILL,
    FILL_FEE,
    FILL_HALF,
    FILL_PRICE,
    FILL_RATE,
    FILL_RAW,
    FILL_REASON,
    FINANCED,
    GONE,
    HELD,
    INSTRUMENT_FIELDS,
    IS_AMBIGUOUS,
    IS_INSIDE,
    MAE,
    MFE,
    ORDER_LIMIT,
    ORDER_QUANTITY,
    ORDER_STOP,
    OUTCOME,
    QUANTITY,
    REASON,
    REVERSE,
    SIDE,
    STOP,
    TARGET,
    TRAIL,
    USED_MARGIN,
    WANT,
)


@inlined
def keep_bar(books, n_instruments, t, a):
    """Keep the account's mark and each instrument's decision of bar `t`."""
    keep_mark(books, t, a)
    if books.action.shape[1] > 0:
        keep_decisions(books, n_instruments, t, a)


@inlined
def keep_decisions(books, n_instruments, t, a):
    """Keep what was decided for each instrument on bar `t`."""
    for k in range(n_instruments):
        p = a[ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS :]
        if p[OUTCOME] != 0.0:
            books.action[k, t] = int(p[ACTION])
            books.outcome[k, t] = int(p[OUTCOME])
            books.reason[k, t] = int(p[REASON])
            books.cap[k, t] = int(p[CAP])


@inlined
def keep_fill(fills, counts, i, t, p):
    """Keep the fill in the FILL fields beside the position it meets, as it is before the fill is booked."""
    row = fills[counts[N_FILLS]]
    row[F_BAR] = t
    row[F_INSTRUMENT] = i
    row[F_QUANTITY] = p[FILL]
    row[F_PRICE] = p[FILL_PRICE]
    row[F_RAW] = p[FILL_RAW]
    row[F_HALF] = p[FILL_HALF]
    row[F_RATE] = p[FILL_RATE]
    row[F_FEE] = p[FILL_FEE]
    row[F_REASON] = p[FILL_REASON]
    row[F_AMBIGUOUS] = p[IS_AMBIGUOUS]
    row[F_HELD_QUANTITY] = p[QUANTITY]
    row[F_AVERAGE] = p[AVERAGE]
    row[F_ENTRY_BAR] = p[ENTRY_BAR]
    row[F_HELD] = p[HELD]
    row[F_MFE] = p[MFE]
    row[F_MAE] = p[MAE]
    row[F_ENTRY_FEES] = p[ENTRY_FEES]
    row[F_ENTRY_SPREAD] = p[ENTRY_SPREAD]
    row[F_ENTRY_SLIPPAGE] = p[ENTRY_SLIPPAGE]
    row[F_FINANCED] = p[FINANCED]
    row[F_INSIDE] = p[IS_INSIDE]
    counts[N_FILLS] += 1


@inlined
def keep_levels(fills, counts, p):
    """Keep what protects the position after the last kept fill was booked."""
    row = fills[counts[N_FILLS] - 1]
    row[F_STOP] = p[STOP]
    row[F_TARGET] = p[TARGET]
    row[F_TRAIL] = p[TRAIL]


@inlined
def mark_ambiguous(fills, counts):
    """Mark the last kept fill: the bar could not decide what came of it."""
    fills[counts[N_FILLS] - 1, F_AMBIGUOUS] = 1.0


@inlined
def keep_placed(rows, counts, i, t, p):
    """Keep the entry order that was just placed."""
    row = rows[counts[N_ORDERS]]
    row[O_BAR] = t
    row[O_INSTRUMENT] = i
    row[O_QUANTITY] = p[SIDE] * p[ORDER_QUANTITY]
    row[O_LIMIT] = p[ORDER_LIMIT]
    row[O_STOP] = p[ORDER_STOP]
    row[O_REASON] = p[REASON]
    row[O_IS_REVERSAL] = 1.0 if p[WANT] == REVERSE else 0.0
    counts[N_ORDERS] += 1


@inlined
def keep_gone(rows, counts, i, t, p):
    """Keep that the instrument's entry order ended unfilled on bar `t`, and why: a row of quantity 0."""
    row = rows[counts[N_ORDERS]]
    row[O_BAR] = t
    row[O_INSTRUMENT] = i
    row[O_QUANTITY] = 0.0
    row[O_LIMIT] = 0.0
    row[O_STOP] = 0.0
    row[O_REASON] = p[GONE]
    row[O_IS_REVERSAL] = 0.0
    counts[N_ORDERS] += 1


@inlined
def keep_mark(books, t, a):
    """Keep the account as it was marked on bar `t`."""
    books.equity[t] = a[EQUITY]
    if books.cash.shape[0] > 0:
        books.cash[t] = a[CASH]
        books.margin[t] = a[USED_MARGIN]
        books.drawdown[t] = a[DRAWDOWN]


@inlined
def keep_marks(books, t, until, a):
    """Keep the account as it was marked on the bars from `t` to `until` (not included), on all alike."""
    equity, cash, margin, drawdown = a[EQUITY], a[CASH], a[USED_MARGIN], a[DRAWDOWN]
    books.equity[t:until] = equity
    if books.cash.shape[0] > 0:
        books.cash[t:until] = cash
        books.margin[t:until] = margin
        books.drawdown[t:until] = drawdown
