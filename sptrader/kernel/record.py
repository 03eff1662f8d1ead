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
def keep_bar(books, n_instruments, t, s, L, j):
    """Keep the account's mark and each instrument's decision of bar `t`."""
    keep_mark(books, t, s, L, j)
    for k in range(n_instruments):
        at = (ACCOUNT_FIELDS + k * INSTRUMENT_FIELDS) * L + j
        if s[at + OUTCOME * L] != 0.0:
            books.action[k, t] = int(s[at + ACTION * L])
            books.outcome[k, t] = int(s[at + OUTCOME * L])
            books.reason[k, t] = int(s[at + REASON * L])
            books.cap[k, t] = int(s[at + CAP * L])


@inlined
def keep_fill(books, i, t, s, L, at):
    """Keep the fill in the FILL fields beside the position it meets, as it is before the fill is booked."""
    row = books.counts[N_FILLS]
    fills = books.fills
    fills[row, F_BAR] = t
    fills[row, F_INSTRUMENT] = i
    fills[row, F_QUANTITY] = s[at + FILL * L]
    fills[row, F_PRICE] = s[at + FILL_PRICE * L]
    fills[row, F_RAW] = s[at + FILL_RAW * L]
    fills[row, F_HALF] = s[at + FILL_HALF * L]
    fills[row, F_RATE] = s[at + FILL_RATE * L]
    fills[row, F_FEE] = s[at + FILL_FEE * L]
    fills[row, F_REASON] = s[at + FILL_REASON * L]
    fills[row, F_AMBIGUOUS] = s[at + IS_AMBIGUOUS * L]
    fills[row, F_HELD_QUANTITY] = s[at + QUANTITY * L]
    fills[row, F_AVERAGE] = s[at + AVERAGE * L]
    fills[row, F_ENTRY_BAR] = s[at + ENTRY_BAR * L]
    fills[row, F_HELD] = s[at + HELD * L]
    fills[row, F_MFE] = s[at + MFE * L]
    fills[row, F_MAE] = s[at + MAE * L]
    fills[row, F_ENTRY_FEES] = s[at + ENTRY_FEES * L]
    fills[row, F_ENTRY_SPREAD] = s[at + ENTRY_SPREAD * L]
    fills[row, F_ENTRY_SLIPPAGE] = s[at + ENTRY_SLIPPAGE * L]
    fills[row, F_FINANCED] = s[at + FINANCED * L]
    books.counts[N_FILLS] = row + 1


@inlined
def keep_levels(books, s, L, at):
    """Keep what protects the position after the last kept fill was booked."""
    row = books.counts[N_FILLS] - 1
    books.fills[row, F_STOP] = s[at + STOP * L]
    books.fills[row, F_TARGET] = s[at + TARGET * L]
    books.fills[row, F_TRAIL] = s[at + TRAIL * L]


@inlined
def mark_ambiguous(books):
    """Mark the last kept fill: the bar could not decide what came of it."""
    books.fills[books.counts[N_FILLS] - 1, F_AMBIGUOUS] = 1.0


@inlined
def keep_placed(books, i, t, s, L, at):
    """Keep the entry order that was just placed."""
    row = books.counts[N_ORDERS]
    books.orders[row, O_BAR] = t
    books.orders[row, O_INSTRUMENT] = i
    books.orders[row, O_QUANTITY] = s[at + SIDE * L] * s[at + ORDER_QUANTITY * L]
    books.orders[row, O_LIMIT] = s[at + ORDER_LIMIT * L]
    books.orders[row, O_STOP] = s[at + ORDER_STOP * L]
    books.orders[row, O_REASON] = s[at + REASON * L]
    books.orders[row, O_IS_REVERSAL] = 1.0 if s[at + WANT * L] == REVERSE else 0.0
    books.counts[N_ORDERS] = row + 1


@inlined
def keep_gone(books, i, t, s, L, at):
    """Keep that the instrument's entry order ended unfilled on bar `t`, and why: a row of quantity 0."""
    row = books.counts[N_ORDERS]
    books.orders[row, O_BAR] = t
    books.orders[row, O_INSTRUMENT] = i
    books.orders[row, O_QUANTITY] = 0.0
    books.orders[row, O_LIMIT] = 0.0
    books.orders[row, O_STOP] = 0.0
    books.orders[row, O_REASON] = s[at + GONE * L]
    books.orders[row, O_IS_REVERSAL] = 0.0
    books.counts[N_ORDERS] = row + 1


@inlined
def keep_mark(books, t, s, L, j):
    """Keep the account as it was marked on bar `t`."""
    books.equity[t] = s[EQUITY * L + j]
    books.cash[t] = s[CASH * L + j]
    books.margin[t] = s[USED_MARGIN * L + j]
    books.drawdown[t] = s[DRAWDOWN * L + j]
