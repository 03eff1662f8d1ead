"""Ticks replayed from a file: the whole session by one call, on quotes by default, on bars when asked."""

from __future__ import annotations

import threading
from pathlib import Path

import pandas as pd
import pytest

from sptrader.errors import RunError
from sptrader.runs.live_replay import replay
from sptrader.runs.prepare import prepare
from sptrader.runs.run import Run
from sptrader.runs.tick_feed import bars_of_ticks
from sptrader.runs.tick_files import are_ticks, ticks_of
from tests.busy import quick
from tests.runs.ticks_session import hours

SAMPLE = Path(__file__).parents[2] / "sptrader/data/samples/EURUSD-1h.parquet"


def replayed(folder: Path, file: Path, fills: str | None) -> Run:
    assert are_ticks([str(file)])
    ticks = ticks_of([str(file)], ["EURUSD"])
    path = folder / "quick.yaml"
    path.write_text(quick())
    ready = prepare(path, bars_of_ticks(ticks, "1m")["EURUSD"], end="2025-03-20 13:30")
    done = replay(ready, stop=threading.Event(), folder=folder / str(fills), ticks=ticks, fills=fills)
    assert done.is_over
    assert done.run is not None
    return done.run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ticks.parquet"
    ticks = hours(last="2025-03-20 13:59:59").reset_index()
    ticks.attrs = {}
    ticks.to_parquet(path)
    return path


def test_ticks_fill_at_quotes_and_at_bars_when_asked(file: Path, tmp_path: Path) -> None:
    quotes, bars = replayed(tmp_path, file, None), replayed(tmp_path, file, "bars")
    assert len(quotes.bars["EURUSD"]) == len(bars.bars["EURUSD"]) == 31
    assert len(quotes.fills) > 2
    assert any("quotes" in one for one in quotes.warnings)
    assert not any("quotes" in one for one in bars.warnings)
    assert not quotes.fills.equals(bars.fills)


def test_files_of_both_kinds_and_ticks_of_nothing_known_are_refused(file: Path) -> None:
    assert not are_ticks([str(SAMPLE)])
    with pytest.raises(RunError, match="one kind"):
        are_ticks([str(file), str(SAMPLE)])
    with pytest.raises(RunError, match="does not say"):
        ticks_of([str(file)], None)


def test_quotes_cannot_fill_where_there_are_only_bars(tmp_path: Path) -> None:
    path = tmp_path / "quick.yaml"
    path.write_text(quick())
    ready = prepare(path, _as_file(bars_of_ticks({"EURUSD": hours()}, "1m")["EURUSD"]))
    with pytest.raises(RunError, match="no ticks come"):
        replay(ready, stop=threading.Event(), folder=tmp_path / "session", fills="quotes")


def _as_file(bars: pd.DataFrame) -> pd.DataFrame:
    bars.attrs["sptrader.source"] = "a file"
    return bars
