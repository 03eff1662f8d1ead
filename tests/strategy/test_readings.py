"""Readings: plans that share what they read are those made from nothing, and so are the faults."""

from __future__ import annotations

import random
from dataclasses import fields

import pytest

from sptrader.components import registry
from sptrader.errors import SptraderError
from sptrader.strategy.document import Scalar
from sptrader.strategy.loader import read_strategy, shipped_folder
from sptrader.strategy.plan import Plan, make_plan
from sptrader.strategy.readings import Readings
from sptrader.strategy.strategy import Strategy

REGISTRY = registry()
SHIPPED = sorted(shipped_folder().glob("*.yaml"))
EVERYWHERE = """
name: everywhere
version: 1.0.0
market: {symbols: [EURUSD, GBPUSD], timeframe: 1h}
parameters:
  fast: {default: 12, min: -2, max: 50}
  bars: {default: 5, min: 1, max: 40}
  level: {default: 0.1, min: -1.0, max: 3.0}
  percent: {default: 2.0, min: -0.5, max: 120.0}
  pips: {default: 1.5, min: -0.5, max: 20.0}
  event: {default: golden_cross, choices: [golden_cross, death_cross]}
  word: {default: pessimistic, choices: [pessimistic, optimistic]}
  flag: {default: true}
constraints: ["fast < 48", "bars < 39 or level > 0"]
indicators:
  fast_ma: {type: ema, period: $fast}
  slow_ma: {type: sma, period: 30}
  atr: {type: atr, period: $bars}
signals:
  cross: {type: ma_crossover, fast: fast_ma, slow: slow_ma}
entry:
  long:
    when:
      - {signal: cross, type: $event, strength: "> $level"}
      - {any: [close > slow_ma + $level * atr, {not: "close < fast_ma"}], for: 2 bars}
    order: {type: stop_limit, price: slow_ma - $level * atr, stop_price: slow_ma + $level * atr, expires: $bars bars}
  short: {when: "close < highest(high, $bars) - $pips pips for $bars bars"}
exit:
  when: {any: [position.bars > $bars, "position.pnl > $level"]}
  short: {when: close > slow_ma + $percent %}
  stop_loss: $level * atr
  take_profit: $percent %
  trailing_stop: $pips pips
  max_holding: $bars bars
sizing: {method: volatility, value: $percent %, lookback: $bars}
risk:
  max_positions: $bars
  position_limit: $percent %
  max_order_notional: $pips
  correlation_limit: $percent %
  correlation_lookback: $fast
filters: {max_spread: $pips pips, min_volume: $level, cooldown: $bars bars, one_entry_per_session: $flag}
execution:
  slippage: $pips pips
  commission: $percent %
  spread: $pips pips
  pyramiding: $fast
  reverse: $flag
  intrabar: $word
backtest: {start: 2017-01-01, cash: $percent, currency: USD}
live: {price_collar: $percent %, orders_per_minute: $fast}
"""


def drawn(strategy: Strategy, draw: random.Random) -> dict[str, Scalar]:
    """One value of each parameter; some are as they were, as in a sweep."""
    values: dict[str, Scalar] = {}
    for name, parameter in strategy.parameters.items():
        low, high = (1.0, 60.0) if parameter.low is None else (parameter.low, parameter.high or 60.0)
        if draw.random() < 0.5:
            values[name] = parameter.default
        elif parameter.choices:
            values[name] = draw.choice(parameter.choices)
        elif parameter.type is bool:
            values[name] = draw.random() < 0.5
        else:
            values[name] = draw.randint(int(low), int(high)) if parameter.type is int else draw.uniform(low, high)
    return values


def told(strategy: Strategy, values: dict[str, Scalar], readings: Readings | None) -> Plan | str:
    try:
        return make_plan(strategy, values, REGISTRY, readings)
    except SptraderError as error:
        return str(error)


def differences(one: Plan | str, other: Plan | str) -> list[str]:
    """What differs, number types and zeros' signs included; an object that says nothing but its place is compared by ==."""
    if isinstance(one, str) or isinstance(other, str):
        return [] if one == other else [f"{one} and {other}"]
    pairs = [(field.name, getattr(one, field.name), getattr(other, field.name)) for field in fields(Plan)]
    return [name for name, a, b in pairs if repr(a) != repr(b) or (name != "strategy" and not same(a, b))]


def same(a: object, b: object) -> bool:
    return a == b or "nan" in repr(a)  # a distance by expression has no value: equal texts say it


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_plans_of_a_shipped_strategy_are_those_made_from_nothing(path):
    strategy, readings, draw = read_strategy(path.read_text(), registry=REGISTRY), Readings(), random.Random(path.stem)

    for _ in range(150):
        values = drawn(strategy, draw)
        assert differences(told(strategy, values, readings), told(strategy, values, None)) == []


def test_plans_and_faults_of_parameters_in_every_place_are_those_made_from_nothing():
    strategy, readings, draw = read_strategy(EVERYWHERE, registry=REGISTRY), Readings(), random.Random(5)
    found = {Plan: 0, str: 0}

    for _ in range(600):
        values = drawn(strategy, draw)
        shared = told(strategy, values, readings)
        assert differences(shared, told(strategy, values, None)) == []
        found[type(shared)] += 1

    assert min(found.values()) > 20


def test_a_part_with_a_fault_says_so_every_time():
    strategy, readings = read_strategy(EVERYWHERE, registry=REGISTRY), Readings()
    wrong = {"percent": 110.0}

    assert "exit.take_profit" in str(told(strategy, wrong, readings))
    assert isinstance(told(strategy, {}, readings), Plan)
    assert told(strategy, wrong, readings) == told(strategy, wrong, None)
    assert told(strategy, wrong, readings) == told(strategy, wrong, None)


def test_equal_parts_are_read_once():
    strategy, readings = read_strategy(EVERYWHERE, registry=REGISTRY), Readings()
    one, other = (make_plan(strategy, {"percent": value}, REGISTRY, readings) for value in (2.0, 3.0))

    assert one.long is not None
    assert one.long.enter is other.long.enter
    assert one.take_profit != other.take_profit
