"""Hand-worked cases of finer bars: what decides where a bar alone cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from tests.golden_form import BRACKET, LIMIT, LONG, SHORT, STOP, Golden, flat, one
from tests.reference_data import Inner, Prices, RefSignals

_BRACKET = {**BRACKET, "intrabar": "finer"}
_OPEN = replace(LONG, stop=1.0, target=2.0)  # bought at 100.00: 99.00 and 102.00
_BOTH = (100.0, 102.5, 98.5, 101.0)  # reaches both levels of _OPEN
_LIMITED = {**_BRACKET, "order_kind": "limit"}
_STOPPED = {**_BRACKET, "order_kind": "stop"}
_UP_THEN_IN = (99.8, 100.2, 98.9, 99.5)  # reaches the limit 99.00, and the target 100.00 before or after it
_DOWN_THEN_IN = (100.0, 101.4, 99.8, 101.2)  # reaches the stop entry 101.00, and the stop 100.00 before or after it


def _inner(*bids: Prices, spread: float = 0.0) -> Mapping[str, tuple[Inner, ...]]:
    """The finer bars of a row from their bids; the ask is `spread` above."""
    away = Decimal(repr(spread))
    asks = (tuple(float(Decimal(repr(p)) + away) for p in bid) for bid in bids)
    return {"inner": tuple(zip(bids, asks, strict=True))}  # type: ignore[arg-type]


_WHOLE = [
    Golden(
        # The second reaches 102.00 before the third falls to 98.50. 2 x 10.
        name="finer: the target is first",
        case=one(
            [flat(100.0), _BOTH, flat(101.0)],
            {0: _OPEN},
            **_BRACKET,
            facts={1: _inner((100.0, 101.0, 99.5, 101.0), (101.0, 102.5, 101.0, 102.0), (102.0, 102.0, 98.5, 101.0))},
        ),
        fills=[(1, "10", "100.00", "entry", False), (1, "-10", "102.00", "take_profit", False)],
        trades=[("long", 1, 1, "20.00", "take_profit")],
    ),
    Golden(
        # Bought at 100.01: 99.01 and 102.01. The second opens at 98.80, a step of slippage below it 98.79: -1.22 x 10.
        name="finer: a finer open beyond the stop",
        case=one(
            [flat(100.0), _BOTH, flat(101.0)],
            {0: _OPEN},
            **_BRACKET,
            slippage_steps=1.0,
            facts={1: _inner((100.0, 100.5, 99.5, 100.0), (98.8, 99.0, 98.5, 99.0), (99.0, 102.5, 99.0, 101.0))},
        ),
        fills=[(1, "10", "100.01", "entry", False), (1, "-10", "98.79", "stop_loss", False)],
        trades=[("long", 1, 1, "-12.20", "stop_loss")],
    ),
    Golden(
        # The second opens at 102.30: better than the target, and no slippage. The entry's step: (102.30 - 100.01) x 10.
        name="finer: a finer open beyond the target",
        case=one(
            [flat(100.0), _BOTH, flat(101.0)],
            {0: _OPEN},
            **_BRACKET,
            slippage_steps=1.0,
            facts={1: _inner((100.0, 100.5, 99.5, 100.0), (102.3, 102.5, 98.5, 99.0), (99.0, 101.0, 99.0, 101.0))},
        ),
        fills=[(1, "10", "100.01", "entry", False), (1, "-10", "102.30", "take_profit", False)],
        trades=[("long", 1, 1, "22.90", "take_profit")],
    ),
    Golden(
        # A tenth of the whole bar's range of 4.00 is 0.40: bought at 100.40 (99.40, 102.40), stopped at 99.40 - 0.40.
        name="finer: slippage is by the range of the whole bar",
        case=one(
            [flat(100.0), _BOTH, flat(101.0)],
            {0: _OPEN},
            **_BRACKET,
            slippage_range=0.1,
            facts={1: _inner((100.0, 100.5, 99.3, 99.4), (99.4, 102.5, 98.5, 101.0))},
        ),
        fills=[(1, "10", "100.40", "entry", False), (1, "-10", "99.00", "stop_loss", False)],
        trades=[("long", 1, 1, "-14.00", "stop_loss")],
    ),
    Golden(
        name="finer: a finer bar that reaches both is ambiguous",
        case=one(
            [flat(100.0), _BOTH, flat(101.0)],
            {0: _OPEN},
            **_BRACKET,
            facts={1: _inner((100.0, 101.0, 99.5, 101.0), (101.0, 102.5, 98.5, 101.0))},
        ),
        fills=[(1, "10", "100.00", "entry", False), (1, "-10", "99.00", "stop_loss", True)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        name="finer: where the bars that reach a level are missing, the stop",
        case=one(
            [flat(100.0), _BOTH, flat(101.0)],
            {0: _OPEN},
            **_BRACKET,
            facts={1: _inner((100.0, 101.0, 99.5, 101.0))},
        ),
        fills=[(1, "10", "100.00", "entry", False), (1, "-10", "99.00", "stop_loss", True)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        # Only the stop is reached: 99.00, whatever is inside.
        name="finer: what a bar decides alone is not asked",
        case=one(
            [flat(100.0), (100.0, 101.0, 98.5, 99.0), flat(99.0)],
            {0: _OPEN},
            **_BRACKET,
            facts={1: _inner((100.0, 101.0, 99.5, 101.0), (98.7, 99.0, 98.5, 99.0))},
        ),
        fills=[(1, "10", "100.00", "entry", False), (1, "-10", "99.00", "stop_loss", False)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        # Sold at 100.00, stop 101.00, target 99.00, both on the ask, 0.10 above: the first tick above 100.90 is 100.95.
        name="finer: ticks, a short's stop is on the ask",
        case=one(
            [flat(100.0), flat(100.0), (100.0, 101.0, 98.5, 100.0), flat(100.0)],
            {0: replace(SHORT, stop=1.0, target=1.0)},
            spread=0.1,
            **_BRACKET,
            facts={2: _inner(*map(flat, (100.0, 100.8, 100.95, 101.0, 98.5, 100.0)), spread=0.1)},
        ),
        fills=[(1, "-10", "100.00", "entry", False), (2, "10", "101.05", "stop_loss", False)],
        trades=[("short", 1, 2, "-10.50", "stop_loss")],
    ),
    Golden(
        # The trailing stop stays at 99.00 all through the bar, though 101.50 is seen before 100.20.
        name="finer: the trailing stop moves with whole bars",
        case=one(
            [flat(100.0), _BOTH, flat(101.0)],
            {0: replace(LONG, trail=1.0, target=2.0)},
            trail_kind="price",
            target_kind="price",
            intrabar="finer",
            facts={
                1: _inner(
                    (100.0, 101.5, 100.0, 101.4),
                    (101.4, 101.4, 100.2, 100.3),
                    (100.3, 102.5, 100.3, 102.0),
                    (102.0, 102.0, 98.5, 101.0),
                )
            },
        ),
        fills=[(1, "10", "100.00", "entry", False), (1, "-10", "102.00", "take_profit", False)],
        trades=[("long", 1, 1, "20.00", "take_profit")],
    ),
]

_INSIDE = [
    Golden(
        # 100.00 is reached in the first only, the limit in the second: nothing after it.
        name="finer: a target before a limit entry does not count",
        case=one(
            [flat(100.0), _UP_THEN_IN, flat(99.5)],
            {0: LIMIT},
            **_LIMITED,
            facts={1: _inner((99.8, 100.2, 99.6, 99.7), (99.7, 99.8, 98.9, 99.2), (99.2, 99.6, 99.1, 99.5))},
        ),
        fills=[(1, "10", "99.00", "entry", False)],
        equity={1: "10005.00"},
    ),
    Golden(
        # The bar itself reaches neither 98.50 nor 100.00, whatever a finer bar that goes beyond it says.
        name="finer: after an entry, what a bar decides alone is not asked",
        case=one(
            [flat(100.0), (99.8, 99.9, 98.9, 99.2), flat(99.2)],
            {0: LIMIT},
            **_LIMITED,
            facts={1: _inner((99.8, 99.9, 99.6, 99.7), (99.7, 99.8, 98.9, 99.2), (99.2, 100.2, 99.1, 99.2))},
        ),
        fills=[(1, "10", "99.00", "entry", False)],
    ),
    Golden(
        name="finer: a target after a limit entry does",
        case=one(
            [flat(100.0), _UP_THEN_IN, flat(99.5)],
            {0: LIMIT},
            **_LIMITED,
            facts={1: _inner((99.8, 99.8, 99.6, 99.7), (99.7, 99.8, 98.9, 99.2), (99.2, 100.2, 99.1, 99.5))},
        ),
        fills=[(1, "10", "99.00", "entry", False), (1, "-10", "100.00", "take_profit", False)],
        trades=[("long", 1, 1, "10.00", "take_profit")],
    ),
    Golden(
        # The second has the limit and the target, but closes below it: open, until the third has the target, too.
        name="finer: a fill after something undecided is ambiguous",
        case=one(
            [flat(100.0), _UP_THEN_IN, flat(99.5)],
            {0: LIMIT},
            **_LIMITED,
            facts={1: _inner((99.8, 99.8, 99.6, 99.7), (99.7, 100.1, 98.9, 99.6), (99.6, 100.2, 99.5, 99.5))},
        ),
        fills=[(1, "10", "99.00", "entry", False), (1, "-10", "100.00", "take_profit", True)],
        trades=[("long", 1, 1, "10.00", "take_profit")],
    ),
    Golden(
        name="finer: where nothing follows it, the entry is ambiguous",
        case=one(
            [flat(100.0), _UP_THEN_IN, flat(99.5)],
            {0: LIMIT},
            **_LIMITED,
            facts={1: _inner((99.8, 99.8, 99.6, 99.7), (99.7, 100.2, 98.9, 99.6), (99.6, 99.7, 99.5, 99.5))},
        ),
        fills=[(1, "10", "99.00", "entry", True)],
    ),
    Golden(
        # 99.80 is before 101.00: the pessimistic rule alone would stop it at 100.00.
        name="finer: a stop before a stop entry does not count",
        case=one(
            [flat(100.0), _DOWN_THEN_IN, flat(101.2)],
            {0: STOP},
            **_STOPPED,
            facts={1: _inner((100.0, 100.5, 99.8, 100.4), (100.4, 101.4, 100.3, 101.2))},
        ),
        fills=[(1, "10", "101.00", "entry", False)],
        equity={1: "10002.00"},
    ),
    Golden(
        # Both in the second, which closes above the stop: before or after.
        name="finer: a stop entry and its stop in one finer bar are ambiguous",
        case=one(
            [flat(100.0), _DOWN_THEN_IN, flat(101.2)],
            {0: STOP},
            **_STOPPED,
            facts={1: _inner((100.0, 100.5, 100.0, 100.4), (100.4, 101.4, 99.8, 101.2))},
        ),
        fills=[(1, "10", "101.00", "entry", False), (1, "-10", "100.00", "stop_loss", True)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        # The second opens at 101.30, above 101.00: all of it is after the entry, and 100.00 is in it.
        name="finer: a finer bar that opens through the entry is all after it",
        case=one(
            [flat(100.0), _DOWN_THEN_IN, flat(101.2)],
            {0: STOP},
            **_STOPPED,
            facts={1: _inner((100.0, 100.5, 100.0, 100.4), (101.3, 101.4, 99.8, 100.6), (100.6, 101.2, 100.5, 101.2))},
        ),
        fills=[(1, "10", "101.00", "entry", False), (1, "-10", "100.00", "stop_loss", False)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        # The finer bar of the entry is missing: stop, ambiguous, as without any.
        name="finer: an entry that no finer bar has is the whole bar's",
        case=one(
            [flat(100.0), _DOWN_THEN_IN, flat(101.2)],
            {0: STOP},
            **_STOPPED,
            facts={1: _inner((100.0, 100.5, 99.8, 100.4))},
        ),
        fills=[(1, "10", "101.00", "entry", False), (1, "-10", "100.00", "stop_loss", True)],
        trades=[("long", 1, 1, "-10.00", "stop_loss")],
    ),
    Golden(
        # Ask 99.00 to 98.90, so the limit 98.98 is met in the second; the stop 98.97 is on the bid, which is 98.90 at best there.
        name="finer: a stop inside the spread fills inside the finer bar",
        case=one(
            [flat(99.0), (98.9, 98.92, 98.8, 98.85), flat(98.85)],
            {0: RefSignals(enter_long=True, order_price=(98.98, 98.98), stop=0.01)},
            spread=0.1,
            order_kind="limit",
            stop_kind="price",
            intrabar="finer",
            facts={1: _inner((98.9, 98.92, 98.9, 98.9), (98.9, 98.9, 98.8, 98.85), spread=0.1)},
        ),
        fills=[(1, "10", "98.98", "entry", False), (1, "-10", "98.90", "stop_loss", False)],
        trades=[("long", 1, 1, "-0.80", "stop_loss")],
    ),
    Golden(
        # Sold at 101.00 by limit in the first (stop 101.50, target 100.00); the second opens at 101.60, beyond the stop.
        name="finer: a short entry by limit, then a gap through its stop",
        case=one(
            [flat(100.5), (100.5, 101.8, 99.9, 100.5), flat(100.5)],
            {0: RefSignals(enter_short=True, order_price=(99.0, 101.0), stop=0.5, target=1.0)},
            **_LIMITED,
            facts={1: _inner((100.5, 101.2, 100.4, 101.1), (101.6, 101.8, 101.5, 101.5), (101.5, 101.5, 99.9, 100.5))},
        ),
        fills=[(1, "-10", "101.00", "entry", False), (1, "10", "101.60", "stop_loss", False)],
        trades=[("short", 1, 1, "-6.00", "stop_loss")],
    ),
]

FINER = [*_WHOLE, *_INSIDE]
