"""A session on quotes written out by hand, all in one process: a strategy that asks by price, quotes a few to the bar."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sptrader.execution.faults import Faults
from sptrader.model.bars import with_facts
from sptrader.model.instrument import instrument
from sptrader.model.orders import Fill, NightCharge, OrderUpdate
from sptrader.runs.live import live_run, make_parts, work
from sptrader.runs.live_setting import make_live_setting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.run import Run
from sptrader.runs.tick_desk import TickDesk
from sptrader.runs.tick_feed import TickFeed, tick_facts
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.memory import MemoryStreams
from tests.orchestrator.tiny import text_of

ROLES = ("feed", "worker", "execution", "orchestrator")
Row = tuple[str, float, float]  # time, bid, ask


def ticks(rows: Sequence[Row], symbol: str = "EURUSD") -> pd.DataFrame:
    index = pd.DatetimeIndex([pd.Timestamp(row[0], tz="UTC") for row in rows]).as_unit("ns")
    frame = pd.DataFrame({"bid": [row[1] for row in rows], "ask": [row[2] for row in rows]}, index=index)
    return with_facts(frame, {"symbol": symbol, "session": "fx"})


@dataclass
class Done:
    """A session that has ended: what was told, by whom, and the run."""

    fills: list[Fill]
    nights: list[NightCharge]
    updates: list[OrderUpdate]
    feed: TickFeed
    execution: TickDesk
    orchestrator: OrchestratorDesk
    run: Run

    def told(self) -> list[tuple[str, str, str, float]]:
        """Each fill as time, side, reason and price."""
        return [
            (pd.Timestamp(one.time, tz="UTC").strftime("%m-%d %H:%M:%S"), one.side, one.reason, float(one.price))
            for one in self.fills
        ]


def traded(
    folder: Path,
    quotes: dict[str, pd.DataFrame] | Sequence[Row],
    *,
    timeframe: str = "1m",
    symbols: str = "EURUSD",
    faults: Faults | None = None,
    **sections: str,
) -> Done:
    """Trade the strategy of `text_of` with its `sections` over quotes; of EURUSD where they are rows."""
    shown = quotes if isinstance(quotes, dict) else {"EURUSD": ticks(quotes)}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.yaml"
    market = f"{{symbols: [{symbols}], timeframe: {timeframe}}}"
    path.write_text(text_of(**{"market": market, "execution": "{slippage: 0}", **sections}))
    facts = tick_facts(shown, {symbol: instrument(symbol) for symbol in shown}, timeframe, "bid")
    live = make_live_setting(path, facts, cash=100_000, currency="USD")
    streams = MemoryStreams()
    parts = make_parts(ROLES, streams, live, folder / "session", ticks=shown, faults=faults)
    try:
        assert work(parts, stop=threading.Event())
        feed, _, execution, orchestrator = parts
        assert isinstance(feed, TickFeed)
        assert isinstance(execution, TickDesk)
        assert isinstance(orchestrator, OrchestratorDesk)
        told = [decode(entry.fields) for entry in streams.history(keys.fills("paper"))]
        return Done(
            [one for one in told if isinstance(one, Fill)],
            [one for one in told if isinstance(one, NightCharge)],
            [one for one in told if isinstance(one, OrderUpdate)],
            feed,
            execution,
            orchestrator,
            live_run(orchestrator, began_s=0.0, faults=faults),
        )
    finally:
        for part in parts:
            part.close()
