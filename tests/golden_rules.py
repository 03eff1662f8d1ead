"""Hand-worked cases of rules that are easily got wrong: what an entry inside a bar leaves open, slots, first reasons, gaps."""

from __future__ import annotations

from dataclasses import replace

from tests.golden_form import ACME, EURGBP, LEAVE, LONG, Golden, bar, flat, no_bar, one
from tests.reference_data import NAN, RefCase, RefComparison, RefRules, RefSignals

BRACKET = {"stop_kind": "price", "target_kind": "price"}
_LIMIT = RefSignals(enter_long=True, order_price=(99.0, 99.0), stop=0.5, target=1.0)
_STOP = RefSignals(enter_long=True, order_price=(101.0, 99.0), stop=1.0, target=5.0)
_AGAINST = RefSignals(enter_short=True, leave_long=True)
_NOTHING = RefSignals()


def _freed_slot() -> RefCase:
    """A is long and reverses on row 2 with a limit that is never reached; B asks for the only slot on row 3."""
    a = {0: replace(LONG, order_price=(101.0, 99.0)), 2: replace(_AGAINST, order_price=(90.0, 110.0))}
    b = {3: replace(LONG, order_price=(101.0, 99.0))}
    bars = [[bar(r, flat(100.0)), bar(r, flat(100.0))] for r in range(5)]
    signals = [[a.get(r, _NOTHING), b.get(r, _NOTHING)] for r in range(5)]
    rules = RefRules(size_value=10.0, max_positions=1, order_kind="limit")
    return RefCase([replace(ACME, symbol="A"), replace(ACME, symbol="B")], bars, signals, rules, 10_000.0)


def _pound_without_bar() -> RefCase:
    """100,000 EURGBP from 0.85, marked at 0.86 on row 1; on row 2 it has no bar, but the pound goes from 1.25 to 1.30."""
    rates = [{"rate_open": 1.25, "rate_close": 1.25}] * 2 + [{"rate_open": 1.3, "rate_close": 1.3}] * 2
    gbp = [
        bar(0, flat(0.85), **rates[0]),
        bar(1, (0.85, 0.86, 0.85, 0.86), **rates[1]),
        no_bar(2, **rates[2]),
        bar(3, flat(0.86), **rates[3]),
    ]
    other = [bar(r, flat(50.0)) for r in range(4)]
    signals = [[LONG if r == 0 else _NOTHING, _NOTHING] for r in range(4)]
    return RefCase(
        [EURGBP, ACME], list(map(list, zip(gbp, other, strict=True))), signals, RefRules(size_value=100_000.0), 10_000.0
    )


def _wider_at_the_end() -> RefCase:
    """Long from row 1 with a spread of 0.02, which is 0.10 at the last close."""
    case = one([flat(100.0)] * 3, {0: LONG}, spread=0.02, close_at_end=True)
    last = replace(case.bars[2][0], ask=(100.02, 100.1, 100.02, 100.1))
    return replace(case, bars=[*case.bars[:2], [last]])


RULES = [
    Golden(
        # Filled at 99.00 on the way down, 98.50 reached after it; that the bar closes at 98.70 changes nothing. The target 100.00
        # is out of reach (the high before the fill, 99.90).
        name="optimistic: a limit entry is stopped in its bar, certainly",
        case=one(
            [flat(100.0), (99.8, 99.9, 98.4, 98.7), flat(98.7)],
            {0: _LIMIT},
            **BRACKET,
            order_kind="limit",
            intrabar="optimistic",
        ),
        fills=[(1, "10", "99.00", "entry", False), (1, "-10", "98.50", "stop_loss", False)],
        trades=[("long", 1, 1, "-5.00", "stop_loss")],
    ),
    Golden(
        # Filled at 101.00 on the way up; 99.80 may have been before: optimistic keeps it, and says so at the entry.
        name="optimistic: a stop entry outlives a stop that its close does not reach",
        case=one(
            [flat(100.0), (100.0, 101.4, 99.8, 101.2), flat(101.2)],
            {0: _STOP},
            **BRACKET,
            order_kind="stop",
            intrabar="optimistic",
        ),
        fills=[(1, "10", "101.00", "entry", True)],
        equity={1: "10002.00"},
    ),
    Golden(
        # From 101.00 to a close of 99.90 the bar came through the stop 100.00: nothing is open.
        name="a stop entry whose bar closes beyond its stop is stopped, certainly",
        case=one([flat(100.0), (100.0, 101.4, 99.8, 99.9), flat(99.9)], {0: _STOP}, **BRACKET, order_kind="stop"),
        fills=[(1, "10", "101.00", "entry", False), (1, "-10", "100.00", "stop_loss", False)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        # The stop-limit is triggered at the open 101.50 and filled at its limit 101.20 on the way down: stop 100.20 is after it.
        name="a stop-limit filled at its limit is stopped like a limit",
        case=one(
            [flat(100.0), (101.5, 101.6, 100.1, 100.5), flat(100.5)],
            {0: replace(_STOP, limit_price=(101.2, 98.8))},
            **BRACKET,
            order_kind="stop_limit",
        ),
        fills=[(1, "10", "101.20", "entry", False), (1, "-10", "100.20", "stop_loss", False)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        # 10 at 100.00 (stop 97.00), 10 more at 101.00 inside row 2 with the stop 100.00: average 100.50. The bar opened at
        # 99.80, but before the stop was there; that the stop was reached after it is not certain. (100 - 100.50) x 20 = -10.
        name="an add inside the bar tightens the stop from there on",
        case=one(
            [flat(100.0), (100.0, 100.2, 99.7, 100.0), (99.8, 101.4, 99.7, 101.2), flat(101.2)],
            {0: replace(_STOP, order_price=(100.0, 100.0), stop=3.0), 1: _STOP},
            **BRACKET,
            order_kind="stop",
            pyramiding=1,
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (2, "10", "101.00", "add", False),
            (2, "-20", "100.00", "stop_loss", True),
        ],
        trades=[("long", 1, 2, "-10.00", "stop_loss")],
    ),
    Golden(
        # 10 at 100 (stop 102) and 10 at 98 (stop 100): average 99. The ask reaches 100: (99 - 100) x 20 = -20.
        name="an add to a short tightens its stop",
        case=one(
            [flat(100.0), flat(100.0), flat(98.0), (98.0, 100.5, 97.0, 99.0), flat(99.0)],
            {0: RefSignals(enter_short=True, stop=2.0), 1: RefSignals(enter_short=True, stop=2.0)},
            stop_kind="price",
            pyramiding=1,
        ),
        fills=[
            (1, "-10", "100.00", "entry", False),
            (2, "-10", "98.00", "add", False),
            (3, "20", "100.00", "stop_loss", False),
        ],
        trades=[("short", 1, 3, "-20.00", "stop_loss")],
    ),
    Golden(
        # An open just at the target settles it, though the bar falls through the stop 99.00 later.
        name="an open at the target is the target",
        case=one(
            [flat(100.0), flat(100.0), (102.0, 102.1, 98.0, 99.0), flat(99.0)],
            {0: RefSignals(enter_long=True, stop=1.0, target=2.0)},
            **BRACKET,
        ),
        fills=[(1, "10", "100.00", "entry", False), (2, "-10", "102.00", "take_profit", False)],
        trades=[("long", 1, 2, "20.00", "take_profit")],
    ),
    Golden(
        # The stop 99.00 takes the position on the bar that reaches the add's limit 98.60, too.
        name="an add whose position is gone is cancelled",
        case=one(
            [flat(100.0), flat(100.0), (99.8, 99.9, 98.5, 98.8), flat(98.0)],
            {
                0: replace(_LIMIT, order_price=(100.0, 100.0), stop=1.0, target=9.0),
                1: replace(_LIMIT, order_price=(98.6, 98.6), stop=1.0, target=9.0),
            },
            **BRACKET,
            order_kind="limit",
            pyramiding=1,
        ),
        fills=[(1, "10", "100.00", "entry", False), (2, "-10", "99.00", "stop_loss", False)],
        trades=[("long", 1, 2, "-10.00", "stop_loss")],
        ends=[("filled", "entry"), ("cancelled", "exit")],
    ),
    Golden(
        # Held for two bars on row 2, where the other side asks, too: one decision, and the exit keeps the reason it had.
        name="a reversal keeps the reason of the exit that was ordered before it",
        case=one([flat(100.0)] * 4, {0: LONG, 2: RefSignals(enter_short=True)}, max_holding=2, reverse=True),
        fills=[
            (1, "10", "100.00", "entry", False),
            (3, "-10", "100.00", "max_holding", False),
            (3, "-10", "100.00", "entry", False),
        ],
        trades=[("long", 1, 3, "0.00", "max_holding")],
        decisions=[(0, "enter_long", "ordered", "entry", ""), (2, "reverse_short", "ordered", "entry", "")],
    ),
    Golden(
        name="an exit stands when the other leg is refused, and says why",
        case=one(
            [flat(100.0)] * 4,
            {0: LONG, 2: replace(_AGAINST, filter_code="hours")},
        ),
        fills=[(1, "10", "100.00", "entry", False), (3, "-10", "100.00", "signal", False)],
        trades=[("long", 1, 3, "0.00", "signal")],
        decisions=[(0, "enter_long", "ordered", "entry", ""), (2, "exit", "ordered", "signal", "hours")],
    ),
    Golden(
        name="the waiting leg of a reversal holds the slot",
        case=_freed_slot(),
        fills=[(1, "10", "100.00", "entry", False), (3, "-10", "100.00", "signal", False)],
        symbols=["A", "A"],
        trades=[("long", 1, 3, "0.00", "signal")],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (2, "reverse_short", "ordered", "entry", ""),
            (3, "enter_long", "refused", "max_positions", ""),
        ],
    ),
    Golden(
        # 0.01 x 100,000 = 1,000 GBP: at 1.25 1,250 USD, at 1.30 1,300. Margin 100,000 x 0.86 x 1.30 / 30 = 3,726.67.
        name="without a bar the last close is converted at this close",
        case=_pound_without_bar(),
        fills=[(1, "100000", "0.85000", "entry", False)],
        symbols=["EURGBP"],
        equity={1: "11250.00", 2: "11300.00", 3: "11300.00"},
        margin={2: "3726.67"},
    ),
    Golden(
        # Filled in session 0 on row 1. Row 3 closes where session 0 ends: its decision is made in session 1.
        name="one entry a session, by the time of the decision",
        case=one(
            [flat(100.0)] * 5,
            {0: LONG, 1: LEAVE, 2: LONG, 3: LONG},
            one_entry_per_session=True,
            facts={3: {"session_ends": True}, 4: {"session_label": 1}},
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (2, "-10", "100.00", "signal", False),
            (4, "10", "100.00", "entry", False),
        ],
        trades=[("long", 1, 2, "0.00", "signal")],
    ),
    Golden(
        # 0.001 x 100 x 1^2 = 0.10: an unknown volume, none, and one below the order's 10 units are all of it.
        name="the share of an unknown volume is one",
        case=one(
            [flat(100.0)] * 5,
            {0: LONG, 1: LEAVE, 2: LONG},
            slippage_impact=0.001,
            facts={1: {"volume": NAN}, 2: {"volume": 0.0}, 3: {"volume": 5.0}},
        ),
        fills=[
            (1, "10", "100.10", "entry", False),
            (2, "-10", "99.90", "signal", False),
            (3, "10", "100.10", "entry", False),
        ],
        trades=[("long", 1, 2, "-2.00", "signal")],
        slippage_cost="2.00",
    ),
    Golden(
        # Bought with half a spread of 0.01 (x 10 = 0.10), closed at the last bid with half of 0.10 (x 10 = 0.50).
        name="closed at the end at the close, with the spread of the close",
        case=_wider_at_the_end(),
        fills=[(1, "10", "100.02", "entry", False), (2, "-10", "100.00", "end", False)],
        trades=[("long", 1, 2, "-0.20", "end")],
        spread_cost="0.60",
    ),
    Golden(
        # 0.20 x 10 less twice the fee of 1.00 is nothing, though floats say -4e-14: no loss, and no cooldown.
        name="nothing lost, no cooldown",
        case=one(
            [flat(100.1), flat(100.1), flat(100.3), flat(100.3)],
            {0: LONG, 1: LEAVE, 2: LONG},
            fee_minimum=1.0,
            cooldown_bars=2,
        ),
        fills=[
            (1, "10", "100.10", "entry", False),
            (2, "-10", "100.30", "signal", False),
            (3, "10", "100.30", "entry", False),
        ],
        trades=[("long", 1, 2, "0.00", "signal")],
    ),
    Golden(
        # Two bars held on row 2: out at the open of row 3.
        name="an exit rule that counts bars",
        case=one(
            [flat(100.0)] * 5,
            {r: RefSignals(enter_long=r == 0, levels=(2.0,)) for r in range(5)},
            terms=(RefComparison(1, True, "bars", ">="),),
        ),
        fills=[(1, "10", "100.00", "entry", False), (3, "-10", "100.00", "signal", False)],
        trades=[("long", 1, 3, "0.00", "signal")],
    ),
    Golden(
        # Row 1: MAE 1.50 is above 1, the P&L 0.50 not below 0. Row 2: -0.50 and 1.50, but the columns' part is not true. Row 3: all.
        name="an exit rule of P&L and MAE is true when all of it is",
        case=one(
            [flat(100.0), (100.0, 101.0, 98.5, 100.5), flat(99.5), flat(99.4), flat(99.0)],
            {r: RefSignals(enter_long=r == 0, levels=(0.0, 1.0), term_truth=r != 2) for r in range(5)},
            terms=(RefComparison(1, True, "pnl", "<"), RefComparison(1, False, "mae", ">")),
        ),
        fills=[(1, "10", "100.00", "entry", False), (4, "-10", "99.00", "signal", False)],
        trades=[("long", 1, 4, "-10.00", "signal")],
    ),
]
