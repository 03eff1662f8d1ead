"""A session with a paper venue on the same bars leaves, table by table, what a backtest leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sptrader as sp
from sptrader.execution.bars import BarVenue
from sptrader.model.bars import bars_facts, times_ns
from sptrader.model.messages import BarMessage, ColumnsMessage
from sptrader.model.orders import Order, OrderStatus
from sptrader.orchestrator.account import opening_state
from sptrader.orchestrator.arriving import column_messages
from sptrader.orchestrator.columns import make_columns
from sptrader.orchestrator.session import Session, Setting
from sptrader.orchestrator.tail import Tail
from sptrader.runs.backtest import make_run, outcome_of
from sptrader.runs.prepare import Prepared, prepare
from sptrader.runs.run import Run

SHIPPED = sorted((Path(__file__).parents[2] / "strategies").glob("*.yaml"))
TABLES = ("orders", "fills", "trades", "equity", "decisions", "signals")


def messages(ready: Prepared) -> list[ColumnsMessage]:
    """What feed and worker would say, time by time, instrument by instrument."""
    clock = np.unique(np.concatenate([times_ns(frame) for frame in ready.frames.values()]))
    said: dict[int, list[ColumnsMessage]] = {int(t): [] for t in clock}
    for symbol, frame in ready.frames.items():
        timeframe, where = (
            bars_facts(frame).timeframe,
            dict(zip(times_ns(frame).tolist(), frame.itertuples(), strict=True)),
        )
        bars = [
            BarMessage(
                symbol=symbol, timeframe=timeframe, time_ns=t,
                open=row.open, high=row.high, low=row.low, close=row.close, volume=row.volume,
            )
            for t, row in where.items()
        ]  # fmt: skip
        made = {bar.time_ns: ColumnsMessage(plan="p", bar=bar) for bar in bars}
        if symbol in ready.plan.symbols:
            columns = make_columns(ready.plan, frame, ready.instruments[symbol])
            made = {one.bar.time_ns: one for one in column_messages("p", ready.plan, columns, enumerate(bars))}
        for t, here in said.items():
            silent = BarMessage(symbol=symbol, timeframe=timeframe, time_ns=t, kind="none")
            here.append(made.get(t) or ColumnsMessage(plan="p", bar=silent))
    return [message for here in said.values() for message in here]


def in_a_session(ready: Prepared, *, ahead: int) -> Run:
    """Run what was prepared through a session that is told up to `ahead` messages before it books."""
    facts = {symbol: bars_facts(frame) for symbol, frame in ready.frames.items()}
    setting = Setting(
        plan=ready.plan,
        facts=facts,
        instruments=ready.instruments,
        account="paper",
        cash=ready.cash,
        currency=ready.currency,
        start_ns=ready.start_ns,
        nights=ready.nights,
    )
    session, tail = Session(setting), Tail(ready.plan, facts, ready.instruments, ready.currency, ready.nights)
    venue: BarVenue | None = None

    def arrays(time_ns: int):
        market = tail.market(time_ns, time_ns)
        return market.kernel, int(np.searchsorted(market.times_ns, time_ns))

    waiting = messages(ready)
    for at in range(0, len(waiting), ahead):
        for message in waiting[at : at + ahead]:
            assert session.take_columns(message)
            assert not session.take_columns(message)  # the same again does nothing
            tail.add(message.bar)
        while (time_ns := session.next_ns()) is not None:
            if venue is None:
                opened = opening_state(ready.plan, tail.market(time_ns, time_ns), ready.cash)
                strategy = ready.strategy
                venue = BarVenue(
                    opened, ready.plan.symbols, arrays,
                    account="paper", currency=ready.currency, strategy=strategy.name, version=str(strategy.version),
                )  # fmt: skip
            for instruction in session.book(venue.meet(time_ns, is_closed=True)):
                told = venue.place(instruction) if isinstance(instruction, Order) else venue.cancel(instruction)
                assert [report.status for report in told][:1] not in ([], [OrderStatus.REJECTED])
    if ready.plan.execution.close_at_end:
        session.close_out()
    return make_run(ready, session.outcome(), seed=0, began_s=0.0)


def assert_equal(run: Run, other: Run) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(run, name), getattr(other, name), check_exact=True)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_session_of_a_shipped_strategy_is_its_backtest(path: Path) -> None:
    bars = sp.sample("EURUSD", "1h").iloc[:3000]
    ready = prepare(path, bars, cash=100_000, currency="USD", start="2017-01-20")
    expected = make_run(ready, outcome_of(ready), seed=0, began_s=0.0)

    assert len(expected.trades) > 10
    assert_equal(in_a_session(ready, ahead=997), expected)


def test_bars_one_by_one_are_all_bars_at_once() -> None:
    ready = prepare(SHIPPED[0], sp.sample("EURUSD", "1h").iloc[:300], cash=100_000, currency="USD")
    expected = make_run(ready, outcome_of(ready), seed=0, began_s=0.0)

    assert len(expected.trades) > 10
    assert_equal(in_a_session(ready, ahead=1), expected)


STRATEGY = """
name: two_pairs
version: 1.0.0
market: {{symbols: [EURUSD, EURGBP], timeframe: 1h}}
indicators:
  fast_ma: {{type: ema, period: 5}}
  slow_ma: {{type: ema, period: 12}}
  atr: {{type: atr, period: 10}}
signals:
  cross: {{type: ma_crossover, fast: fast_ma, slow: slow_ma}}
entry:
  long: {{when: {{signal: cross, type: golden_cross}}{order}}}
  short: {{when: {{signal: cross, type: death_cross}}}}
exit:
  long: {{when: {{signal: cross, type: death_cross}}}}
  short: {{when: {{signal: cross, type: golden_cross}}}}
  stop_loss: 2 * atr
  trailing_stop: 3 * atr
sizing: {{method: risk, value: 2%}}
risk: {risk}
filters: {{hours: "06:00-20:00 Europe/London", cooldown: 2 bars}}
execution: {execution}
backtest: {{cash: 20000, currency: USD}}
"""
RULES = {
    "plain": ("", "{max_positions: 2}", "{spread: 1 pips, slippage: 5%_of_range}"),
    "bound": (
        ", order: {type: limit, price: close - 0.3 * atr, expires: 4 bars}",
        "{max_positions: 2, currency_exposure: 150%, margin_limit: 8%, daily_loss_limit: 1%, correlation_limit: 90%, "
        "correlation_lookback: 20}",
        "{spread: 1 pips, commission: {per_lot: 3, minimum: 1}, reverse: true, pyramiding: 1, close_at_end: true}",
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_a_session_of_several_instruments_with_gaps_is_its_backtest(name: str, tmp_path: Path) -> None:
    order, risk, execution = RULES[name]
    execution = execution.replace("5%_of_range", "0.2 pips")
    path = tmp_path / "two.yaml"
    path.write_text(STRATEGY.format(order=order, risk=risk, execution=execution))
    random = np.random.default_rng(7)
    whole = sp.sample("EURUSD", "1h").iloc[:900]
    frames = {}
    for symbol, scale in (("EURUSD", 1.0), ("EURGBP", 0.8), ("GBPUSD", 1.25)):
        walk = scale * np.exp(np.cumsum(random.normal(0, 0.0012, len(whole))))
        frame = whole[["open", "high", "low", "close", "volume"]].copy()
        frame["close"] = walk.round(5)
        frame["open"] = frame["close"].shift(1).fillna(frame["close"].iloc[0])
        frame["high"] = frame[["open", "close"]].max(axis=1) + 0.0004
        frame["low"] = frame[["open", "close"]].min(axis=1) - 0.0004
        kept = frame[random.random(len(frame)) > 0.06]
        kept.attrs = {}
        frames[symbol] = sp.load_bars(kept, "1h", symbol=symbol, basis="bid")
    ready = prepare(path, frames)
    expected = make_run(ready, outcome_of(ready), seed=0, began_s=0.0)

    assert len(expected.trades) > 15
    assert set(expected.trades["symbol"]) == {"EURUSD", "EURGBP"}
    assert_equal(in_a_session(ready, ahead=100), expected)
