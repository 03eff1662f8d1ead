"""Generated markets, signals and rules: random but plausible, as the plain data that both engines read.

`cases()` is the strategy to use. The settings are drawn by hypothesis (the plainest first, so that a failing case shrinks to
few rules); rows are made one after another from a drawn seed, so that fewer rows are a prefix of the same market.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from tests.generators_bars import Market
from tests.reference_data import (
    HOUR_NS,
    MINUTE_NS,
    NAN,
    RefBar,
    RefCase,
    RefComparison,
    RefInstrument,
    RefRules,
    RefSignals,
)

# Instruments with the price each starts from, in steps.
_POOL = (
    (RefInstrument("EURUSD", margin_rate=1 / 30, base="EUR"), 110_000),
    (RefInstrument("USDJPY", price_step=0.001, margin_rate=1 / 30, conversion="base", quote="JPY"), 150_000),
    (
        RefInstrument(
            "EURGBP",
            margin_rate=0.05,
            lot_step=1000.0,
            min_quantity=1000.0,
            conversion="pair",
            base="EUR",
            quote="GBP",
        ),
        85_000,
    ),
    (RefInstrument("ACME", price_step=0.01, contract_size=1.0, margin_rate=0.5), 10_000),
    (RefInstrument("GBPUSD", margin_rate=1 / 30, base="GBP"), 125_000),
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
_NEAR = (1, 2, 3, 4, 2.5)
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
        intrabar=draw(st.sampled_from(("pessimistic", "optimistic", "finer", "finer"))),
        order_kind=draw(st.sampled_from(("market", "limit", "stop", "stop_limit"))),
        time_in_force=draw(st.sampled_from(("gtc", "gtc", "gtc", "day", "ioc"))),
        expires_bars=draw(st.sampled_from((0, 0, 1, 2, 5))),
        short_order_kind=off_or("market", "limit", "stop", "stop_limit"),
        short_time_in_force=off_or("gtc", "day", "ioc"),
        short_expires_bars=off_or(0, 1, 3),
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
        currency_exposure=off_or(0.0717, 0.677, 1.87, 5.3),
        margin_limit=off_or(0.0313, 0.119, 0.53, 1.7),
        correlation_limit=off_or(-0.2137, 0.4719, 0.8313),
        max_positions=off_or(1, 2),
        max_drawdown=off_or(0.00037, 0.0043, 0.047),
        daily_loss_limit=off_or(0.00029, 0.0031, 0.029),
        cooldown_bars=draw(st.sampled_from((0, 0, 1, 4))),
        one_entry_per_session=draw(st.sampled_from((False, False, True))),
    )


def _fraction(random: Random, distances: tuple[float, ...], steps: int) -> float:
    """A distance as a fraction of the price, the same for a whole run."""
    return float(f"{random.choice(distances) / steps:.4g}")


def _signals(
    random: Random,
    instrument: RefInstrument,
    bar: RefBar,
    setting: RefRules,
    fractions: tuple[float, ...],
    distances: tuple[float, ...],
    *,
    busy: float,
    n: int,
) -> RefSignals:
    """Signals of one bar; distances are 1 to 25 steps, at times halves or nan."""
    if not bar.has_bar:
        return RefSignals(levels=(NAN,) * len(setting.terms))
    step, close = instrument.price_step, bar.bid[3]

    def distance(kind: str, fraction: float = NAN) -> float:
        steps = random.choice(distances)
        if kind == "fraction":
            return fraction
        return float(f"{steps * step:.6g}") if random.random() > 0.02 else NAN

    def order_prices(away: int) -> tuple[float, float]:
        """A price for a buy and one for a sell, `away` steps to where each waits for it; at times between steps."""
        part = random.choice((0.0, 0.0, 0.4))
        ticks = round(close / step)
        signed = [d * away * (-1 if setting.kind_of(d) == "limit" else 1) for d in (1, -1)]
        long, short = (float(f"{(ticks + steps + part) * step:.10g}") for steps in signed)
        return (long, short) if random.random() > 0.02 else (NAN, NAN)

    def level(field: str) -> float:
        """What a field of the position is compared with; between the steps, so that no comparison is a tie."""
        steps = random.randint(-4, 8) + 0.37
        levels = {"bars": float(random.randint(1, 6)), "entry_price": close + steps * step}
        return levels.get(field, steps * step) if random.random() > 0.02 else NAN

    def correlation() -> float:
        """Its own with each instrument, not the other way round: no symmetry hides a wrong index."""
        return round(random.uniform(-1.0, 1.0), 3) if random.random() > 0.03 else NAN

    order = order_prices(random.randint(-1, 4))
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
        correlation=() if setting.correlation_limit is None else tuple(correlation() for _ in range(n)),
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
    near: bool = False,
) -> RefCase:
    """One case from its settings; the same seed with fewer rows gives a prefix of the same rows.

    `near`: stops and targets lie within the range of a bar.

    Sessions last 5 to 15 rows and are followed by nothing, a night or a weekend out of session; rows on which no
    instrument has a bar are left out, so that the clock has gaps in session as well.
    """
    random = Random(seed)
    instruments = [_POOL[i][0] for i in chosen]
    distances = _NEAR if near else _DISTANCES
    finer = setting.intrabar == "finer"
    markets = [Market(*_POOL[i], Random(seed * 7 + i), wild=wild, financed=financed, finer=finer) for i in chosen]
    for market in markets:
        market.last += random.randint(-50, 50)
    fractions = [tuple(_fraction(random, distances, m.last) for _ in range(3)) for m in markets]
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
            n = len(instruments)
            signals.append([_signals(random, i, b, setting, f, distances, busy=busy, n=n) for i, b, f in each])
        time_ns, session_ns, left = time_ns + setting.timeframe_ns, session_ns + setting.timeframe_ns, left - 1
        crossed = left == 0
        if crossed:
            label, left = label + 1, random.randint(5, 15)
            time_ns += random.choice((0, 12, 48)) * HOUR_NS
    return RefCase(instruments, bars, signals, setting, cash)


def _unlimited(setting: RefRules) -> RefRules:
    """The rules without what bounds a size, but the margin."""
    return replace(setting, position_limit=None, max_order_notional=None, currency_exposure=None, margin_limit=None)


def _unhalted(setting: RefRules) -> RefRules:
    """The rules without what stops entries for long."""
    setting = replace(setting, max_drawdown=None, daily_loss_limit=None, cooldown_bars=0)
    return replace(setting, one_entry_per_session=False, max_positions=None)


@st.composite
def cases(draw: st.DrawFn, *, strained: bool = False) -> RefCase:
    """A market of 5 to 60 rows with 1 to 3 instruments, signals on it, and rules.

    `strained`: with all the margin used and gaps, so that margin calls, limits and the end of the equity are often met.
    Of the others one in four is about what happens inside bars, one in four about exposure.
    """
    setting, focus = draw(rules()), draw(st.sampled_from(("", "", "inside", "exposed")))
    if strained:
        value = draw(st.sampled_from((5.1, 12.7, 19.3, 27.9)))
        setting = replace(_unlimited(setting), sizing="percent", size_value=value)
    elif focus == "inside":
        setting = replace(
            _unhalted(setting),
            intrabar="finer",
            order_kind=draw(st.sampled_from(("limit", "stop", "stop_limit", "market"))),
            stop_kind=draw(st.sampled_from(("price", "fraction"))),
            target_kind=draw(st.sampled_from(("price", "fraction"))),
        )
    elif focus == "exposed":
        setting = replace(
            _unhalted(_unlimited(setting)),
            sizing="percent",
            size_value=draw(st.sampled_from((0.97, 2.3, 7.3))),
            currency_exposure=draw(st.sampled_from((0.677, 1.87, 5.3))),
            margin_limit=draw(st.sampled_from((None, 0.119, 0.53))),
        )
    return make_case(
        seed=draw(st.integers(0, 2**40)),
        n_rows=draw(st.integers(5, 60)),
        chosen=draw(
            st.sampled_from(
                ((0,), (1,), (2,), (3,), (0, 1), (2, 3), (3, 0), (0, 1, 2), (3, 2, 1), (2, 4), (4, 0, 2), (1, 0, 4))
            )
        ),
        setting=setting,
        cash=draw(st.sampled_from((10_007.31, 1_000.37, 100_003.71))),
        wild=strained or draw(st.booleans()),
        financed=draw(st.booleans()),
        busy=draw(st.sampled_from((0.25, 0.1, 0.5))),
        near=focus == "inside",
    )
