"""Generated markets, signals and rules: random but plausible, as the plain data that both engines read.

`cases()` is the strategy to use. The settings are drawn by hypothesis (the plainest first, so that a failing case shrinks to
few rules); rows are made one after another from a drawn seed, so that fewer rows are a prefix of the same market.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from random import Random

from hypothesis import strategies as st

from tests.reference_data import (
    HOUR_NS,
    MINUTE_NS,
    NAN,
    Prices,
    RefBar,
    RefCase,
    RefComparison,
    RefInstrument,
    RefRules,
    RefSignals,
)

# Instruments with the price each starts from, in steps.
_POOL = (
    (RefInstrument("EURUSD", margin_rate=1 / 30), 110_000),
    (RefInstrument("USDJPY", price_step=0.001, margin_rate=1 / 30, conversion="base"), 150_000),
    (RefInstrument("EURGBP", margin_rate=0.05, lot_step=1000.0, min_quantity=1000.0, conversion="pair"), 85_000),
    (RefInstrument("ACME", price_step=0.01, contract_size=1.0, margin_rate=0.5), 10_000),
)
_TERMS = (
    RefComparison(1, True, "bars", ">="),
    RefComparison(-1, True, "pnl", "<"),
    RefComparison(-1, False, "mae", ">"),
    RefComparison(1, True, "mfe", ">"),
    RefComparison(1, False, "pnl", "<="),
    RefComparison(-1, True, "entry_price", ">="),
    RefComparison(-1, False, "bars", "<"),
)
_DISTANCES = (1, 2, 3, 4, 6, 9, 2.5, 15, 25)  # of stops and targets, in steps
_START_NS = 1_483_344_000_000_000_000


@st.composite
def rules(draw: st.DrawFn) -> RefRules:
    """Any combination of settings; odd numbers, so that limits are never met to the last digit by design."""

    def off_or(*values: object) -> object:
        return draw(st.sampled_from((None, None, None, *values)))

    kinds = st.sampled_from(("none", "none", "price", "fraction"))
    sizing, size_value = draw(
        st.sampled_from(
            (
                ("units", 3000.0),
                ("units", 170.0),
                ("notional", 5003.7),
                ("percent", 0.97),
                ("percent", 7.3),
                ("percent", 23.3),
                ("risk", 0.0007),
                ("risk", 0.013),
                ("volatility", 0.0009),
            )
        )
    )
    return RefRules(
        timeframe_ns=draw(st.sampled_from((HOUR_NS, MINUTE_NS, 4 * HOUR_NS))),
        intrabar=draw(st.sampled_from(("pessimistic", "optimistic"))),
        order_kind=draw(st.sampled_from(("market", "limit", "stop", "stop_limit"))),
        time_in_force=draw(st.sampled_from(("gtc", "gtc", "gtc", "day", "ioc"))),
        expires_bars=draw(st.sampled_from((0, 0, 1, 2, 5))),
        stop_kind=draw(kinds),
        target_kind=draw(kinds),
        trail_kind=draw(kinds),
        max_holding=draw(st.sampled_from((0, 0, 0, 1, 3, 8))),
        terms=draw(st.sampled_from(((), (), _TERMS[:1], _TERMS[1:3], _TERMS))),
        pyramiding=draw(st.sampled_from((0, 0, 1, 3))),
        reverse=draw(st.booleans()),
        close_at_end=draw(st.booleans()),
        sizing=sizing,
        size_value=size_value,
        slippage_steps=draw(st.sampled_from((0.0, 0.0, 1.0, 0.4))),
        slippage_range=draw(st.sampled_from((0.0, 0.0, 0.07))),
        slippage_impact=draw(st.sampled_from((0.0, 0.0, 0.003))),
        fee_fraction=draw(st.sampled_from((0.0, 0.0, 0.00002, 0.0011))),
        fee_per_lot=draw(st.sampled_from((0.0, 0.0, 3.5))),
        fee_minimum=draw(st.sampled_from((0.0, 0.0, 0.13))),
        position_limit=off_or(0.613, 1.53, 4.1),
        max_order_notional=off_or(2003.3, 20_011.9),
        max_positions=off_or(1, 2),
        max_drawdown=off_or(0.00037, 0.0043, 0.047),
        daily_loss_limit=off_or(0.00029, 0.0031, 0.029),
        cooldown_bars=draw(st.sampled_from((0, 0, 1, 4))),
        one_entry_per_session=draw(st.sampled_from((False, False, True))),
    )


def _price(steps: int, step: float) -> float:
    return float(steps * Decimal(repr(step)))


class _Market:
    """Makes the rows of one instrument: whole steps, tight ranges, now and then a gap or no bar."""

    def __init__(self, instrument: RefInstrument, start: int, random: Random, wild: bool, financed: bool) -> None:
        self.instrument, self.last, self.start, self.random = instrument, start, start, random
        self.wild, self.financed = wild, financed
        self.rate = 125_000
        self.missing = 0
        self.boundaries = 0  # session boundaries since its last bar

    def _steps(self) -> tuple[list[int], list[int]]:
        """Bid and ask open, high, low, close in steps; the spread is 0 to 3 steps and may change within the bar."""
        random = self.random
        gap = random.choice((0, 0, 0, 1, -1, 2, -2)) if random.random() < 0.9 else random.randint(-9, 9)
        if self.wild and random.random() < 0.1:
            gap = int(self.last * random.choice((-0.15, -0.03, -0.02, 0.02, 0.03, 0.15)))
        opened = max(self.last + gap, self.start // 4)
        closed = opened + random.randint(-4, 4)
        high, low = max(opened, closed) + random.randint(0, 3), min(opened, closed) - random.randint(0, 3)
        bid = [opened, high, low, closed]
        spread = random.randint(0, 2)
        ask = [price + spread + (random.random() < 0.2) for price in bid]
        ask[1], ask[2] = max(ask), min(ask)
        self.last = closed
        return bid, ask

    def row(self, first: bool, boundary: bool) -> dict[str, object]:
        """The facts of the next row of this instrument: prices (or none), volume, financing, rates."""
        random, step = self.random, self.instrument.price_step
        self.boundaries += boundary
        facts: dict[str, object] = {}
        if self.instrument.conversion == "pair":
            self.rate += random.randint(-30, 30)
            known = first or random.random() > 0.04
            facts["rate_open"] = self.rate / 100_000 if known else NAN
            facts["rate_close"] = (self.rate + random.randint(-20, 20)) / 100_000 if known else NAN
        if self.missing == 0 and not first and random.random() < 0.07:
            self.missing = random.choice((1, 1, 2, 5, 6, 7, 9))
        if self.missing > 0:
            self.missing -= 1
            facts["has_bar"] = False
            return facts
        bid, ask = self._steps()
        facts["bid"], facts["ask"] = (_prices(bid, step), _prices(ask, step))
        facts["volume"] = float(random.randint(1_000, 500_000)) if random.random() > 0.05 else random.choice((0.0, NAN))
        if self.financed and self.boundaries:
            nights = self.boundaries * random.choice((1, 1, 1, 3))
            facts["finance_long"] = float(-nights * Decimal(repr(step)) * Decimal("0.7"))
            facts["finance_short"] = float(nights * Decimal(repr(step)) * Decimal("0.3"))
        self.boundaries = 0
        return facts


def _prices(steps: list[int], step: float) -> Prices:
    opened, high, low, closed = (_price(s, step) for s in steps)
    return opened, high, low, closed


def _fraction(random: Random, instrument: RefInstrument, steps: int) -> float:
    """A distance of 1 to 25 steps as a fraction of the price, the same for a whole run."""
    return float(f"{random.choice(_DISTANCES) / steps:.4g}")


def _signals(
    random: Random, instrument: RefInstrument, bar: RefBar, setting: RefRules, fractions: tuple[float, ...], busy: float
) -> RefSignals:
    """Signals of one bar; distances are 1 to 25 steps, at times halves or nan."""
    if not bar.has_bar:
        return RefSignals(levels=(NAN,) * len(setting.terms))
    step, close = instrument.price_step, bar.bid[3]

    def distance(kind: str, fraction: float = NAN) -> float:
        steps = random.choice(_DISTANCES)
        if kind == "fraction":
            return fraction
        return float(f"{steps * step:.6g}") if random.random() > 0.02 else NAN

    def order_prices(away: int) -> tuple[float, float]:
        """A price for a buy and one for a sell, `away` steps in the direction of the order; at times between steps."""
        part = random.choice((0.0, 0.0, 0.4))
        ticks = round(close / step)
        long, short = (float(f"{(ticks + d * away + part) * step:.10g}") for d in (1, -1))
        return (long, short) if random.random() > 0.02 else (NAN, NAN)

    def level(field: str) -> float:
        """What a field of the position is compared with; between the steps, so that no comparison is a tie."""
        steps = random.randint(-4, 8) + 0.37
        levels = {"bars": float(random.randint(1, 6)), "entry_price": close + steps * step}
        return levels.get(field, steps * step) if random.random() > 0.02 else NAN

    order = order_prices(random.randint(-1, 4) * (-1 if setting.order_kind == "limit" else 1))
    between = random.randint(-3, 3)
    long = random.random() < busy
    short = random.random() < (0.05 if long else busy)
    return RefSignals(
        enter_long=long,
        enter_short=short,
        leave_long=random.random() < (busy if short else busy / 4),
        leave_short=random.random() < (busy if long else busy / 4),
        strength=random.choice((0.25, 0.5, 1.0)),
        stop=distance(setting.stop_kind, fractions[0]),
        target=distance(setting.target_kind, fractions[1]),
        trail=distance(setting.trail_kind, fractions[2]),
        volatility=distance("price"),
        order_price=order,
        limit_price=(
            float(f"{order[0] + between * step:.10g}"),
            float(f"{order[1] - between * step:.10g}"),
        ),
        filter_code="hours" if random.random() < 0.04 else None,
        term_truth=random.random() < 0.6,
        levels=tuple(level(term.field) for term in setting.terms),
    )


def make_case(
    seed: int,
    n_rows: int,
    chosen: tuple[int, ...],
    setting: RefRules,
    cash: float,
    *,
    wild: bool,
    financed: bool,
    busy: float,
) -> RefCase:
    """One case from its settings; the same seed with fewer rows gives a prefix of the same rows.

    Sessions last 5 to 15 rows and are followed by nothing, a night or a weekend out of session; rows on which no
    instrument has a bar are left out, so that the clock has gaps in session as well.
    """
    random = Random(seed)
    instruments = [_POOL[i][0] for i in chosen]
    markets = [_Market(*_POOL[i], Random(seed * 7 + i), wild, financed) for i in chosen]
    for market in markets:
        market.last += random.randint(-50, 50)
    fractions = [
        tuple(_fraction(random, i, m.last) for _ in range(3)) for i, m in zip(instruments, markets, strict=True)
    ]
    time_ns, session_ns, label, left = _START_NS, 0, 0, random.randint(3, 12)
    crossed = False
    bars: list[list[RefBar]] = []
    signals: list[list[RefSignals]] = []
    while len(bars) < n_rows:
        facts = [market.row(first=not bars, boundary=crossed) for market in markets]
        place = {"session_label": label, "session_ns": session_ns, "session_ends": left == 1}
        row = [RefBar(time_ns=time_ns, **place, **f) for f in facts]
        if any(bar.has_bar for bar in row):
            bars.append(row)
            each = zip(instruments, row, fractions, strict=True)
            signals.append([_signals(random, i, b, setting, f, busy) for i, b, f in each])
        time_ns, session_ns, left = time_ns + setting.timeframe_ns, session_ns + setting.timeframe_ns, left - 1
        crossed = left == 0
        if crossed:
            label, left = label + 1, random.randint(5, 15)
            time_ns += random.choice((0, 12, 48)) * HOUR_NS
    return RefCase(instruments, bars, signals, setting, cash)


@st.composite
def cases(draw: st.DrawFn, *, strained: bool = False) -> RefCase:
    """A market of 5 to 60 rows with 1 to 3 instruments, signals on it, and rules.

    `strained`: with all the margin used and gaps, so that margin calls, limits and the end of the equity are often met.
    """
    setting = draw(rules())
    if strained:
        value = draw(st.sampled_from((5.1, 12.7, 19.3, 27.9)))
        setting = replace(setting, sizing="percent", size_value=value, position_limit=None, max_order_notional=None)
    return make_case(
        seed=draw(st.integers(0, 2**40)),
        n_rows=draw(st.integers(5, 60)),
        chosen=draw(st.sampled_from(((0,), (1,), (2,), (3,), (0, 1), (2, 3), (3, 0), (0, 1, 2), (3, 2, 1)))),
        setting=setting,
        cash=draw(st.sampled_from((10_007.31, 1_000.37, 100_003.71))),
        wild=strained or draw(st.booleans()),
        financed=draw(st.booleans()),
        busy=draw(st.sampled_from((0.25, 0.1, 0.5))),
    )
