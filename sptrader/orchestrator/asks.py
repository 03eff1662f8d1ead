"""Asks: what the rules of a plan ask for at each bar's close, as the arrays the kernel reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import RunError
from sptrader.kernel.blocks import BLOCK, asked_in_blocks
from sptrader.kernel.market import Orders
from sptrader.kernel.state import LONG_ENTRY, SHORT_ENTRY
from sptrader.kernel.terms import (
    BARS,
    ENTRY_PRICE,
    GREATER,
    GREATER_OR_EQUAL,
    LESS,
    LESS_OR_EQUAL,
    MAE_FIELD,
    MFE_FIELD,
    PNL,
)
from sptrader.orchestrator.asking import asking
from sptrader.orchestrator.columns import Columns
from sptrader.orchestrator.correlation import correlations
from sptrader.orchestrator.filters import filter_codes, has_filters
from sptrader.orchestrator.market import MarketData
from sptrader.strategy.expressions import Crossed, SignalColumns, truth, values
from sptrader.strategy.plan import Distance, ExitTerm, Plan, SideRules
from sptrader.strategy.tree import Expression

Floats = NDArray[np.float64]
Truths = NDArray[np.int8]

_FIELDS = {"bars": BARS, "pnl": PNL, "mfe": MFE_FIELD, "mae": MAE_FIELD, "entry_price": ENTRY_PRICE}
_NO_RULE: Truths = np.empty(0, np.int8)
_COMPARISONS = {"<": LESS, "<=": LESS_OR_EQUAL, ">": GREATER, ">=": GREATER_OR_EQUAL}


@dataclass(frozen=True)
class Rules:
    """The truth of one instrument's rules on its own bars, int8 (m,): 1 true, 0 false, -1 unknown; None where a side has none."""

    enter_long: Truths | None
    enter_short: Truths | None
    leave_long: Truths | None
    leave_short: Truths | None


def make_rules(plan: Plan, columns: Columns) -> Rules:
    """Evaluate the entry conditions and the exit terms without position of both sides."""
    crossed: Crossed = {}
    sides = plan.long, plan.short
    return Rules(
        *(_enter(side, columns, crossed) for side in sides), *(_leave(side, columns, crossed) for side in sides)
    )


def make_orders(
    plan: Plan,
    market: MarketData,
    columns: Mapping[str, Columns],
    rules: Mapping[str, Rules],
    codes: Mapping[str, NDArray[np.uint8]] | None = None,
) -> Orders:
    """Put the rules of all instruments, with strengths, filters, distances and prices, into the kernel's arrays.

    `codes` are what the filters say of every bar, where that is known already.
    """
    found = {symbol: _asked(rules[symbol], len(market.rows[symbol])) for symbol in market.symbols}
    bits = {symbol: own for symbol, (own, _) in found.items()}
    signal, asked = _signal(market, found)
    pick = _Pick(market, columns)
    long, short = plan.long, plan.short
    terms, term_truth, term_right = _terms(plan, market, columns)
    limits = [_price(side, "price") for side in (long, short)]
    triggers = [_price(side, "stop_price") for side in (long, short)]
    return Orders(
        signal=signal,
        asked=asked,
        strength=_strength(plan, market, columns),
        refused=_refused(plan, market, bits, codes),
        stop=pick.distance(plan.stop_loss),
        target=pick.distance(plan.take_profit),
        trail=pick.distance(plan.trailing_stop),
        limit=pick.two(limits),
        trigger=pick.two(triggers),
        volatility=_volatility(plan, market, signal[:, :, 0], pick),
        correlation=correlations(plan, market, signal[:, :, 0]),
        terms=terms,
        term_truth=term_truth,
        term_right=term_right,
    )


def _signal(
    market: MarketData, found: Mapping[str, tuple[NDArray[np.uint8], NDArray[np.bool_]]]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """What is asked for on the common clock, (i, n, 1), and in which of its blocks."""
    n = len(market.times_ns)
    bits, asked = found[market.symbols[0]]
    if len(found) == 1 and len(bits) == n:
        return bits.reshape(1, n, 1), asked
    signal = np.zeros((len(market.symbols), n, 1), np.uint8)
    for i, symbol in enumerate(market.symbols):
        signal[i, market.rows[symbol], 0] = found[symbol][0]
    return signal, asked_in_blocks(signal)


def _refused(
    plan: Plan,
    market: MarketData,
    bits: Mapping[str, NDArray[np.uint8]],
    codes: Mapping[str, NDArray[np.uint8]] | None,
) -> NDArray[np.uint8]:
    """The filters' reason codes where an entry is asked for, (i, n), or a 0 for all bars where nothing is filtered."""
    if codes is None and not has_filters(plan):
        return np.zeros((len(market.symbols), 1), np.uint8)
    refused = np.zeros((len(market.symbols), len(market.times_ns)), np.uint8)
    for i, symbol in enumerate(market.symbols):
        asked = np.flatnonzero((bits[symbol] & np.uint8(LONG_ENTRY | SHORT_ENTRY)).view(np.bool_))
        found = filter_codes(plan, market, symbol, asked) if codes is None else codes[symbol][asked]
        refused[i, market.rows[symbol][asked]] = found
    return refused


@lru_cache(maxsize=64)
def _nothing(n_instruments: int, *sides: int) -> Floats:
    """An unknown value for all bars; nobody writes to it."""
    return np.full((n_instruments, 1, 1, *sides), np.nan)


@lru_cache(maxsize=64)
def _no_terms(n_instruments: int) -> tuple[NDArray[np.int64], NDArray[np.uint8], Floats]:
    """No exit term looks at the position; nobody writes to it."""
    shape = (0, n_instruments, 1, 1)
    return np.zeros((0, 4), np.int64), np.zeros(shape, np.uint8), np.full(shape, np.nan)


@dataclass(frozen=True)
class _Pick:
    """Values of expressions on the common clock, (i, n or 1, 1)."""

    market: MarketData
    columns: Mapping[str, Columns]

    def nothing(self) -> Floats:
        return _nothing(len(self.market.symbols))

    def expression(self, tree: Expression) -> Floats:
        out = []
        n = len(self.market.times_ns)
        for symbol in self.market.symbols:
            found = np.ascontiguousarray(values(tree, self.columns[symbol]))
            rows = self.market.rows[symbol]
            if len(rows) < n:
                spread = np.full(n, np.nan)
                spread[rows] = found
                found = spread
            out.append(found)
        return out[0].reshape(1, n, 1) if len(out) == 1 else np.stack(out)[:, :, np.newaxis]

    def distance(self, distance: Distance | None) -> Floats:
        if distance is None or distance.kind == "fraction":
            return self.nothing()
        if distance.expression is not None:
            return self.expression(distance.expression)
        out = self.nothing().copy()
        for i, symbol in enumerate(self.market.symbols):
            unit = float(self.market.instruments[symbol].pip) if distance.kind == "pips" else 1.0
            out[i] = distance.value * unit
        return out

    def two(self, trees: list[Expression | None]) -> Floats:
        """A price to buy at and one to sell at, (i, n or 1, 1, 2)."""
        if trees == [None, None]:
            return _nothing(len(self.market.symbols), 2)
        sides = [self.nothing() if tree is None else self.expression(tree) for tree in trees]
        n = max(side.shape[1] for side in sides)
        return np.stack([np.broadcast_to(side, (side.shape[0], n, 1)) for side in sides], axis=-1)


def _enter(side: SideRules | None, columns: Columns, crossed: Crossed) -> Truths | None:
    return None if side is None or side.enter is None else truth(side.enter, columns, crossed)


def _leave(side: SideRules | None, columns: Columns, crossed: Crossed) -> Truths | None:
    """Whether any exit term that does not look at the position is true."""
    found = None
    for term in side.leave if side else ():
        if term.condition is not None and not term.rules:
            now = truth(term.condition, columns, crossed)
            found = now if found is None else np.maximum(found, now)
    return found


def asked_bits(rules: Rules, n: int) -> NDArray[np.uint8]:
    """Return what an instrument's rules ask for on each of its `n` bars, as the kernel's bits."""
    return _asked(rules, n)[0]


def _asked(rules: Rules, n: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """What `asked_bits` returns, and what `asked_in_blocks` would for it alone."""
    bits, asked = np.zeros(n, np.uint8), np.empty((n // BLOCK, 1), np.bool_)
    enter_long, enter_short, leave_long, leave_short = (
        _NO_RULE if side is None else side
        for side in (rules.enter_long, rules.enter_short, rules.leave_long, rules.leave_short)
    )
    words = bits[: len(asked) * BLOCK].view(np.uint64)
    asking(enter_long, enter_short, leave_long, leave_short, bits, words, asked)
    return bits, asked


def _price(side: SideRules | None, name: str) -> Expression | None:
    return None if side is None else getattr(side.order, name)


def _strength(plan: Plan, market: MarketData, columns: Mapping[str, Columns]) -> Floats:
    """The strongest of the signals that an entry asks for; only several instruments compete for it."""
    names = {name for side in (plan.long, plan.short) if side for name in side.strength}
    if len(market.symbols) == 1 or not names:
        return np.zeros((len(market.symbols), 1, 1))
    out = np.zeros((len(market.symbols), len(market.times_ns), 1))
    for i, symbol in enumerate(market.symbols):
        found = [columns[symbol][name] for name in sorted(names)]
        strengths = [np.nan_to_num(c.strength, nan=0.0) for c in found if isinstance(c, SignalColumns)]
        out[i, market.rows[symbol], 0] = np.maximum.reduce(strengths)
    return out


def _volatility(plan: Plan, market: MarketData, signal: NDArray[np.uint8], pick: _Pick) -> Floats:
    """The typical move of one bar that volatility sizing divides by, price units; without a column the sample standard
    deviation of the last `lookback` changes of the close, on the bars where an entry is asked for."""
    sizing = plan.sizing
    if sizing.method != "volatility":
        return pick.nothing()
    if sizing.column is not None:
        return pick.expression(sizing.column)
    if sizing.lookback is None:
        raise RunError("volatility sizing needs a column or a lookback.", key="sizing")
    out = np.full((len(market.symbols), len(market.times_ns), 1), np.nan)
    for i, symbol in enumerate(market.symbols):
        rows = market.rows[symbol]
        asked = np.flatnonzero((signal[i, rows] & np.uint8(LONG_ENTRY | SHORT_ENTRY)) != 0)
        asked = asked[asked >= sizing.lookback]
        moves = np.diff(market.frames[symbol]["close"].to_numpy(np.float64))
        for at in asked:  # each window by itself: what is before it does not show in the last digit
            out[i, rows[at], 0] = moves[at - sizing.lookback : at].std(ddof=1)
    return out


def _terms(
    plan: Plan, market: MarketData, columns: Mapping[str, Columns]
) -> tuple[NDArray[np.int64], NDArray[np.uint8], Floats]:
    """The exit terms that look at the position, one row a comparison."""
    rows: list[tuple[int, ExitTerm, int]] = []
    for side, rules in ((1, plan.long), (-1, plan.short)):
        rows += [(side, t, k) for t in (rules.leave if rules else ()) if t.rules for k in range(len(t.rules))]
    if not rows:
        return _no_terms(len(market.symbols))
    shape = (len(rows), len(market.symbols), len(market.times_ns), 1)
    terms = np.zeros((len(rows), 4), np.int64)
    truths, right = np.zeros(shape, np.uint8), np.full(shape, np.nan)
    for r, (side, term, k) in enumerate(rows):
        rule = term.rules[k]
        terms[r] = side, _FIELDS[rule.field], _COMPARISONS[rule.op], int(k == 0)
        for i, symbol in enumerate(market.symbols):
            places = market.rows[symbol]
            is_true = 1 if term.condition is None else truth(term.condition, columns[symbol]) == 1
            truths[r, i, places, 0] = is_true
            right[r, i, places, 0] = values(rule.right, columns[symbol])
    return terms, truths, right


def changes(found: Truths | None, n: int) -> NDArray[np.bool_]:
    """Return where a truth differs from the bar before, bool (n,)."""
    out = np.zeros(n, np.bool_)
    if found is not None:
        out[1:] = found[1:] != found[:-1]
    return out
