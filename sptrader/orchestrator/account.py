"""Account: the state a run starts from, with the plan's limits, costs and facts written into it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import RunError
from sptrader.kernel import state as k
from sptrader.orchestrator.market import MarketData
from sptrader.orchestrator.prices import step_fraction
from sptrader.strategy.plan import Distance, OrderSpec, Plan

_METHODS = {
    "units": k.UNITS,
    "notional": k.NOTIONAL,
    "percent": k.PERCENT,
    "kelly": k.PERCENT,
    "risk": k.RISK,
    "volatility": k.VOLATILITY,
}
_ORDER_TYPES = {"market": k.MARKET, "limit": k.LIMIT, "stop": k.STOP_ENTRY, "stop_limit": k.STOP_LIMIT}
_RATE_KINDS = {"is_quote": k.IS_QUOTE, "is_base": k.IS_BASE, "by_pair": k.BY_PAIR}


def opening_state(plan: Plan, market: MarketData, cash: float) -> NDArray[np.float64]:
    """Return the state of one lane before the first bar, with `cash` in the account."""
    refuse_what_contradicts(plan, market)
    s = k.empty_state(len(market.symbols))
    for field in (k.CASH, k.EQUITY, k.PEAK, k.BASELINE):
        s[field] = cash
    risk, costs = plan.risk, plan.execution.commission
    s[k.LIMIT_POSITIONS] = _or_inf(risk.max_positions)
    s[k.LIMIT_POSITION] = _or_inf(risk.position_limit)
    s[k.LIMIT_ORDER] = _or_inf(risk.max_order_notional)
    s[k.LIMIT_DRAWDOWN] = _or_inf(risk.max_drawdown)
    s[k.LIMIT_DAILY_LOSS] = _or_inf(risk.daily_loss_limit)
    s[k.LIMIT_MARGIN] = _or_inf(risk.margin_limit)
    s[k.LIMIT_CURRENCY] = _or_inf(risk.currency_exposure)
    s[k.LIMIT_CORRELATION] = _or_inf(risk.correlation_limit)
    s[k.SIZE_METHOD] = _METHODS[plan.sizing.method]
    fraction = plan.sizing.equity_fraction
    s[k.SIZE_VALUE] = plan.sizing.value if fraction is None else fraction
    s[k.FEE_FRACTION], s[k.FEE_PER_LOT], s[k.FEE_MINIMUM] = costs.fraction, costs.per_lot, costs.minimum
    s[k.MAX_HOLDING] = _or_inf(plan.max_holding_bars)
    s[k.N_ADDS] = plan.execution.pyramiding
    s[k.REVERSING] = float(plan.execution.reverse)
    s[k.OPTIMISTIC] = float(plan.execution.intrabar == "optimistic")
    s[k.IS_FINER] = float(plan.execution.intrabar == "finer")
    s[k.COOLDOWN] = plan.filters.cooldown_bars
    s[k.ONE_PER_SESSION] = float(plan.filters.one_entry_per_session)
    for order, first in ((entry_order(plan, 1), k.ORDER_TYPE), (entry_order(plan, -1), k.SHORT_ORDER_TYPE)):
        s[first] = _ORDER_TYPES[order.type]
        s[first + 1] = _or_inf(order.expires_bars)
        s[first + 2] = float(order.time_in_force == "day")
        s[first + 3] = float(order.time_in_force == "ioc")
    codes = _currency_codes(market)
    for i in range(len(market.symbols)):
        _write_instrument(s, i, plan, market, codes)
    return s


def entry_order(plan: Plan, side: int) -> OrderSpec:
    """Return how entries to buy (`side` 1) or to sell (-1) are sent."""
    rules = plan.long if side > 0 else plan.short
    return plan.execution.order if rules is None else rules.order


def _currency_codes(market: MarketData) -> dict[str, float]:
    """A number for each currency that is traded and is not the account's own."""
    names = {name for s in market.symbols for name in (market.instruments[s].base, market.instruments[s].quote)}
    names -= set(market.symbols)  # a share is its own base, and no currency
    return {name: float(number) for number, name in enumerate(sorted(names - {"", market.currency}), start=1)}


def refuse_what_contradicts(plan: Plan, market: MarketData) -> None:
    """Raise `RunError` for settings that cannot be carried out together, or not with these bars."""
    if plan.execution.intrabar == "finer" and len(market.kernel.finer) == 0:
        raise RunError(
            f"{plan.strategy.source_path}: execution.intrabar: finer needs finer bars or ticks; give "
            "sp.backtest(..., finer=...) or --finer FILE.",
            path=plan.strategy.source_path,
            key="execution.intrabar",
        )
    if plan.sizing.method == "risk" and plan.stop_loss is None and plan.trailing_stop is None:
        raise RunError(
            f"{plan.strategy.source_path}: sizing by risk needs exit.stop_loss or exit.trailing_stop: the size is what the "
            "stop may lose.",
            path=plan.strategy.source_path,
            key="sizing.method",
        )


def _write_instrument(
    s: NDArray[np.float64], i: int, plan: Plan, market: MarketData, codes: Mapping[str, float]
) -> None:
    symbol = market.symbols[i]
    instrument = market.instruments[symbol]
    at = k.block(i, 1)
    for field in (k.STOP, k.TARGET, k.TRAIL, k.STOP_DISTANCE, k.TARGET_DISTANCE, k.TRAIL_DISTANCE):
        s[at + field] = math.nan
    s[at + k.STEP_TOP], s[at + k.STEP_BOTTOM] = step_fraction(instrument.price_step)
    s[at + k.LOT_TOP], s[at + k.LOT_BOTTOM] = step_fraction(instrument.lot_step)
    s[at + k.MIN_QUANTITY] = float(instrument.min_quantity)
    s[at + k.CONTRACT_SIZE] = float(instrument.contract_size)
    s[at + k.MARGIN_RATE] = float(instrument.margin_rate)
    s[at + k.RATE_KIND] = _RATE_KINDS[market.rates[symbol].kind]
    s[at + k.BASE_CODE], s[at + k.QUOTE_CODE] = codes.get(instrument.base, 0.0), codes.get(instrument.quote, 0.0)
    s[at + k.STOP_FRACTION] = _fraction(plan.stop_loss)
    s[at + k.TARGET_FRACTION] = _fraction(plan.take_profit)
    s[at + k.TRAIL_FRACTION] = _fraction(plan.trailing_stop)
    s[at + k.HAS_STOP] = float(plan.stop_loss is not None)
    s[at + k.HAS_TARGET] = float(plan.take_profit is not None)
    s[at + k.HAS_TRAIL] = float(plan.trailing_stop is not None)
    slippage = plan.execution.slippage
    unit = float(instrument.pip) if slippage.kind == "pips" else 1.0
    s[at + k.SLIP_PRICE] = slippage.value * unit if slippage.kind in ("price", "pips") else 0.0
    s[at + k.SLIP_RANGE] = slippage.value if slippage.kind == "range_fraction" else 0.0
    s[at + k.SLIP_VOLUME] = slippage.value if slippage.kind == "volume_share" else 0.0


def _fraction(distance: Distance | None) -> float:
    return distance.value if distance is not None and distance.kind == "fraction" else math.nan


def _or_inf(limit: float | None) -> float:
    return math.inf if limit is None else float(limit)
