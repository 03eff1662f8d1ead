"""Hand-worked cases of orders: entries, stops, targets, trailing stops, limits, time in force, reversal, adding."""

from __future__ import annotations

from dataclasses import replace

from tests.golden_form import ACME, BRACKET, LEAVE, LIMIT, LONG, SHORT, STOP, Golden, bar, flat, no_bar, one
from tests.reference_data import RefCase, RefRules, RefSignals

ENTER = RefSignals(enter_long=True, stop=1.0, target=2.0)  # stop 1.00 below the fill, target 2.00 above
QUIET = (100.0, 100.5, 99.5, 100.2)

# Bought at the open of row 1 = 100.00: stop 99.00, target 102.00. Row 2 reaches both.
_BOTH = [QUIET, QUIET, (100.2, 102.5, 98.8, 101.0), flat(101.0)]

_LIMIT_RULES = {**BRACKET, "order_kind": "limit"}
# Row 1 trades down to 98.90 (fill 99.00, stop 98.50 not reached) and its high 100.50 is above the target 100.00, but
# whether before or after the fill nobody knows; the close 99.50 is below it. Row 2 reaches 100.00.
_LIMIT_ROWS = [flat(100.0), (100.0, 100.5, 98.9, 99.5), (99.6, 100.2, 99.4, 100.0), flat(100.0)]

_STOP_LIMIT = RefSignals(enter_long=True, order_price=(101.0, 99.0), limit_price=(101.2, 98.8))
_SMALL_LIMIT = RefSignals(enter_long=True, order_price=(99.0, 99.0))
_BELOW = [flat(100.0), (100.0, 100.1, 99.5, 100.0), (100.0, 100.1, 99.4, 100.0), (100.0, 100.1, 98.9, 99.2), flat(99.2)]

_ADDING = RefSignals(enter_long=True, stop=2.0, target=5.0)


def _missing(rows_without: int) -> RefCase:
    """ACME signals on row 0 and then has no bar for some rows, while OTHER has one on each."""
    rows = rows_without + 3
    bars = [[no_bar(r) if 0 < r <= rows_without else bar(r, flat(100.0)), bar(r, flat(50.0))] for r in range(rows)]
    signals = [[LONG if r == 0 else RefSignals(), RefSignals()] for r in range(rows)]
    return RefCase([ACME, replace(ACME, symbol="OTHER")], bars, signals, RefRules(size_value=10.0), 10_000.0)


def _waiting_exit() -> RefCase:
    """Long from row 1, exit decided on row 2, no bar on rows 3 to 9: the exit waits, however long."""
    bars = [[no_bar(r) if 3 <= r <= 9 else bar(r, flat(100.0 + r)), bar(r, flat(50.0))] for r in range(11)]
    signals = [[{0: LONG, 2: LEAVE}.get(r, RefSignals()), RefSignals()] for r in range(11)]
    return RefCase([ACME, replace(ACME, symbol="OTHER")], bars, signals, RefRules(size_value=10.0), 10_000.0)


ORDERS = [
    Golden(
        # Decided at the close of row 0, bought at the ask open of row 1: 100.30 + 0.02. Left at the close of row 2, sold at the
        # bid open of row 3: 101.40. P&L 1.08 x 10 = 10.80. Marks at the bid: row 1 (100.80 - 100.32) x 10 = 4.80, row 2 0.88 x 10.
        # Against 100.32: worst low 100.00 (0.32), best high 101.50 (1.18).
        name="entry at the next open",
        case=one(
            [
                (100.0, 100.5, 99.5, 100.2),
                (100.3, 101.0, 100.0, 100.8),
                (101.0, 101.5, 100.6, 101.2),
                (101.4, 101.6, 101.1, 101.3),
                (101.3, 101.4, 101.0, 101.1),
            ],
            {0: LONG, 2: LEAVE},
            spread=0.02,
        ),
        fills=[(1, "10", "100.32", "entry", False), (3, "-10", "101.40", "signal", False)],
        trades=[("long", 1, 3, "10.80", "signal")],
        equity={0: "10000.00", 1: "10004.80", 2: "10008.80", 3: "10010.80", 4: "10010.80"},
        decisions=[(0, "enter_long", "ordered", "entry", ""), (2, "exit", "ordered", "signal", "")],
        ends=[("filled", "entry")],
        spread_cost="0.20",
        excursions=("0.32", "1.18"),
    ),
    Golden(
        name="stop and target in one bar: stop first",
        case=one(_BOTH, {0: ENTER}, **BRACKET),
        fills=[(1, "10", "100.00", "entry", False), (2, "-10", "99.00", "stop_loss", True)],
        trades=[("long", 1, 2, "-10.00", "stop_loss")],
        equity={1: "10002.00", 2: "9990.00"},
    ),
    Golden(
        name="stop and target in one bar: optimistic takes the target",
        case=one(_BOTH, {0: ENTER}, **BRACKET, intrabar="optimistic"),
        fills=[(1, "10", "100.00", "entry", False), (2, "-10", "102.00", "take_profit", True)],
        trades=[("long", 1, 2, "20.00", "take_profit")],
    ),
    Golden(
        # An entry at the open has its children work on the whole of that bar.
        name="stop on the bar of the entry",
        case=one([QUIET, (100.0, 100.5, 98.9, 100.2), flat(100.0)], {0: ENTER}, **BRACKET),
        fills=[(1, "10", "100.00", "entry", False), (1, "-10", "99.00", "stop_loss", False)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        # Row 2 opens at 98.50, below the stop 99.00: the open settles it, though the bar goes on to 102.50.
        name="gap through the stop fills at the open",
        case=one([QUIET, QUIET, (98.5, 102.5, 98.0, 100.0), flat(100.0)], {0: ENTER}, **BRACKET),
        fills=[(1, "10", "100.00", "entry", False), (2, "-10", "98.50", "stop_loss", False)],
        trades=[("long", 1, 2, "-15.00", "stop_loss")],
    ),
    Golden(
        name="gap through the target fills at the better open, without slippage",
        case=one([QUIET, QUIET, (102.7, 103.0, 98.0, 100.0), flat(100.0)], {0: ENTER}, **BRACKET, slippage_steps=5.0),
        # Entry 100.00 + 5 steps = 100.05; target 102.05; the open 102.70 is better: 2.65 x 10.
        fills=[(1, "10", "100.05", "entry", False), (2, "-10", "102.70", "take_profit", False)],
        trades=[("long", 1, 2, "26.50", "take_profit")],
    ),
    Golden(
        # Sold at the bid 100.00, stop 101.00 on the ask. Row 2: bid high 100.95, ask high 101.05.
        name="a short is stopped on the ask",
        case=one(
            [flat(100.0), flat(100.0), (100.0, 100.95, 99.9, 100.5), flat(100.5)],
            {0: RefSignals(enter_short=True, stop=1.0)},
            spread=0.1,
            stop_kind="price",
        ),
        fills=[(1, "-10", "100.00", "entry", False), (2, "10", "101.00", "stop_loss", False)],
        trades=[("short", 1, 2, "-10.00", "stop_loss")],
        equity={1: "9999.00"},  # marked at the ask 100.10
    ),
    Golden(
        # Fill 100, first level 99. Row 1 high 101.50 -> level 100.50 from row 2 on (its own low 99.60 does not meet it). Row 2 low
        # 100.90 stays above, its high 103 -> level 102.00. Row 3 low 101.80 reaches 102.00.
        name="trailing stop moves with completed bars",
        case=one(
            [
                flat(100.0),
                (100.0, 101.5, 99.6, 101.2),
                (101.2, 103.0, 100.9, 102.8),
                (102.5, 102.9, 101.8, 102.2),
                flat(102.2),
            ],
            {0: RefSignals(enter_long=True, trail=1.0)},
            trail_kind="price",
        ),
        fills=[(1, "10", "100.00", "entry", False), (3, "-10", "102.00", "trailing_stop", False)],
        trades=[("long", 1, 3, "20.00", "trailing_stop")],
    ),
    Golden(
        # 3 % of the fill 100 is 3.00, frozen: best low 95 -> level 98.00, gapped over by the open 98.40.
        name="trailing stop of a short, as a fraction, gapped",
        case=one(
            [flat(100.0), (100.0, 100.2, 97.0, 97.5), (97.5, 98.0, 95.0, 95.5), (98.4, 98.6, 98.2, 98.3), flat(98.3)],
            {0: RefSignals(enter_short=True, trail=0.03)},
            trail_kind="fraction",
        ),
        fills=[(1, "-10", "100.00", "entry", False), (3, "10", "98.40", "trailing_stop", False)],
        trades=[("short", 1, 3, "16.00", "trailing_stop")],
    ),
    Golden(
        # Long 100 -> 102 (+20), both legs at the open of row 3, short 102 -> last close 101.50 (+5).
        name="reversal: two orders, one decision; closed at the end",
        case=one(
            [flat(100.0), flat(100.0), flat(101.0), (102.0, 102.5, 101.0, 101.8), flat(101.5)],
            {0: LONG, 2: RefSignals(enter_short=True, leave_long=True)},
            close_at_end=True,
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (3, "-10", "102.00", "signal", False),
            (3, "-10", "102.00", "entry", False),
            (4, "10", "101.50", "end", False),
        ],
        trades=[("long", 1, 3, "20.00", "signal"), ("short", 3, 4, "5.00", "end")],
        equity={3: "10022.00", 4: "10025.00"},  # row 3: 20 + (102 - 101.80) x 10
        decisions=[(0, "enter_long", "ordered", "entry", ""), (2, "reverse_short", "ordered", "entry", "")],
    ),
    Golden(
        # The exit decided on the last row is never filled: the position ends at its close, after the decision.
        name="closed at the end, after the decisions of the last row",
        case=one([flat(100.0), flat(100.0), flat(103.0)], {0: LONG, 2: LEAVE}, close_at_end=True, slippage_steps=1.0),
        fills=[(1, "10", "100.01", "entry", False), (2, "-10", "103.00", "end", False)],
        trades=[("long", 1, 2, "29.90", "end")],
        decisions=[(0, "enter_long", "ordered", "entry", ""), (2, "exit", "ordered", "signal", "")],
        cash={2: "10029.90"},
        margin={1: "1000.00", 2: "0.00"},
    ),
    Golden(
        name="an opposite entry alone does not reverse",
        case=one([flat(100.0)] * 4, {0: LONG, 1: SHORT, 2: LONG}),
        fills=[(1, "10", "100.00", "entry", False)],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (1, "reverse_short", "ignored", "against_position", ""),
            (2, "add_long", "ignored", "in_position", ""),
        ],
        margin={3: "1000.00"},
    ),
    Golden(
        name="with reverse on it does",
        case=one([flat(100.0)] * 4, {0: LONG, 1: SHORT}, reverse=True),
        fills=[
            (1, "10", "100.00", "entry", False),
            (2, "-10", "100.00", "signal", False),
            (2, "-10", "100.00", "entry", False),
        ],
        trades=[("long", 1, 2, "0.00", "signal")],
    ),
    Golden(
        name="both sides at once are refused",
        case=one([flat(100.0)] * 3, {0: RefSignals(enter_long=True, enter_short=True)}),
        fills=[],
        decisions=[(0, "both", "refused", "both_sides", "")],
    ),
    Golden(
        name="a target reached but not by the close waits after a limit entry",
        case=one(_LIMIT_ROWS, {0: LIMIT}, **_LIMIT_RULES),
        fills=[(1, "10", "99.00", "entry", True), (2, "-10", "100.00", "take_profit", False)],
        trades=[("long", 1, 2, "10.00", "take_profit")],
        equity={1: "10005.00"},
    ),
    Golden(
        name="optimistic takes that target",
        case=one(_LIMIT_ROWS, {0: LIMIT}, **_LIMIT_RULES, intrabar="optimistic"),
        fills=[(1, "10", "99.00", "entry", False), (1, "-10", "100.00", "take_profit", True)],
        trades=[("long", 1, 1, "10.00", "take_profit")],
    ),
    Golden(
        # Falling from 99.80 to 98.40 the bar meets 99.00 first and 98.50 after it: certain.
        name="a limit entry is stopped in its bar",
        case=one([flat(100.0), (99.8, 99.9, 98.4, 98.7), flat(98.7)], {0: LIMIT}, **_LIMIT_RULES),
        fills=[(1, "10", "99.00", "entry", False), (1, "-10", "98.50", "stop_loss", False)],
        trades=[("long", 1, 1, "-5.00", "stop_loss")],
    ),
    Golden(
        # Ask open 99.00, limit 98.98 reached (ask low 98.90), stop 98.97 on the bid, which was never above 98.92.
        name="a stop inside the spread fills inside the bar",
        case=one(
            [flat(99.0), (98.9, 98.92, 98.8, 98.85), flat(98.85)],
            {0: RefSignals(enter_long=True, order_price=(98.98, 98.98), stop=0.01)},
            spread=0.1,
            order_kind="limit",
            stop_kind="price",
        ),
        fills=[(1, "10", "98.98", "entry", False), (1, "-10", "98.92", "stop_loss", False)],
        trades=[("long", 1, 1, "-0.60", "stop_loss")],
    ),
    Golden(
        name="a limit fills at the better open",
        case=one([flat(100.0), (98.8, 99.2, 98.7, 99.0), flat(99.0)], {0: _SMALL_LIMIT}, order_kind="limit"),
        fills=[(1, "10", "98.80", "entry", False)],
        equity={1: "10002.00"},
    ),
    Golden(
        # 98.996 is no step: a buy limit goes down to 98.99, which the low 99.00 does not reach.
        name="a buy limit is snapped down",
        case=one(
            [flat(100.0), (100.0, 100.0, 99.0, 99.5), flat(99.5)],
            {0: RefSignals(enter_long=True, order_price=(98.996, 98.996))},
            order_kind="limit",
        ),
        fills=[],
        ends=[("working", "entry")],
    ),
    Golden(
        # Filled at 101.00 inside row 1; its low 99.80 is below the stop 100.00, before or after.
        name="a stop entry and its stop in one bar are ambiguous",
        case=one([flat(100.0), (100.0, 101.4, 99.8, 101.2), flat(101.2)], {0: STOP}, **BRACKET, order_kind="stop"),
        fills=[(1, "10", "101.00", "entry", False), (1, "-10", "100.00", "stop_loss", True)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        name="a stop entry gapped over fills at the open, with slippage",
        case=one([flat(100.0), flat(101.6), flat(101.6)], {0: STOP}, **BRACKET, order_kind="stop", slippage_steps=2.0),
        fills=[(1, "10", "101.62", "entry", False)],
        cash={1: "10000.00"},
    ),
    Golden(
        # Opened at 101.50, beyond the stop 101 and above the limit 101.20, which the low 101.10 still reaches.
        name="a stop-limit opened beyond fills at its limit",
        case=one([flat(100.0), (101.5, 102.0, 101.1, 101.9), flat(101.9)], {0: _STOP_LIMIT}, order_kind="stop_limit"),
        fills=[(1, "10", "101.20", "entry", False)],
    ),
    Golden(
        # The limit 100.80 is below the stop 101: reached inside row 1 it waits; row 2 falls to 100.70.
        name="a stop-limit whose limit does not allow its stop waits as a limit",
        case=one(
            [flat(100.0), (100.0, 101.3, 99.9, 101.2), (101.2, 101.3, 100.7, 100.9), flat(100.9)],
            {0: replace(_STOP_LIMIT, limit_price=(100.8, 99.2))},
            order_kind="stop_limit",
        ),
        fills=[(2, "10", "100.80", "entry", False)],
    ),
    Golden(
        name="ioc works at the next open only",
        case=one(_LIMIT_ROWS, {0: _SMALL_LIMIT}, order_kind="limit", time_in_force="ioc"),
        fills=[],
        ends=[("expired", "expired")],
    ),
    Golden(
        name="expires after two bars works on two bars",
        case=one(_BELOW, {0: _SMALL_LIMIT}, order_kind="limit", expires_bars=2),
        fills=[],
        ends=[("expired", "expired")],
    ),
    Golden(
        name="expires after three bars works on three",
        case=one(_BELOW, {0: _SMALL_LIMIT}, order_kind="limit", expires_bars=3),
        fills=[(3, "10", "99.00", "entry", False)],
    ),
    Golden(
        # Decided on the last bar of session 0: works in session 1 (rows 1, 2), is gone in session 2.
        name="a day order works in the session of its first bar",
        case=one(
            _BELOW,
            {0: _SMALL_LIMIT},
            order_kind="limit",
            time_in_force="day",
            facts={1: {"session_label": 1}, 2: {"session_label": 1}, 3: {"session_label": 2}, 4: {"session_label": 2}},
        ),
        fills=[],
        ends=[("expired", "expired")],
    ),
    Golden(
        # The rule of a long's exit takes its working entry back.
        name="an exit rule cancels the working entry of its side",
        case=one(_BELOW, {0: _SMALL_LIMIT, 2: RefSignals(leave_long=True)}, order_kind="limit"),
        fills=[],
        ends=[("cancelled", "exit")],
    ),
    Golden(
        # 10 at 100 (stop 98, target 105) and 10 at 103 (stop 101): average 101.50, stop 101, target 105. Row 3 falls to 100.90:
        # (101 - 101.50) x 20 = -10.
        name="an add averages the price and tightens the stop",
        case=one(
            [
                flat(100.0),
                (100.0, 102.5, 100.0, 102.5),
                (103.0, 103.5, 102.0, 103.0),
                (103.0, 103.1, 100.9, 101.5),
                flat(101.5),
            ],
            {0: _ADDING, 1: _ADDING, 2: _ADDING},
            **BRACKET,
            pyramiding=1,
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (2, "10", "103.00", "add", False),
            (3, "-20", "101.00", "stop_loss", False),
        ],
        trades=[("long", 1, 3, "-10.00", "stop_loss")],
        equity={2: "10030.00"},  # (103 - 101.50) x 20
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (1, "add_long", "ordered", "entry", ""),
            (2, "add_long", "ignored", "in_position", ""),
        ],
    ),
    Golden(
        # 10 at 100 (stop 98) and 10 at 99 (97 would be looser): stop stays 98. (98 - 99.50) x 20 = -30. Target stays 105.
        name="an add never loosens the stop",
        case=one(
            [flat(100.0), (100.0, 100.0, 99.0, 99.0), flat(99.0), (99.0, 99.2, 97.5, 98.5), flat(98.5)],
            {0: _ADDING, 1: _ADDING},
            **BRACKET,
            pyramiding=1,
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (2, "10", "99.00", "add", False),
            (3, "-20", "98.00", "stop_loss", False),
        ],
        trades=[("long", 1, 3, "-30.00", "stop_loss")],
    ),
    Golden(
        # Row 1 is the first bar, row 2 the second: out at the open of row 3.
        name="max holding counts the bar of the entry",
        case=one([flat(100.0), flat(100.0), flat(101.0), flat(102.0), flat(103.0)], {0: LONG}, max_holding=2),
        fills=[(1, "10", "100.00", "entry", False), (3, "-10", "102.00", "max_holding", False)],
        trades=[("long", 1, 3, "20.00", "max_holding")],
        decisions=[(0, "enter_long", "ordered", "entry", ""), (2, "exit", "ordered", "max_holding", "")],
    ),
    Golden(
        # Rows 1 to 5 are missing: from the end of row 0 to the open of row 6 five hours, not more than five.
        name="an entry waits five timeframes for a bar",
        case=_missing(5),
        fills=[(6, "10", "100.00", "entry", False)],
    ),
    Golden(name="an entry expires after more than five", case=_missing(6), fills=[], ends=[("expired", "expired")]),
    Golden(
        # Bought at 101 on row 1, marked at 102 from row 2 to 9 (+10), sold at 110 on row 10.
        name="an exit waits for the next bar and never expires",
        case=_waiting_exit(),
        fills=[(1, "10", "101.00", "entry", False), (10, "-10", "110.00", "signal", False)],
        trades=[("long", 1, 10, "90.00", "signal")],
        equity={2: "10010.00", 9: "10010.00", 10: "10090.00"},
    ),
]
