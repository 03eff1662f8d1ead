"""Market and orders of a run as the arrays the kernel reads, and the books it writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# columns of a row of `Books.fills`
(
    F_BAR,
    F_INSTRUMENT,
    F_QUANTITY,
    F_PRICE,
    F_RAW,
    F_HALF,
    F_RATE,
    F_FEE,
    F_REASON,
    F_AMBIGUOUS,
    F_HELD_QUANTITY,
    F_AVERAGE,
    F_ENTRY_BAR,
    F_HELD,
    F_MFE,
    F_MAE,
    F_ENTRY_FEES,
    F_ENTRY_SPREAD,
    F_ENTRY_SLIPPAGE,
    F_FINANCED,
    F_STOP,
    F_TARGET,
    F_TRAIL,
    F_INSIDE,
) = range(24)
FILL_COLUMNS = 24

# columns of a row of `Books.orders`: an entry order that was placed (quantity not 0) or that ended unfilled (quantity 0)
O_BAR, O_INSTRUMENT, O_QUANTITY, O_LIMIT, O_STOP, O_REASON, O_IS_REVERSAL = range(7)
ORDER_COLUMNS = 7

# what `Books.counts` counts
N_FILLS, N_ORDERS = 0, 1


class Market(NamedTuple):
    """What the market shows, the same for every lane; i instruments, n bars of the common clock.

    `price` (i, n, 8): bid open high low close, ask open high low close; nan where the instrument has no bar.
    `volume` (i, n). `flags` (i, n): bits of `state`. `rate` (i, n or 1, 2): the conversion pair's mid at open and close.
    `nights` (i, n or 1, 2): financing of a long and a short unit at this open, quote currency.
    `closes` (2, n): of the bid and of the ask, and `blocks` (m, 4): the extremes of each `BLOCK` bars, see `blocks`; (2, 0) and
    (0, 4) where every bar is met by itself.
    `finer` (m, 8): finer bars, prices as in `price`; those inside bar t of instrument i are the rows from `finer_at[i, t]` to
    `finer_at[i, t + 1]` (i, n + 1), (i, 1) where there are none.
    """

    price: Any
    volume: Any
    flags: Any
    rate: Any
    nights: Any
    closes: Any
    blocks: Any
    finer: Any
    finer_at: Any


class Orders(NamedTuple):
    """What the strategy asks for at each bar's close; L lanes. A column of length 1 is constant.

    `signal` (i, n, L): bits LONG_ENTRY, SHORT_ENTRY, LONG_EXIT, SHORT_EXIT. `asked` (m, L): whether any is set in each `BLOCK` bars,
    (0, L) where every bar is met by itself. `strength` (i, n or 1, L). `refused` (i, n or 1): the
    reason code of the filter that refuses entries, 0 for none. `stop`, `target`, `trail` (i, n or 1, L): distances in price
    units. `limit`, `trigger` (i, n or 1, L, 2): prices of entry orders to buy and to sell. `volatility` (i, n or 1, L): price units.
    `correlation` (i, i, n or 1): of the returns of two instruments, asked for where one enters.
    `terms` (k, 4): exit terms that look at the position: side, field, comparison, first of its term; `term_truth` (k, i, n, L) of the
    columns' part and `term_right` (k, i, n or 1, L) what the field is compared with.
    """

    signal: Any
    asked: Any
    strength: Any
    refused: Any
    stop: Any
    target: Any
    trail: Any
    limit: Any
    trigger: Any
    volatility: Any
    correlation: Any
    terms: Any
    term_truth: Any
    term_right: Any


class Books(NamedTuple):
    """What a run leaves behind: per bar `equity`, `cash`, `margin`, `drawdown` (n,), per instrument and bar `action`, `outcome`,
    `reason`, `cap` (i, n) as codes, and rows of `fills` and `orders`, counted by `counts`. Books of figures alone keep nothing of
    bars but `equity`: the others have no bars."""

    equity: Any
    cash: Any
    margin: Any
    drawdown: Any
    action: Any
    outcome: Any
    reason: Any
    cap: Any
    fills: Any
    orders: Any
    counts: Any


def make_books(
    n_instruments: int,
    n_bars: int,
    *,
    n_rows: int = 4096,
    for_figures: bool = False,
    empty: Callable[..., np.ndarray] = np.empty,
) -> Books:
    """Make empty books for `n_bars`, with room for `n_rows` fills and as many orders; `empty(shape, dtype)` gives the memory.

    Those `for_figures` keep the fills and the equity of each bar, which every metric is made of, and no decisions.
    """
    n_more = 0 if for_figures else n_bars
    codes = [empty((n_instruments, n_more), np.uint8) for _ in range(4)]
    for code in codes:
        code.fill(0)
    series = [empty((n_more,), np.float64) for _ in range(3)]
    return Books(
        equity=empty((n_bars,), np.float64),
        cash=series[0],
        margin=series[1],
        drawdown=series[2],
        action=codes[0],
        outcome=codes[1],
        reason=codes[2],
        cap=codes[3],
        fills=empty((n_rows, FILL_COLUMNS), np.float64),
        orders=empty((n_rows, ORDER_COLUMNS), np.float64),
        counts=np.zeros(2, np.int64),
    )


def no_finer(n_instruments: int) -> tuple[np.ndarray, np.ndarray]:
    """Make `Market.finer` and `Market.finer_at` of a market without finer bars."""
    return np.empty((0, 8)), np.zeros((n_instruments, 1), np.int64)
