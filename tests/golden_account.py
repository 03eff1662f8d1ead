"""Hand-worked cases of the account: sizes, conversion, costs, financing, margin, limits, halts."""

from __future__ import annotations

from dataclasses import replace

from tests.golden_form import ACME, EURGBP, EURUSD, LEAVE, LONG, USDJPY, Golden, bar, flat, one
from tests.reference_data import NAN, RefCase, RefRules, RefSignals

_RISK = {"sizing": "risk", "size_value": 0.01, "stop_kind": "price"}  # 1 % of 10,000 = 100 to lose
_FIFTY_PIPS = RefSignals(enter_long=True, stop=0.005)
_THIN = replace(ACME, margin_rate=0.1)
_POUND = {row: {"rate_open": rate, "rate_close": 1.25} for row, rate in enumerate((1.25, 1.25, 1.25, 1.2, 1.25))}


def _margin_call() -> RefCase:
    """30 of A at 100 and 30 of B at 50 on 1,000 of cash and a tenth of margin; A falls to 70."""
    a = [100.0, 100.0, 70.0, 69.0, 69.0]
    bars = [[bar(r, flat(p)), bar(r, flat(50.0))] for r, p in enumerate(a)]
    signals = [[LONG if r == 0 else RefSignals()] * 2 for r in range(5)]
    instruments = [replace(_THIN, symbol="A"), replace(_THIN, symbol="B")]
    return RefCase(instruments, bars, signals, RefRules(size_value=30.0), 1_000.0)


def _slots() -> RefCase:
    """Three signals on one bar, one slot: the strongest takes it, though it is the second in order."""
    bars = [[bar(r, flat(100.0)), bar(r, flat(100.0)), bar(r, flat(100.0))] for r in range(3)]
    strengths = [replace(LONG, strength=s) for s in (0.5, 0.9, 0.9)]
    signals = [strengths, [RefSignals()] * 3, [RefSignals()] * 3]
    instruments = [replace(ACME, symbol=s) for s in "ABC"]
    return RefCase(instruments, bars, signals, RefRules(size_value=10.0, max_positions=1), 10_000.0)


# Night of Monday 1, Tuesday 1, Wednesday 3, Thursday 1, Friday 1, received at the opens of Tuesday to Monday.
_NIGHTS = {2: 1, 3: 1, 4: 3, 5: 1, 6: 1}

ACCOUNT = [
    Golden(
        # 100 / 0.0050 = 20,000. Margin 20,000 x 1.10 / 30 = 733.33.
        name="risk size EURUSD",
        case=one([flat(1.1)] * 3, {0: _FIFTY_PIPS}, EURUSD, **_RISK),
        fills=[(1, "20000", "1.10000", "entry", False)],
        margin={1: "733.33"},
    ),
    Golden(
        # 50 pips are 0.50 JPY, at 150 that is 0.50 / 150 USD a unit: 100 x 150 / 0.50 = 30,000. Margin 30,000 / 30.
        name="risk size USDJPY",
        case=one([flat(150.0)] * 3, {0: RefSignals(enter_long=True, stop=0.5)}, USDJPY, **_RISK),
        fills=[(1, "30000", "150.000", "entry", False)],
        margin={1: "1000.00"},
    ),
    Golden(
        # 0.0050 GBP are 0.00625 USD: 100 / 0.00625 = 16,000. Sold 0.0100 higher when the pound opens at 1.20:
        # 16,000 x 0.01 x 1.20 = 192.00. Mark of row 2 at 1.25: 16,000 x 0.005 x 1.25 = 100.00.
        name="risk size EURGBP, converted at the pound",
        case=one(
            [flat(0.85), flat(0.85), flat(0.855), flat(0.86), flat(0.86)],
            {0: _FIFTY_PIPS, 2: LEAVE},
            EURGBP,
            facts=_POUND,
            **_RISK,
        ),
        fills=[(1, "16000", "0.85000", "entry", False), (3, "-16000", "0.86000", "signal", False)],
        trades=[("long", 1, 3, "192.00", "signal")],
        equity={2: "10100.00", 3: "10192.00"},
    ),
    Golden(
        # 2 % of the close 100 are 2.00 for the size: 100 / 2 = 50 units. The fill is 110, so the stop is 110 - 2.20 = 107.80.
        name="a percentage is of the close for the size and of the fill for the level",
        case=one(
            [flat(100.0), (110.0, 110.0, 107.85, 109.0), (109.0, 109.0, 107.0, 108.0), flat(108.0)],
            {0: RefSignals(enter_long=True, stop=0.02)},
            sizing="risk",
            size_value=0.01,
            stop_kind="fraction",
        ),
        fills=[(1, "50", "110.00", "entry", False), (2, "-50", "107.80", "stop_loss", False)],
        trades=[("long", 1, 2, "-110.00", "stop_loss")],
    ),
    Golden(
        # 1 % of 10,000 over 0.40 a unit: 250 units; lots of 100: 200.
        name="volatility size, rounded down to the lot",
        case=one(
            [flat(10.0)] * 3,
            {0: RefSignals(enter_long=True, volatility=0.4)},
            replace(ACME, lot_step=100.0),
            sizing="volatility",
            size_value=0.01,
        ),
        fills=[(1, "200", "10.00", "entry", False)],
    ),
    Golden(
        # 10,000 JPY made at 151 are 662.2516... USD.
        name="long 100,000 USDJPY from 150 to 151",
        case=one(
            [flat(150.0), flat(150.0), flat(151.0), flat(151.0)], {0: LONG, 1: LEAVE}, USDJPY, size_value=100_000.0
        ),
        fills=[(1, "100000", "150.000", "entry", False), (2, "-100000", "151.000", "signal", False)],
        trades=[("long", 1, 2, "662.25", "signal")],
        equity={2: "10662.25"},
    ),
    Golden(
        name="margin of 100,000 EURUSD at 1.10",
        case=one([flat(1.1)] * 3, {0: LONG}, EURUSD, size_value=100_000.0),
        fills=[(1, "100000", "1.10000", "entry", False)],
        margin={0: "0.00", 1: "3666.67"},
    ),
    Golden(
        # Rows are days: bought on Monday (row 1), sold on Monday (row 6): seven nights of 0.00001 x 100,000 = 1.00.
        name="seven nights from Monday to Monday",
        case=one(
            [flat(1.1)] * 8,
            {0: LONG, 5: LEAVE},
            EURUSD,
            size_value=100_000.0,
            facts={
                r: {
                    "session_label": r,
                    "finance_long": round(-0.00001 * _NIGHTS.get(r, 1), 5),
                    "finance_short": 0.00001,
                }
                for r in range(8)
            },
        ),
        fills=[(1, "100000", "1.10000", "entry", False), (6, "-100000", "1.10000", "signal", False)],
        trades=[("long", 1, 6, "-7.00", "signal")],
        financing="-7.00",
        cash={1: "10000.00", 2: "9999.00", 3: "9998.00", 4: "9995.00", 5: "9994.00", 6: "9993.00", 7: "9993.00"},
    ),
    Golden(
        # Middle to middle 1.10001 -> 1.10101: gross 100.00. Half spreads 1.00 + 1.00, slippage 1.00 + 1.00, fees 0.00002 x 110,003 =
        # 2.20006 and 0.00002 x 110,099 = 2.20198, financing 3.00: 100 - 2 - 2 - 4.40204 - 3 = 88.59796. Bought 1.10002 + 0.00001.
        name="costs identity",
        case=one(
            [flat(1.1), flat(1.1), flat(1.1005), flat(1.101), flat(1.101)],
            {0: LONG, 2: LEAVE},
            EURUSD,
            spread=0.00002,
            size_value=100_000.0,
            slippage_steps=1.0,
            fee_fraction=0.00002,
            facts={2: {"finance_long": -0.00003}},
        ),
        fills=[(1, "100000", "1.10003", "entry", False), (3, "-100000", "1.10099", "signal", False)],
        trades=[("long", 1, 3, "88.59796", "signal")],
        fees="4.40204",
        spread_cost="2.00",
        slippage_cost="2.00",
        financing="-3.00",
        equity={4: "10088.59796"},
    ),
    Golden(
        # 1 step 0.01 + 0.1 x (101 - 99) + 0.5 x 100 x (10 / 1,000)^2 = 0.01 + 0.2 + 0.005 = 0.215: 100.215 up to 100.22.
        # The fee: 0.001 x 1,002.20 + 20 a lot x 0.1 lot = 3.0022, above the minimum 2.50.
        name="three kinds of slippage, fee by size and lot",
        case=one(
            [flat(100.0), (100.0, 101.0, 99.0, 100.0), flat(100.0)],
            {0: LONG},
            replace(ACME, contract_size=100.0),
            slippage_steps=1.0,
            slippage_range=0.1,
            slippage_impact=0.5,
            fee_fraction=0.001,
            fee_per_lot=20.0,
            fee_minimum=2.5,
            facts={1: {"volume": 1_000.0}},
        ),
        fills=[(1, "10", "100.22", "entry", False)],
        cash={1: "9996.9978"},
        equity={1: "9994.7978"},  # marked at 100: another 2.20
    ),
    Golden(
        name="the least fee, on each fill",
        case=one([flat(100.0)] * 4, {0: LONG, 1: LEAVE}, fee_fraction=0.001, fee_minimum=5.0),
        fills=[(1, "10", "100.00", "entry", False), (2, "-10", "100.00", "signal", False)],
        trades=[("long", 1, 2, "-10.00", "signal")],
        fees="10.00",
    ),
    Golden(
        # 300 % of 10,000 at 100 asks 300 units; 10,000 / (100 x 0.5) = 200 have their margin.
        name="margin caps the size",
        case=one([flat(100.0)] * 3, {0: LONG}, replace(ACME, margin_rate=0.5), sizing="percent", size_value=3.0),
        fills=[(1, "200", "100.00", "entry", False)],
        margin={1: "10000.00"},
        decisions=[(0, "enter_long", "ordered", "entry", "margin")],
    ),
    Golden(
        # Those 200 need 200 x 101 x 0.5 = 10,100 at the open.
        name="margin does not suffice at the fill",
        case=one(
            [flat(100.0), flat(101.0), flat(101.0)],
            {0: LONG},
            replace(ACME, margin_rate=0.5),
            sizing="percent",
            size_value=3.0,
        ),
        fills=[],
        ends=[("rejected", "margin_at_fill")],
    ),
    Golden(
        # 100 units asked; half of 10,000 allows 50, an order of 4,000 allows 40.
        name="the lowest cap is named",
        case=one([flat(100.0)] * 3, {0: LONG}, size_value=100.0, position_limit=0.5, max_order_notional=4_000.0),
        fills=[(1, "40", "100.00", "entry", False)],
        decisions=[(0, "enter_long", "ordered", "entry", "max_order_notional")],
    ),
    Golden(
        # 60 of notional at 100 are 0.6 units.
        name="below the least quantity nothing is ordered",
        case=one([flat(100.0)] * 3, {0: LONG}, sizing="notional", size_value=60.0),
        fills=[],
        decisions=[(0, "enter_long", "refused", "below_minimum", "")],
    ),
    Golden(
        name="nan distances, filters and stale rates refuse",
        case=one(
            [flat(1.1)] * 5,
            {
                0: RefSignals(enter_long=True, stop=NAN),
                1: RefSignals(enter_long=True, stop=0.001, filter_code="hours"),
                2: RefSignals(enter_long=True, stop=0.001),
            },
            EURGBP,
            stop_kind="price",
            facts={0: {"rate_open": 1.25, "rate_close": 1.25}},
        ),
        fills=[],
        decisions=[
            (0, "enter_long", "refused", "distance_unknown", ""),
            (1, "enter_long", "refused", "hours", ""),
            (2, "enter_long", "refused", "rate_stale", ""),
        ],
    ),
    Golden(
        name="the strongest takes the only slot",
        case=_slots(),
        fills=[(1, "10", "100.00", "entry", False)],
        symbols=["B"],
        decisions=[
            (0, "enter_long", "refused", "max_positions", ""),
            (0, "enter_long", "ordered", "entry", ""),
            (0, "enter_long", "refused", "max_positions", ""),
        ],
    ),
    Golden(
        # Row 2: equity 1,000 - 30 x 30 = 100; margins 30 x 70 x 0.1 = 210 and 150, half of 360 is 180. Closing A leaves 150, half 75.
        # A goes at 69: 1,000 - 31 x 30 = 70, which is below 75: B goes too, at the open of row 4.
        name="margin call, largest first",
        case=_margin_call(),
        fills=[
            (1, "30", "100.00", "entry", False),
            (1, "30", "50.00", "entry", False),
            (3, "-30", "69.00", "margin_call", False),
            (4, "-30", "50.00", "margin_call", False),
        ],
        symbols=["A", "B", "A", "B"],
        trades=[("long", 1, 3, "-930.00", "margin_call"), ("long", 1, 4, "0.00", "margin_call")],
        equity={2: "100.00", 3: "70.00", 4: "70.00"},
        margin={1: "450.00", 2: "360.00", 3: "150.00", 4: "0.00"},
    ),
    Golden(
        # 50 units at 100 on 1,000: at 79 equity is -50. Closed at 78 (-100); nothing is traded after that.
        name="equity at or below zero ends trading",
        case=one(
            [flat(100.0), flat(100.0), flat(79.0), flat(78.0), flat(78.0)],
            {0: LONG, 3: LONG},
            _THIN,
            cash=1_000.0,
            size_value=50.0,
        ),
        fills=[(1, "50", "100.00", "entry", False), (3, "-50", "78.00", "margin_call", False)],
        trades=[("long", 1, 3, "-1100.00", "margin_call")],
        equity={2: "-50.00", 3: "-100.00"},
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (2, "exit", "ordered", "margin_call", ""),
            (3, "enter_long", "refused", "halted", ""),
        ],
    ),
    Golden(
        # Row 2: 1,000 -> 949, a drawdown of 5.1 %. Out at 94.50: 945. Halted for good, also in the next session.
        name="drawdown flattens and halts",
        case=one(
            [flat(100.0), flat(100.0), flat(94.9), flat(94.5), flat(94.5)],
            {0: LONG, 2: LONG, 4: LONG},
            cash=1_000.0,
            max_drawdown=0.05,
            facts={4: {"session_label": 1}},
        ),
        fills=[(1, "10", "100.00", "entry", False), (3, "-10", "94.50", "risk_halt", False)],
        trades=[("long", 1, 3, "-55.00", "risk_halt")],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (2, "exit", "ordered", "risk_halt", "in_position"),
            (4, "enter_long", "refused", "halted", ""),
        ],
    ),
    Golden(
        # Row 2: 1,000 -> 969, 3.1 % of the day's 1,000, on the last bar of session 0; the flattening is not cancelled by the
        # boundary: out at 96.80 (968). Session 1 starts from 969: the loss of 1 is 0.1 %, entries work again. Bought at 96, row 5 at
        # 93: 968 - 30 = 938, 3.2 % of 969: out at 93.
        name="daily loss flattens and halts for the day",
        case=one(
            [flat(100.0), flat(100.0), flat(96.9), flat(96.8), flat(96.0), flat(93.0), flat(93.0), flat(93.0)],
            {0: LONG, 3: LONG, 6: LONG},
            cash=1_000.0,
            daily_loss_limit=0.03,
            facts={r: {"session_label": 1} for r in range(3, 8)},
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (3, "-10", "96.80", "daily_loss", False),
            (4, "10", "96.00", "entry", False),
            (6, "-10", "93.00", "daily_loss", False),
        ],
        trades=[("long", 1, 3, "-32.00", "daily_loss"), ("long", 4, 6, "-30.00", "daily_loss")],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (2, "exit", "ordered", "daily_loss", ""),
            (3, "enter_long", "ordered", "entry", ""),
            (5, "exit", "ordered", "daily_loss", ""),
            (6, "enter_long", "refused", "halted_for_the_day", ""),
        ],
    ),
    Golden(
        # Lost 10 at the open of row 2: entries of rows 2 and 3 are refused, that of row 4 is not.
        name="cooldown counts the bar of the loss",
        case=one(
            [flat(100.0), flat(100.0), flat(99.0), flat(99.0), flat(99.0), flat(99.0)],
            {0: LONG, 1: LEAVE, 2: LONG, 3: LONG, 4: LONG},
            cooldown_bars=2,
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (2, "-10", "99.00", "signal", False),
            (5, "10", "99.00", "entry", False),
        ],
        trades=[("long", 1, 2, "-10.00", "signal")],
    ),
    Golden(
        # Filled in session 0 on row 1: row 3 is refused, row 4 belongs to session 1.
        name="one entry a session",
        case=one(
            [flat(100.0)] * 6,
            {0: LONG, 1: LEAVE, 3: LONG, 4: LONG},
            one_entry_per_session=True,
            facts={4: {"session_label": 1}, 5: {"session_label": 1}},
        ),
        fills=[
            (1, "10", "100.00", "entry", False),
            (2, "-10", "100.00", "signal", False),
            (5, "10", "100.00", "entry", False),
        ],
        trades=[("long", 1, 2, "0.00", "signal")],
        decisions=[
            (0, "enter_long", "ordered", "entry", ""),
            (1, "exit", "ordered", "signal", ""),
            (3, "enter_long", "refused", "session_entry", ""),
            (4, "enter_long", "ordered", "entry", ""),
        ],
    ),
]
