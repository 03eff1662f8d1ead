"""The plan: a strategy with its parameters' values put in and its components found; all the orchestrator needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from sptrader.errors import did_you_mean
from sptrader.model.instrument import Instrument, instrument
from sptrader.strategy.document import Scalar
from sptrader.strategy.expressions import SignalColumns, history
from sptrader.strategy.faults import Faults
from sptrader.strategy.loader import make_reader
from sptrader.strategy.readings import Readings
from sptrader.strategy.sections import Parts, read_parts
from sptrader.strategy.spec import (
    Backtest,
    Commission,
    Distance,
    Execution,
    ExitTerm,
    Filters,
    Hours,
    Market,
    OrderSpec,
    PositionRule,
    Risk,
    SideRules,
    Sizing,
    Slippage,
)
from sptrader.strategy.strategy import Strategy
from sptrader.strategy.tree import Condition, Expression, SignalTest, column_names, walk
from sptrader.strategy.wiring import ComponentCall, Components, lookbacks, wire

__all__ = [
    "Backtest",
    "Commission",
    "ComponentCall",
    "Distance",
    "Execution",
    "ExitTerm",
    "Filters",
    "Hours",
    "Market",
    "OrderSpec",
    "Plan",
    "PositionRule",
    "Risk",
    "SideRules",
    "Sizing",
    "Slippage",
    "make_plan",
    "signal_type_doubts",
    "trees",
]


@dataclass(frozen=True, eq=False)
class Plan:
    """One strategy with one set of parameters, ready to run.

    `calls` stand in an order in which each finds its inputs. `columns` are the names that rules read, without outputs
    (`pip` among them when a rule has pips). `lookback` is how many bars before the start are needed for every rule to be
    as defined there as with the whole history. `symbols` and `timeframe` are empty when the strategy leaves them to the data.
    """

    strategy: Strategy
    parameters: Mapping[str, Scalar]
    symbols: tuple[str, ...]
    instruments: Mapping[str, Instrument]
    timeframe: str
    calls: tuple[ComponentCall, ...]
    columns: tuple[str, ...]
    lookback: int
    long: SideRules | None
    short: SideRules | None
    stop_loss: Distance | None
    take_profit: Distance | None
    trailing_stop: Distance | None
    max_holding_bars: int | None
    sizing: Sizing
    risk: Risk
    filters: Filters
    execution: Execution
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    cash: float | None
    currency: str | None


def make_plan(
    strategy: Strategy, params: Mapping[str, object] | None, registry: Components, readings: Readings | None = None
) -> Plan:
    """Put `params` into `strategy` and find its components in `registry`.

    Raise `RunError` for a parameter that is unknown, out of bounds or against a constraint, and `StrategyError` with every
    fault of wiring, component parameters and values that the parameters lead to. `readings` are of earlier plans of the same
    strategy with the same registry: what differs in parameters only is then made in a fraction of the time.
    """
    values = strategy.parameter_values(params)
    faults = Faults(strategy.source_path)
    reader = make_reader(strategy.document, faults, values, readings)
    parts = read_parts(strategy.document, reader, needs_market=strategy.dialect == "sptrader")
    calls = wire(strategy.document, reader, registry)
    faults.raise_any()
    read = trees(parts)
    before = lookbacks(calls)
    names = dict.fromkeys(name.split(".")[0] for tree in read for name in column_names(tree))
    market, test = parts.market, parts.backtest
    return Plan(
        strategy=strategy,
        parameters=values,
        symbols=market.symbols,
        instruments={symbol: instrument(symbol, market.instruments) for symbol in market.symbols},
        timeframe=market.timeframe,
        calls=calls,
        columns=tuple(names),
        lookback=max([*before.values(), *(history(tree, before) for tree in read), _measured(parts)], default=0),
        long=parts.long,
        short=parts.short,
        stop_loss=parts.stop_loss,
        take_profit=parts.take_profit,
        trailing_stop=parts.trailing_stop,
        max_holding_bars=parts.max_holding_bars,
        sizing=parts.sizing,
        risk=parts.risk,
        filters=parts.filters,
        execution=parts.execution,
        start=test.start,
        end=test.end,
        cash=test.cash,
        currency=test.currency,
    )


def signal_type_doubts(plan: Plan, signals: Mapping[str, SignalColumns]) -> tuple[str, ...]:
    """Return a sentence for each event type that a rule waits for but its computed signal does not have.

    It may be a spelling mistake, or a signal that names only the events that happened.
    """
    found: dict[str, None] = {}
    for tree in _trees_of_sides(plan.long, plan.short):
        for node in walk(tree):
            if not isinstance(node, SignalTest) or node.signal not in signals:
                continue
            known = signals[node.signal].types
            for name in node.types:
                if name not in known:
                    near = did_you_mean(name, known) or "."
                    types = ", ".join(known) or "none"
                    found[f"signal '{node.signal}' has no event '{name}'{near} Its events: {types}."] = None
    return tuple(found)


def _measured(parts: Parts) -> int:
    """Bars that sizing and risk look back on."""
    correlated = parts.risk.correlation_lookback if parts.risk.correlation_limit is not None else 0
    return max(parts.sizing.lookback or 0, correlated)


def _trees_of_sides(*sides: SideRules | None) -> list[Condition | Expression]:
    found: list[Condition | Expression | None] = []
    for side in sides:
        if side is not None:
            found += [side.enter, side.order.price, side.order.stop_price]
            found += [term.condition for term in side.leave]
            found += [rule.right for term in side.leave for rule in term.rules]
    return [tree for tree in found if tree is not None]


def trees(plan: Plan | Parts) -> list[Condition | Expression]:
    """Return every expression and condition that rules, distances and sizing read columns with."""
    distances = (plan.stop_loss, plan.take_profit, plan.trailing_stop)
    others = [plan.sizing.column, *(d.expression for d in distances if d is not None)]
    return [*_trees_of_sides(plan.long, plan.short), *(tree for tree in others if tree is not None)]
