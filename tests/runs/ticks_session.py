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
from tests.busy import quick

TICKS = Path(__file__).parents[2] / "../shared/data/ticks/EURUSD-2025-03.parquet"
ROLES = ("feed", "worker", "execution", "orchestrator")


def hours(first: str = "2025-03-20 13:00", last: str = "2025-03-20 14:59:59.999") -> pd.DataFrame:
    """The quotes between two times; skips where there are none on this machine."""
    if not TICKS.exists():
        pytest.skip(f"no real quotes: {TICKS} is missing")
    return load_ticks(TICKS, symbol="EURUSD").loc[first:last]


def setting(folder: Path, ticks: dict[str, pd.DataFrame], *, text: str = "") -> LiveSetting:
    path = folder / "quick.yaml"
    path.write_text(text or quick())
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
