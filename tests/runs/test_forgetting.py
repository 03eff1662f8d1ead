"""What is forgotten on a shared server takes nothing from a session that was stopped to be gone on with."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import sptrader as sp
from sptrader.errors import RunError, StreamError
from sptrader.runs.inbox import group_of
from sptrader.runs.leftovers import forget
from sptrader.runs.live_replay import Replay, replay
from sptrader.runs.prepare import prepare
from sptrader.streams import keys
from sptrader.streams.embedded import EmbeddedServer, find_server
from sptrader.streams.redis import RedisStreams
from tests.busy import busy

N_BARS = 150
TABLES = ("orders", "fills", "trades", "equity", "decisions", "signals")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("SPTRADER_SESSIONS", str(tmp_path / "sessions"))
    with EmbeddedServer(tmp_path / "server") as server:
        yield server.url


def traded(url: str, folder: Path, account: str, *, symbol: str = "EURUSD", until: int | None = None) -> Replay:
    """Replay bars for an account, stopped after about `until` of them."""
    path = folder.parent / f"{symbol}.yaml"
    path.write_text(busy().replace("EURUSD", symbol))
    bars = sp.sample("EURUSD", "1h").iloc[:N_BARS]
    bars.attrs["sptrader.symbol"] = symbol
    ready = prepare(path, bars)
    stop = threading.Event()

    def look(done: int, *_: object) -> None:
        if until is not None and done >= until:
            stop.set()

    speed = "max" if until is None else "2000000x"
    return replay(ready, speed=speed, account=account, redis_url=url, folder=folder, stop=stop, progress=look)


def test_a_stopped_session_keeps_its_bars_and_signals_and_goes_on_to_the_backtests_end(
    url: str, tmp_path: Path
) -> None:
    stopped = traded(url, tmp_path / "a", "ann", until=40)
    assert not stopped.is_over
    streams = RedisStreams(url)
    with pytest.raises(RunError, match=r"account 'ann' on this server is not over and reads its bars of EURUSD"):
        traded(url, tmp_path / "b", "bob")
    with pytest.raises(RunError, match="live-forget --account ann"):
        forget(streams, "bob", bars=[("EURUSD", "1h")])
    streams.add(keys.ticks("EURUSD"), {"tick": b"{}"})
    with pytest.raises(RunError, match=r"account 'ann' .* reads its ticks of EURUSD"):
        forget(streams, "bob", ticks=["EURUSD"])
    assert traded(url, tmp_path / "c", "bob", symbol="GBPUSD").is_over
    n_bars, n_signals = streams.length(keys.bars("EURUSD", "1h")), streams.length(keys.SIGNALS)
    assert keys.SIGNALS not in forget(streams, "bob", bars=[("GBPUSD", "1h")])
    assert (streams.length(keys.bars("EURUSD", "1h")), streams.length(keys.SIGNALS)) == (n_bars, n_signals)
    assert list(streams.groups(keys.SIGNALS)) == [group_of("ann")]

    finished = traded(url, tmp_path / "a", "ann")
    expected = sp.backtest(tmp_path / "EURUSD.yaml", sp.sample("EURUSD", "1h").iloc[:N_BARS])
    assert finished.is_over
    assert finished.run is not None
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(finished.run, name), getattr(expected, name), check_exact=True)

    assert traded(url, tmp_path / "b", "bob").is_over  # a session that is over needs its bars no longer
    assert keys.ticks("EURUSD") in forget(streams, "bob", ticks=["EURUSD"])
    assert streams.length(keys.SIGNALS) == 0
    streams.close()
