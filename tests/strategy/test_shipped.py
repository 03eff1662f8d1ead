"""The shipped strategies: without fault, deciding often enough on real bars, and never looking ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sptrader.components import Signals, compute, registry
from sptrader.data.sample import sample
from sptrader.strategy.expressions import SignalColumns, truth
from sptrader.strategy.loader import load_strategy, shipped_folder
from sptrader.strategy.plan import Plan, make_plan, signal_type_doubts

REGISTRY = registry()
SHIPPED = sorted(shipped_folder().glob("*.yaml"))


def plan_of(path: Path) -> Plan:
    return make_plan(load_strategy(path), None, REGISTRY)


def columns_of(plan: Plan, bars: pd.DataFrame) -> dict:
    columns: dict = {str(name): bars[name].to_numpy() for name in bars.columns}
    columns["pip"] = 0.0001
    for call in plan.calls:
        wired = {argument: columns[column] for argument, column in call.wires.items()}
        result = compute(call.component, bars, wired, call.parameters)
        if isinstance(result, Signals):
            columns[call.name] = SignalColumns(result.types, result.codes, result.strength, result.outputs)
        else:
            columns |= {f"{call.name}.{output}" if output else call.name: column for output, column in result.items()}
    return columns


def test_the_four_strategies_are_there() -> None:
    assert [path.stem for path in SHIPPED] == ["bollinger_limit", "donchian_breakout", "ma_crossover", "rsi_reversion"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_strategy_has_no_doubts_and_enters_on_both_sides(path: Path) -> None:
    plan = plan_of(path)
    columns = columns_of(plan, sample("EURUSD", "1h"))
    signals = {name: column for name, column in columns.items() if isinstance(column, SignalColumns)}

    assert plan.strategy.warnings == ()
    assert signal_type_doubts(plan, signals) == ()
    for side in (plan.long, plan.short):
        assert side is not None
        assert side.enter is not None
        assert np.count_nonzero(truth(side.enter, columns) == 1) > 30


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_strategy_knows_at_a_bar_only_the_bars_before(path: Path) -> None:
    plan, bars = plan_of(path), sample("EURUSD", "1h").iloc[:1500]
    whole = columns_of(plan, bars)

    for n in (*range(1, 60, 7), 300, 731, 1499):
        part = columns_of(plan, bars.iloc[:n])
        for side in (plan.long, plan.short):
            assert side is not None
            for condition in (side.enter, *(term.condition for term in side.leave)):
                if condition is not None:
                    assert truth(condition, part).tolist() == truth(condition, whole)[:n].tolist()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_the_lookback_a_plan_asks_for_is_enough(path: Path) -> None:
    plan, bars = plan_of(path), sample("EURUSD", "1h").iloc[:2000]
    whole = columns_of(plan, bars)

    for t in range(plan.lookback, 2000, 97):
        part = columns_of(plan, bars.iloc[t - plan.lookback : t + 1])
        for side in (plan.long, plan.short):
            assert side is not None
            assert side.enter is not None
            assert truth(side.enter, part)[-1] == truth(side.enter, whole)[t]


def test_the_example_of_the_language_says_what_its_documentation_says() -> None:
    plan = plan_of(shipped_folder() / "ma_crossover.yaml")
    assert plan.long is not None
    assert plan.short is not None

    assert str(plan.long.enter) == "cross is golden_cross and cross.strength > 0.1 and close > slow_ma"
    assert str(plan.short.enter) == "cross is death_cross"
    assert [str(plan.stop_loss), str(plan.take_profit), str(plan.trailing_stop)] == ["2 * atr", "4%", "3 * atr"]
    assert (plan.max_holding_bars, plan.sizing.method, plan.sizing.value) == (200, "risk", 0.01)
    assert (plan.risk.max_positions, plan.risk.position_limit, plan.risk.max_order_notional) == (1, 2.0, 500_000.0)
    assert (plan.risk.max_drawdown, plan.risk.daily_loss_limit) == (0.15, 0.03)
    assert str(plan.filters.hours) == "07:00-17:00 Europe/London"
    assert plan.filters.days == frozenset(range(5))
    assert (str(plan.filters.max_spread), str(plan.execution.spread)) == ("1.5 pips", "0.8 pips")
    assert (plan.execution.slippage.kind, plan.execution.slippage.value) == ("pips", 0.1)
    assert plan.execution.commission.fraction == 0.00002
    assert plan.strategy.space == {"fast": (5, 8, 12, 20), "slow": tuple(range(20, 201, 20))}
