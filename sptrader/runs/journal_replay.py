"""Journal replay: a session's bars, out of its journal, through a backtest; and whether that decides the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sptrader.errors import RunError
from sptrader.model.messages import ColumnsMessage, Command, Event
from sptrader.model.reasons import Action, Reason
from sptrader.model.reasons import Outcome as Decided
from sptrader.orchestrator.backtest import Outcome
from sptrader.orchestrator.tail import Tail
from sptrader.runs.backtest import outcome_of
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.orchestrator_desk import JOURNAL
from sptrader.runs.prepare import prepare
from sptrader.runs.session_file import kept_setting
from sptrader.streams.codec import decode
from sptrader.streams.journal_reader import JournalReader

_COMPARED = ("action", "outcome", "reason")


@dataclass(frozen=True)
class Comparison:
    """What a session decided beside what a backtest of its bars does.

    `differing` has a row for each bar and instrument where they differ: `time symbol session backtest`. `n_events` other
    programs' signals and `n_commands` of people were acted on between the bars; a backtest knows neither.
    """

    n_bars: int
    n_decisions: int
    differing: pd.DataFrame
    n_events: int
    n_commands: int

    @property
    def is_same(self) -> bool:
        """Whether every decision is the same."""
        return self.differing.empty


def replay_journal(folder: str | Path) -> Comparison:
    """Backtest the bars that the session in `folder` has taken in, and compare its decisions with the session's.

    Raises `RunError` for a folder without a session, or one that has not decided anything yet.
    """
    place = Path(folder)
    live = kept_setting(place)
    with JournalReader(place / JOURNAL) as journal:
        messages = [decode(one.entry.fields) for one in journal.inputs()]
        told = [(row.time_ns, row.symbol, json.loads(row.body)) for row in journal.decisions()]
    tail = _tail(live, messages)
    times = [time_ns for time_ns, _, body in told if "outcome" in body]
    if not times:
        raise RunError(f"the session in {place} has decided nothing yet.", path=place, key="folder")
    session = {
        (pd.Timestamp(time_ns, tz="UTC"), symbol): _words(body) for time_ns, symbol, body in told if "outcome" in body
    }
    frames = {symbol: tail.frame(symbol, slice(0, None)) for symbol in live.setting.facts}
    ready = prepare(
        live.strategy,
        frames,
        params=dict(live.plan.parameters),
        cash=live.setting.cash,
        currency=live.setting.currency,
        start=None if live.setting.start_ns is None else pd.Timestamp(live.setting.start_ns, tz="UTC"),
        symbols=live.plan.symbols,
    )
    backtest = _decisions(outcome_of(ready))
    last = max(time for time, _ in session)
    rows = [
        {"time": time, "symbol": symbol, "session": session.get((time, symbol), ""), "backtest": expected}
        for time, symbol in sorted({*session, *backtest})
        if time <= last and session.get((time, symbol), "") != (expected := backtest.get((time, symbol), ""))
    ]
    return Comparison(
        n_bars=max(len(frame) for frame in frames.values()),
        n_decisions=len(session),
        differing=pd.DataFrame(rows, columns=["time", "symbol", "session", "backtest"]),
        n_events=sum(isinstance(message, Event) for message in messages),
        n_commands=sum(isinstance(message, Command) for message in messages),
    )


def _tail(live: LiveSetting, messages: Sequence[object]) -> Tail:
    setting = live.setting
    tail = Tail(setting.plan, setting.facts, setting.instruments, setting.currency, setting.nights)
    for message in messages:
        if isinstance(message, ColumnsMessage):
            tail.add(message.bar)
    return tail


def _decisions(outcome: Outcome) -> dict[tuple[pd.Timestamp, str], str]:
    """What a backtest decided, bar by bar, where it decided anything."""
    books, times_ns = outcome.books, outcome.market.times_ns
    return {
        (pd.Timestamp(int(times_ns[t]), tz="UTC"), symbol): " ".join(
            (
                Action(int(books.action[i, t])).word,
                Decided(int(books.outcome[i, t])).word,
                Reason(int(books.reason[i, t])).word,
            )
        )
        for i, symbol in enumerate(outcome.market.symbols)
        for t in range(outcome.first, outcome.last)
        if books.outcome[i, t] != 0
    }


def _words(row: dict[str, object]) -> str:
    return " ".join(str(row[name]) for name in _COMPARED)
