"""Live memory: each part of a session as its own process, and what it holds while signals become orders, or bars trades.

`python -m tests.benchmarks.live_memory [SIGNALS]` runs it alone, `--bars N` over bars instead. Every signal is an order, or the
cancel of one, and is answered by the venue. Resident memory comes from the kernel (`VmRSS`), the server's also from itself.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import redis

import sptrader as sp
from sptrader.model.bars import BarsFacts, with_facts
from sptrader.model.ids import PAPER
from sptrader.runs.live import facts_of, make_parts
from sptrader.runs.live_setting import make_live_setting
from sptrader.streams import keys
from sptrader.streams.embedded import EmbeddedServer
from sptrader.streams.redis import RedisStreams
from tests.benchmarks.data import frame_of, tiled_bars
from tests.benchmarks.live import BARS, STRATEGY, event

ROLES = ("feed", "worker", "execution", "orchestrator")
HOUR = 144_000  # signals: 40 a second
WARM = 10_000  # until windows, caches and rings are full
LOT = 250
SPEED = 60.0 * 400  # bars of a minute a second
BUSY = """
name: busy_minutes
version: 1.0.0
market: {symbols: [AUDUSD], timeframe: 1m}
indicators:
  fast_ma: {type: ema, period: 3}
  slow_ma: {type: ema, period: 7}
entry:
  long: {when: "crosses_above(fast_ma, slow_ma)"}
exit:
  long: {when: "crosses_below(fast_ma, slow_ma)"}
  stop_loss: 0.1%
  take_profit: 0.2%
sizing: {method: units, value: 10000}
execution: {spread: 1 pips}
backtest: {cash: 100000, currency: USD}
"""


@dataclass(frozen=True)
class Held:
    """Bytes held by each part and the server after `n` messages, resident, and of the journals on disk."""

    n: int
    resident: dict[str, int]
    server_data: int
    on_disk: dict[str, int]


def held_over_signals(counts: Sequence[int] = (0, HOUR)) -> list[Held]:
    """Return what is held after so many signals behind those that warm it up."""
    with _session(0) as (client, look):
        before = _added(client, keys.fills(PAPER))
        sent, found = 0, []
        for count in (WARM + one for one in counts):
            while sent < count:
                lot = range(sent, min(sent + LOT, count))
                with client.pipeline(transaction=False) as pipe:
                    for k in lot:
                        pipe.xadd(keys.SIGNALS, event(k))
                    pipe.execute()
                sent = lot.stop
                _wait(partial(_is_added, client, keys.fills(PAPER), before + sent - LOT))
            _wait(partial(_is_added, client, keys.fills(PAPER), before + sent))
            time.sleep(1.0)
            found.append(look(count - WARM))
        return found


def held_over_bars(n_bars: int, counts: Sequence[int]) -> list[Held]:
    """Return what is held after so many bars of a strategy that trades often."""
    with _session(n_bars) as (client, look):
        found = []
        for count in counts:
            while (booked := _n_bars(client)) < count:
                time.sleep(0.02)
            found.append(look(booked))
        return found


def lines_of(found: Sequence[Held], what: str = "signals, each an order or the cancel of one") -> list[str]:
    """Return the results as Markdown."""
    first, last = found[0], found[-1]
    rows = [(role, [one.resident[role] for one in found]) for role in first.resident]
    rows.append(("server, its data; it keeps the last 100,000 signals", [one.server_data for one in found]))
    rows += [(f"{name} on disk", [one.on_disk[name] for one in found]) for name in first.on_disk]
    return [
        f"| memory by process, MB | {' | '.join(f'after {one.n:,}' for one in found)} | more by |",
        "|---|" + "---:|" * (len(found) + 1),
        *(
            f"| {name} | {' | '.join(f'{n / 1e6:.1f}' for n in held)} | {(held[-1] - held[0]) / 1e6:.1f} |"
            for name, held in rows
        ),
        "",
        f"{last.n - first.n:,} {what}, behind the first {WARM:,}; resident memory of each part as a process of its own.",
    ]


@contextmanager
def _session(n_bars: int) -> Iterator[tuple[Any, Callable[[int], Held]]]:
    """Start a server and all parts, and give a client and what looks at them once the bars for signals are booked."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(EmbeddedServer(folder / "server"))
        client = redis.Redis.from_url(server.url)
        stack.callback(client.close)
        pids = {role: stack.enter_context(_process(role, server.url, str(folder), str(n_bars))) for role in ROLES}
        pids["server"] = server.pid
        if n_bars == 0:
            _wait(lambda: _n_bars(client) == BARS)

        def look(n: int) -> Held:
            return Held(
                n=n,
                resident={role: _resident(pid) for role, pid in pids.items()},
                server_data=int(client.info("memory")["used_memory"]),
                on_disk={
                    name: sum(one.stat().st_size for one in folder.glob(f"{stem}.sqlite*"))
                    for name, stem in (("orchestrator's journal", "session"), ("execution's journal", "execution"))
                },
            )

        yield client, look


def _n_bars(client: Any) -> int:
    body = client.get(keys.state(PAPER))
    return 0 if body is None else int(msgspec.json.decode(body)["n_bars"])


def _added(client: Any, stream: str) -> int:
    return int(client.xinfo_stream(stream)["entries-added"])


def _is_added(client: Any, stream: str, count: int) -> bool:
    return _added(client, stream) >= count


def _wait(is_there: Callable[[], bool], seconds: float = 300.0) -> None:
    until = time.perf_counter() + seconds
    while not is_there():
        if time.perf_counter() > until:
            raise AssertionError("a part fell behind")
        time.sleep(0.002)


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


@contextmanager
def _process(role: str, *words: str) -> Iterator[int]:
    found = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.live_memory", "--part", role, *words])
    try:
        yield found.pid
    finally:
        found.send_signal(signal.SIGTERM)
        found.wait(30)


def _work(role: str, url: str, folder: Path, n_bars: int) -> None:
    """Do one part's work until the process is ended."""
    path = folder / f"{role}.yaml"
    path.write_text(BUSY if n_bars else STRATEGY)
    frame = _minutes(n_bars) if n_bars else sp.sample("EURUSD", "1h").iloc[:BARS]
    frames = {str(frame.attrs["sptrader.symbol"]): frame}
    live = make_live_setting(path, facts_of(frames), cash=100_000, currency="USD")
    given: dict[str, Any] = {"frames": frames, "speed": SPEED} if n_bars else {"frames": frames}
    (part,) = make_parts([role], RedisStreams(url), live, folder, **given)
    while True:
        if not part.step(100) and role == "feed":
            time.sleep(0.05)


def _minutes(n_bars: int) -> pd.DataFrame:
    known = BarsFacts(symbol="AUDUSD", timeframe="1m", basis="bid", session="fx", source="benchmark")
    return with_facts(frame_of(tiled_bars(n_bars)), known)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.live_memory", description=__doc__)
    parser.add_argument("signals", type=int, nargs="*", default=[0, HOUR])
    parser.add_argument("--bars", type=int, nargs="+", help="how many bars, at several counts of which it is looked")
    parser.add_argument("--part", nargs=4)
    chosen = parser.parse_args()
    if chosen.part:
        _work(chosen.part[0], chosen.part[1], Path(chosen.part[2]), int(chosen.part[3]))
    elif chosen.bars:
        sys.stdout.write("\n".join(lines_of(held_over_bars(chosen.bars[-1], chosen.bars), "bars")) + "\n")
    else:
        sys.stdout.write("\n".join(lines_of(held_over_signals(chosen.signals))) + "\n")
