"""The form of a hand-worked case, and the few words that build its bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tests.reference_data import HOUR_NS, Prices, RefBar, RefCase, RefInstrument, RefRules, RefSignals

ACME = RefInstrument("ACME", price_step=0.01, contract_size=1.0, margin_rate=1.0)
EURUSD = RefInstrument("EURUSD", margin_rate=1 / 30)
USDJPY = RefInstrument("USDJPY", price_step=0.001, margin_rate=1 / 30, conversion="base")
EURGBP = RefInstrument("EURGBP", margin_rate=1 / 30, conversion="pair")
LONG, SHORT = RefSignals(enter_long=True), RefSignals(enter_short=True)
LEAVE = RefSignals(leave_long=True, leave_short=True)
BRACKET = {"stop_kind": "price", "target_kind": "price"}
# From a close of 100: an entry 1.00 below it with stop 98.50 and target 100.00, and one 1.00 above it with 100.00 and 106.00.
LIMIT = RefSignals(enter_long=True, order_price=(99.0, 99.0), stop=0.5, target=1.0)
STOP = RefSignals(enter_long=True, order_price=(101.0, 99.0), stop=1.0, target=5.0)

Fill = tuple[int, str, str, str, bool]  # row, signed quantity, price, reason, ambiguous
Trade = tuple[str, int, int, str, str]  # side, entry row, exit row, pnl, exit reason
Decision = tuple[int, str, str, str, str]  # row, action, outcome, reason, cap


@dataclass(frozen=True)
class Golden:
    """One case worked by hand. Numbers are written as text; what is None or not listed is not checked.

    `fills` and `trades` are complete and in order; with several instruments `symbols` gives the symbol of each fill.
    `equity`, `cash`, `margin` are by row, rounded to the digits written. `ends` is (end, reason) of each entry order.
    `fees`, `spread_cost`, `slippage_cost`, `financing` are totals over the trades; `excursions` is (mae, mfe) of the first trade.
    """

    name: str
    case: RefCase
    fills: Sequence[Fill]
    trades: Sequence[Trade] = ()
    equity: Mapping[int, str] = field(default_factory=dict)
    cash: Mapping[int, str] = field(default_factory=dict)
    margin: Mapping[int, str] = field(default_factory=dict)
    decisions: Sequence[Decision] | None = None
    ends: Sequence[tuple[str, str]] | None = None
    symbols: Sequence[str] | None = None
    fees: str | None = None
    spread_cost: str | None = None
    slippage_cost: str | None = None
    financing: str | None = None
    excursions: tuple[str, str] | None = None


def bar(row: int, bid: Prices, spread: float = 0.0, **facts: object) -> RefBar:
    """An hourly bar from its bid prices; the ask is `spread` above."""
    ask = tuple(float(Decimal(repr(p)) + Decimal(repr(spread))) for p in bid)
    time_ns = 1_483_344_000_000_000_000 + row * HOUR_NS
    return RefBar(time_ns=time_ns, bid=bid, ask=ask, session_ns=row * HOUR_NS, **facts)  # type: ignore[arg-type]


def no_bar(row: int, **facts: object) -> RefBar:
    """A row of the clock on which the instrument has no bar."""
    time_ns = 1_483_344_000_000_000_000 + row * HOUR_NS
    return RefBar(time_ns=time_ns, session_ns=row * HOUR_NS, has_bar=False, **facts)  # type: ignore[arg-type]


def one(
    prices: Sequence[Prices],
    signals: Mapping[int, RefSignals],
    instrument: RefInstrument = ACME,
    *,
    spread: float = 0.0,
    cash: float = 10_000.0,
    facts: Mapping[int, Mapping[str, object]] | None = None,
    **rules: object,
) -> RefCase:
    """A case with one instrument, from its bid prices and the rows that have signals."""
    rules = {"size_value": 10.0, **rules}
    bars = [[bar(row, bid, spread, **(facts or {}).get(row, {}))] for row, bid in enumerate(prices)]
    columns = [[signals.get(row, RefSignals())] for row in range(len(prices))]
    return RefCase([instrument], bars, columns, RefRules(**rules), cash)  # type: ignore[arg-type]


def flat(price: float) -> Prices:
    """A bar that never moves."""
    return (price, price, price, price)
