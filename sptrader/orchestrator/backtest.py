"""Backtest: a plan and bars in, the kernel's books out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import RunError
from sptrader.kernel.market import Books, Orders, make_books
from sptrader.kernel.state import LONG_ENTRY, SHORT_ENTRY
from sptrader.model.bars import times_ns
from sptrader.model.instrument import Instrument
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.asks import Rules, make_orders, make_rules
from sptrader.orchestrator.columns import Columns, make_columns
from sptrader.orchestrator.finer import with_finer
from sptrader.orchestrator.market import MarketData, make_market
from sptrader.orchestrator.memory import warm_array
from sptrader.orchestrator.nights import NightRates
from sptrader.strategy.plan import Plan

Floats = NDArray[np.float64]
_MOST_ROWS = 131_072  # of fills to begin with; there is a page for more


@dataclass(frozen=True)
class Outcome:
    """Everything a run made, as arrays: `books` cover the bars from `first` to `last` (not included) of the market's clock."""

    plan: Plan
    market: MarketData
    columns: Mapping[str, Columns]
    rules: Mapping[str, Rules]
    orders: Orders
    books: Books
    state: Floats
    first: int
    last: int
    cash: float
    currency: str


def run_plan(
    plan: Plan,
    frames: Mapping[str, pd.DataFrame],
    instruments: Mapping[str, Instrument],
    *,
    cash: float,
    currency: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    nights: NightRates | None = None,
    hashes: Mapping[str, str] | None = None,
    finer: Mapping[str, pd.DataFrame] | None = None,
) -> Outcome:
    """Run `plan` over `frames`; bars before `start_ns` only warm up, bars after `end_ns` are not looked at.

    `hashes` name the content of the frames by symbol; what was made of the same bars lately is then used again. `finer` are
    checked finer bars or ticks by symbol, for `execution.intrabar: finer`. Raises `RunError` when no bar is left to trade.
    """
    kept = {symbol: _until(frame, end_ns) for symbol, frame in frames.items()}
    for symbol, frame in kept.items():
        if len(frame) == 0:
            has = _period(np.asarray(pd.DatetimeIndex(frames[symbol].index).as_unit("ns").asi8))
            raise RunError(f"no bar of {symbol} lies before the end asked for: the data have {has}.", key="end")
    market = make_market(kept, plan, instruments, currency, nights, hashes)
    columns = {s: make_columns(plan, kept[s], instruments[s]) for s in market.symbols}
    rules = {s: make_rules(plan, columns[s]) for s in market.symbols}
    orders = make_orders(plan, market, columns, rules)
    first = 0 if start_ns is None else int(np.searchsorted(market.times_ns, start_ns))
    last = len(market.times_ns)
    if first >= last:
        raise RunError(
            f"no bar lies in the period asked for: the data have {_period(market.times_ns)}.",
            key="start",
            value=start_ns,
        )
    if finer:
        market = with_finer(market, plan, finer, first)
    state = opening_state(plan, market, cash)
    books = fold(market, orders, state, first, last, has_end=plan.execution.close_at_end)
    return Outcome(plan, market, columns, rules, orders, books, state, first, last, cash, currency)


def fold(
    market: MarketData,
    orders: Orders,
    state: Floats,
    first: int,
    last: int,
    *,
    has_end: bool = False,
    for_figures: bool = False,
    books: Books | None = None,
) -> Books:
    """Replay bars `first` to `last` through `state` and return the books, filled on those bars; with `has_end` close out.

    Books `for_figures` hold the equity of the bars and the fills; such `books` of a run that is no longer needed are written
    over.
    """
    from sptrader.kernel.replay import close_out, replay

    if books is None:
        books = _empty_books(len(market.symbols), market.kernel.price.shape[1], orders, for_figures=for_figures)
    books.counts[:] = 0
    done = first
    while True:
        done = replay(market.kernel, orders, books, state, done, last)
        if done >= last:
            break
        books = books._replace(fills=_longer(books.fills), orders=_longer(books.orders))
    if has_end:
        ends = np.array([market.rows[s][np.searchsorted(market.rows[s], last) - 1] for s in market.symbols], np.int64)
        close_out(market.kernel, books, state, ends)
    return books


def _empty_books(n_instruments: int, n_bars: int, orders: Orders, *, for_figures: bool) -> Books:
    """Books with room for the fills and orders that the entries asked for lead to: at most two of each."""
    n_asked = int(np.count_nonzero(orders.signal & np.uint8(LONG_ENTRY | SHORT_ENTRY)))
    n_rows = min(2 * n_asked, _MOST_ROWS) + 8 * n_instruments
    return make_books(n_instruments, n_bars, n_rows=n_rows, for_figures=for_figures, empty=warm_array)


def _longer(rows: Floats) -> Floats:
    out = warm_array((4 * len(rows), rows.shape[1]))
    out[: len(rows)] = rows
    return out


def _until(frame: pd.DataFrame, end_ns: int | None) -> pd.DataFrame:
    if end_ns is None or len(frame) == 0 or frame.index[-1].value <= end_ns:
        return frame
    return frame.iloc[: int(np.searchsorted(times_ns(frame), end_ns, side="right"))]


def _period(times_ns: NDArray[np.int64]) -> str:
    if len(times_ns) == 0:
        return "no bars"
    ends = pd.to_datetime(times_ns[[0, -1]], utc=True)
    return f"bars from {ends[0]:%Y-%m-%d %H:%M} to {ends[1]:%Y-%m-%d %H:%M} UTC"
