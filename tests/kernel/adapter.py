"""From a case of the second engine to the kernel's arrays, and from the kernel's books to the second engine's answer.

`arrays` makes what the kernel reads, `run_arrays` runs it, `answer` reads the books; `kernel_answer` does all three.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.kernel.replay import close_out, replay
from tests.reference_data import (
    HOUR_NS,
    NAN,
    RefCase,
    RefDecision,
    RefFill,
    RefInstrument,
    RefOrder,
    RefResult,
    RefRules,
    RefSignals,
    RefTrade,
)

Floats = NDArray[np.float64]

ORDER_KINDS = {"market": k.MARKET, "limit": k.LIMIT, "stop": k.STOP_ENTRY, "stop_limit": k.STOP_LIMIT}
CONVERSIONS = {"quote": k.IS_QUOTE, "base": k.IS_BASE, "pair": k.BY_PAIR}
SIZINGS = {
    "units": k.UNITS,
    "notional": k.NOTIONAL,
    "percent": k.PERCENT,
    "risk": k.RISK,
    "volatility": k.VOLATILITY,
}
FILTERS = {"hours": k.OUTSIDE_HOURS, "days": k.OUTSIDE_DAYS}
WORDS = {
    k.NOTHING: "",
    k.ENTRY_SIGNAL: "entry",
    k.EXIT_SIGNAL: "signal",
    k.STOP_LOSS: "stop_loss",
    k.TAKE_PROFIT: "take_profit",
    k.TRAILING_STOP: "trailing_stop",
    k.HELD_LONG_ENOUGH: "max_holding",
    k.DRAWDOWN_LIMIT: "risk_halt",
    k.DAILY_LOSS: "daily_loss",
    k.MARGIN_CALL: "margin_call",
    k.END_OF_DATA: "end",
    k.BOTH_SIDES: "both_sides",
    k.ALREADY_LONG_OR_SHORT: "in_position",
    k.OPPOSITE_POSITION: "against_position",
    k.ORDER_WORKING: "working_entry",
    k.TRADING_HALTED: "halted",
    k.DAY_HALTED: "halted_for_the_day",
    k.ONLY_REDUCING: "reducing",
    k.OUTSIDE_HOURS: "hours",
    k.OUTSIDE_DAYS: "days",
    k.COOLING_DOWN: "cooldown",
    k.ENTERED_THIS_SESSION: "session_entry",
    k.DISTANCE_UNKNOWN: "distance_unknown",
    k.PRICE_UNKNOWN: "price_unknown",
    k.RATE_UNKNOWN: "rate_unknown",
    k.RATE_STALE: "rate_stale",
    k.NO_FREE_SLOT: "max_positions",
    k.BELOW_MINIMUM: "below_minimum",
    k.EQUITY_UNKNOWN: "equity_unknown",
    k.OVER_POSITION_LIMIT: "position_limit",
    k.OVER_ORDER_LIMIT: "max_order_notional",
    k.OVER_FREE_MARGIN: "margin",
    k.MARGIN_AT_FILL: "margin_at_fill",
    k.EXPIRED: "expired",
    k.CANCELLED_BY_EXIT: "exit",
    k.REPLACED: "replaced",
    k.SIZE_UNKNOWN: "size_unknown",
}
ENDS = {k.EXPIRED: "expired", k.MARGIN_AT_FILL: "rejected", k.REPLACED: "replaced"}  # all else: cancelled
ACTIONS = {
    k.ENTER_LONG: "enter_long",
    k.ENTER_SHORT: "enter_short",
    k.LEAVE: "exit",
    k.REVERSE_LONG: "reverse_long",
    k.REVERSE_SHORT: "reverse_short",
}
OUTCOMES = {k.ORDERED: "ordered", k.REFUSED: "refused", k.IGNORED: "ignored"}


class Arrays(NamedTuple):
    """What the kernel reads, and the state of one lane before the first bar."""

    market: m.Market
    orders: m.Orders
    state: Floats


def arrays(case: RefCase) -> Arrays:
    """Make the kernel's arrays of a case; columns that a rule switches off are of length 1."""
    return Arrays(market_of(case), orders_of(case), state_of(case))


def market_of(case: RefCase) -> m.Market:
    shape = (len(case.instruments), len(case.bars))
    price, volume, flags = np.full((*shape, 8), NAN), np.full(shape, NAN), np.zeros(shape, np.uint8)
    rate, nights = np.ones((*shape, 2)), np.zeros((*shape, 2))
    idle_ns = max(5 * case.rules.timeframe_ns, HOUR_NS)
    for i, instrument in enumerate(case.instruments):
        known, open_until = NAN, None
        for t, row in enumerate(case.bars):
            bar = row[i]
            if t == 0 or row[0].session_label != case.bars[t - 1][0].session_label:
                flags[i, t] |= k.NEW_SESSION
            if row[0].session_ends:
                flags[i, t] |= k.SESSION_ENDS
            if instrument.conversion == "pair":
                for moment, value in enumerate((bar.rate_open, bar.rate_close)):
                    known = known if math.isnan(value) else value
                    rate[i, t, moment] = known
                if math.isnan(bar.rate_close):
                    flags[i, t] |= k.STALE_RATE
            if not bar.has_bar:
                continue
            flags[i, t] |= k.HAS_BAR
            price[i, t] = (*bar.bid, *bar.ask)
            volume[i, t] = bar.volume
            nights[i, t] = bar.finance_long, bar.finance_short
            if nights[i, t].any():
                flags[i, t] |= k.NIGHTS
            if open_until is not None and bar.session_ns - open_until > idle_ns:
                flags[i, t] |= k.IDLE
            open_until = bar.session_ns + case.rules.timeframe_ns
    return m.Market(price=price, volume=volume, flags=flags, rate=rate, nights=nights)


def orders_of(case: RefCase) -> m.Orders:
    rules, (rows, n) = case.rules, (len(case.bars), len(case.instruments))
    every = [(t, i, case.signals[t][i]) for t in range(rows) for i in range(n)]
    signal, refused = np.zeros((n, rows, 1), np.uint8), np.zeros((n, rows), np.uint8)
    strength = np.ones((n, rows, 1))
    for t, i, s in every:
        signal[i, t, 0] = (
            k.LONG_ENTRY * s.enter_long
            + k.SHORT_ENTRY * s.enter_short
            + k.LONG_EXIT * s.leave_long
            + k.SHORT_EXIT * s.leave_short
        )
        strength[i, t, 0] = s.strength
        refused[i, t] = FILTERS[s.filter_code] if s.filter_code else 0

    def column(field: str, *, used: bool) -> Floats:
        out = np.full((n, rows if used else 1, 1), NAN)
        if used:
            for t, i, s in every:
                out[i, t, 0] = getattr(s, field)
        return out

    def pair(field: str, *, used: bool) -> Floats:
        out = np.full((n, rows if used else 1, 1, 2), NAN)
        if used:
            for t, i, s in every:
                out[i, t, 0] = getattr(s, field)
        return out

    kind = rules.order_kind
    return m.Orders(
        signal=signal,
        strength=strength,
        refused=refused,
        stop=column("stop", used=rules.stop_kind == "price"),
        target=column("target", used=rules.target_kind == "price"),
        trail=column("trail", used=rules.trail_kind == "price"),
        limit=pair("limit_price" if kind == "stop_limit" else "order_price", used=kind in ("limit", "stop_limit")),
        trigger=pair("order_price", used=kind in ("stop", "stop_limit")),
        volatility=column("volatility", used=rules.sizing == "volatility"),
        terms=np.zeros((0, 4), np.int64),
        term_truth=np.zeros((0, n, rows, 1), np.uint8),
        term_right=np.zeros((0, n, 1, 1)),
    )


def state_of(case: RefCase) -> Floats:
    """The opening state of one lane, with the case's rules and facts."""
    rules, s = case.rules, k.empty_state(len(case.instruments))
    s[[k.CASH, k.EQUITY, k.PEAK, k.BASELINE]] = case.cash
    s[k.LIMIT_POSITIONS] = or_inf(rules.max_positions)
    s[k.LIMIT_POSITION] = or_inf(rules.position_limit)
    s[k.LIMIT_ORDER] = or_inf(rules.max_order_notional)
    s[k.LIMIT_DRAWDOWN] = or_inf(rules.max_drawdown)
    s[k.LIMIT_DAILY_LOSS] = or_inf(rules.daily_loss_limit)
    s[k.SIZE_METHOD], s[k.SIZE_VALUE] = SIZINGS[rules.sizing], rules.size_value
    s[k.FEE_FRACTION], s[k.FEE_PER_LOT], s[k.FEE_MINIMUM] = rules.fee_fraction, rules.fee_per_lot, rules.fee_minimum
    s[k.MAX_HOLDING] = or_inf(rules.max_holding or None)
    s[k.N_ADDS], s[k.REVERSING] = rules.pyramiding, rules.reverse
    s[k.OPTIMISTIC] = rules.intrabar == "optimistic"
    s[k.COOLDOWN], s[k.ONE_PER_SESSION] = rules.cooldown_bars, rules.one_entry_per_session
    s[k.ORDER_TYPE] = ORDER_KINDS[rules.order_kind]
    s[k.ORDER_BARS] = or_inf(rules.expires_bars or None)
    s[k.ORDER_DAY], s[k.ORDER_AT_OPEN] = rules.time_in_force == "day", rules.time_in_force == "ioc"
    for i, instrument in enumerate(case.instruments):
        write_instrument(s[k.block(i, 1) :], instrument, rules, [row[i] for row in case.signals])
    return s


def write_instrument(own: Floats, instrument: RefInstrument, rules: RefRules, signals: list[RefSignals]) -> None:
    """Write the facts of one instrument into its block `own` of the state."""
    for field in (k.STOP, k.TARGET, k.TRAIL, k.STOP_DISTANCE, k.TARGET_DISTANCE, k.TRAIL_DISTANCE):
        own[field] = NAN
    own[[k.STEP_TOP, k.STEP_BOTTOM]] = ratio(instrument.price_step)
    own[[k.LOT_TOP, k.LOT_BOTTOM]] = ratio(instrument.lot_step)
    own[k.MIN_QUANTITY], own[k.CONTRACT_SIZE] = instrument.min_quantity, instrument.contract_size
    own[k.MARGIN_RATE], own[k.RATE_KIND] = instrument.margin_rate, CONVERSIONS[instrument.conversion]
    own[k.HAS_STOP], own[k.STOP_FRACTION] = rules.stop_kind != "none", fraction(rules.stop_kind, signals, "stop")
    own[k.HAS_TARGET] = rules.target_kind != "none"
    own[k.TARGET_FRACTION] = fraction(rules.target_kind, signals, "target")
    own[k.HAS_TRAIL], own[k.TRAIL_FRACTION] = rules.trail_kind != "none", fraction(rules.trail_kind, signals, "trail")
    own[k.SLIP_PRICE] = float(Decimal(repr(rules.slippage_steps)) * Decimal(repr(instrument.price_step)))
    own[k.SLIP_RANGE], own[k.SLIP_VOLUME] = rules.slippage_range, rules.slippage_impact


def or_inf(limit: float | None) -> float:
    return math.inf if limit is None else limit


def ratio(step: float) -> tuple[int, int]:
    return Decimal(repr(step)).as_integer_ratio()


def fraction(kind: str, signals: list[RefSignals], field: str) -> float:
    """The one fraction that all entries of an instrument have; nan where the distance is a price."""
    values = {getattr(s, field) for s in signals if s.enter_long or s.enter_short} if kind == "fraction" else set()
    if len(values) > 1:
        raise ValueError(f"the fractions of {field} were {sorted(values)}; the kernel has one for a run")
    return next(iter(values), 1.0 if kind == "fraction" else NAN)


def run_arrays(given: Arrays, *, n_rows: int | None = None, at_end: bool = False) -> m.Books:
    """Run the kernel over all bars, turning pages where `n_rows` are few, and close out `at_end`."""
    n, rows = given.market.flags.shape
    books = m.make_books(n, rows, n_rows=4 * n * (rows + 1) if n_rows is None else n_rows)
    pages: list[m.Books] = []
    done = 0
    while True:
        done = replay(given.market, given.orders, books, given.state, done, rows)
        if done == rows:
            break
        pages.append(books)
        books = books._replace(fills=books.fills.copy(), orders=books.orders.copy(), counts=np.zeros(2, np.int64))
    if at_end:
        has_bar = given.market.flags & k.HAS_BAR != 0
        close_out(given.market, books, given.state, rows - 1 - np.argmax(has_bar[:, ::-1], axis=1))
    pages.append(books)
    return books._replace(
        fills=np.concatenate([p.fills[: p.counts[m.N_FILLS]] for p in pages]),
        orders=np.concatenate([p.orders[: p.counts[m.N_ORDERS]] for p in pages]),
        counts=np.sum([p.counts for p in pages], axis=0),
    )


def kernel_answer(case: RefCase) -> RefResult:
    """Run a case through the kernel."""
    given = arrays(case)
    return answer(case, run_arrays(given, at_end=case.rules.close_at_end), given.state)


def answer(case: RefCase, books: m.Books, state: Floats) -> RefResult:
    """Read the kernel's books as the second engine's answer. Exit orders are not among its orders: the kernel keeps none."""
    out = RefResult()
    for name in ("equity", "cash", "margin", "drawdown"):
        setattr(out, name, [Decimal(x) for x in getattr(books, name).tolist()])
    out.positions = [Decimal(float(state[k.block(i, 1) + k.QUANTITY])) for i in range(len(case.instruments))]
    out.fills = [fill_of(case, row) for row in books.fills.tolist()]
    out.trades = [trade_of(case, row) for row in books.fills.tolist() if is_closing(row)]
    out.orders = orders_kept(case, books)
    out.decisions = list(decisions_kept(case, books))
    return out


def is_closing(row: list[float]) -> bool:
    return row[m.F_HELD_QUANTITY] * row[m.F_QUANTITY] < 0.0


def fill_of(case: RefCase, row: list[float]) -> RefFill:
    quantity, rate = abs(row[m.F_QUANTITY]), row[m.F_RATE]
    is_add = row[m.F_HELD_QUANTITY] * row[m.F_QUANTITY] > 0.0
    return RefFill(
        t=int(row[m.F_BAR]),
        symbol=case.instruments[int(row[m.F_INSTRUMENT])].symbol,
        quantity=Decimal(repr(row[m.F_QUANTITY])),
        price=Decimal(repr(row[m.F_PRICE])),
        fee=Decimal(row[m.F_FEE]),
        reason="add" if is_add else WORDS[row[m.F_REASON]],
        ambiguous=row[m.F_AMBIGUOUS] > 0.0,
        spread_cost=Decimal(quantity * row[m.F_HALF] * rate),
        slippage_cost=Decimal(quantity * abs(row[m.F_PRICE] - row[m.F_RAW]) * rate),
    )


def trade_of(case: RefCase, row: list[float]) -> RefTrade:
    held, rate, fees = row[m.F_HELD_QUANTITY], row[m.F_RATE], row[m.F_FEE] + row[m.F_ENTRY_FEES]
    gross = (row[m.F_PRICE] - row[m.F_AVERAGE]) * held * rate
    slipped = abs(held) * abs(row[m.F_PRICE] - row[m.F_RAW])
    return RefTrade(
        symbol=case.instruments[int(row[m.F_INSTRUMENT])].symbol,
        side="long" if held > 0.0 else "short",
        quantity=Decimal(repr(abs(held))),
        entry_t=int(row[m.F_ENTRY_BAR]) - 1,
        entry_price=Decimal(row[m.F_AVERAGE]),
        exit_t=int(row[m.F_BAR]),
        exit_price=Decimal(repr(row[m.F_PRICE])),
        pnl=Decimal(gross - fees + row[m.F_FINANCED]),
        fees=Decimal(fees),
        spread_cost=Decimal((row[m.F_ENTRY_SPREAD] + abs(held) * row[m.F_HALF]) * rate),
        slippage_cost=Decimal((row[m.F_ENTRY_SLIPPAGE] + slipped) * rate),
        financing=Decimal(row[m.F_FINANCED]),
        bars_held=int(row[m.F_HELD]),
        exit_reason=WORDS[row[m.F_REASON]],
        mae=Decimal(row[m.F_MAE]),
        mfe=Decimal(row[m.F_MFE]),
    )


def orders_kept(case: RefCase, books: m.Books) -> list[RefOrder]:
    """The entry orders, each with how it ended: a bar's fills come before the orders placed and gone at its close."""
    events: list[tuple[int, int, list[float]]] = [
        (int(row[m.F_BAR]), 0, row) for row in books.fills.tolist() if row[m.F_REASON] == k.ENTRY_SIGNAL
    ]
    events += [(int(row[m.O_BAR]), 1, row) for row in books.orders.tolist()]
    kept: list[RefOrder] = []
    working: dict[int, RefOrder] = {}
    for t, kind, row in sorted(events, key=lambda event: event[:2]):
        if kind == 0:
            order = working.pop(int(row[m.F_INSTRUMENT]))
            order.end, order.end_t, order.reason = "filled", t, "entry"
        elif row[m.O_QUANTITY] == 0.0:
            order = working.pop(int(row[m.O_INSTRUMENT]))
            order.end, order.end_t = ENDS.get(row[m.O_REASON], "cancelled"), t
            order.reason = WORDS[row[m.O_REASON]]
        else:
            i, quantity = int(row[m.O_INSTRUMENT]), row[m.O_QUANTITY]
            working[i] = RefOrder(
                t,
                case.instruments[i].symbol,
                1 if quantity > 0.0 else -1,
                Decimal(repr(abs(quantity))),
                case.rules.order_kind,
                "entry",
                stop_price=price_or_none(row[m.O_STOP]),
                limit_price=price_or_none(row[m.O_LIMIT]),
                reason=WORDS[row[m.O_REASON]],
            )
            kept.append(working[i])
    return kept


def price_or_none(price: float) -> Decimal | None:
    return None if math.isnan(price) else Decimal(repr(price))


def decisions_kept(case: RefCase, books: m.Books) -> Iterator[RefDecision]:
    """The decisions by row, then instrument; what the kernel enters on top of a position is an `add`."""
    n, rows = books.outcome.shape
    held = np.zeros((n, rows + 1))  # at the close of each row
    for row in books.fills.tolist():
        if row[m.F_REASON] != k.END_OF_DATA:
            held[int(row[m.F_INSTRUMENT]), int(row[m.F_BAR]) :] += row[m.F_QUANTITY]
    for t in range(rows):
        for i in np.flatnonzero(books.outcome[:, t]):
            action, reason = ACTIONS[int(books.action[i, t])], WORDS[int(books.reason[i, t])]
            if reason == "both_sides":
                action = "both"
            elif action.startswith("enter") and held[i, t] != 0.0:
                action = action.replace("enter", "add")
            outcome = OUTCOMES[int(books.outcome[i, t])]
            yield RefDecision(t, case.instruments[i].symbol, action, outcome, reason, WORDS[int(books.cap[i, t])])
