"""The spec: what a strategy's sections say, as plain data; fractions are 0.02 for 2%, prices in price units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Literal

import pandas as pd

from sptrader.errors import RunError, did_you_mean
from sptrader.model.instrument import Instrument
from sptrader.strategy.document import Scalar, scalar_value
from sptrader.strategy.tree import Condition, Expression

SIZING_METHODS = ("risk", "percent", "notional", "units", "volatility", "kelly")
ORDER_TYPES = ("market", "limit", "stop", "stop_limit")
TIMES_IN_FORCE = ("gtc", "day", "ioc")
INTRABAR = ("pessimistic", "optimistic", "finer")
LIVE_MODES = ("paper", "live")
ON_CASH_DRIFT = ("halt", "alert")


@dataclass(frozen=True)
class StrategyParameter:
    """A number, truth or word a sweep may vary, with its default and its bounds (both included).

    A whole default with whole bounds makes a whole-number parameter; write the default as `2.0` for one with fractions.
    """

    name: str
    default: Scalar
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[Scalar, ...] = ()
    description: str = ""

    @property
    def type(self) -> type:
        """int, float, bool or str."""
        if type(self.default) is int and any(isinstance(v, float) for v in (self.low, self.high, self.step)):
            return float
        return type(self.default)

    def allowed(self) -> str:
        """Say in words which values are allowed."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        word = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[self.type]
        if self.low is not None and self.high is not None:
            return f"{word} from {self.low} to {self.high}"
        if self.low is not None or self.high is not None:
            return f"{word} of {'at least' if self.high is None else 'at most'} {self.low if self.high is None else self.high}"
        return word

    def check(self, value: object) -> Scalar:
        """Return `value` in the parameter's type; raise `RunError` when it is of another type or out of bounds.

        Text is read as in YAML ("8" is 8), whole floats pass as whole numbers, numpy scalars as their Python counterparts.
        """
        given = scalar_value(value) if isinstance(value, str) and self.type is not str else value
        result: Scalar | None = None
        if self.type is str:
            result = given if isinstance(given, str) else None
        elif self.type is bool or type(given).__name__ in ("bool", "bool_"):
            result = bool(given) if self.type is bool and type(given).__name__ in ("bool", "bool_") else None
        elif isinstance(given, Integral):
            result = int(given) if self.type is int else float(given)
        elif isinstance(given, Real) and abs(float(given)) < float("inf"):
            number = float(given)
            result = number if self.type is float else int(number) if number.is_integer() else None
        is_within = result is not None and (not self.choices or result in self.choices)
        if is_within and isinstance(result, (int, float)):
            is_within = (self.low is None or result >= self.low) and (self.high is None or result <= self.high)
        if result is None or not is_within:
            raise RunError(
                f"parameter '{self.name}' was {value!r}; allowed is {self.allowed()}.", key=self.name, value=value
            )
        return result


def parameter_values(
    declared: Mapping[str, StrategyParameter], params: Mapping[str, object] | None
) -> dict[str, Scalar]:
    """Return the value of every declared parameter, `params` before defaults; raise `RunError` for an unknown or unfit one."""
    for name in params or {}:
        if name not in declared:
            near = did_you_mean(name, declared) or "."
            raise RunError(
                f"parameter '{name}' is not declared by the strategy{near} Its parameters: {', '.join(declared) or 'none'}.",
                key=name,
                value=(params or {})[name],
            )
    return {n: p.check(params[n]) if params and n in params else p.default for n, p in declared.items()}


@dataclass(frozen=True)
class Market:
    """What is traded on which bars; `symbols` is empty and `timeframe` "" in files that leave it to the data."""

    symbols: tuple[str, ...] = ()
    timeframe: str = ""
    instruments: Mapping[str, Instrument] = field(default_factory=dict)


@dataclass(frozen=True)
class Distance:
    """A price distance. By `kind`:

    `fraction`: `value` x price; `price`: `value` in price units; `pips`: `value` pips of the instrument;
    `expression`: the value of `expression` on the bar of the decision, price units (`value` is nan).
    """

    kind: Literal["fraction", "price", "pips", "expression"]
    value: float
    expression: Expression | None = None

    def __str__(self) -> str:
        if self.kind == "expression":
            return str(self.expression)
        return {"fraction": f"{100 * self.value:.10g}%", "price": f"{self.value:g}", "pips": f"{self.value:g} pips"}[
            self.kind
        ]


@dataclass(frozen=True)
class PositionRule:
    """`position.<field> <op> right`; `right` is in the field's unit: bars, or price units per unit of quantity.

    `pnl` is positive in profit, `mfe` and `mae` are distances of at least 0, `entry_price` is a price.
    """

    field: Literal["bars", "pnl", "mfe", "mae", "entry_price"]
    op: Literal["<", "<=", ">", ">="]
    right: Expression

    def __str__(self) -> str:
        return f"position.{self.field} {self.op} {self.right}"


@dataclass(frozen=True)
class ExitTerm:
    """`condition` (when there is one) and all of `rules` hold: a reason to leave."""

    condition: Condition | None
    rules: tuple[PositionRule, ...] = ()


@dataclass(frozen=True)
class OrderSpec:
    """How entries are sent; prices are values on the decision's bar, `expires_bars` how many bars the order may wait."""

    type: Literal["market", "limit", "stop", "stop_limit"] = "market"
    price: Expression | None = None
    stop_price: Expression | None = None
    expires_bars: int | None = None
    time_in_force: Literal["gtc", "day", "ioc"] = "gtc"


@dataclass(frozen=True)
class SideRules:
    """One side: when to enter, with which order, when to leave (any of the terms).

    `strength` names the signals whose strength orders competing entries, as far as the entry asks for their events.
    """

    enter: Condition | None
    leave: tuple[ExitTerm, ...]
    strength: tuple[str, ...]
    order: OrderSpec


@dataclass(frozen=True)
class Sizing:
    """How much. `value` by `method`:

    `risk`: fraction of equity lost when the stop is hit; `percent`: notional as a fraction of equity; `notional`: account
    currency; `units`: quantity; `volatility`: fraction of equity that one bar's typical move of the position amounts to, the
    move being `column` (price units, e.g. an ATR) or else the sample standard deviation of the last `lookback` changes of
    the close; `kelly`: fraction of the Kelly bet `win_rate - (1 - win_rate) / payoff`, as notional by equity, at most `cap`.
    """

    method: Literal["risk", "percent", "notional", "units", "volatility", "kelly"]
    value: float
    lookback: int | None = None
    column: Expression | None = None
    win_rate: float | None = None
    payoff: float | None = None
    cap: float | None = None

    @property
    def equity_fraction(self) -> float | None:
        """The notional as a fraction of equity, of `percent` and `kelly` (0 where the odds are bad); None of the others."""
        if self.method == "percent":
            return self.value
        if self.win_rate is None or self.payoff is None or self.cap is None:
            return None
        bet = self.win_rate - (1.0 - self.win_rate) / self.payoff
        return min(max(self.value * bet, 0.0), self.cap)


@dataclass(frozen=True)
class Risk:
    """Limits; None is no limit. Fractions are of equity unless said otherwise.

    `max_drawdown` is of the highest equity and halts for good, `daily_loss_limit` of the day's first equity and halts for the
    day. `currency_exposure` bounds the net notional of any one currency. An entry is refused when its return correlation
    over `correlation_lookback` bars with an open position or a working entry, signed by both sides, is above
    `correlation_limit`. `margin_limit` bounds used margin, that of working entries included. `max_order_notional` is account currency.
    """

    max_positions: int | None = None
    position_limit: float | None = None
    max_order_notional: float | None = None
    max_drawdown: float | None = None
    daily_loss_limit: float | None = None
    currency_exposure: float | None = None
    correlation_limit: float | None = None
    correlation_lookback: int = 100
    margin_limit: float | None = None


@dataclass(frozen=True)
class Hours:
    """A part of the day in `zone`, half-open, minutes since midnight; past midnight when the end is not after the start."""

    start_minute: int
    end_minute: int
    zone: str

    def __str__(self) -> str:
        start, end = (f"{m // 60:02d}:{m % 60:02d}" for m in (self.start_minute, self.end_minute))
        return f"{start}-{end} {self.zone}"


@dataclass(frozen=True)
class Filters:
    """What keeps entries away, at the decision's time; `days` are weekdays (Monday 0) in `zone`."""

    hours: Hours | None = None
    days: frozenset[int] | None = None
    max_spread: Distance | None = None
    min_volume: float | None = None
    cooldown_bars: int = 0
    one_entry_per_session: bool = False

    @property
    def zone(self) -> str:
        """The time zone of `days`: that of the hours, else UTC."""
        return self.hours.zone if self.hours else "UTC"


@dataclass(frozen=True)
class Slippage:
    """What a market or stop fill loses. `value` by `kind`: price units, pips, a fraction of the bar's
    range, or (`volume_share`) the fraction of the price lost by a fill of the bar's whole volume, growing with the
    square of quantity / volume."""

    kind: Literal["price", "pips", "range_fraction", "volume_share"] = "price"
    value: float = 0.0


@dataclass(frozen=True)
class Commission:
    """Per fill: `fraction` of notional + `per_lot` x lots (account currency), at least `minimum` (account currency)."""

    fraction: float = 0.0
    per_lot: float = 0.0
    minimum: float = 0.0


@dataclass(frozen=True)
class Execution:
    """How orders are sent and what they cost; `spread` is None when the data must have it, `financing` a rates file.

    `intrabar` says what a bar that reaches stop and target takes: `pessimistic` the stop, `optimistic` the target, `finer` what
    finer bars or ticks say (`sp.backtest(..., finer=...)`), else the stop.
    """

    order: OrderSpec = OrderSpec()
    slippage: Slippage = Slippage()
    commission: Commission = Commission()
    spread: Distance | None = None
    intrabar: Literal["pessimistic", "optimistic", "finer"] = "pessimistic"
    close_at_end: bool = False
    pyramiding: int = 0
    reverse: bool = False
    financing: str | None = None


@dataclass(frozen=True)
class Backtest:
    """`start` and `end` are UTC and included (a date alone as `end` is that whole day); None leaves it to the caller."""

    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    cash: float | None = None
    currency: str | None = None


@dataclass(frozen=True)
class Live:
    """How it trades live; addresses and credentials never stand here.

    The limits bind orders on their way to the broker, on paper too; None leaves them to the mode. Money in account currency,
    `price_collar` a fraction of the last price, times in seconds. A balance at the broker that is farther from the books' than
    `cash_tolerance` (0.01 where not given) leads to `on_cash_drift`.
    """

    mode: Literal["paper", "live"] = "paper"
    broker: str = "paper"
    account: str = ""
    max_order_notional: float | None = None
    price_collar: float | None = None
    orders_per_minute: int | None = None
    duplicate_window_s: float | None = None
    max_price_age_s: float | None = None
    unprotected_after_s: float | None = None
    cash_tolerance: float | None = None
    on_cash_drift: Literal["halt", "alert"] = "halt"
