"""Inside: what the finer rows inside a bar decided, and what the bar alone would have said."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.model.bars import times_ns
from sptrader.model.reasons import Reason
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.backtest import Outcome, fold
from sptrader.orchestrator.finer import is_ticks

Floats = NDArray[np.float64]
_PROTECTIVE = (Reason.STOP_LOSS, Reason.TRAILING_STOP, Reason.TAKE_PROFIT)
_COMPARED = [m.F_QUANTITY, m.F_PRICE, m.F_REASON, m.F_AMBIGUOUS]


def decided_inside(outcome: Outcome, i: int, t: int) -> tuple[str, ...]:
    """Return sentences on what the finer rows inside bar `t` of instrument `i` decided; none where they were not needed.

    The bar is run again without them from the state before it: where that gives other fills, or doubtful ones, they decided.
    """
    at = outcome.market.kernel.finer_at
    if outcome.plan.execution.intrabar != "finer" or t + 1 >= at.shape[1] or at[i, t] == at[i, t + 1]:
        return ()
    s = opening_state(outcome.plan, outcome.market, outcome.cash)
    if t > outcome.first:
        fold(outcome.market, outcome.orders, s, outcome.first, t)
    alone, whole = s.copy(), s
    alone[k.IS_FINER] = 0.0
    told = _fills(outcome, whole, i, t)
    silent = _fills(outcome, alone, i, t)
    is_same = np.array_equal(told[:, _COMPARED], silent[:, _COMPARED])
    if is_same and not told[:, m.F_AMBIGUOUS].any():
        return ()
    n_rows = int(at[i, t + 1] - at[i, t])
    frame = outcome.market.finer[outcome.market.symbols[i]]
    kind = "ticks" if is_ticks(frame) else f"{frame.attrs.get('sptrader.timeframe', 'finer')} bars"
    said = [f"{n_rows:,} {kind} inside"]
    said += [_exit(outcome, i, t, told, row) for row in told if Reason(int(row[m.F_REASON])) in _PROTECTIVE]
    if len(said) == 1:
        said.append("neither stop nor target was taken")
    if told[:, m.F_AMBIGUOUS].any():
        said.append("they could not tell all of it: a fill is ambiguous")
    return (*said, f"the bar alone: {_alone(silent)}")


def _fills(outcome: Outcome, s: Floats, i: int, t: int) -> Floats:
    """The fills of instrument `i` on bar `t`, from the state before it."""
    books = fold(outcome.market, outcome.orders, s, t, t + 1)
    rows = books.fills[: books.counts[m.N_FILLS]]
    return np.asarray(rows[rows[:, m.F_INSTRUMENT] == i])


def _exit(outcome: Outcome, i: int, t: int, fills: Floats, row: Floats) -> str:
    """An exit and the finer row that took it: the first, from the entry's on, that comes to its price."""
    market = outcome.market
    begin, end = market.kernel.finer_at[i, t], market.kernel.finer_at[i, t + 1]
    inner = market.kernel.finer[begin:end]
    reason, raw = Reason(int(row[m.F_REASON])), row[m.F_RAW]
    is_long = row[m.F_QUANTITY] < 0.0
    since = 0
    entries = fills[(fills[:, m.F_INSIDE] > 0.0) & (fills[:, m.F_QUANTITY] * row[m.F_QUANTITY] < 0.0)]
    if len(entries):
        entered, by = entries[-1, m.F_RAW], entries[-1, m.F_INSIDE]
        # buys come to a limit from above and to a stop from below; sells the other way
        is_below = is_long == (by == k.BY_LIMIT)
        side = 4 if is_long else 0
        since = _first(inner[:, side + 2] <= entered if is_below else inner[:, side + 1] >= entered)
    side = 0 if is_long else 4
    is_down = is_long != (reason is Reason.TAKE_PROFIT)
    reached = since + _first((inner[:, side + 2] <= raw if is_down else inner[:, side + 1] >= raw)[since:])
    if reached >= len(inner):
        return f"{reason.word} at {row[m.F_PRICE]:.10g}, not reached by any of them"
    opened = pd.Timestamp(
        int(times_ns(market.finer[market.symbols[i]])[begin - market.kernel.finer_at[i, 0] + reached])
    )
    return f"{reason.word} at {row[m.F_PRICE]:.10g}, taken at {opened:%Y-%m-%d %H:%M:%S}"


def _first(found: NDArray[np.bool_]) -> int:
    """The place of the first true one, or beyond the end."""
    return int(found.argmax()) if found.any() else len(found)


def _alone(fills: Floats) -> str:
    texts = [
        f"{Reason(int(row[m.F_REASON])).word} at {row[m.F_PRICE]:.10g}" + (", ambiguous" if row[m.F_AMBIGUOUS] else "")
        for row in fills
        if Reason(int(row[m.F_REASON])) in _PROTECTIVE
    ]
    if texts:
        return "; ".join(texts)
    is_open = "the position stays open"
    return f"{is_open}, ambiguous" if fills[:, m.F_AMBIGUOUS].any() else is_open
