"""Plans: components in the order of their inputs, parameters put in, history counted."""

from __future__ import annotations

import numpy as np
import pytest

from sptrader.components import registry
from sptrader.errors import RunError, StrategyError
from sptrader.strategy.expressions import SignalColumns
from sptrader.strategy.loader import read_strategy
from sptrader.strategy.plan import Plan, make_plan, signal_type_doubts

REGISTRY = registry()
HEAD = """\
name: t
version: 1.0.0
market: {symbols: [EURUSD, USDJPY], timeframe: 1h}
sizing: {method: units, value: 1}
"""


def plan_of(text: str, params: dict[str, object] | None = None) -> Plan:
    return make_plan(read_strategy(HEAD + text, path="f.yaml"), params, REGISTRY)


def test_components_come_after_their_inputs_whatever_the_order_of_the_file() -> None:
    plan = plan_of("""\
parameters: {n: 5}
signals: {s: {type: breakout, upper: band.upper, lower: band.lower, offset: 0}}
indicators:
  top: {type: sma, close: smooth, period: 3}
  smooth: {type: ema, close: s.strength, period: $n}
  band: {type: bollinger, period: 10}
entry: {long: {when: top > 0}}
""")

    assert [call.name for call in plan.calls] == ["band", "s", "smooth", "top"]
    calls = {call.name: call for call in plan.calls}
    assert calls["s"].wires == {"upper": "band.upper", "lower": "band.lower"}
    assert calls["top"].wires == {"close": "smooth"}
    assert calls["smooth"].parameters == {"period": 5}
    assert calls["band"].parameters == {"period": 10, "deviations": 2.0}
    assert calls["s"].needs == ("band",)


def test_lookback_is_the_longest_way_through_components_and_rules() -> None:
    plan = plan_of("""\
indicators: {ma: {type: sma, period: 10}, ma2: {type: sma, close: ma, period: 20}}
entry: {long: {when: "prev(ma2, 5) > close for 3 bars"}}
""")

    # 9 bars for ma, 19 more for ma2, 5 for prev, 2 for the earlier bars of `for 3 bars`
    assert plan.lookback == 35


def test_lookback_counts_what_sizing_and_risk_look_back_on() -> None:
    text = "entry: {long: {when: close > 1}}\n"
    measured = HEAD.replace("method: units, value: 1", "method: volatility, value: 1%, lookback: 40 bars")

    assert plan_of(text).lookback == 0
    assert make_plan(read_strategy(measured + text), None, REGISTRY).lookback == 40
    assert plan_of(text + "risk: {correlation_limit: 0.7, correlation_lookback: 60 bars}\n").lookback == 60


def test_columns_are_those_rules_read() -> None:
    plan = plan_of("""\
indicators: {ma: {type: sma}, atr: {type: atr}, idle: {type: ema}, bb: {type: bollinger}}
entry: {long: {when: close > bb.upper + 2 pips, order: {type: limit, price: low}}}
exit: {long: {when: position.pnl > atr}, stop_loss: 2 * ma}
""")

    assert plan.columns == ("close", "bb", "pip", "low", "atr", "ma")
    assert [call.name for call in plan.calls] == ["ma", "atr", "idle", "bb"]


def test_parameters_reach_every_part_of_the_plan() -> None:
    text = """\
parameters: {n: 3, stop: 2.0, share: 0.1, hold: 10}
indicators: {atr: {type: atr, period: $n}}
entry: {long: {when: "close > highest(high, $n) - $stop pips"}}
exit: {stop_loss: $stop * atr, take_profit: $stop%, max_holding: $hold bars}
risk: {max_drawdown: $share}
"""
    plan = plan_of(text, {"n": 7, "stop": 4, "share": 0.25, "hold": 20})

    assert plan.calls[0].parameters["period"] == 7
    assert plan.long is not None
    assert str(plan.long.enter) == "close > highest(high, 7) - 4 pips"
    assert [str(plan.stop_loss), str(plan.take_profit), plan.max_holding_bars] == ["4 * atr", "4%", 20]
    assert plan.risk.max_drawdown == 0.25
    assert plan.parameters == {"n": 7, "stop": 4.0, "share": 0.25, "hold": 20}
    assert plan_of(text).max_holding_bars == 10


def test_a_parameter_that_leads_to_a_wrong_value_is_told_at_that_value() -> None:
    text = (
        "parameters: {n: 3}\nindicators: {ma: {type: ema, period: $n}}\nentry: {long: {when: 'prev(close, $n) > ma'}}\n"
    )

    with pytest.raises(StrategyError) as raised:
        plan_of(text, {"n": 0})

    assert [fault.split(" ")[0] for fault in raised.value.faults] == ["f.yaml:6:38:", "f.yaml:7:35:"]
    assert "parameter 'period' was 0; allowed is a whole number in 2..500. ($n)" in raised.value.faults[0]
    with pytest.raises(RunError, match="parameter 'm' is not declared"):
        plan_of(text, {"m": 1})


def test_every_symbol_has_its_instrument() -> None:
    plan = plan_of("entry: {long: {when: close > 1}}\n")

    assert plan.symbols == ("EURUSD", "USDJPY")
    assert str(plan.instruments["USDJPY"].pip) == "0.010"
    assert (plan.timeframe, plan.short, plan.start, plan.cash) == ("1h", None, None, None)


def test_an_event_no_signal_has_is_doubted() -> None:
    plan = plan_of("""\
indicators: {ma: {type: sma}}
signals: {cross: {type: ma_crossover, fast: close, slow: ma}}
entry: {long: {when: {signal: cross, type: golden_cros}}, short: {when: {signal: cross, type: death_cross}}}
exit: {when: {signal: cross, type: [golden_cross, up]}}
""")
    computed = SignalColumns(("golden_cross", "death_cross"), np.array([-1], np.int8), np.array([np.nan]))

    assert signal_type_doubts(plan, {"cross": computed}) == (
        "signal 'cross' has no event 'golden_cros'; did you mean 'golden_cross'? Its events: golden_cross, death_cross.",
        "signal 'cross' has no event 'up'. Its events: golden_cross, death_cross.",
    )
