"""Live: from a signal on the stream to its order on the stream, beside a bare hop of redis-py over the same server.

`python -m tests.benchmarks.live` runs it alone. The orchestrator is a process of its own, as in real use; the asking process
is the same for both. Every message is checked to have been answered by an order or a cancel.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import redis

import sptrader as sp
from sptrader.model.ids import PAPER
from sptrader.runs import orchestrator_desk
from sptrader.runs.live import facts_of, make_parts, work
from sptrader.runs.live_setting import LiveSetting, make_live_setting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.streams import keys
from sptrader.streams.embedded import EmbeddedServer
from sptrader.streams.journal import Journal
from sptrader.streams.redis import RedisStreams

BARS = 300
STRATEGY = """
name: answering
version: 1.0.0
market: {symbols: [EURUSD], timeframe: 1h}
indicators:
  atr: {type: atr, period: 14}
  fast_ma: {type: ema, period: 12}
  slow_ma: {type: ema, period: 26}
signals:
  cross: {type: ma_crossover, fast: fast_ma, slow: slow_ma}
entry:
  long: {when: {signal: cross, type: ask}, order: {type: limit, price: close - atr, expires: 9 bars}}
exit:
  long: {when: {signal: cross, type: leave}}
  stop_loss: 2 * atr
sizing: {method: risk, value: 1%}
execution: {spread: 1 pips}
backtest: {cash: 100000, currency: USD}
"""


@dataclass(frozen=True)
class LiveSpeeds:
    """Seconds of hops: `bare`, and from signal to order with the journal at each setting; and of many signals at once."""

    bare: list[float]
    normal: list[float]
    full: list[float]
    rate: float  # signals a second that were asked for
    sustained_s: float
    lag_s: float  # how long after the last signal its answer came
    most_a_second: float  # signals a second when all are there


def live_speeds(*, n: int = 2_000, rate: float = 2_000.0, seconds: float = 60.0) -> LiveSpeeds:
    """Measure `n` hops each way in turn, then `rate` signals a second for so many seconds."""
    with tempfile.TemporaryDirectory() as name, EmbeddedServer(Path(name) / "server") as server:
        folder = Path(name)
        client = redis.Redis.from_url(server.url)
        with _echo(server.url):
            bare = _hops(client, n, "bench:in", "bench:out", lambda k: {"x": str(k)})
        hops: dict[str, list[float]] = {}
        for synchronous in ("FULL", "NORMAL"):
            client.flushall()
            with _orchestrator(server.url, folder / synchronous, synchronous):
                hops[synchronous] = _hops(client, n, keys.SIGNALS, keys.orders(PAPER), event)
        client.flushall()
        with _orchestrator(server.url, folder / "many", "NORMAL"):
            lag = _sustained(client, rate, seconds)
            count = int(rate * seconds)
            began = time.perf_counter()
            _add(client, range(count, count + 20_000))
            _wait_for(client, count + 20_000)
            most = 20_000 / (time.perf_counter() - began)
        client.close()
    return LiveSpeeds(bare, hops["NORMAL"], hops["FULL"], rate, seconds, lag, most)


def lines_of(speeds: LiveSpeeds) -> list[str]:
    """Return the results as Markdown."""
    bare = statistics.median(speeds.bare)
    rows = (
        ("a bare hop of redis-py: XADD, XREADGROUP, XADD, XREAD, no work", speeds.bare),
        ("signal to order, journal at `NORMAL`", speeds.normal),
        ("signal to order, journal at `FULL` (as with real money)", speeds.full),
    )
    return [
        "| over two processes and the server, one at a time | p50 | p99 | p50, ratio |",
        "|---|---:|---:|---:|",
        *(f"| {what} | {_ms(_at(s, 0.5))} | {_ms(_at(s, 0.99))} | {_at(s, 0.5) / bare:.2f} |" for what, s in rows),
        "",
        f"{speeds.rate:,.0f} signals a second for {speeds.sustained_s:g} s: the last order was there {_ms(speeds.lag_s)} after its "
        f"signal. When all are waiting {speeds.most_a_second:,.0f} a second are answered.",
    ]


def _at(seconds: list[float], share: float) -> float:
    return sorted(seconds)[int(share * (len(seconds) - 1))]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"


def event(k: int) -> dict[str, bytes]:
    """Return the `k`th event: asking for an entry, or taking it back."""
    body = {
        "timestamp": 1_500_000_000_000_000_000 + k,
        "signal_name": "cross",
        "signal_type": "leave" if k % 2 else "ask",
        "strength": 1.0,
        "metadata": {"symbol": "EURUSD"},
    }
    return {"signal": msgspec.json.encode(body)}


def _hops(client: Any, n: int, to: str, back: str, make: Callable[[int], dict[str, Any]]) -> list[float]:
    """Send one message after the other and take the time until its answer is read."""
    last = client.xinfo_stream(back)["last-generated-id"] if client.exists(back) else "0-0"
    taken = []
    for k in range(n + 100):
        began = time.perf_counter()
        client.xadd(to, make(k))
        while not (found := client.xread({back: last}, block=5_000)):
            raise AssertionError(f"message {k} on {to} was not answered")
        taken.append(time.perf_counter() - began)
        last = found[0][1][-1][0]
    return taken[100:]


def _add(client: Any, numbers: range) -> None:
    with client.pipeline(transaction=False) as pipe:
        for k in numbers:
            pipe.xadd(keys.SIGNALS, event(k))
        pipe.execute()


def _sustained(client: Any, rate: float, seconds: float) -> float:
    """Publish signals at a rate, in small lots; return how long after the last one the last answer came."""
    began, lot = time.perf_counter(), max(int(rate / 100), 1)
    count = int(rate * seconds)
    for at in range(0, count, lot):
        time.sleep(max(0.0, began + at / rate - time.perf_counter()))
        _add(client, range(at, min(at + lot, count)))
    ended = time.perf_counter()
    _wait_for(client, count)
    return time.perf_counter() - ended


def _wait_for(client: Any, count: int) -> None:
    """Wait until the orchestrator has answered so many signals."""
    until = time.perf_counter() + 300.0
    while time.perf_counter() < until:
        added = client.xinfo_stream(keys.orders(PAPER)).get("entries-added", 0) - int(client.get("bench:before"))
        if added >= count:
            if added > count:
                raise AssertionError(f"{added} answers to {count} signals")
            return
        time.sleep(0.002)
    raise AssertionError("the orchestrator fell behind")


@contextmanager
def _echo(url: str) -> Iterator[int]:
    with _process("echo", url) as pid:
        yield pid


@contextmanager
def _orchestrator(url: str, folder: Path, synchronous: str) -> Iterator[int]:
    folder.mkdir()
    with _process("orchestrator", url, str(folder), synchronous) as pid:
        yield pid


@contextmanager
def _process(*words: str) -> Iterator[int]:
    found = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.live", *words], stdout=subprocess.PIPE)
    assert found.stdout is not None
    try:
        if found.stdout.readline() != b"ready\n":
            raise AssertionError(f"{words[0]} did not start")
        yield found.pid
    finally:
        found.send_signal(signal.SIGTERM)
        found.wait(30)
        found.stdout.close()


def _serve_echo(url: str) -> None:
    """The bare hop: read as a consumer group, answer, acknowledge."""
    client = redis.Redis.from_url(url)
    client.xgroup_create("bench:in", "echo", id="0", mkstream=True)
    print("ready", flush=True)
    while True:
        for _, entries in client.xreadgroup("echo", "only", {"bench:in": ">"}, count=256, block=1_000) or ():
            for id, fields in entries:
                client.xadd("bench:out", fields)
                client.xack("bench:in", "echo", id)


def _serve_orchestrator(url: str, folder: Path, synchronous: Literal["NORMAL", "FULL"]) -> None:
    """All parts until the bars are booked, then the orchestrator alone."""
    path = folder / "answering.yaml"
    path.write_text(STRATEGY)
    frames = {"EURUSD": sp.sample("EURUSD", "1h").iloc[:BARS]}
    live: LiveSetting = make_live_setting(path, facts_of(frames), cash=100_000, currency="USD")
    streams = RedisStreams(url)

    def journal(*given: Any, **named: Any) -> Journal:
        return Journal(*given, **{**named, "synchronous": synchronous})

    orchestrator_desk.Journal = journal  # type: ignore[assignment, misc]  # FULL without the arming of real money
    parts = make_parts(["feed", "worker", "execution", "orchestrator"], streams, live, folder, frames=frames)
    work(parts, stop=threading.Event())
    desk = cast(OrchestratorDesk, parts[-1])
    added = streams.length(keys.orders(PAPER))
    streams.set("bench:before", str(added).encode())
    print("ready", flush=True)
    while True:
        desk.step(1_000)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if sys.argv[1:2] == ["echo"]:
        _serve_echo(sys.argv[2])
    elif sys.argv[1:2] == ["orchestrator"]:
        _serve_orchestrator(sys.argv[2], Path(sys.argv[3]), cast(Any, sys.argv[4]))
    else:
        sys.stdout.write("\n".join(lines_of(live_speeds(seconds=float((sys.argv[1:] or ["60"])[0])))) + "\n")
