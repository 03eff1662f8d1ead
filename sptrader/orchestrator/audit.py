"""Audit: every fill and the books of a run checked against the bars, to the cent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.model.reasons import Reason
from sptrader.orchestrator.backtest import Outcome
from sptrader.orchestrator.tables import ClosedTrades, fill_rows, times

Floats = NDArray[np.float64]
CENT = 0.005


@dataclass(frozen=True)
class Audit:
    """What the books say: gross (at mid) - spread - slippage - fees + financing = net = change of equity, account currency.

    Open positions count with their exit half-spread. `violations` are sentences; a run with one is not to be believed.
    `odd` are sentences of fills that these bars do not allow where a venue of its own told of them: late, or at other prices.
    """

    n_fills: int
    gross: float
    spread: float
    slippage: float
    fees: float
    financing: float
    net: float
    change_of_equity: float
    violations: tuple[str, ...]
    odd: tuple[str, ...] = ()


def audit(outcome: Outcome, closed: ClosedTrades, *, is_told: bool = False) -> Audit:
    """Check each fill's time, side, bar and step, and the identity of costs; `closed` are the run's trades.

    `is_told` is of fills that a venue told of which is no function of these bars: what they are is the venue's.
    """
    f = fill_rows(outcome)
    opened = _open_positions(outcome)
    totals = {name: _total(getattr(closed, name)) + opened[name] for name in _PARTS}
    net = totals["gross"] - totals["spread"] - totals["slippage"] - totals["fees"] + totals["financing"]
    books = outcome.books
    change = float(books.equity[outcome.last - 1] - outcome.cash)
    placed = [*_undecided(outcome, f), *_outside_bar(outcome, f), *_off_step(outcome, f)]
    violations = [] if is_told else placed
    if not abs(net - change) < CENT:
        violations.append(f"costs and results add up to {net:.6f}, but equity changed by {change:.6f}.")
    fees = float(f[:, m.F_FEE].sum())
    if not abs(fees - totals["fees"]) < CENT:
        violations.append(
            f"the fills paid fees of {fees:.6f}, but trades and open positions hold {totals['fees']:.6f}."
        )
    return Audit(
        n_fills=len(f),
        gross=totals["gross"],
        spread=totals["spread"],
        slippage=totals["slippage"],
        fees=totals["fees"],
        financing=totals["financing"],
        net=net,
        change_of_equity=change,
        violations=tuple(violations),
        odd=tuple(placed) if is_told else (),
    )


_PARTS = ("gross", "spread", "slippage", "fees", "financing")


def _total(numbers: Floats) -> float:
    """The sum of the numbers there are."""
    total = float(numbers.sum())
    return total if total == total else float(np.nansum(numbers))


def _open_positions(outcome: Outcome) -> dict[str, float]:
    """What the positions open at the end hold of each part, marked at the last close of their side."""
    out = dict.fromkeys(_PARTS, 0.0)
    s = outcome.state
    for i, symbol in enumerate(outcome.market.symbols):
        at = k.block(i, 1)
        q = s[at + k.QUANTITY]
        if q == 0.0:
            continue
        price = outcome.market.kernel.price[i, _last_bar(outcome, symbol)]
        kind = outcome.market.rates[symbol].kind
        unit = {"is_quote": 1.0, "is_base": 1.0 / s[at + k.MARK]}.get(kind, s[at + k.RATE_CLOSE])
        spread = (s[at + k.ENTRY_SPREAD] + abs(q) * (price[7] - price[3]) * 0.5) * unit
        slippage = s[at + k.ENTRY_SLIPPAGE] * unit
        out["spread"] += spread
        out["slippage"] += slippage
        out["gross"] += s[at + k.UNREALISED] + spread + slippage
        out["fees"] += s[at + k.ENTRY_FEES]
        out["financing"] += s[at + k.FINANCED]
    return out


def _last_bar(outcome: Outcome, symbol: str) -> int:
    rows = outcome.market.rows[symbol]
    return int(rows[np.searchsorted(rows, outcome.last) - 1])


def _undecided(outcome: Outcome, f: Floats) -> list[str]:
    """Entries that no order placed on a bar before can have led to, and exits before their entry."""
    placed = outcome.books.orders[: outcome.books.counts[m.N_ORDERS]]
    is_order = placed[:, m.O_QUANTITY] != 0.0
    bar = f[:, m.F_BAR]
    is_closing = f[:, m.F_QUANTITY] * f[:, m.F_HELD_QUANTITY] < 0.0
    is_early = is_closing & (bar < f[:, m.F_ENTRY_BAR] - 1 + outcome.first)
    for i in range(len(outcome.market.symbols)):
        own = np.flatnonzero((f[:, m.F_INSTRUMENT] == i) & ~is_closing)
        decided = placed[is_order & (placed[:, m.O_INSTRUMENT] == i), m.O_BAR][: len(own)]
        is_early[own[: len(decided)]] = decided >= bar[own[: len(decided)]]  # the k-th entry is of the k-th order
        is_early[own[len(decided) :]] = True
    return [_told(outcome, f, n, "comes before its decision") for n in np.flatnonzero(is_early)[:5]]


def _outside_bar(outcome: Outcome, f: Floats) -> list[str]:
    """Fills that, before slippage, lie outside their bar on the side they trade on, or that slippage made better."""
    i, bar = f[:, m.F_INSTRUMENT].astype(np.int64), f[:, m.F_BAR].astype(np.int64)
    is_buy = f[:, m.F_QUANTITY] > 0.0
    price = outcome.market.kernel.price
    at_end = f[:, m.F_REASON] == float(Reason.END)
    traded = price.reshape(-1, 4).take((i * price.shape[1] + bar) * 2 + is_buy, axis=0)  # the side each fill is on
    high, low = traded[:, 1], traded[:, 2]
    steps = np.array([float(outcome.market.instruments[s].price_step) for s in outcome.market.symbols])
    slack = 1e-6 * steps if len(steps) == 1 else 1e-6 * steps[i]
    raw, filled = f[:, m.F_RAW].copy(), f[:, m.F_PRICE].copy()
    # what is closed as the data end is closed at the last close of the instrument's own bars, which may end before the others'
    if at_end.any():
        ends = np.array([_last_bar(outcome, symbol) for symbol in outcome.market.symbols])[i[at_end]]
        high[at_end] = low[at_end] = price[i[at_end], ends, np.where(is_buy[at_end], 7, 3)]
    is_out = ~((raw <= high + slack) & (raw >= low - slack))
    is_better = np.where(is_buy, filled < raw - slack, filled > raw + slack)
    found = [_told(outcome, f, n, "lies outside its bar") for n in np.flatnonzero(is_out)[:5]]
    found += [_told(outcome, f, n, "is better than the market was") for n in np.flatnonzero(is_better)[:5]]
    return found


def _off_step(outcome: Outcome, f: Floats) -> list[str]:
    found = []
    for i, symbol in enumerate(outcome.market.symbols):
        instrument = outcome.market.instruments[symbol]
        is_own = f[:, m.F_INSTRUMENT] == i
        pairs = [(m.F_QUANTITY, instrument.lot_step, "quantity")]
        if outcome.market.is_spread_modelled:  # quotes of both sides are as they came
            pairs.insert(0, (m.F_PRICE, instrument.price_step, "price"))
        for column, step, name in pairs:
            ratio = f[:, column] / float(step)
            is_off = ~(np.abs(ratio - np.rint(ratio)) < 1e-3) & is_own
            found += [_told(outcome, f, n, f"has a {name} off the step {step}") for n in np.flatnonzero(is_off)[:5]]
    return found


def _told(outcome: Outcome, f: Floats, n: int, what: str) -> str:
    row = f[n]
    when = times(outcome, row[m.F_BAR : m.F_BAR + 1])[0]
    symbol = outcome.market.symbols[int(row[m.F_INSTRUMENT])]
    return f"the fill of {row[m.F_QUANTITY]:,.10g} {symbol} at {row[m.F_PRICE]:.10g} on {when:%Y-%m-%d %H:%M} {what}."
