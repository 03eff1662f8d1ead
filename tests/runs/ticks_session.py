"""A session on real quotes, all in one process: an hour or two of EURUSD, one-minute bars."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import pytest

from sptrader.data.ticks import load_ticks
from sptrader.model.instrument import instrument
from sptrader.model.ports import Streams
from sptrader.runs.live import make_parts, work
from sptrader.runs.live_setting import LiveSetting, make_live_setting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.part import Part
from sptrader.runs.tick_desk import TickDesk
from sptrader.runs.tick_feed import tick_facts

TICKS = Path(__file__).parents[2] / "../shared/data/ticks/EURUSD-2025-03.parquet"
ROLES = ("feed", "worker", "execution", "orchestrator")
STRATEGY = """
name: quick
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1m}
indicators:
  fast_ma: {type: ema, period: 3}
  slow_ma: {type: ema, period: 7}
  atr: {type: atr, period: 5}
signals:
  cross: {type: ma_crossover, fast: fast_ma, slow: slow_ma}
entry:
  long: {when: {signal: cross, type: golden_cross}, order: {type: limit, price: close - 0.1 * atr, expires: 3 bars}}
  short: {when: {signal: cross, type: death_cross}}
exit:
  long: {when: {signal: cross, type: death_cross}}
  short: {when: {signal: cross, type: golden_cross}}
  stop_loss: 0.8 * atr
  take_profit: 2 * atr
sizing: {method: risk, value: 0.1%}
execution: {slippage: 0.1 pips, commission: {per_lot: 3}}
backtest: {cash: 100000, currency: USD}
"""


def hours(first: str = "2025-03-20 13:00", last: str = "2025-03-20 14:59:59.999") -> pd.DataFrame:
    """The quotes between two times; skips where there are none on this machine."""
    if not TICKS.exists():
        pytest.skip(f"no real quotes: {TICKS} is missing")
    return load_ticks(TICKS, symbol="EURUSD").loc[first:last]


def setting(folder: Path, ticks: dict[str, pd.DataFrame], *, text: str = STRATEGY) -> LiveSetting:
    path = folder / "quick.yaml"
    path.write_text(text)
    facts = tick_facts(ticks, {symbol: instrument(symbol) for symbol in ticks}, "1m", "bid")
    return make_live_setting(path, facts, cash=100_000, currency="USD")


def parts(
    streams: Streams, live: LiveSetting, folder: Path, ticks: dict[str, pd.DataFrame], **options: object
) -> list[Part]:
    return make_parts(ROLES, streams, live, folder, ticks=ticks, fills="quotes", **options)  # type: ignore[arg-type]


def desks(made: list[Part]) -> tuple[TickDesk, OrchestratorDesk]:
    _, _, execution, orchestrator = made
    assert isinstance(execution, TickDesk)
    assert isinstance(orchestrator, OrchestratorDesk)
    return execution, orchestrator


def run(made: list[Part]) -> None:
    assert work(made, stop=threading.Event())


def close(made: list[Part]) -> None:
    for part in made:
        part.close()
