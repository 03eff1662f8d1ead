"""From a case of the second engine to the kernel's arrays: `arrays` makes what the kernel reads, `run_arrays` runs it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.kernel import terms as rule
from sptrader.kernel.blocks import asked_in_blocks, make_blocks
from sptrader.kernel.replay import close_out, replay
from tests.reference_data import (
    HOUR_NS,
    NAN,
    RefCase,
    RefInstrument,
    RefRules,
    RefSignals,
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
POSITION_FIELDS = {
    "bars": rule.BARS,
    "pnl": rule.PNL,
    "mfe": rule.MFE_FIELD,
    "mae": rule.MAE_FIELD,
    "entry_price": rule.ENTRY_PRICE,
}
SIGNS = {
    "<": rule.LESS,
    "<=": rule.LESS_OR_EQUAL,
    ">": rule.GREATER,
    ">=": rule.GREATER_OR_EQUAL,
}
FILTERS = {"hours": k.OUTSIDE_HOURS, "days": k.OUTSIDE_DAYS}


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
    finer, finer_at = finer_of(case)
    closes, blocks = make_blocks(price, flags)
    return m.Market(
        price=price,
        volume=volume,
        flags=flags,
        rate=rate,
        nights=nights,
        closes=closes,
        blocks=blocks,
        finer=finer,
        finer_at=finer_at,
    )


def finer_of(case: RefCase) -> tuple[Floats, NDArray[np.int64]]:
    """The finer bars of all bars, instrument by instrument, and where those of each bar begin and end."""
    n, rows = len(case.instruments), len(case.bars)
    found: list[tuple[float, ...]] = []
    at = np.zeros((n, rows + 1), np.int64)
    for i in range(n):
        at[i, 0] = len(found)
        for t, row in enumerate(case.bars):
            found += [(*bid, *ask) for bid, ask in row[i].inner]
            at[i, t + 1] = len(found)
    if not found:
        return np.zeros((0, 8)), np.zeros((n, 1), np.int64)
    return np.array(found), at


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

    kinds = rules.kind_of(1), rules.kind_of(-1)

    def pair(fields: dict[str, str]) -> Floats:
        """The prices of both sides, each from the field that its order kind takes it from; nan where it takes none."""
        used = any(kind in fields for kind in kinds)
        out = np.full((n, rows if used else 1, 1, 2), NAN)
        for side, kind in enumerate(kinds):
            for t, i, s in every if kind in fields else ():
                out[i, t, 0, side] = getattr(s, fields[kind])[side]
        return out

    return m.Orders(
        signal=signal,
        asked=asked_in_blocks(signal),
        strength=strength,
        refused=refused,
        stop=column("stop", used=rules.stop_kind == "price"),
        target=column("target", used=rules.target_kind == "price"),
        trail=column("trail", used=rules.trail_kind == "price"),
        limit=pair({"limit": "order_price", "stop_limit": "limit_price"}),
        trigger=pair({"stop": "order_price", "stop_limit": "order_price"}),
        volatility=column("volatility", used=rules.sizing == "volatility"),
        correlation=correlation_of(case),
        **terms_of(case),
    )


def correlation_of(case: RefCase) -> Floats:
    """The correlation of each instrument's entry with each instrument, on the bar of the decision."""
    n, rows = len(case.instruments), len(case.bars)
    if not any(s.correlation for row in case.signals for s in row):
        return np.full((n, n, 1), NAN)
    out = np.full((n, n, rows), NAN)
    for t, row in enumerate(case.signals):
        for i, s in enumerate(row):
            out[i, :, t] = s.correlation or NAN  # none on a row without a bar
    return out


def terms_of(case: RefCase) -> dict[str, NDArray[np.generic]]:
    """The exit terms that look at the position; a column of truth is read where a term begins."""
    terms, n, rows = case.rules.terms, len(case.instruments), len(case.bars)
    truth, right = np.zeros((len(terms), n, rows, 1), np.uint8), np.full((len(terms), n, rows, 1), NAN)
    for t, row in enumerate(case.signals if terms else ()):
        for i, s in enumerate(row):
            truth[:, i, t, 0] = s.term_truth
            right[:, i, t, 0] = s.levels
    table = [(c.side, POSITION_FIELDS[c.field], SIGNS[c.sign], c.first) for c in terms]
    return {
        "terms": np.array(table, np.int64).reshape(len(terms), 4),
        "term_truth": truth,
        "term_right": right,
    }


def state_of(case: RefCase) -> Floats:
    """The opening state of one lane, with the case's rules and facts."""
    rules, s = case.rules, k.empty_state(len(case.instruments))
    s[[k.CASH, k.EQUITY, k.PEAK, k.BASELINE]] = case.cash
    s[k.LIMIT_POSITIONS] = or_inf(rules.max_positions)
    s[k.LIMIT_POSITION] = or_inf(rules.position_limit)
    s[k.LIMIT_ORDER] = or_inf(rules.max_order_notional)
    s[k.LIMIT_CURRENCY] = or_inf(rules.currency_exposure)
    s[k.LIMIT_MARGIN] = or_inf(rules.margin_limit)
    s[k.LIMIT_CORRELATION] = or_inf(rules.correlation_limit)
    s[k.LIMIT_DRAWDOWN] = or_inf(rules.max_drawdown)
    s[k.LIMIT_DAILY_LOSS] = or_inf(rules.daily_loss_limit)
    s[k.SIZE_METHOD], s[k.SIZE_VALUE] = SIZINGS[rules.sizing], rules.size_value
    s[k.FEE_FRACTION], s[k.FEE_PER_LOT], s[k.FEE_MINIMUM] = rules.fee_fraction, rules.fee_per_lot, rules.fee_minimum
    s[k.MAX_HOLDING] = or_inf(rules.max_holding or None)
    s[k.N_ADDS], s[k.REVERSING] = rules.pyramiding, rules.reverse
    s[k.OPTIMISTIC], s[k.IS_FINER] = rules.intrabar == "optimistic", rules.intrabar == "finer"
    s[k.COOLDOWN], s[k.ONE_PER_SESSION] = rules.cooldown_bars, rules.one_entry_per_session
    sides = (
        (1, k.ORDER_TYPE, k.ORDER_BARS, k.ORDER_DAY, k.ORDER_AT_OPEN),
        (-1, k.SHORT_ORDER_TYPE, k.SHORT_ORDER_BARS, k.SHORT_ORDER_DAY, k.SHORT_ORDER_AT_OPEN),
    )
    for side, kind, bars, day, at_open in sides:
        s[kind], s[bars] = ORDER_KINDS[rules.kind_of(side)], or_inf(rules.bars_of(side) or None)
        s[day], s[at_open] = rules.force_of(side) == "day", rules.force_of(side) == "ioc"
    # Codes of currencies are any numbers above zero; zero is the account's own, or none.
    names = sorted({name for instrument in case.instruments for name in (instrument.base, instrument.quote)} - {""})
    codes = {"": 0.0, **{name: 3.0 + 2 * at for at, name in enumerate(names)}}
    for i, instrument in enumerate(case.instruments):
        own = s[k.block(i, 1) :]
        write_instrument(own, instrument, rules, [row[i] for row in case.signals])
        own[k.BASE_CODE], own[k.QUOTE_CODE] = codes[instrument.base], codes[instrument.quote]
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
