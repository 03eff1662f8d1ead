"""Account: the state a run starts from, with the plan's limits, costs and facts written into it."""

from __future__ import annotations

import math

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
    refuse_what_is_missing(plan)
    s = k.empty_state(len(market.symbols))
    for field in (k.CASH, k.EQUITY, k.PEAK, k.BASELINE):
        s[field] = cash
    risk, costs, order = plan.risk, plan.execution.commission, entry_order(plan)
    s[k.LIMIT_POSITIONS] = _or_inf(risk.max_positions)
    s[k.LIMIT_POSITION] = _or_inf(risk.position_limit)
    s[k.LIMIT_ORDER] = _or_inf(risk.max_order_notional)
    s[k.LIMIT_DRAWDOWN] = _or_inf(risk.max_drawdown)
    s[k.LIMIT_DAILY_LOSS] = _or_inf(risk.daily_loss_limit)
    s[k.SIZE_METHOD] = _METHODS[plan.sizing.method]
    fraction = plan.sizing.equity_fraction
    s[k.SIZE_VALUE] = plan.sizing.value if fraction is None else fraction
    s[k.FEE_FRACTION], s[k.FEE_PER_LOT], s[k.FEE_MINIMUM] = costs.fraction, costs.per_lot, costs.minimum
    s[k.MAX_HOLDING] = _or_inf(plan.max_holding_bars)
    s[k.N_ADDS] = plan.execution.pyramiding
    s[k.REVERSING] = float(plan.execution.reverse)
    s[k.OPTIMISTIC] = float(plan.execution.intrabar == "optimistic")
    s[k.COOLDOWN] = plan.filters.cooldown_bars
    s[k.ONE_PER_SESSION] = float(plan.filters.one_entry_per_session)
    s[k.ORDER_TYPE] = _ORDER_TYPES[order.type]
    s[k.ORDER_BARS] = _or_inf(order.expires_bars)
    s[k.ORDER_DAY] = float(order.time_in_force == "day")
    s[k.ORDER_AT_OPEN] = float(order.time_in_force == "ioc")
    for i in range(len(market.symbols)):
        _write_instrument(s, i, plan, market)
    return s


def entry_order(plan: Plan) -> OrderSpec:
    """Return how entries are sent: the order of the sides that have an entry."""
    orders = [side.order for side in (plan.long, plan.short) if side is not None and side.enter is not None]
    return orders[0] if orders else plan.execution.order


def refuse_what_is_missing(plan: Plan) -> None:
    """Raise `RunError` for settings that this version understands but does not carry out, rather than ignore them."""
    orders = [side.order for side in (plan.long, plan.short) if side is not None and side.enter is not None]
    kinds = {(order.type, order.expires_bars, order.time_in_force) for order in orders}
    missing = {
        "execution.intrabar: finer": plan.execution.intrabar == "finer",
        "risk.currency_exposure": plan.risk.currency_exposure is not None,
        "risk.correlation_limit": plan.risk.correlation_limit is not None,
        "risk.margin_limit": plan.risk.margin_limit is not None,
        "orders of different types for long and short": len(kinds) > 1,
    }
    for name, is_asked in missing.items():
        if is_asked:
            raise RunError(
                f"{plan.strategy.source_path}: {name} is not carried out by this version; take it out to run the rest.",
                path=plan.strategy.source_path,
                key=name,
            )
    if plan.sizing.method == "risk" and plan.stop_loss is None and plan.trailing_stop is None:
        raise RunError(
            f"{plan.strategy.source_path}: sizing by risk needs exit.stop_loss or exit.trailing_stop: the size is what the "
            "stop may lose.",
            path=plan.strategy.source_path,
            key="sizing.method",
        )


def _write_instrument(s: NDArray[np.float64], i: int, plan: Plan, market: MarketData) -> None:
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
