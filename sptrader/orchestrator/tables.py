"""Tables: a run's fills, trades, orders, equity, decisions and signals as frames, from the kernel's books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.model.reasons import Action, Outcome, Reason
from sptrader.orchestrator.asks import Rules, changes
from sptrader.orchestrator.backtest import Outcome as RunOutcome
from sptrader.orchestrator.columns import indicator_columns, signal_columns
from sptrader.orchestrator.memory import warm_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_PART = 1024  # rows that stay in the processor's cache while they are turned into columns


def fill_rows(outcome: RunOutcome) -> Floats:
    """Return the kernel's fills, one row each, columns `kernel.market.F_*`."""
    return np.asarray(outcome.books.fills[: outcome.books.counts[m.N_FILLS]])


def times(outcome: RunOutcome, rows: Floats | Ints) -> pd.DatetimeIndex:
    """Return the opening times of the clock's bars `rows`, UTC."""
    return pd.DatetimeIndex(outcome.market.times_ns[np.asarray(rows, np.int64)], tz="UTC")


def symbols(outcome: RunOutcome, which: Floats | Ints) -> NDArray[np.object_]:
    """Return the symbols of the instruments `which`."""
    return np.asarray(outcome.market.symbols, object)[np.asarray(which, np.int64)]


def words(codes: Floats | NDArray[np.uint8]) -> NDArray[np.object_]:
    """Return the words of reason codes."""
    return np.asarray(_words(), object)[np.asarray(codes, np.int64)]


@lru_cache(maxsize=1)
def _words() -> tuple[str, ...]:
    found = [""] * 256
    for reason in Reason:
        found[reason] = reason.word
    return tuple(found)


def _texts(names: Sequence[str], which: NDArray[Any]) -> Any:
    """The names that `which` points to, as a column of text; a few names many times over need no look at each."""
    import pyarrow as pa

    text: Any = pd.StringDtype(na_value=np.nan)
    return text.__from_arrow__(_arrow_texts(tuple(names)).take(pa.array(np.asarray(which, np.int64))))


@lru_cache(maxsize=64)
def _arrow_texts(names: tuple[str, ...]) -> Any:
    import pyarrow as pa

    return pa.array(names, pa.large_string())


def with_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with its words typed as text, which pandas does by itself only where there are rows."""
    return table.astype({name: "str" for name in table.columns if table[name].dtype == object})


@dataclass(frozen=True)
class ClosedTrades:
    """The closing fills, rows `rows` (k,) of `fills` (n, `kernel.market.F_*`), and what each came to, (k,) account currency.

    `pnl` = `gross` (at mid) - `spread` - `slippage` - `fees` + `financing`. `way` is 1 for a long, -1 for a short, `held` the
    bars it was held.
    """

    fills: Floats
    rows: Ints
    way: Floats
    quantity: Floats
    gross: Floats
    spread: Floats
    slippage: Floats
    fees: Floats
    financing: Floats
    pnl: Floats
    held: Floats


def closed_trades(fills: Floats) -> ClosedTrades:
    """Work out the trades from all fills of a run; entry costs and financing are shared by the quantity that closes."""
    from sptrader.orchestrator.closing import N_AMOUNTS, closing

    rows = np.empty(len(fills), np.int64)
    out = warm_array((N_AMOUNTS, len(fills)))
    count = closing(fills, rows, out)
    return ClosedTrades(fills, rows[:count], *out[:, :count])


def _in_columns(rows: Floats, chosen: Ints) -> Floats:
    """The chosen rows with each column in one piece, as those who work on it read it; turned a part at a time."""
    out = warm_array((rows.shape[1], len(chosen)))
    for first in range(0, len(chosen), _PART):
        part = rows.take(chosen[first : first + _PART], axis=0)
        out[:, first : first + len(part)] = part.T
    return out.T


def trades_table(outcome: RunOutcome, closed: ClosedTrades | None = None) -> pd.DataFrame:
    """Return one row for each closing fill, at average price.

    `pnl` is net of all its costs, `return` is pnl / entry notional; `gross` (at mid) - `spread_cost` - `slippage_cost` -
    `fees` + `financing` = `pnl`. `mae` and `mfe` are how far the position went against and for it, account currency, both
    at least 0. `bars_held` counts the bars completed while it was held. `closed` are the run's trades, where they are worked out
    already.
    """
    found = closed_trades(fill_rows(outcome)) if closed is None else closed
    f = _in_columns(found.fills, found.rows)
    quantity, rate = found.quantity, f[:, m.F_RATE]
    entry_rate = _entry_rates(outcome, f)
    return pd.DataFrame(
        {
            "symbol": _texts(outcome.market.symbols, f[:, m.F_INSTRUMENT]),
            "side": _texts(("long", "short"), found.way < 0),
            "quantity": quantity,
            "entry_time": times(outcome, f[:, m.F_ENTRY_BAR] - 1 + outcome.first),
            "entry_price": f[:, m.F_AVERAGE],
            "exit_time": times(outcome, f[:, m.F_BAR]),
            "exit_price": f[:, m.F_PRICE],
            "pnl": found.pnl,
            "return": found.pnl / (quantity * f[:, m.F_AVERAGE] * entry_rate),
            "fees": found.fees,
            "bars_held": found.held.astype(np.int64),
            "exit_reason": _texts(_words(), f[:, m.F_REASON]),
            "mae": f[:, m.F_MAE] * quantity * rate,
            "mfe": f[:, m.F_MFE] * quantity * rate,
            "gross": found.gross,
            "spread_cost": found.spread,
            "slippage_cost": found.slippage,
            "financing": found.financing,
            "ambiguous": f[:, m.F_AMBIGUOUS] > 0.0,
        },
        copy=False,
    )


def equity_table(outcome: RunOutcome) -> pd.DataFrame:
    """Return the account at the close of each bar: `time` (the bar's open), `equity cash unrealised margin drawdown`.

    Its columns are the books' own arrays: hand out a copy (a shallow one does, pandas copies before it writes).
    """
    kept = slice(outcome.first, outcome.last)
    books = outcome.books
    equity, cash = books.equity[kept], books.cash[kept]
    times_ns = warm_array(equity.shape, np.int64)
    times_ns[:] = outcome.market.times_ns[kept]
    return pd.DataFrame(
        {
            "time": pd.DatetimeIndex(times_ns, tz="UTC", copy=False),
            "equity": equity,
            "cash": cash,
            "unrealised": np.subtract(equity, cash, out=warm_array(equity.shape)),
            "margin": books.margin[kept],
            "drawdown": books.drawdown[kept],
        },
        copy=False,
    )


def signals_table(outcome: RunOutcome) -> pd.DataFrame:
    """Return every event of the plan's signals in the traded period: `time symbol signal type strength` and outputs."""
    parts = []
    for symbol in outcome.market.symbols:
        rows = outcome.market.rows[symbol]
        for name, signal in signal_columns(outcome.columns[symbol]).items():
            at = np.flatnonzero(signal.codes >= 0)
            at = at[(rows[at] >= outcome.first) & (rows[at] < outcome.last)]
            part = {
                "time": times(outcome, rows[at]),
                "symbol": np.full(len(at), symbol, object),
                "signal": np.full(len(at), name, object),
                "type": np.asarray(signal.types, object)[signal.codes[at]] if len(at) else np.empty(0, object),
                "strength": signal.strength[at],
            }
            outputs = {f"{name}.{output}": values[at] for output, values in signal.outputs.items()}
            parts.append(pd.DataFrame({**part, **outputs}))
    if not parts:
        empty = {name: np.empty(0, object) for name in ("symbol", "signal", "type")}
        return with_texts(pd.DataFrame({"time": times(outcome, np.empty(0)), **empty, "strength": np.empty(0)}))
    table = pd.concat([with_texts(part) for part in parts], ignore_index=True)
    return table.sort_values(["time", "symbol", "signal"], kind="stable", ignore_index=True)


def decisions_table(outcome: RunOutcome) -> pd.DataFrame:
    """Return a row for each bar on which a signal fired or a condition changed, with what was decided and why.

    `time` is the bar's open, `decided_at` its close. `cap` names the constraint that bound the size; on a `leave` it is why
    the other leg of a reversal was refused. `enter_long` to `exit_short` are the rules' truths (1, 0, or -1 unknown), then
    come close and indicators, the values behind them.
    """
    parts = [_decisions(outcome, i, symbol) for i, symbol in enumerate(outcome.market.symbols)]
    table = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    return table.sort_values("time", kind="stable", ignore_index=True)


def _decisions(outcome: RunOutcome, i: int, symbol: str) -> pd.DataFrame:
    rows = outcome.market.rows[symbol]
    columns, books = outcome.columns[symbol], outcome.books
    named = _named(outcome.rules[symbol])
    at = np.flatnonzero(is_shown(outcome, i, symbol))
    on = rows[at]
    outcomes, reasons = books.outcome[i, on].copy(), books.reason[i, on].copy()
    is_silent = outcomes == Outcome.NOTHING
    leaves = np.zeros(len(at), np.bool_)
    for name in ("exit_long", "exit_short"):
        if named[name] is not None:
            leaves |= np.asarray(named[name])[at] == 1
    outcomes[is_silent] = Outcome.IGNORED
    reasons[is_silent] = np.where(leaves[is_silent], Reason.NO_POSITION, Reason.CONDITIONS_NOT_MET)
    opened = times(outcome, on)
    table = {
        "time": opened,
        "symbol": np.full(len(at), symbol, object),
        "action": np.array([Action(a).word for a in range(6)], object)[books.action[i, on]],
        "outcome": np.array([Outcome(o).word for o in range(4)], object)[outcomes],
        "reason": words(reasons),
        "cap": words(books.cap[i, on]),
        "decided_at": opened + pd.Timedelta(outcome.market.timeframe_ns, unit="ns"),
    }
    truths = {name: np.zeros(len(at), np.int8) if found is None else found[at] for name, found in named.items()}
    close = outcome.market.frames[symbol]["close"].to_numpy(np.float64)[at]
    values = {name: v[at] for name, v in indicator_columns(columns, outcome.plan).items()}
    return with_texts(pd.DataFrame({**table, **truths, "close": close, **values}))


def is_shown(outcome: RunOutcome, i: int, symbol: str) -> NDArray[np.bool_]:
    """Return the instrument's bars of the traded period on which something was decided, a signal fired or a condition
    changed, bool (m,)."""
    rows = outcome.market.rows[symbol]
    found = outcome.books.outcome[i, rows] != 0
    for signal in signal_columns(outcome.columns[symbol]).values():
        found |= signal.codes >= 0
    for rule in _named(outcome.rules[symbol]).values():
        found |= changes(rule, len(rows))
    return np.asarray(found & (rows >= outcome.first) & (rows < outcome.last))


def _named(rules: Rules) -> Mapping[str, NDArray[np.int8] | None]:
    return {
        "enter_long": rules.enter_long,
        "enter_short": rules.enter_short,
        "exit_long": rules.leave_long,
        "exit_short": rules.leave_short,
    }


def _entry_rates(outcome: RunOutcome, f: Floats) -> Floats:
    """Account currency per quote currency at the first entry: 1 / price for pairs of the account's own base, else the open's."""
    i = f[:, m.F_INSTRUMENT].astype(np.int64)
    is_base = np.array([outcome.market.rates[s].kind == "is_base" for s in outcome.market.symbols])[i]
    rate = outcome.market.kernel.rate
    bar = np.minimum(f[:, m.F_ENTRY_BAR].astype(np.int64) - 1 + outcome.first, rate.shape[1] - 1)
    return np.where(is_base, 1.0 / f[:, m.F_AVERAGE], rate[i, bar, 0])
