"""Parts: what a strategy's plan, columns, rules and orders are for many parameter values, each made once for the values it
depends on."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sptrader.components.loader import registry
from sptrader.kernel.market import Orders
from sptrader.model.recent import Recent
from sptrader.orchestrator.asks import Rules, make_orders, make_rules
from sptrader.orchestrator.columns import Columns, call_columns, market_columns, named_columns
from sptrader.orchestrator.market import MarketData
from sptrader.strategy.document import Scalar, Table
from sptrader.strategy.expressions import SignalColumns
from sptrader.strategy.plan import ComponentCall, Distance, Plan, make_plan
from sptrader.strategy.readings import Readings, parameters_in
from sptrader.strategy.strategy import Strategy

COLUMN_BYTES = 2**28  # 256 MB of columns: 320 of 100,000 bars
RULE_BYTES = 2**26
ORDER_BYTES = 2**26
MOST_PLANS = 4096  # of some 5 KB: a space of limits and sizes has as many as combinations

_COMPONENTS = ("indicators", "signals")
_UNUSED = ("parameters", "optimize", "constraints")  # what names parameters without running on them


@dataclass(frozen=True)
class Rest:
    """The plan but for its components' parameters, with a number for equal rules and one for equal orders."""

    plan: Plan
    reads: tuple[str, ...]
    rules: int
    orders: int


@dataclass(frozen=True)
class Call:
    """A component with its parameters, and a number that it shares with every call of the same on the same inputs."""

    call: ComponentCall
    number: int


class Parts:
    """Everything below the replay, for one strategy on one market; may be asked by any number of threads."""

    def __init__(self, strategy: Strategy, plan: Plan, market: MarketData) -> None:
        self._strategy, self._market = strategy, market
        self._template = plan
        document = strategy.document.values
        tables = [t for name in _COMPONENTS if isinstance(t := document.get(name), Table)]
        self._own = {
            name: tuple(sorted(set(parameters_in(value)))) for table in tables for name, value in table.values.items()
        }
        outside = (value for key, value in document.items() if key not in (*_COMPONENTS, *_UNUSED))
        self._shared = tuple(sorted({name for value in outside for name in parameters_in(value)}))
        self._rests: Recent[Hashable, Rest] = Recent(MOST_PLANS)
        self._calls: dict[Hashable, Call] = {}
        self._numbers: dict[Hashable, int] = {}
        self._order = [call.name for call in plan.calls]
        self._columns: Recent[Hashable, Columns] = Recent(1 << 20, most_bytes=COLUMN_BYTES)
        self._rules: Recent[Hashable, Mapping[str, Rules]] = Recent(1 << 20, most_bytes=RULE_BYTES)
        self._orders: Recent[Hashable, Orders] = Recent(1 << 20, most_bytes=ORDER_BYTES)
        self._locks: dict[Hashable, threading.Lock] = {}
        self._bars = {s: market_columns(market.frames[s], market.instruments[s]) for s in market.symbols}
        self._registry = registry()
        self._readings = Readings()
        self._lock = threading.RLock()

    def plan(self, values: Mapping[str, Scalar]) -> tuple[Plan, Orders]:
        """Return a plan with these parameters' limits, costs and sizes (its `calls` are of others), and its orders.

        `values` holds every parameter of the strategy, checked.
        """
        rest, calls = self._found(values)
        numbers = self._deep_numbers(rest, calls)
        key = rest.orders, *numbers.values()
        orders = self._orders.get(key)
        if orders is None:
            orders = self._made(rest, calls, numbers)
            self._orders.put(key, orders, n_bytes=sum(array.nbytes for array in orders))
        return rest.plan, orders

    def _found(self, values: Mapping[str, Scalar]) -> tuple[Rest, Mapping[str, Call]]:
        rest = self._rests.get(self._rest_key(values))
        calls = {name: self._calls.get(self._call_key(name, values)) for name in self._order}
        known = {name: call for name, call in calls.items() if call is not None}
        if rest is not None and len(known) == len(calls):
            return rest, known
        return self._learned(values)

    def _rest_key(self, values: Mapping[str, Scalar]) -> Hashable:
        return tuple(values[name] for name in self._shared)

    def _call_key(self, name: str, values: Mapping[str, Scalar]) -> Hashable:
        return name, tuple(values[own] for own in self._own[name])

    def _learned(self, values: Mapping[str, Scalar]) -> tuple[Rest, Mapping[str, Call]]:
        """Make the plan of these values, and keep its parts."""
        template = self._template
        made = make_plan(self._strategy, values, self._registry, self._readings)
        plan = replace(made, symbols=template.symbols, instruments=template.instruments, timeframe=template.timeframe)
        with self._lock:
            calls = {}
            for call in plan.calls:
                own = tuple(sorted(call.parameters.items()))
                calls[call.name] = Call(call, self._number(call.component.name, own, tuple(sorted(call.wires.items()))))
                self._calls[self._call_key(call.name, values)] = calls[call.name]
            key = self._rest_key(values)
            rest = self._rests.get(key)
            if rest is None:
                rest = self._rest(plan)
                self._rests.put(key, rest)
            return rest, calls

    def _rest(self, plan: Plan) -> Rest:
        distances = [_without_fraction(d) for d in (plan.stop_loss, plan.take_profit, plan.trailing_stop)]
        volatility = plan.sizing if plan.sizing.method == "volatility" else None
        together = plan.risk.correlation_lookback if plan.risk.correlation_limit is not None else None
        rules = self._number("rules", plan.long, plan.short)
        return Rest(
            plan=plan,
            reads=_needed(plan),
            rules=rules,
            orders=self._number("orders", rules, *distances, volatility, plan.filters, together),
        )

    def _deep_numbers(self, rest: Rest, calls: Mapping[str, Call]) -> dict[str, int]:
        """A number for each call that is read, equal only for the same on inputs that are the same."""
        found: dict[str, int] = {}
        for name in rest.reads:
            call = calls[name]
            needs = call.call.needs
            inputs = tuple([found[need] for need in needs if need in found]) if needs else ()
            found[name] = self._number(call.number, inputs)
        return found

    def _number(self, *facts: Hashable) -> int:
        found = self._numbers.get(facts)
        if found is None:
            with self._lock:
                found = self._numbers.setdefault(facts, len(self._numbers))
        return found

    def _made(self, rest: Rest, calls: Mapping[str, Call], numbers: Mapping[str, int]) -> Orders:
        plan, market = rest.plan, self._market
        columns = {symbol: self._columns_of(symbol, calls, numbers) for symbol in market.symbols}
        key = rest.rules, *numbers.values()
        rules = self._rules.get(key)
        if rules is None:
            rules = {symbol: make_rules(plan, columns[symbol]) for symbol in market.symbols}
            arrays = [a for r in rules.values() for a in (r.enter_long, r.enter_short, r.leave_long, r.leave_short)]
            self._rules.put(key, rules, n_bytes=sum(a.nbytes for a in arrays if a is not None))
        return make_orders(plan, market, columns, rules)

    def _columns_of(self, symbol: str, calls: Mapping[str, Call], numbers: Mapping[str, int]) -> Columns:
        columns = dict(self._bars[symbol])
        for name, number in numbers.items():
            columns |= named_columns(name, self._column(symbol, number, calls[name].call, columns))
        return columns

    def _column(self, symbol: str, number: int, call: ComponentCall, columns: Columns) -> Columns:
        """The columns of one component; whoever asks first computes them, and others wait for that."""
        key = symbol, number
        found = self._columns.get(key)
        if found is None:
            with self._locks.setdefault(key, threading.Lock()):
                found = self._columns.get(key)
                if found is None:
                    found = call_columns(call, columns, self._market.frames[symbol])
                    self._columns.put(key, found, n_bytes=sum(_n_bytes(column) for column in found.values()))
        return found


def _needed(plan: Plan) -> tuple[str, ...]:
    """The calls that rules read and those they are wired to, in the order of the plan."""
    needed = set(plan.columns)
    for call in reversed(plan.calls):
        if call.name in needed:
            needed.update(call.needs)
    return tuple(call.name for call in plan.calls if call.name in needed)


def _without_fraction(distance: Distance | None) -> Distance | None:
    """The distance if orders carry it; a fraction of the price is the state's."""
    return None if distance is None or distance.kind == "fraction" else distance


def _n_bytes(column: object) -> int:
    if isinstance(column, SignalColumns):
        return column.codes.nbytes + column.strength.nbytes + sum(a.nbytes for a in column.outputs.values())
    return column.nbytes if isinstance(column, np.ndarray) else 0
