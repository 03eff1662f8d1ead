"""Loading: every fault of a file at once, each at its line and column with the nearest name; nothing passes in silence."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sptrader.components import registry
from sptrader.errors import RunError, StrategyError
from sptrader.strategy.loader import find_strategy, load_strategy, read_strategy
from sptrader.strategy.plan import make_plan
from sptrader.strategy.spec import Commission, Distance, Hours, OrderSpec, Sizing, Slippage
from sptrader.strategy.strategy import Strategy

REGISTRY = registry()

HEAD = """\
name: t
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1h}
parameters: {fast: {default: 12, min: 5, max: 50}, share: 0.02, on_time: true, kind: sma}
indicators: {atr: {type: atr}, ma: {type: ema, period: $fast}}
signals: {cross: {type: ma_crossover, fast: ma, slow: close}}
"""
ENTRY = "entry: {long: {when: close > ma}}\n"
SIZING = "sizing: {method: units, value: 1}\n"


def faults(text: str) -> list[str]:
    try:
        read_strategy(text, path="f.yaml", registry=REGISTRY)
    except StrategyError as error:
        return list(error.faults)
    return []


def plan_of(text: str, params: dict[str, object] | None = None):
    return make_plan(read_strategy(text, path="f.yaml", registry=REGISTRY), params, REGISTRY)


def test_every_fault_of_a_file_comes_at_once_with_its_place() -> None:
    text = """\
name: many
version: 1.0.0
marked: {symbols: [EURUSD]}
market: {symbols: [EURUSX], timeframe: 1 hour}
parameters:
  fast: {default: 60, min: 5, max: 50}
indicators:
  ma: {type: emma, period: $fast}
  rs: {type: rsi, perod: 3}
signals:
  cross: {type: ma_crossover, fast: ma, slow: mb}
entry:
  long:
    when:
      - {signal: crss, type: golden_cross}
      - close > slow_ma
      - any: []
exit:
  stop_loss: -2%
  take_profit: 2 * atrr
  max_holdng: 20 bars
sizing: {method: rsk, value: 1%}
risk: {max_drawdown: 150%}
filters: {hours: "07:00-17:00", days: Mon-Fry}
execution: {order: limit, spread: yes}
backtest: {start: 2017-12-31, end: 2017-01-01}
optimize: {fats: [1]}
"""
    found = faults(text)

    for told in (
        "f.yaml:3:1: marked: key 'marked' is not known; did you mean 'market'?",
        "f.yaml:4:19: market.symbols: instrument 'EURUSX' is not known; did you mean 'EURUSD'?",
        "f.yaml:4:40: market.timeframe: timeframe was '1 hour'",
        "f.yaml:6:19: parameters.fast.default: parameter 'fast' was 60; allowed is a whole number from 5 to 50.",
        "f.yaml:8:14: indicators.ma.type: component 'emma' is not known; did you mean 'ema'?",
        "f.yaml:9:19: indicators.rs.perod: argument of rsi 'perod' is not known; did you mean 'period'?",
        "f.yaml:11:47: signals.cross.slow: column 'mb' is not known",
        "f.yaml:15:18: entry.long.when[0].signal: signal 'crss' is not known; did you mean 'cross'?",
        "f.yaml:16:17: entry.long.when[1]: 'slow_ma' is not known",
        "f.yaml:17:14: entry.long.when[2].any: the list is empty",
        "f.yaml:19:14: exit.stop_loss: was -2%; allowed is a distance above 0.",
        "f.yaml:20:20: exit.take_profit: 'atrr' is not known",
        "f.yaml:21:3: exit.max_holdng: key 'max_holdng' is not known; did you mean 'max_holding'?",
        "f.yaml:22:18: sizing.method: value 'rsk' is not known; did you mean 'risk'?",
        "f.yaml:23:22: risk.max_drawdown: was 150%; allowed is a fraction above 0 and at most 1 (100%)",
        "f.yaml:24:18: filters.hours: was '07:00-17:00'; expected two times and a time zone",
        "f.yaml:24:39: filters.days: weekday 'Mon-Fry' is not known",
        "f.yaml:25:20: execution.order: a limit order needs price",
        "f.yaml:25:35: execution.spread: was 'yes'; expected a distance",
        "backtest.end: was 2017-01-01",
        "f.yaml:27:12: optimize.fats: parameter 'fats' is not known; did you mean 'fast'?",
    ):
        assert any(told in fault for fault in found), (told, found)
    assert len(found) == 21


def test_the_message_names_the_file_and_lists_all() -> None:
    with pytest.raises(StrategyError, match=r"f.yaml has 2 faults:\n  f.yaml:1:1: entry: is missing") as raised:
        read_strategy("name: x\nversion: 1\nmarket: {symbols: EURUSD, timeframe: 1h}\n", path="f.yaml")

    assert raised.value.path == "f.yaml"


def section(text: str, *, head: str = HEAD + ENTRY + SIZING) -> list[str]:
    return [fault.split(": ", 1)[1] for fault in faults(head + text + "\n")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("risk: {max_positions: 1.5}", "risk.max_positions: was 1.5; allowed is a whole number"),
        ("risk: {max_positions: 0}", "allowed is a whole number from 1"),
        ("risk: {max_positions: true}", "was 'true'; expected a whole number"),
        ("risk: {max_positions: $on_time}", "which is True; expected a whole number"),
        ("risk: {max_drawdown: 0}", "allowed is a fraction above 0"),
        ("risk: {max_drawdown: ten}", "was 'ten'; expected a fraction"),
        ("risk: {max_drawdown: 10 pips}", "was 10pips; allowed is a fraction"),
        ("risk: {max_drawdown: $shae}", "parameter '$shae' is not declared; did you mean 'share'?"),
        ("risk: {max_drawdown: [1]}", "was a list; expected a fraction"),
        ("risk: {max_drawdown: }", "was empty; expected a fraction"),
        ("risk: 5", "risk: expected a mapping with the keys max_positions"),
        ("filters: {one_entry_per_session: yes}", "was 'yes'; allowed is true or false"),
        ("filters: {hours: 07:00-25:00 UTC}", "times run from 00:00 to 24:00"),
        ("filters: {hours: 07:00-17:00 Europe/Londn}", "time zone 'Europe/Londn' is not known"),
        ("filters: {hours: 07:00-07:00 UTC}", "must differ"),
        ("filters: {days: []}", "was an empty list"),
        ("filters: {max_spread: 2 * atr}", "expected a distance"),
        ("exit: {stop_loss: 0}", "was 0; allowed is a distance above 0"),
        ("exit: {stop_loss: 100%}", "less than 100% of the price"),
        ("exit: {stop_loss: close > ma}", "is a condition; a number is needed here"),
        ("exit: {stop_loss: {type: percentage}}", "'value' is missing"),
        ("exit: {stop_loss: {type: percent, value: 0.02}}", "did you mean 'percentage'?"),
        ("exit: {long: {when: true}}", "exit.long.when: was true; expected a condition"),
        ("exit: {long: {when: position.bars > 2 for 2 bars}}", "may be compared, not counted"),
        ("exit: {stop_loss: 2 * position.mae}", "in the conditions of exits only"),
        ("exit: {long: {whn: close > 1}}", "did you mean 'when'?"),
        ("exit: {long: {when: prev(close, 1) > 2}}", "an expression with a comma needs quotes"),
        ("exit: {long: {}}", "exit.long.when: is missing"),
        ("exit: {long: {when: {all: [close > 1], any: [close > 2]}}}", "one of all, any, not is needed, 2 were given"),
        ("exit: {long: {when: {al: [close > 1]}}}", "did you mean 'all'?"),
        ("exit: {long: {when: {all: close > 1}}}", "expected a list of conditions"),
        ("exit: {long: {when: {signal: cross, typ: up}}}", "did you mean 'type'?"),
        ("exit: {long: {when: {signal: cross, strength: 0.1}}}", "expected a comparison such as '> 0.1'"),
        ("exit: {long: {when: {signal: cross, strength: '> $fst'}}}", "parameter '$fst' is not declared"),
        ("exit: {long: {when: {signal: cross, for: 0 bars}}}", "allowed is a whole number from 1"),
        ("execution: {order: {type: limit}}", "a limit order needs price"),
        ("execution: {order: {price: close}}", "type is missing"),
        ("execution: {order: {type: stop, price: close}}", "a stop order has no price; it needs stop_price"),
        ("execution: {order: {type: market, expires: 3 bars}}", "a market order does not wait"),
        ("execution: {order: {type: limit, price: position.entry_price}}", "in the conditions of exits only"),
        ("execution: {slippage: -1 pips}", "execution.slippage: was -1 pips"),
        ("execution: {slippage: 0.01%}", "was 0.01 %; expected a slippage such as 0.1 pips, 5% of range"),
        ("execution: {slippage: 200% of range}", "was 200 % of range"),
        ("execution: {commission: 20%}", "a share is at most 10%"),
        ("execution: {intrabar: pesimistic}", "did you mean 'pessimistic'?"),
        ("execution: {pyramiding: -1}", "allowed is a whole number from 0"),
        ("backtest: {start: 2017-13-01}", "expected a UTC date or time"),
        ("backtest: {start: yesterday}", "expected a UTC date or time"),
        ("backtest: {start: 20170101}", "expected a UTC date or time"),
        ("backtest: {cash: -5}", "allowed is a number above 0"),
        ("backtest: {currency: dollars}", "expected a currency"),
        ("live: {mode: papr}", "did you mean 'paper'?"),
        ("live: {password: x}", "key 'password' is not known"),
        ("optimize: {fast: [1, 2]}", "parameter 'fast' was 1; allowed is a whole number from 5 to 50"),
        ("optimize: {fast: {min: 10, max: 5, step: 1}}", "allowed is min <= max"),
        ("optimize: {fast: {min: 10, max: 50}}", "step is missing"),
        ("optimize: {fast: 5}", "expected a list of values"),
        ("constraints: [fast < slow]", "'slow' is not known"),
        ("constraints: [fast > 20]", "the defaults break 'fast > 20'"),
        ("name: again", "key 'name' is given twice"),
    ],
)
def test_a_wrong_value_says_what_is_allowed(text: str, told: str) -> None:
    found = section(text)

    assert len(found) <= 2  # a misspelt key is also a missing one
    assert any(told in fault for fault in found), found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sizing: {method: risk, value: 1%}", "risk needs exit.stop_loss or exit.trailing_stop"),
        ("sizing: {method: risk}", "sizing.value: is missing"),
        ("sizing: {value: 1}", "sizing.method: is missing"),
        ("sizing: {method: percent, value: 101}", "allowed is a fraction above 0 and at most 100"),
        ("sizing: {method: units, value: 1%}", "was 1 %; allowed is a number above 0"),
        ("sizing: {method: units, value: 1, cap: 2}", "key 'cap' is not known"),
        ("sizing: {method: volatility, value: 1%}", "needs either lookback"),
        ("sizing: {method: volatility, value: 1%, lookback: 20 bars, column: atr}", "needs either lookback"),
        ("sizing: {method: kelly, value: 0.5, win_rate: 55%, payoff: 1.5}", "sizing.cap: is missing"),
    ],
)
def test_sizing_asks_for_what_its_method_needs(text: str, told: str) -> None:
    found = section(text, head=HEAD + ENTRY)

    assert any(told in fault for fault in found), found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("indicators: {close: {type: sma}}", "'close' is a word of the language"),
        ("indicators: {my ma: {type: sma}}", "'my ma' is not a name"),
        ("indicators: {m: sma}", "expected a mapping with the component as type"),
        ("indicators: {m: {period: 3}}", "expected a mapping with the component as type"),
        ("indicators: {m: {type: sma, period: $fsat}}", "parameter '$fsat' is not declared; did you mean 'fast'?"),
        ("indicators: {m: {type: ema, period: 1}}", "parameter 'period' was 1; allowed is a whole number in 2..500"),
        ("indicators: {m: {type: sma, period: word}}", "parameter 'period' was 'word'"),
        ("indicators: {m: {type: ma_crossover}}", "is a signal; it belongs under signals"),
        ("indicators: {a: {type: ema, close: b}, b: {type: ema, close: a}}", "is wired in a circle: a -> b -> a"),
        ("indicators: {a: {type: ema, close: a}}", "is wired in a circle: a -> a"),
        (
            "indicators: {a: {type: ema, close: bb}, bb: {type: bollinger}}",
            "'bb' has several outputs; write one of bb.upper",
        ),
        ("indicators: {a: {type: ema, close: bb.uper}, bb: {type: bollinger}}", "did you mean 'upper'?"),
        ("indicators: {m: {type: talib.RSJ}}", "did you mean 'talib.RSI'"),
        ("signals: {s: {type: ma_crossover, fast: close}}", "ma_crossover needs 'slow'; wire it to a column"),
        ("signals: {s: {type: ema}}", "is an indicator; it belongs under indicators"),
        ("signals: {s: {type: threshold, value: s}}", "'s' is a signal; name one of its outputs, such as s.strength"),
        ("signals: {m: {type: threshold, value: close}}\nindicators: {m: {type: sma}}", "'m' is an indicator already"),
    ],
)
def test_wiring_is_checked_against_the_components(text: str, told: str) -> None:
    head = HEAD.split("indicators:")[0] + "entry: {long: {when: close > 1}}\n" + SIZING

    found = section(text, head=head)

    assert any(told in fault for fault in found), found


def test_an_output_named_in_a_rule_is_compared_with_the_component() -> None:
    head = HEAD.split("indicators:")[0] + SIZING + "indicators: {bb: {type: bollinger}}\n"

    assert "did you mean 'upper'?" in section("entry: {long: {when: close > bb.uppr}}", head=head)[0]
    assert "'bb' has several outputs" in section("entry: {long: {when: close > bb}}", head=head)[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("parameters: {a: {min: 1}}", "default is missing"),
        ("parameters: {a: {default: 1, mn: 1}}", "did you mean 'min'?"),
        ("parameters: {a: {default: 1, min: 5, max: 2}}", "was 5, above max 2"),
        ("parameters: {a: {default: x, min: 5}}", "only numbers have bounds"),
        ("parameters: {a: {default: 3, choices: [1, 2]}}", "allowed is one of 1, 2"),
        ("parameters: {a: {default: 3, step: 0}}", "allowed is a number above 0"),
        ("parameters: {a: $b}", "cannot be made of another one"),
        ("parameters: {a: [1]}", "was a list; expected a number, a word"),
        ("parameters: {1a: 1}", "'1a' is not a name"),
    ],
)
def test_parameters_are_checked(text: str, told: str) -> None:
    head = "name: t\nversion: 1\nmarket: {symbols: EURUSD, timeframe: 1h}\nentry: {long: {when: close > 1}}\n" + SIZING

    found = section(text, head=head)

    assert len(found) == 1
    assert told in found[0]


def test_values_come_out_in_the_units_they_were_written_in() -> None:
    text = (
        HEAD
        + ENTRY
        + """\
exit: {stop_loss: 20 pips, take_profit: 4%, trailing_stop: 3 * atr, max_holding: 200 bars}
sizing: {method: kelly, value: 0.5, win_rate: 55%, payoff: 1.5, cap: 300%}
risk: {max_positions: 2, position_limit: 200%, max_order_notional: 500_000, currency_exposure: 3, correlation_limit: 0.7,
       correlation_lookback: 50 bars, margin_limit: 50%}
filters: {hours: "22:00-06:00 UTC", days: "Sun-Tue, Fri", max_spread: 1.5 pips, min_volume: 10, cooldown: 5 bars,
          one_entry_per_session: $on_time}
execution:
  order: {type: stop_limit, price: close + atr, stop_price: close, expires: 3 bars, time_in_force: day}
  slippage: {type: volume_share, value: 0.1}
  commission: {percent: 0.002%, per_lot: 3.5, minimum: 1}
  spread: 0
  intrabar: finer
  close_at_end: true
  pyramiding: 2
  reverse: true
  financing: rates.csv
backtest: {start: 2017-03-01T08:00, end: 2017-03-02, cash: 1e5, currency: USD}
"""
    )
    plan = plan_of(text)

    assert plan.stop_loss == Distance("pips", 20.0)
    assert plan.take_profit == Distance("fraction", 0.04)
    assert plan.trailing_stop is not None
    assert str(plan.trailing_stop) == "3 * atr"
    assert plan.max_holding_bars == 200
    assert (plan.sizing.method, plan.sizing.value, plan.sizing.win_rate, plan.sizing.payoff, plan.sizing.cap) == (
        "kelly", 0.5, 0.55, 1.5, 3.0,
    )  # fmt: skip
    assert (plan.risk.position_limit, plan.risk.max_order_notional, plan.risk.correlation_lookback) == (
        2.0,
        500_000.0,
        50,
    )
    assert plan.filters.hours == Hours(22 * 60, 6 * 60, "UTC")
    assert plan.filters.days == frozenset({6, 0, 1, 4})
    assert (plan.filters.cooldown_bars, plan.filters.one_entry_per_session) == (5, True)
    order = plan.execution.order
    assert (order.type, str(order.price), str(order.stop_price), order.expires_bars, order.time_in_force) == (
        "stop_limit", "close + atr", "close", 3, "day",
    )  # fmt: skip
    assert plan.execution.slippage == Slippage("volume_share", 0.1)
    assert plan.execution.commission == Commission(0.00002, 3.5, 1.0)
    assert plan.execution.spread == Distance("price", 0.0)
    assert (plan.execution.intrabar, plan.execution.close_at_end) == ("finer", True)
    assert (plan.execution.pyramiding, plan.execution.reverse, plan.execution.financing) == (2, True, "rates.csv")
    assert plan.start == pd.Timestamp("2017-03-01 08:00", tz="UTC")
    assert plan.end == pd.Timestamp("2017-03-02 23:59:59.999999999", tz="UTC")
    assert (plan.cash, plan.currency) == (100_000.0, "USD")


@pytest.mark.parametrize(
    ("written", "slippage"),
    [
        ("0.1 pips", Slippage("pips", 0.1)),
        ("0.00002", Slippage("price", 0.00002)),
        ("5% of range", Slippage("range_fraction", 0.05)),
        ("{type: range, value: 0.05}", Slippage("range_fraction", 0.05)),
        ("{type: fixed, value: 0.0001}", Slippage("price", 0.0001)),
    ],
)
def test_slippage_may_be_written_in_several_ways(written: str, slippage: Slippage) -> None:
    assert plan_of(HEAD + ENTRY + SIZING + f"execution: {{slippage: {written}}}").execution.slippage == slippage


@pytest.mark.parametrize(
    ("written", "commission"),
    [
        ("0.002%", Commission(0.00002)),
        ("0.001", Commission(0.001)),
        ("3.5 per lot", Commission(per_lot=3.5)),
        ("0", Commission()),
    ],
)
def test_commission_may_be_written_in_several_ways(written: str, commission: Commission) -> None:
    assert plan_of(HEAD + ENTRY + SIZING + f"execution: {{commission: {written}}}").execution.commission == commission


def test_a_side_has_its_own_order_or_that_of_execution() -> None:
    text = HEAD + SIZING + (
        "entry:\n  long: {when: close > 1, order: {type: limit, price: close - atr}}\n  short: {when: close < 1}\n"
    )  # fmt: skip
    plan = plan_of(text)
    assert plan.long is not None
    assert plan.short is not None

    assert plan.long.order.type == "limit"
    assert plan.short.order == OrderSpec("market")


@pytest.mark.parametrize(
    ("sizing", "fraction"),
    [
        (Sizing("percent", 0.1), 0.1),
        (Sizing("kelly", 0.5, win_rate=0.55, payoff=1.5, cap=3.0), 0.125),  # 0.55 - 0.45 / 1.5 = 0.25, half of it
        (Sizing("kelly", 1.0, win_rate=0.55, payoff=1.5, cap=0.2), 0.2),
        (Sizing("kelly", 1.0, win_rate=0.3, payoff=1.5, cap=0.2), 0.0),
        (Sizing("risk", 0.01), None),
    ],
)
def test_kelly_is_a_capped_share_of_equity(sizing: Sizing, fraction: float | None) -> None:
    assert sizing.equity_fraction == (None if fraction is None else pytest.approx(fraction, abs=1e-15))


def test_conditions_nest_and_name_the_signals_that_order_entries() -> None:
    text = (
        HEAD
        + SIZING
        + """\
entry:
  long:
    when:
      - any: [{signal: cross, type: [golden_cross, other], strength: "> $share", for: 2 bars}, {not: [close > 1, atr > 2]}]
      - all: [close > ma for 3 bars]
        for: 2 bars
  short: {when: {not: {signal: cross}}}
"""
    )
    plan = plan_of(text)
    assert plan.long is not None
    assert plan.short is not None

    assert str(plan.long.enter) == (
        "((cross is golden_cross or other and cross.strength > 0.02 for 2 bars) or not (close > 1 and atr > 2))"
        " and ((close > ma for 3 bars) for 2 bars)"
    )
    assert plan.long.strength == ("cross",)
    assert plan.short.strength == ()


def test_declared_instruments_are_known_and_checked() -> None:
    facts = "{quote: USD, price_step: 0.01, lot_step: 0.001, min_quantity: 0.001, margin_rate: 0.5, session: 24/7}"
    head = "name: t\nversion: 1\nentry: {long: {when: close > 1}}\n" + SIZING
    text = head + f"market: {{symbols: [BTCUSD], timeframe: 1h, instruments: {{BTCUSD: {facts}}}}}\n"

    plan = plan_of(text)

    assert str(plan.instruments["BTCUSD"].lot_step) == "0.001"
    wrong = faults(text.replace("0.01,", "zero,").replace("margin_rate", "margin_rat"))
    assert any("BTCUSD.price_step: was 'zero'; expected a number above 0" in fault for fault in wrong)
    assert any("unknown fact 'margin_rat'; did you mean 'margin_rate'?" in fault for fault in wrong)


def test_what_has_no_effect_is_a_warning() -> None:
    strategy = read_strategy(
        HEAD + ENTRY + SIZING + "exit: {short: {when: close < 1}, stop_loss: $share * atr}\n",
        path="f.yaml",
        registry=REGISTRY,
    )

    assert strategy.warnings == (
        "f.yaml:4:65: parameters.on_time: nothing refers to $on_time; changing it has no effect.",
        "f.yaml:4:80: parameters.kind: nothing refers to $kind; changing it has no effect.",
        "f.yaml:9:8: exit.short: there is no entry.short, so this exit is never used.",
    )


def test_a_strategy_is_frozen_shown_and_travels() -> None:
    strategy = read_strategy(HEAD + ENTRY + SIZING + "description: <b>a & b</b>\n", path="f.yaml")

    assert str(strategy) == "t 1.0.0 on EURUSD 1h (fast=12, share=0.02, on_time=True, kind=sma)"
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;" in strategy._repr_html_()
    with pytest.raises(AttributeError):
        strategy.name = "x"  # type: ignore[misc]
    copy: Strategy = pickle.loads(pickle.dumps(strategy))
    assert str(copy) == str(strategy)
    assert plan_key(copy) == plan_key(strategy)


def plan_key(strategy: Strategy) -> str:
    return str(make_plan(strategy, {"fast": 7}, REGISTRY).calls[1].parameters)


def test_a_version_that_looks_like_a_number_keeps_its_zero() -> None:
    assert read_strategy((HEAD + ENTRY + SIZING).replace("1.0.0", "1.10")).version == "1.10"


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"fats": 8}, "parameter 'fats' is not declared by the strategy; did you mean 'fast'?"),
        ({"fast": 4}, "parameter 'fast' was 4; allowed is a whole number from 5 to 50."),
        ({"fast": 8.5}, "parameter 'fast' was 8.5"),
        ({"fast": "many"}, "parameter 'fast' was 'many'"),
        ({"fast": True}, "parameter 'fast' was True"),
        ({"fast": None}, "parameter 'fast' was None"),
        ({"share": float("nan")}, "parameter 'share' was nan"),
        ({"share": float("inf")}, "parameter 'share' was inf"),
        ({"on_time": 1}, "parameter 'on_time' was 1; allowed is true or false."),
        ({"kind": 3}, "parameter 'kind' was 3; allowed is a text."),
        ({"fast": 20}, "the parameters break the constraint fast < 15: fast = 20."),
    ],
)
def test_parameters_given_by_the_caller_are_checked(params: dict[str, object], told: str) -> None:
    strategy = read_strategy(HEAD + ENTRY + SIZING + "constraints: [$fast < 15]\n")

    with pytest.raises(RunError) as raised:
        strategy.parameter_values(params)

    assert told in str(raised.value)


def test_parameters_may_come_as_text_or_numpy_numbers() -> None:
    strategy = read_strategy(HEAD + ENTRY + SIZING)

    found = strategy.parameter_values({"fast": np.int64(8), "share": "0.5", "on_time": "false", "kind": "ema"})

    assert found == {"fast": 8, "share": 0.5, "on_time": False, "kind": "ema"}
    assert type(found["fast"]) is int
    assert strategy.parameter_values({"fast": 8.0})["fast"] == 8


def test_constraints_tell_which_choices_are_allowed() -> None:
    strategy = read_strategy(HEAD + ENTRY + SIZING + "constraints: [fast < 15]\n")

    assert [strategy.is_allowed({"fast": fast}) for fast in (14, 15)] == [True, False]


def test_the_space_of_a_sweep_is_exact() -> None:
    text = (
        HEAD + ENTRY + SIZING + "optimize: {share: {min: 0.1, max: 0.5, step: 0.1}, fast: {min: 5, max: 21, step: 5}}\n"
    )
    strategy = read_strategy(text)

    assert strategy.space == {"share": (0.1, 0.2, 0.3, 0.4, 0.5), "fast": (5, 10, 15, 20)}


def test_a_file_is_found_by_path_or_name_and_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "strategies"
    folder.mkdir()
    path = folder / "mine.yaml"
    path.write_text(HEAD + ENTRY + SIZING)
    monkeypatch.chdir(tmp_path)

    strategy = load_strategy("mine", registry=REGISTRY)

    assert Path(strategy.source_path).resolve() == path
    assert strategy.source_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(StrategyError, match=r"minr.yaml: the strategy file does not exist; did you mean '.*mine.yaml'"):
        find_strategy("strategies/minr.yaml")
    with pytest.raises(StrategyError, match="is a folder"):
        find_strategy(folder)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"name: x\n\xff\xfe\n")

    with pytest.raises(StrategyError, match=r"x.yaml:2:1: this is not text in UTF-8"):
        load_strategy(path)
