"""Every shipped strategy, replayed over a real server as separate processes, leaves the files that its backtest leaves."""

from __future__ import annotations

import json
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pandas as pd
import pytest
import redis

import sptrader as sp
from sptrader.data.parquet import save_bars
from sptrader.streams.embedded import EmbeddedServer
from tests.parity.live_process import assert_same_files, forked, run_parts

SHIPPED = sorted((Path(__file__).parents[2] / "strategies").glob("*.yaml"))
N_BARS = 700


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "EURUSD.parquet"
    save_bars(sp.sample("EURUSD", "1h").iloc[:N_BARS], path)
    return path


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    return forked()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_separate_processes_over_a_server_leave_the_backtests_files(
    context: ForkServerContext, server: EmbeddedServer, bars: Path, path: Path, tmp_path: Path
) -> None:
    session = ["--folder", str(tmp_path / "session"), "--start", "2017-01-10", "--json", "--wait", "60"]
    parts = {
        "worker": ["live", str(path), "--part", "worker", *session],
        "orchestrator": ["live", str(path), "--part", "orchestrator", "--out", str(tmp_path), *session],
        "execution": ["execute", str(path), *session],
        "feed": ["feed", str(bars), "--json"],
    }
    environ = {"REDIS_URL": server.url, "SPTRADER_SESSIONS": str(tmp_path / "sessions")}
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    with run_parts(context, parts, environ, tmp_path):
        expected = sp.backtest(path, sp.load_bars(bars), start="2017-01-10").save(tmp_path / "backtest")
    said = json.loads((tmp_path / "orchestrator.out").read_text())
    assert len(pd.read_parquet(expected / "trades.parquet")) > 3
    assert_same_files(tmp_path / said["run"], expected)
    assert sp.load_run(tmp_path / said["run"]).metrics["trades"] == said["metrics"]["trades"]
