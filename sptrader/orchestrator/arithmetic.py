"""Arithmetic: the checks an entry passed or failed, and how its size came about, step by step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sptrader.kernel import state as k
from sptrader.kernel.prices import TOLERANCE
from sptrader.model.reasons import Reason
from sptrader.orchestrator.backtest import Outcome
from sptrader.orchestrator.exposure import Exposure, correlated, exposures, units_allowed


@dataclass(frozen=True)
class Check:
    """One question asked before an entry, in the order in which they are asked."""

    name: str
    is_passed: bool
    detail: str


@dataclass(frozen=True)
class Limit:
    """A constraint on the size: the most units it allows, inf for no limit."""

    name: str
    units: float


@dataclass(frozen=True)
class Sizing:
    """How a size came about: `formula` with numbers gave `wanted` units; the lowest of `limits` and the lot step left `units`.

    `exposures` are the net notionals of its currencies before and after it, where a limit is set on them.
    """

    method: str
    formula: str
    wanted: float
    limits: tuple[Limit, ...]
    lot_step: float
    minimum: float
    units: float
    cap: str
    exposures: tuple[Exposure, ...] = ()

    def lines(self) -> list[tuple[str, str]]:
        """Return the arithmetic as rows of name and text."""
        rows = [(f"{self.method} gave", f"{self.wanted:,.2f} units = {self.formula}")]
        rows += [
            (f"{limit.name} allows", "any" if math.isinf(limit.units) else f"{limit.units:,.2f} units")
            for limit in self.limits
        ]
        if self.cap:
            low = lowest(self.limits)
            rows.append(
                ("bound by", f"{self.method} gave {self.wanted:,.0f} units, {low.name} allows {low.units:,.0f}")
            )
        rows.append(("in whole lots", f"{self.units:,.10g} units (step {self.lot_step:g}, minimum {self.minimum:g})"))
        rows += [
            (f"net {e.currency}", f"{e.before:,.2f} before, {e.after:,.2f} after, at most {e.limit:,.2f} either way")
            for e in self.exposures
        ]
        return rows


def lowest(limits: Sequence[Limit]) -> Limit:
    """Return the limit that allows least, the first of equals; one that is unknown allows nothing."""
    return min(limits, key=lambda limit: -math.inf if math.isnan(limit.units) else limit.units)


def checks(outcome: Outcome, s: np.ndarray, i: int, t: int, action: int) -> tuple[Check, ...]:
    """Return what was asked before the entry decided on bar `t`, from the state `s` after that bar."""
    at = k.block(i, 1)
    is_ordered = outcome.books.outcome[i, t] == k.ORDERED and outcome.books.action[i, t] != k.LEAVE
    is_reversal = action in _REVERSALS
    filtered = Reason(int(s[at + k.FILTER]))
    taken = s[k.N_OPEN] + s[k.N_WORKING]
    if is_ordered and not is_reversal and s[at + k.QUANTITY] == 0.0:
        taken -= 1.0
    refused = Reason(int(outcome.books.reason[i, t])) if outcome.books.outcome[i, t] == k.REFUSED else Reason.NOTHING
    limits = outcome.plan.risk
    found = [
        Check("trading state", s[k.TRADING] == k.ACTIVE, {0: "active", 1: "reducing", 2: "halted"}[int(s[k.TRADING])]),
        Check("daily loss", s[k.IS_DAY_HALTED] == 0.0, _of(1.0 - s[k.EQUITY] / s[k.BASELINE], limits.daily_loss_limit)),
        Check("drawdown", s[k.TRADING] != k.HALTED, _of(s[k.DRAWDOWN], limits.max_drawdown)),
        Check("filters", filtered is Reason.NOTHING, "" if filtered is Reason.NOTHING else filtered.sentence),
        Check("cooldown", refused is not Reason.COOLING_DOWN, f"{s[at + k.QUIET_FOR]:.0f} bars left"),
        Check("one entry per session", refused is not Reason.ENTERED_THIS_SESSION, ""),
        Check("free slot", refused is not Reason.NO_FREE_SLOT, f"{taken:.0f} of {limits.max_positions or 'any'} taken"),
        *_correlation_check(outcome, s, i, t, 1.0 if action in _LONGS else -1.0),
        Check(
            "prices, rate and distances known", refused not in _UNKNOWN, refused.sentence if refused in _UNKNOWN else ""
        ),
        *_room_checks(outcome, s, i, t, action),
        Check("smallest quantity", refused is not Reason.BELOW_MINIMUM, f"{s[at + k.MIN_QUANTITY]:g} units"),
    ]
    return tuple(found)


def _correlation_check(outcome: Outcome, s: np.ndarray, i: int, t: int, direction: float) -> list[Check]:
    limit = outcome.plan.risk.correlation_limit
    if limit is None:
        return []
    found = correlated(outcome, s, i, t, direction)
    told = ", ".join(f"{o.symbol} {o.held} {_figure(o.correlation)}" for o in found) or "nothing else is held"
    return [Check("correlation", all(o.is_allowed for o in found), f"{told}; at most {limit:g}")]


def _room_checks(outcome: Outcome, s: np.ndarray, i: int, t: int, action: int) -> list[Check]:
    """Whether the limits on currencies and on used margin leave room for the smallest quantity."""
    limits = outcome.plan.risk
    if limits.currency_exposure is None and limits.margin_limit is None:
        return []
    told = sizing(outcome, s, i, t, action)
    room = {limit.name: limit.units for limit in told.limits}
    out = []
    if limits.currency_exposure is not None:
        nets = ", ".join(f"net {e.currency} {e.before:,.2f} of {e.limit:,.2f}" for e in told.exposures)
        is_passed = room[CURRENCY_EXPOSURE] >= told.minimum
        out.append(Check(CURRENCY_EXPOSURE, is_passed, nets or "no currency but the account's own"))
    if limits.margin_limit is not None:
        used = _used_margin(s, i, is_reversal=action in _REVERSALS)
        detail = f"{used:,.2f} of {limits.margin_limit * s[k.EQUITY]:,.2f} used"
        out.append(Check(MARGIN_LIMIT, room[MARGIN_LIMIT] >= told.minimum, detail))
    return out


def _figure(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:+.4f}"


def _used_margin(s: np.ndarray, i: int, *, is_reversal: bool) -> float:
    """The margin that is used and reserved without the entry of instrument `i` and, on a reversal, its position."""
    at = k.block(i, 1)
    used = float(s[k.USED_MARGIN] + s[k.RESERVED_MARGIN] - s[at + k.ORDER_MARGIN])
    return used - (float(s[at + k.MARGIN]) if is_reversal else 0.0)


CURRENCY_EXPOSURE, MARGIN_LIMIT = "currency exposure", "margin limit"
_LONGS = (k.ENTER_LONG, k.REVERSE_LONG)
_REVERSALS = (k.REVERSE_LONG, k.REVERSE_SHORT)
_UNKNOWN = {
    Reason.PRICE_UNKNOWN,
    Reason.RATE_UNKNOWN,
    Reason.RATE_STALE,
    Reason.DISTANCE_UNKNOWN,
    Reason.SIZE_UNKNOWN,
    Reason.EQUITY_UNKNOWN,
}


def sizing(outcome: Outcome, s: np.ndarray, i: int, t: int, action: int) -> Sizing:
    """Return how the size of the entry decided on bar `t` came about, from the state `s` after that decision."""
    at = k.block(i, 1)
    is_long, is_reversal = action in _LONGS, action in _REVERSALS
    price = float(outcome.market.kernel.price[i, t, 7 if is_long else 3])
    kind = outcome.market.rates[outcome.market.symbols[i]].kind
    rate = 1.0 if kind == "is_quote" else 1.0 / price if kind == "is_base" else float(s[at + k.RATE_CLOSE])
    has_stop = s[at + k.HAS_STOP] > 0.0
    fraction = s[at + (k.STOP_FRACTION if has_stop else k.TRAIL_FRACTION)]
    column = s[at + (k.STOP_COLUMN if has_stop else k.TRAIL_COLUMN)]
    risked = float(column if math.isnan(fraction) else fraction * price)
    equity, value, unit = float(s[k.EQUITY]), float(s[k.SIZE_VALUE]), price * rate
    method = outcome.plan.sizing.method
    move = float(s[at + k.VOLATILITY_COLUMN])
    wanted, formula = _wanted(float(s[k.SIZE_METHOD]), equity, value, price, rate, risked, move)
    used = _used_margin(s, i, is_reversal=is_reversal)  # without its own, which is what is being decided
    held = 0.0 if is_reversal else abs(float(s[at + k.QUANTITY]))
    margin = unit * float(s[at + k.MARGIN_RATE])
    direction = 1.0 if is_long else -1.0
    of_one = exposures(outcome, s, i, direction=direction, is_reversal=is_reversal, notional=unit)
    limits = (
        Limit("position limit", float(s[k.LIMIT_POSITION]) * equity / unit - held),
        Limit("largest order notional", float(s[k.LIMIT_ORDER]) / unit),
        Limit(CURRENCY_EXPOSURE, units_allowed(of_one, unit)),
        Limit(MARGIN_LIMIT, (float(s[k.LIMIT_MARGIN]) * equity - used) / margin),
        Limit("free margin", (equity - used) / margin),
    )
    top, bottom = float(s[at + k.LOT_TOP]), float(s[at + k.LOT_BOTTOM])
    low = lowest(limits).units
    least = float(wanted) if wanted <= low else low
    is_known = least > 0.0 and math.isfinite(least)
    units = math.floor(least * bottom / top + TOLERANCE) * top / bottom if is_known else 0.0
    is_made = outcome.books.outcome[i, t] == k.ORDERED
    return Sizing(
        method=method,
        formula=formula,
        wanted=float(wanted),
        limits=limits,
        lot_step=top / bottom,
        minimum=float(s[at + k.MIN_QUANTITY]),
        units=units,
        cap=Reason(int(outcome.books.cap[i, t])).word,
        exposures=exposures(
            outcome, s, i, direction=direction, is_reversal=is_reversal, notional=units * unit if is_made else 0.0
        ),
    )


def _of(value: float, limit: float | None) -> str:
    return f"{value:.2%}" if limit is None else f"{value:.2%} of {limit:.2%}"


def _wanted(
    method: float, equity: float, value: float, price: float, rate: float, risked: float, move: float
) -> tuple[float, str]:
    """The units the sizing method asks for, and the sum they come from."""
    if method == k.UNITS:
        return value, f"{value:,.10g}"
    if method == k.NOTIONAL:
        return value / (price * rate), f"{value:,.2f} / ({price:.10g} x {rate:.6g})"
    divisor = {k.PERCENT: price, k.RISK: risked}.get(method, move)
    units = equity * value / (divisor * rate) if divisor * rate != 0.0 else math.nan
    return units, f"{equity:,.2f} x {value:g} / ({divisor:.10g} x {rate:.6g})"
