"""Ticks of several instruments, one only there to convert: processes over a server and one process leave the same files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sptrader as sp
from sptrader.errors import RunError
from sptrader.model.bars import with_facts
from sptrader.streams.embedded import EmbeddedServer
from tests.busy import quick
from tests.parity.live_process import assert_same_files, forked, run_parts


def wandering(symbol: str, first: float, seed: int) -> pd.DataFrame:
    """Forty minutes of quotes, about one a second, five-digit prices, spread of one to three steps."""
    random = np.random.default_rng(seed)
    times = pd.Timestamp("2025-03-20 13:00", tz="UTC") + pd.to_timedelta(
        np.cumsum(random.integers(1, 2000, 2400)), "ms"
    )
    bid = np.round(first + np.cumsum(random.integers(-3, 4, 2400)) * 1e-5, 5)
    ask = np.round(bid + random.integers(1, 4, 2400) * 1e-5, 5)
    frame = pd.DataFrame({"bid": bid, "ask": ask}, index=pd.DatetimeIndex(times, name="time").as_unit("ns"))
    return with_facts(frame, {"symbol": symbol, "session": "fx"})


def test_processes_on_ticks_leave_the_files_of_one_process(server: EmbeddedServer, tmp_path: Path) -> None:
    path = tmp_path / "quick.yaml"
    path.write_text(quick().replace("[EURUSD]", "[EURUSD, EURGBP]").replace("0.8 * atr", "3 * atr"))
    ticks = {
        s: wandering(s, first, k)
        for k, (s, first) in enumerate({"EURGBP": 0.85, "EURUSD": 1.1, "GBPUSD": 1.29}.items())
    }
    files = []
    for symbol, frame in ticks.items():
        files.append(str(tmp_path / f"{symbol}.parquet"))
        frame.reset_index().to_parquet(files[-1])
    named = [word for symbol in ticks for word in ("--symbol", symbol)]
    shown = [
        word for symbol in ("EURUSD", "EURGBP", "GBPUSD") for word in ("--symbol", symbol)
    ]  # as the strategy has them
    session = ["--folder", str(tmp_path / "session"), "--json", "--wait", "60", *shown]
    parts = {
        "worker": ["live", str(path), "--part", "worker", *session],
        "orchestrator": ["live", str(path), "--part", "orchestrator", "--out", str(tmp_path), *session],
        "execution": ["execute", str(path), *session],
        "feed": ["feed", *files, "--ticks", "--timeframe", "1m", "--json", *named],
    }
    environ = {"REDIS_URL": server.url, "SPTRADER_SESSIONS": str(tmp_path / "sessions")}
    with run_parts(forked(), parts, environ, tmp_path):
        run = sp.live(path, ticks=ticks)
        expected = run.save(tmp_path / "one")
    said = json.loads((tmp_path / "orchestrator.out").read_text())
    assert set(run.fills["symbol"]) == {"EURUSD", "EURGBP"}
    assert said["run"] == run.id
    assert_same_files(tmp_path / said["run"], expected)


def test_ticks_stand_in_place_of_bars() -> None:
    ticks = {"EURUSD": wandering("EURUSD", 1.1, 0)}
    with pytest.raises(RunError, match="ticks stand in place of bars"):
        sp.live("ma_crossover", sp.sample("EURUSD", "1h"), ticks=ticks)
