"""The original's dialect: its keys mean here what they meant there, and what has no counterpart is named."""

from __future__ import annotations

import pandas as pd
import pytest

from sptrader.components import registry
from sptrader.errors import StrategyError
from sptrader.strategy.loader import read_strategy
from sptrader.strategy.plan import Plan, make_plan
from sptrader.strategy.spec import Commission, Distance
from sptrader.strategy.strategy import Strategy

REGISTRY = registry()

FULL = """\
name: crossing averages
type: strategy
version: 2.1.0
author: somebody
description: Two averages.

dependencies:
  indicators:
    - core.indicators.trend.sma
  signals:
    - core.signals.ma_crossover
  orders: [core.orders.market_order]

parameters:
  position_size: 0.03
  max_positions: 2
  quick: 10

signal_config:
  ma_crossover:
    required_indicators:
      - {name: ma_fast, type: sma, params: {period: parameters.quick, source: close}}
      - {name: ma_slow, type: core.indicators.trend.ema, parameters: {period: 30, source: open}}
    parameters:
      min_separation: 0.0001
      confirmation_bars: 2

risk:
  max_drawdown: 0.15
  daily_loss_limit: 0.03
  position_limit: 0.05
  heat: 3

execution: {order_type: market, slippage_tolerance: 0.001, rebalance_frequency: 1d}
filters: {max_spread_bps: 10, trading_hours: "09:00-17:00", trading_days: Mon-Fri, avoid_major_news: true}

entry:
  when:
    - signal: ma_crossover
      outputs: {crossover_type: golden_cross, signal_strength: "> 0.1", gap: "> 2"}
  action: sell
  size: parameters.position_size

exit:
  signal_exit:
    when:
      - signal: ma_crossover
        outputs: {crossover_type: death_cross}
    action: close_all
  stop_loss: {type: percentage, value: 0.02}
  take_profit: {type: percentage, value: 0.04}
  trailing_stop: false
  max_holding_period: 20

metrics: {track: [win_rate]}
backtest:
  start_date: "2023-01-01"
  end_date: "2023-12-31"
  initial_capital: 10000
  commission: 0.001
  data_frequency: "1d"
  optimization: {quick: [5, 10, 15]}
live: {enabled: false, paper_trade: true, max_position_value: 1000}
"""


def load(text: str) -> tuple[Strategy, Plan]:
    strategy = read_strategy(text, path="old.yaml", registry=REGISTRY)
    return strategy, make_plan(strategy, None, REGISTRY)


def test_a_full_file_means_what_it_meant() -> None:
    strategy, plan = load(FULL)

    assert (strategy.name, strategy.version, strategy.dialect) == ("crossing averages", "2.1.0", "sptraderb")
    calls = {call.name: (call.component.name, dict(call.parameters), dict(call.wires)) for call in plan.calls}
    assert calls["ma_fast"] == ("sma", {"period": 10}, {"close": "close"})
    assert calls["ma_slow"] == ("ema", {"period": 30}, {"close": "open"})
    assert calls["ma_crossover"][0] == "ma_crossover"
    assert calls["ma_crossover"][2] == {"fast": "ma_fast", "slow": "ma_slow"}
    assert plan.long is None
    assert plan.short is not None
    assert str(plan.short.enter) == (
        "ma_crossover is golden_cross and ma_crossover.strength > 0.1 and ma_crossover.gap > 2"
        " and abs(ma_fast - ma_slow) / ma_slow >= 0.0001"
    )
    assert [str(term.condition) for term in plan.short.leave] == [
        "ma_crossover is death_cross and abs(ma_fast - ma_slow) / ma_slow >= 0.0001"
    ]
    assert (plan.stop_loss, plan.take_profit, plan.trailing_stop) == (
        Distance("fraction", 0.02), Distance("fraction", 0.04), None,
    )  # fmt: skip
    assert plan.max_holding_bars == 20
    assert (plan.sizing.method, plan.sizing.value) == ("percent", 0.03)
    assert (plan.risk.max_drawdown, plan.risk.daily_loss_limit, plan.risk.position_limit) == (0.15, 0.03, 0.05)
    assert plan.risk.max_positions == 2
    assert plan.execution.commission == Commission(fraction=0.001)
    assert plan.filters.max_spread == Distance("fraction", 0.001)
    assert str(plan.filters.hours) == "09:00-17:00 UTC"
    assert (plan.symbols, plan.timeframe) == ((), "1d")
    assert plan.start == pd.Timestamp("2023-01-01", tz="UTC")
    assert plan.cash == 10_000.0
    assert strategy.space == {"quick": (5, 10, 15)}
    assert strategy.live.mode == "paper"


def test_what_has_no_counterpart_is_named_with_its_place() -> None:
    strategy, _ = load(FULL)
    told = {warning.split(": ")[1]: warning for warning in strategy.warnings}

    assert list(told) == [
        "dependencies.orders", "signal_config.ma_crossover.parameters.confirmation_bars", "risk.heat",
        "filters.trading_hours", "filters.avoid_major_news", "execution.slippage_tolerance",
        "execution.rebalance_frequency", "live.max_position_value", "metrics",
    ]  # fmt: skip
    assert told["risk.heat"] == "old.yaml:32:3: risk.heat: not understood here, without effect."


SHORT = """\
name: short
version: 0.1.0
dependencies:
  indicators: [core/indicators/test_sma.py]
  signals: [core/signals/test_crossover.py]
parameters: {position_size: 0.02}
entry:
  when:
    - {signal: test_crossover, outputs: {signal_type: golden_cross}}
  action: buy
  size: parameters.position_size
exit:
  when:
    - {signal: test_crossover, outputs: {signal_type: death_cross}}
  action: close
risk: {stop_loss: 0.01, take_profit: 0.02}
"""


def test_file_paths_name_components_and_the_originals_averages_are_told() -> None:
    strategy, plan = load(SHORT)

    assert [(call.name, call.component.name, call.parameters["period"]) for call in plan.calls[:2]] == [
        ("ma_fast", "sma", 10),
        ("ma_slow", "sma", 20),
    ]
    assert plan.long is not None
    assert str(plan.long.enter) == "test_crossover is golden_cross"
    assert [str(term.condition) for term in plan.long.leave] == ["test_crossover is death_cross"]
    assert plan.stop_loss == Distance("fraction", 0.01)
    assert [w.split(": ", 2)[2] for w in strategy.warnings] == [
        "the averages are not given; the original's sma of 10 is the fast one.",
        "the averages are not given; the original's sma of 20 is the slow one.",
    ]


def test_periods_may_stand_in_the_signals_configuration() -> None:
    text = SHORT.replace("test_crossover.py", "ema_crossover.py").replace("test_crossover", "ema_crossover")
    strategy, plan = load(text + "signal_config: {ema_crossover: {fast_period: 8, slow_period: 21}}\n")

    assert [(call.component.name, call.parameters["period"]) for call in plan.calls[:2]] == [("ema", 8), ("ema", 21)]
    assert strategy.warnings == ()


def test_a_size_that_is_nowhere_is_the_originals_and_told() -> None:
    text = SHORT.replace("  size: parameters.position_size\n", "").replace("parameters: {position_size: 0.02}\n", "")
    strategy, plan = load(text)

    assert plan.sizing.value == 0.01
    assert any("entry.size: is not given; the original's 1% of equity is used" in w for w in strategy.warnings)


def test_faults_in_the_dialect_keep_their_place() -> None:
    text = SHORT.replace("stop_loss: 0.01", "stop_loss: -0.01").replace(
        "size: parameters.position_size", "size: parameters.sise"
    )
    with pytest.raises(StrategyError) as raised:
        read_strategy(text, path="old.yaml", registry=REGISTRY)

    assert [fault[: fault.index(": ")] for fault in raised.value.faults] == ["old.yaml:11:9", "old.yaml:16:19"]
    assert "'$sise' is not declared" in raised.value.faults[0]


def test_an_empty_scaffold_says_what_is_missing() -> None:
    text = "name: x\nversion: 1.0.0\nparameters: {}\ndependencies: {indicators: [], signals: []}\nentry: {}\nexit: {}\n"

    with pytest.raises(StrategyError) as raised:
        read_strategy(text, path="old.yaml")

    assert raised.value.faults == (
        "old.yaml:5:8: entry: is empty; expected {long: {when: ...}} or {short: {when: ...}}.",
    )
