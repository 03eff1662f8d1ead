"""Files with random damage: each is a strategy or a list of faults, never another error and never a hang."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader.components import registry
from sptrader.errors import StrategyError
from sptrader.strategy.loader import read_strategy, shipped_folder
from sptrader.strategy.plan import make_plan

REGISTRY = registry()
ORIGINAL = """\
name: old
version: 1.0.0
dependencies: {indicators: [core.indicators.trend.sma], signals: [core.signals.ma_crossover]}
parameters: {position_size: 0.02, stop_loss: 0.02}
signal_config:
  ma_crossover:
    required_indicators:
      - {name: ma_fast, type: sma, params: {period: 10, source: close}}
      - {name: ma_slow, type: sma, params: {period: 30}}
    parameters: {min_separation: 0.0001}
entry:
  when:
    - {signal: ma_crossover, outputs: {crossover_type: golden_cross, signal_strength: "> 0.1"}}
  action: buy
  size: parameters.position_size
exit:
  signal_exit: {when: [{signal: ma_crossover, outputs: {crossover_type: death_cross}}], action: close_all}
  stop_loss: {type: percentage, value: parameters.stop_loss}
  max_holding_period: 20
backtest: {start_date: "2023-01-01", initial_capital: 10000, optimization: {stop_loss: [0.01, 0.02]}}
live: {paper_trade: true}
"""
TEXTS = [path.read_text() for path in sorted(shipped_folder().glob("*.yaml"))] + [ORIGINAL]
PIECES = st.sampled_from(
    ["", " ", "\n", "-", ":", "{}", "[]", "null", "0", "-1", "true", "$", "$fast", "%", "close", "a: 1", '"', "'", "(", "x.y", "é", "["]
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 1, 2, 5, 12, 40]))
        text = text[:start] + draw(PIECES) + text[start + length :]
    return text


@settings(max_examples=300)
@given(damaged())
def test_a_damaged_file_gives_faults_or_a_plan(text: str) -> None:
    try:
        strategy = read_strategy(text, path="f.yaml", registry=REGISTRY)
    except StrategyError as error:
        faults = error.faults
    else:
        faults = ()
        make_plan(strategy, None, REGISTRY)
    assert all(fault.startswith("f.yaml:") for fault in faults)
