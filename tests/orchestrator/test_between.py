"""An event between the bars is decided as if the whole history were worked out again with it on the last bar."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import numpy as np
import pytest

import sptrader as sp
from sptrader.kernel.live import decide_now
from sptrader.model.messages import Event
from sptrader.orchestrator.asks import make_orders, make_rules
from sptrader.orchestrator.between import ENTRIES, take_event
from sptrader.orchestrator.session import Session
from sptrader.runs.live import facts_of, make_parts, work
from sptrader.runs.live_setting import make_live_setting
from sptrader.strategy.expressions import SignalColumns
from sptrader.streams.memory import MemoryStreams

STRATEGY = """
name: between
version: 1.0.0
market: {{symbols: [{symbols}], timeframe: 1h}}
indicators:
  fast_ma: {{type: ema, period: 3}}
  slow_ma: {{type: ema, period: 7}}
  atr: {{type: atr, period: 5}}
signals:
  cross: {{type: ma_crossover, fast: fast_ma, slow: slow_ma}}
entry:
  long: {{when: {{all: [{{signal: cross, type: golden_cross}}, "close > slow_ma - atr"]}}}}
  short: {{when: {{signal: cross, type: death_cross}}, order: {{type: limit, price: close + 0.2 * atr, expires: 3 bars}}}}
exit:
  long: {{when: {{signal: cross, type: death_cross}}}}
  short: {{when: {{signal: cross, type: golden_cross}}}}
  stop_loss: 2 * atr
sizing: {sizing}
risk: {{max_positions: 2}}
filters: {{hours: "06:00-20:00 Europe/London", days: [mon, tue, wed, thu, fri]}}
execution: {{spread: 1 pips}}
backtest: {{cash: 100000, currency: USD}}
"""


def slow(session: Session, event: Event, *, is_stale: bool) -> None:
    """Do what `take_event` does to the state, from all bars there have ever been."""
    symbol = event.metadata["symbol"]
    whole = session._whole()
    columns = dict(whole.columns)
    found = columns[symbol][event.signal_name]
    assert isinstance(found, SignalColumns)
    types = found.types if event.signal_type in found.types else (*found.types, event.signal_type)
    codes, strength = found.codes.copy(), found.strength.copy()
    codes[-1], strength[-1] = types.index(event.signal_type), event.strength
    columns[symbol] = {**columns[symbol], event.signal_name: SignalColumns(types, codes, strength, found.outputs)}
    rules = {name: make_rules(session.plan, columns[name]) for name in session.plan.symbols}
    orders = make_orders(session.plan, whole.market, columns, rules)
    t, i = len(whole.market.times_ns) - 1, session.plan.symbols.index(symbol)
    only = np.zeros_like(orders.signal)
    only[i, t] = orders.signal[i, t] & ~ENTRIES if is_stale else orders.signal[i, t]
    if only.any():
        page = session.pages.page(len(whole.market.times_ns))
        decide_now(whole.market.kernel, orders._replace(signal=only), page, session.state, t)
        _, placed = session.pages.keep_rows(page)
        decided_ns = session.last_ns + whole.market.timeframe_ns
        session.writer.instructions(placed, (), session.state, session.last_ns, decided_ns)


@pytest.mark.parametrize("symbols", ["EURUSD", "EURUSD, GBPUSD"])
@pytest.mark.parametrize("sizing", ["{method: risk, value: 1%}", "{method: volatility, value: 0.5%, lookback: 9}"])
def test_events_are_decided_from_the_last_bars_as_from_all(symbols: str, sizing: str, tmp_path: Path) -> None:
    path = tmp_path / "between.yaml"
    path.write_text(STRATEGY.format(symbols=symbols, sizing=sizing))
    names = symbols.split(", ")
    chance = random.Random(3)
    for n in (57, 101):
        sessions = [session_after(path, names, n, tmp_path / f"{n}-{k}") for k in range(2)]
        for _ in range(20):
            event = Event(
                timestamp=0,
                signal_name="cross",
                signal_type=chance.choice(["golden_cross", "death_cross", "other"]),
                strength=chance.random(),
                metadata={"symbol": chance.choice(names)},
            )
            is_stale = chance.random() < 0.2
            take_event(sessions[0], event, is_stale=is_stale)
            slow(sessions[1], event, is_stale=is_stale)
            np.testing.assert_array_equal(sessions[0].state, sessions[1].state)
            assert sessions[0].writer.entries == sessions[1].writer.entries


def session_after(path: Path, names: list[str], n: int, folder: Path) -> Session:
    frames = {name: sp.sample("EURUSD", "1h").iloc[:n] for name in names}
    live = make_live_setting(path, facts_of(frames), cash=100_000, currency="USD")
    parts = make_parts(["feed", "worker", "execution", "orchestrator"], MemoryStreams(), live, folder, frames=frames)
    work(parts, stop=threading.Event())
    for part in parts:
        part.close()
    return parts[-1].session
