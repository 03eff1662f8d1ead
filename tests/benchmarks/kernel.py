"""Kernel: the compiled step by itself: a whole replay, one call for each bar as in live use, and a bare loop beside it."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import numpy as np

import sptrader as sp
from sptrader.jit import compiled
from sptrader.kernel import state as k
from sptrader.kernel.market import make_books
from sptrader.kernel.replay import replay
from sptrader.orchestrator.account import opening_state
from tests.benchmarks.data import STRATEGY, frame_of

REPEATS = 9
LIVE_BARS = 20_000


@compiled
def bare_loop(open_, high, low, close, equity):
    """Two averages, crossings, stop, target, fee and equity, as short as it can be written; return the number of trades."""
    fast = slow = close[0]
    cash, quantity, stop, target, n_trades = 100_000.0, 0.0, 0.0, 0.0, 0
    enters = leaves = was_above = was_below = False
    for i in range(len(close)):
        price = 0.0
        if quantity > 0.0:
            if leaves or open_[i] <= stop or open_[i] >= target:
                price = open_[i]
            elif low[i] <= stop:
                price = stop
            elif high[i] >= target:
                price = target
        elif enters:
            quantity = 10_000.0
            cash -= quantity * open_[i] * 1.0001
            stop, target = open_[i] * 0.98, open_[i] * 1.05
            if low[i] <= stop:
                price = stop
            elif high[i] >= target:
                price = target
        if price > 0.0:
            cash += quantity * price * 0.9999
            quantity = 0.0
            n_trades += 1
        equity[i] = cash + quantity * close[i]
        if i > 0:
            fast += (close[i] - fast) * (2.0 / 13.0)
            slow += (close[i] - slow) * (2.0 / 27.0)
        is_known = i >= 26
        enters, leaves = is_known and fast > slow and not was_above, is_known and fast < slow and not was_below
        was_above, was_below = fast > slow, fast < slow
    return n_trades


def kernel_speeds(data: dict[str, np.ndarray]) -> dict[str, float]:
    """Return seconds a bar of `replay`, of `live` calls and of the `bare` loop; raise when they disagree."""
    bars = sp.load_bars(frame_of(data), "1m", symbol="AUDUSD", basis="mid")
    outcome = sp.backtest(STRATEGY, bars)._outcome
    market, n = outcome.market, len(bars)
    n_trades = int(outcome.state[k.N_TRADES])
    equity = np.empty(n)
    prices = [data[name] for name in ("open", "high", "low", "close")]
    if abs(bare_loop(*prices, equity) - n_trades) > 1:
        raise AssertionError(f"the bare loop made {bare_loop(*prices, equity)} trades, the kernel {n_trades}")
    books = make_books(1, n, n_rows=2 * n_trades + 1000)
    states = [opening_state(outcome.plan, market, outcome.cash) for _ in range(REPEATS + 1)]

    def once() -> None:
        s = states.pop()
        books.counts[:] = 0
        if replay(market.kernel, outcome.orders, books, s, 0, n) != n or s[k.EQUITY] != outcome.state[k.EQUITY]:
            raise AssertionError("the replay did not end where the backtest did")

    whole, bare = _median(once), _median(lambda: bare_loop(*prices, equity))
    s = opening_state(outcome.plan, market, outcome.cash)
    books.counts[:] = 0
    began = time.perf_counter()
    for t in range(min(LIVE_BARS, n)):
        replay(market.kernel, outcome.orders, books, s, t, t + 1)
    live = (time.perf_counter() - began) / min(LIVE_BARS, n)
    if not math.isclose(s[k.EQUITY], outcome.books.equity[min(LIVE_BARS, n) - 1], rel_tol=0.0, abs_tol=0.0):
        raise AssertionError("single calls did not give the equity of the replay")
    return {"replay": whole / n, "bare": bare / n, "live": live}


def _median(run: Callable[[], object]) -> float:
    run()
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
