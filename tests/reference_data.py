"""The plain data of the second engine: what goes in (floats, strings, ints) and what comes out (decimals)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

NAN = math.nan
MINUTE_NS = 60_000_000_000
HOUR_NS = 60 * MINUTE_NS

Prices = tuple[float, float, float, float]  # open, high, low, close
Inner = tuple[Prices, Prices]  # bid and ask of a finer bar; a tick has four equal prices


@dataclass(frozen=True)
class RefInstrument:
    """What is traded. `conversion` says how a quote amount becomes account money: `quote`, `base` or `pair`.

    `base` and `quote` are its currencies; empty where it has none or where that is the account's own.
    """

    symbol: str
    price_step: float = 0.00001
    lot_step: float = 1.0
    min_quantity: float = 1.0
    contract_size: float = 100_000.0
    margin_rate: float = 0.05
    conversion: str = "quote"
    base: str = ""
    quote: str = ""


@dataclass(frozen=True)
class RefBar:
    """One instrument on one row of the clock.

    `session_label` and `session_ns` (in-session time from the start of the data to this row's open) belong to the row and
    are given without a bar too; `session_ends` says that the row's decision time is in a later session. `volume` 0 or nan is
    unknown. `finance_long` and `finance_short` are the sums received (positive) or paid by one unit held
    over the boundaries in (previous open, this open], quote currency. `rate_open` and `rate_close` are account money per
    quote unit for `conversion="pair"`; nan is a stale rate: amounts use the last known one, entries are refused.
    `inner` are the finer bars inside this one, in order; none where they are not known.
    """

    time_ns: int
    bid: Prices = (NAN, NAN, NAN, NAN)
    ask: Prices = (NAN, NAN, NAN, NAN)
    volume: float = 1_000_000.0
    session_label: int = 0
    session_ns: int = 0
    session_ends: bool = False
    has_bar: bool = True
    finance_long: float = 0.0
    finance_short: float = 0.0
    rate_open: float = NAN
    rate_close: float = NAN
    inner: tuple[Inner, ...] = ()


@dataclass(frozen=True)
class RefSignals:
    """What the strategy's columns say at the close of one bar.

    `stop`, `target` and `trail` are distances in the unit their rule's kind names: price units, or a fraction, which is the
    same on every bar that enters one instrument;
    `order_price` is the limit price of limit orders, else the stop price; `limit_price` is the limit of stop-limit orders. Prices and
    distances for a long come from the first of a pair, for a short from the second, where a pair is given.
    `filter_code` names the filter that refuses an entry here, None lets it pass. `levels` are what the comparisons of
    `RefRules.terms` compare with. `correlation` is that of this instrument's entry with each instrument, in their order.
    """

    enter_long: bool = False
    enter_short: bool = False
    leave_long: bool = False
    leave_short: bool = False
    strength: float = 1.0
    stop: float = NAN
    target: float = NAN
    trail: float = NAN
    volatility: float = NAN
    order_price: tuple[float, float] = (NAN, NAN)
    limit_price: tuple[float, float] = (NAN, NAN)
    filter_code: str | None = None
    term_truth: bool = True
    levels: tuple[float, ...] = ()
    correlation: tuple[float, ...] = ()


@dataclass(frozen=True)
class RefComparison:
    """One comparison of an exit rule that looks at the position held on `side`; it is `first` of its term, or a further one.

    A rule is any of its terms, a term is all of its comparisons and the columns' part (`RefSignals.term_truth`).
    """

    side: int
    first: bool
    field: str  # bars, pnl, mfe, mae, entry_price; prices and distances in price units
    sign: str  # <, <=, >, >=


@dataclass(frozen=True)
class RefRules:
    """Every setting of execution, exits, sizing and risk. None and 0 switch a limit off.

    A `short_` setting is that of sells; None is the same as that of buys.
    """

    timeframe_ns: int = HOUR_NS
    intrabar: str = "pessimistic"  # optimistic, finer
    order_kind: str = "market"  # limit, stop, stop_limit
    time_in_force: str = "gtc"  # day, ioc
    expires_bars: int = 0
    short_order_kind: str | None = None
    short_time_in_force: str | None = None
    short_expires_bars: int | None = None
    stop_kind: str = "none"  # price, fraction
    target_kind: str = "none"
    trail_kind: str = "none"
    max_holding: int = 0
    terms: tuple[RefComparison, ...] = ()
    pyramiding: int = 0
    reverse: bool = False
    close_at_end: bool = False
    sizing: str = "units"  # notional, percent, risk, volatility
    size_value: float = 1000.0
    slippage_steps: float = 0.0  # fixed part, in price steps of the instrument
    slippage_range: float = 0.0  # fraction of high - low
    slippage_impact: float = 0.0  # x price x (quantity / volume)^2
    fee_fraction: float = 0.0
    fee_per_lot: float = 0.0
    fee_minimum: float = 0.0
    position_limit: float | None = None
    max_order_notional: float | None = None
    currency_exposure: float | None = None  # fraction of equity
    margin_limit: float | None = None  # fraction of equity
    correlation_limit: float | None = None
    max_positions: int | None = None
    max_drawdown: float | None = None
    daily_loss_limit: float | None = None
    cooldown_bars: int = 0
    one_entry_per_session: bool = False

    def kind_of(self, side: int) -> str:
        """The kind of the entry orders of `side`."""
        return self.order_kind if side > 0 or self.short_order_kind is None else self.short_order_kind

    def force_of(self, side: int) -> str:
        """The time in force of the entry orders of `side`."""
        return self.time_in_force if side > 0 or self.short_time_in_force is None else self.short_time_in_force

    def bars_of(self, side: int) -> int:
        """After how many bars the entry orders of `side` expire; 0 is never."""
        return self.expires_bars if side > 0 or self.short_expires_bars is None else self.short_expires_bars


@dataclass(frozen=True)
class RefCase:
    """One whole input of an engine; `bars` and `signals` are indexed [row][instrument]."""

    instruments: Sequence[RefInstrument]
    bars: Sequence[Sequence[RefBar]]
    signals: Sequence[Sequence[RefSignals]]
    rules: RefRules
    cash: float


@dataclass
class RefFill:
    """One execution; `quantity` is signed, money is in account currency, `t` is the row."""

    t: int
    symbol: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    reason: str
    ambiguous: bool
    spread_cost: Decimal
    slippage_cost: Decimal


@dataclass
class RefTrade:
    """One round trip from flat to flat; `pnl` is net, `mae` and `mfe` are distances >= 0 in price units.

    All of its quote amounts are converted at the exit's rate, so that gross at mid - costs is its `pnl`.
    """

    symbol: str
    side: str
    quantity: Decimal
    entry_t: int
    entry_price: Decimal
    exit_t: int
    exit_price: Decimal
    pnl: Decimal
    fees: Decimal
    spread_cost: Decimal
    slippage_cost: Decimal
    financing: Decimal
    bars_held: int
    exit_reason: str
    mae: Decimal
    mfe: Decimal


@dataclass
class RefDecision:
    """What was concluded on one row for one instrument; `exit` is the reason of an exit ordered here, or empty."""

    t: int
    symbol: str
    action: str  # enter_long, add_long, reverse_long, ..., both, exit
    outcome: str  # ordered, refused, ignored
    reason: str
    cap: str = ""  # what bound the size; of an exit: why nothing was entered beside it


@dataclass
class RefOrder:
    """An order decided on row `t`, and how it ended: filled, cancelled, replaced, expired, rejected, or still working."""

    t: int
    symbol: str
    side: int
    quantity: Decimal
    kind: str
    leg: str  # entry, exit
    stop_price: Decimal | None = None
    limit_price: Decimal | None = None
    end: str = "working"
    end_t: int | None = None
    reason: str = ""


@dataclass
class RefResult:
    """Everything an engine answers; decimals of lists are one a row, decisions are by row, then the strategy's order."""

    fills: list[RefFill] = field(default_factory=list)
    trades: list[RefTrade] = field(default_factory=list)
    equity: list[Decimal] = field(default_factory=list)
    cash: list[Decimal] = field(default_factory=list)
    margin: list[Decimal] = field(default_factory=list)
    drawdown: list[Decimal] = field(default_factory=list)
    decisions: list[RefDecision] = field(default_factory=list)
    orders: list[RefOrder] = field(default_factory=list)
    positions: list[Decimal] = field(default_factory=list)
