"""Quotes fed, and worker, execution and orchestrator as separate processes over a server, leave the single process's files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from sptrader.errors import StreamError
from sptrader.streams.embedded import EmbeddedServer, find_server
from tests.busy import quick
from tests.parity.live_process import forked, started
from tests.runs.ticks_session import hours

TABLES = ("orders", "fills", "trades", "equity", "decisions", "signals")
LIMIT_S = 240


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    with EmbeddedServer(tmp_path / "server") as running:
        yield running


def test_separate_processes_on_quotes_leave_what_one_process_leaves(server: EmbeddedServer, tmp_path: Path) -> None:
    ticks = hours(last="2025-03-20 13:59:59.999").reset_index()
    ticks.attrs = {}
    ticks.to_parquet(tmp_path / "ticks.parquet")
    (tmp_path / "quick.yaml").write_text(quick())
    strategy, file = str(tmp_path / "quick.yaml"), str(tmp_path / "ticks.parquet")
    session = ["--folder", str(tmp_path / "session"), "--start", "2025-03-20 13:10", "--json", "--wait", "60"]
    parts = {
        "worker": ["live", strategy, "--part", "worker", *session],
        "orchestrator": ["live", strategy, "--part", "orchestrator", "--out", str(tmp_path), *session],
        "execution": ["execute", strategy, *session],
        "feed": ["feed", file, "--ticks", "--symbol", "EURUSD", "--timeframe", "1m", "--json"],
    }
    one = ["live", strategy, "--replay", file, "--symbol", "EURUSD", "--start", "2025-03-20 13:10", "--json"]
    apart = {"REDIS_URL": server.url, "SPTRADER_SESSIONS": str(tmp_path / "sessions")}
    alone = {"SPTRADER_SESSIONS": str(tmp_path / "alone")}
    context = forked()
    processes = {name: started(context, given, apart, tmp_path / name) for name, given in parts.items()}
    processes["one"] = started(context, [*one, "--out", str(tmp_path / "one")], alone, tmp_path / "single")
    try:
        for process in processes.values():
            process.join(LIMIT_S)
        codes = {name: process.exitcode for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.join()
    said = {name: (tmp_path / f"{'single' if name == 'one' else name}.err").read_text() for name in codes}
    assert codes == dict.fromkeys(codes, 0), said

    made = tmp_path / json.loads((tmp_path / "orchestrator.out").read_text())["run"]
    single = tmp_path / "one" / json.loads((tmp_path / "single.out").read_text())["run"]
    assert len(pd.read_parquet(single / "trades.parquet")) > 3
    for name in TABLES:
        assert (made / f"{name}.parquet").read_bytes() == (single / f"{name}.parquet").read_bytes(), name
    counted = json.loads((tmp_path / "feed.out").read_text())["counters"]["feed"]
    assert counted["ticks"] > 1000
    assert counted["bars"] == 60 + 1  # and the end
