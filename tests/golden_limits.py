"""Hand-worked cases of exposure: margin used, currencies, correlation, and orders that differ by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.golden_form import ACME, EURGBP, EURUSD, LEAVE, LONG, SHORT, USDJPY, Golden, bar, flat, one
from tests.reference_data import NAN, RefCase, RefInstrument, RefRules, RefSignals

THIN = replace(ACME, margin_rate=0.1)
_A, _B = replace(THIN, symbol="A"), replace(THIN, symbol="B")
EUR_USD = replace(EURUSD, base="EUR")
_EURGBP = replace(EURGBP, base="EUR", quote="GBP")
_GBPUSD = replace(EURUSD, symbol="GBPUSD", base="GBP")
_USDJPY = replace(USDJPY, quote="JPY")
_BELOW, _ABOVE = (90.0, 110.0), (110.0, 90.0)  # limits that are never reached


def several(
    instruments: Sequence[RefInstrument],
    prices: Sequence[float],
    signals: Mapping[tuple[int, int], RefSignals],
    *,
    rows: int = 4,
    **rules: object,
) -> RefCase:
    """Instruments that never move, each at its price, and the (row, instrument) that have signals; 10,000 of cash."""
    bars = [[bar(r, flat(p), rate_open=1.25, rate_close=1.25) for p in prices] for r in range(rows)]
    columns = [[signals.get((r, i), RefSignals()) for i in range(len(prices))] for r in range(rows)]
    return RefCase(instruments, bars, columns, RefRules(**rules), 10_000.0)  # type: ignore[arg-type]


def asking(signals: RefSignals, *correlation: float, **more: object) -> RefSignals:
    return replace(signals, correlation=correlation, **more)  # type: ignore[arg-type]


_MARGIN = [
    Golden(
        # 500 % of 10,000 at 100 asks 500 units; 30 % of 10,000 as margin of a tenth allows 3,000 / 10 = 300. On row 1 nothing is
        # left. Row 2 at 110: equity 13,000, of which 3,900; used 300 x 110 x 0.1 = 3,300: 600 / 11 = 54.5.
        name="margin limit: what is used counts",
        case=one(
            [flat(100.0), flat(100.0), flat(110.0), flat(110.0)],
            {0: LONG, 1: LONG, 2: LONG},
            THIN,
            sizing="percent",
            size_value=5.0,
            margin_limit=0.3,
            pyramiding=1,
        ),
        fills=[(1, "300", "100.00", "entry", False), (3, "54", "110.00", "add", False)],
        margin={1: "3000.00", 3: "3894.00"},
        decisions=[
            (0, "enter_long", "ordered", "entry", "margin_limit"),
            (1, "add_long", "refused", "below_minimum", "margin_limit"),
            (2, "add_long", "ordered", "entry", "margin_limit"),
        ],
    ),
    Golden(
        # The 300 that close free their 3,000.
        name="margin limit: a reversal has the margin of what it closes",
        case=one(
            [flat(100.0)] * 4,
            {0: LONG, 1: SHORT},
            THIN,
            sizing="percent",
            size_value=5.0,
            margin_limit=0.3,
            reverse=True,
        ),
        fills=[
            (1, "300", "100.00", "entry", False),
            (2, "-300", "100.00", "signal", False),
            (2, "-300", "100.00", "entry", False),
        ],
        trades=[("long", 1, 2, "0.00", "signal")],
    ),
    Golden(
        # A reserves 250 x 100 x 0.1 = 2,500 of 3,000; B has 500 / 10 = 50 units. A's short replaces its own order: 3,000 - 500 =
        # 2,500 are its 250 again.
        name="margin limit: working entries count, the replaced one does not",
        case=several(
            [_A, _B],
            [100.0, 100.0],
            {
                (0, 0): replace(LONG, order_price=_BELOW, strength=2.0),
                (0, 1): replace(LONG, order_price=_BELOW),
                (1, 0): replace(SHORT, order_price=_BELOW),
            },
            size_value=250.0,
            order_kind="limit",
            margin_limit=0.3,
        ),
        fills=[],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (0, "enter_long", "ordered", "entry", "margin_limit"),
            (1, "enter_short", "ordered", "entry", ""),
        ],
        ends=[("replaced", "replaced"), ("working", "entry"), ("working", "entry")],
    ),
    Golden(
        # All of the equity is the free margin: both allow 10,000 / 10 = 1,000.
        name="of equal caps the first is named",
        case=one([flat(100.0)] * 3, {0: LONG}, THIN, size_value=2_000.0, margin_limit=1.0),
        fills=[(1, "1000", "100.00", "entry", False)],
        decisions=[(0, "enter_long", "ordered", "entry", "margin_limit")],
    ),
]

_CURRENCY = [
    Golden(
        # Half of 10,000: EURUSD at 1.25 4,000 units (EUR +5,000). EURGBP, 0.80 x 1.25 = 1.00 a unit, to sell: EUR 5,000 + 5,000, GBP
        # 5,000: the smaller. EUR is 0, GBP +5,000: no more GBP to buy on row 2, to sell 10,000 / 1.25 = 8,000 units on row 3.
        name="currency exposure: base and quote, the smaller",
        case=several(
            [EUR_USD, _EURGBP, _GBPUSD],
            [1.25, 0.8, 1.25],
            {(0, 0): LONG, (1, 1): SHORT, (2, 2): LONG, (3, 2): SHORT},
            rows=5,
            size_value=10_000.0,
            currency_exposure=0.5,
        ),
        fills=[
            (1, "4000", "1.25000", "entry", False),
            (2, "-5000", "0.80000", "entry", False),
            (4, "-8000", "1.25000", "entry", False),
        ],
        symbols=["EURUSD", "EURGBP", "GBPUSD"],
        decisions=[
            (0, "enter_long", "ordered", "entry", "currency_exposure"),
            (1, "enter_short", "ordered", "entry", "currency_exposure"),
            (2, "enter_long", "refused", "below_minimum", "currency_exposure"),
            (3, "enter_short", "ordered", "entry", "currency_exposure"),
        ],
    ),
    Golden(
        # A unit of USDJPY is 1 USD: 5,000 of 20,000, yen sold.
        name="currency exposure: the account's own currency is not bounded, the quote is",
        case=one([flat(150.0)] * 3, {0: LONG}, _USDJPY, size_value=20_000.0, currency_exposure=0.5),
        fills=[(1, "5000", "150.000", "entry", False)],
        decisions=[(0, "enter_long", "ordered", "entry", "currency_exposure")],
    ),
    Golden(
        # Long 4,000 (EUR +5,000). Its reversal does not count them: 4,000 short. Beside it, on the same row, the other EUR finds
        # +5,000 held and -5,000 ordered: 5,000 / 1.25 = 4,000 again. With either missing it were 8,000 or none.
        name="currency exposure: a reversal, and what another then finds",
        case=several(
            [EUR_USD, replace(EUR_USD, symbol="EURUSD.b")],
            [1.25, 1.25],
            {(0, 0): LONG, (1, 0): replace(SHORT, strength=2.0), (1, 1): LONG},
            size_value=10_000.0,
            currency_exposure=0.5,
            reverse=True,
        ),
        fills=[
            (1, "4000", "1.25000", "entry", False),
            (2, "-4000", "1.25000", "signal", False),
            (2, "-4000", "1.25000", "entry", False),
            (2, "4000", "1.25000", "entry", False),
        ],
        symbols=["EURUSD", "EURUSD", "EURUSD", "EURUSD.b"],
        trades=[("long", 1, 2, "0.00", "signal")],
        decisions=[
            (0, "enter_long", "ordered", "entry", "currency_exposure"),
            (1, "reverse_short", "ordered", "entry", "currency_exposure"),
            (1, "enter_long", "ordered", "entry", "currency_exposure"),
        ],
    ),
    Golden(
        # 4,000 bought at 1.25; at 1.50 equity is 11,000, of which half 5,500 less 4,000 x 1.50 = 6,000: nothing to add.
        # At 1.00 equity is 9,000: 4,500 - 4,000 = 500 units.
        name="currency exposure: as marked on this close",
        case=one(
            [flat(1.25), flat(1.25), flat(1.5), flat(1.0), flat(1.0)],
            {0: LONG, 2: LONG, 3: LONG},
            EUR_USD,
            size_value=10_000.0,
            currency_exposure=0.5,
            pyramiding=1,
        ),
        fills=[(1, "4000", "1.25000", "entry", False), (4, "500", "1.00000", "add", False)],
        decisions=[
            (0, "enter_long", "ordered", "entry", "currency_exposure"),
            (2, "add_long", "refused", "below_minimum", "currency_exposure"),
            (3, "add_long", "ordered", "entry", "currency_exposure"),
        ],
    ),
    Golden(
        # Both allow 5,000 / 1.25 = 4,000; the position limit stands before.
        name="currency exposure stands behind the position limit",
        case=one([flat(1.25)] * 3, {0: LONG}, EUR_USD, size_value=10_000.0, currency_exposure=0.5, position_limit=0.5),
        fills=[(1, "4000", "1.25000", "entry", False)],
        decisions=[(0, "enter_long", "ordered", "entry", "position_limit")],
    ),
]

_CORRELATION = [
    Golden(
        # A is held long. B long: 0.8 is above 0.7. Unknown: refused. B short: -0.8 is not above.
        name="correlation: signed by both sides, unknown is too much",
        case=several(
            [_A, _B],
            [100.0, 100.0],
            {
                (0, 0): asking(LONG, 1.0, 0.1),
                (1, 1): asking(LONG, 0.8, 1.0),
                (2, 1): asking(LONG, NAN, 1.0),
                (3, 1): asking(SHORT, 0.8, 1.0),
            },
            rows=5,
            size_value=10.0,
            correlation_limit=0.7,
        ),
        fills=[(1, "10", "100.00", "entry", False), (4, "-10", "100.00", "entry", False)],
        symbols=["A", "B"],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (1, "enter_long", "refused", "correlation_limit", ""),
            (2, "enter_long", "refused", "correlation_limit", ""),
            (3, "enter_short", "ordered", "entry", ""),
        ],
    ),
    Golden(
        # A is long with a working sell (its reversal, a limit at 110) on row 1: neither a long of B at 0.8 goes with what is held, nor
        # a short with what is ordered. On row 3 only the sell is left: a long does.
        name="correlation: what is held and what is ordered, both",
        case=several(
            [_A, _B],
            [100.0, 100.0],
            {
                (0, 0): asking(LONG, 1.0, 0.8, order_price=(100.0, 100.0)),
                (1, 0): asking(SHORT, 1.0, 0.8, order_price=_BELOW, strength=2.0),
                (1, 1): asking(LONG, 0.8, 1.0, order_price=(100.0, 100.0)),
                (2, 1): asking(SHORT, 0.8, 1.0, order_price=(100.0, 100.0)),
                (3, 1): asking(LONG, 0.8, 1.0, order_price=(100.0, 100.0)),
            },
            rows=5,
            size_value=10.0,
            order_kind="limit",
            reverse=True,
            correlation_limit=0.7,
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (2, "-10", "100.00", "signal", False),
            (4, "10", "100.00", "entry", False),
        ],
        symbols=["A", "A", "B"],
        trades=[("long", 1, 2, "0.00", "signal")],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (1, "reverse_short", "ordered", "entry", ""),
            (1, "enter_long", "refused", "correlation_limit", ""),
            (2, "enter_short", "refused", "correlation_limit", ""),
            (3, "enter_long", "ordered", "entry", ""),
        ],
    ),
    Golden(
        name="correlation is asked before the price",
        case=several(
            [_A, _B],
            [100.0, 100.0],
            {
                (0, 0): asking(LONG, 1.0, 0.9, order_price=_BELOW),
                (1, 1): asking(LONG, 0.9, 1.0),
                (2, 1): asking(LONG, 0.3, 1.0),
            },
            size_value=10.0,
            order_kind="limit",
            correlation_limit=0.7,
        ),
        fills=[],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (1, "enter_long", "refused", "correlation_limit", ""),
            (2, "enter_long", "refused", "price_unknown", ""),
        ],
    ),
    Golden(
        name="correlation is asked after the slots",
        case=several(
            [_A, _B],
            [100.0, 100.0],
            {(0, 0): asking(LONG, 1.0, 0.9), (1, 1): asking(LONG, 0.9, 1.0)},
            size_value=10.0,
            max_positions=1,
            correlation_limit=0.7,
        ),
        fills=[(1, "10", "100.00", "entry", False)],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (1, "enter_long", "refused", "max_positions", ""),
        ],
    ),
]

_SIDES = [
    Golden(
        # Buys are market orders without end; sells are limits of one bar: 101.00 is not reached on row 3, on row 5 it is.
        name="sells have an order kind and an end of their own",
        case=one(
            [
                flat(100.0),
                flat(100.0),
                flat(100.0),
                (100.0, 100.5, 99.0, 100.0),
                flat(100.0),
                (100.0, 101.2, 99.0, 101),
            ],
            {
                0: LONG,
                1: LEAVE,
                2: replace(SHORT, order_price=(NAN, 101.0)),
                4: replace(SHORT, order_price=(NAN, 101.0)),
            },
            short_order_kind="limit",
            short_expires_bars=1,
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (2, "-10", "100.00", "signal", False),
            (5, "-10", "101.00", "entry", False),
        ],
        trades=[("long", 1, 2, "0.00", "signal")],
        ends=[("filled", "entry"), ("expired", "expired"), ("filled", "entry")],
    ),
    Golden(
        # The buy is tried at the open of row 1 only, though its low is 98.00; the sell of row 2 waits for row 4.
        name="the time in force is that of the order's side",
        case=one(
            [flat(100.0), (100.0, 100.0, 98.0, 100.0), flat(100.0), flat(100.0), (100.0, 101.5, 100.0, 100.0)],
            {0: replace(LONG, order_price=(99.0, 101.0)), 2: replace(SHORT, order_price=(99.0, 101.0))},
            order_kind="limit",
            time_in_force="ioc",
            short_time_in_force="gtc",
        ),
        fills=[(4, "-10", "101.00", "entry", False)],
        ends=[("expired", "expired"), ("filled", "entry")],
    ),
    Golden(
        # The sell stop at 99.00 is beyond no open and met inside row 1; the buy limit at 98.00 is met inside row 3.
        name="buys by limit, sells by stop",
        case=one(
            [flat(100.0), (100.0, 100.0, 98.9, 99.0), flat(99.0), (99.0, 99.0, 97.9, 98.5), flat(98.5)],
            {0: replace(SHORT, order_price=(98.0, 99.0)), 1: LEAVE, 2: replace(LONG, order_price=(98.0, 99.0))},
            order_kind="limit",
            short_order_kind="stop",
        ),
        fills=[
            (1, "-10", "99.00", "entry", False),
            (2, "10", "99.00", "signal", False),
            (3, "10", "98.00", "entry", False),
        ],
        trades=[("short", 1, 2, "0.00", "signal")],
    ),
]

LIMITS = [*_MARGIN, *_CURRENCY, *_CORRELATION, *_SIDES]
