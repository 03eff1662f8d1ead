"""What a session of these tests trades: bars on paper, a paper broker that does wrong, quotes, or a broker of its own world."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd

import sptrader as sp
from sptrader.clock import ReplayClock
from sptrader.execution.faults import Faults
from sptrader.model.ports import Streams
from sptrader.runs.backtest import make_run, outcome_of
from sptrader.runs.broker_desk import BrokerDesk
from sptrader.runs.live import facts_of, live_run, make_parts, work
from sptrader.runs.live_setting import LiveSetting, make_live_setting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.part import Part
from sptrader.runs.prepare import prepare
from sptrader.runs.run import Run
from sptrader.streams.memory import MemoryStreams
from tests.busy import busy
from tests.runs.exchange import Door, Exchange, FarExchange
from tests.runs.ticks_session import hours
from tests.runs.ticks_session import setting as quick_setting

ROLES = ("feed", "worker", "execution", "orchestrator")
TABLES = ("orders", "fills", "trades", "equity", "decisions", "signals")
Kind = Literal["bars", "faulty", "quotes", "broker", "forgetful"]
HOUR_NS = 3_600 * 10**9
DOOR = "exchange.sock"
TICKS = "ticks.pickle"


@dataclass(frozen=True)
class World:
    """A kind of session over so many bars; `seed` is that of the paper broker's faults.

    A `forgetful` broker takes an id again: an order is sent there twice if anything sends it twice.
    """

    kind: Kind = "bars"
    bars: int = 150
    seed: int = 0

    @property
    def span_s(self) -> float:
        """How long the market takes over it."""
        return self.bars * (60.0 if self.kind == "quotes" else 3600.0)

    @property
    def is_at_exchange(self) -> bool:
        return self.kind in ("broker", "forgetful")

    @property
    def fills(self) -> str:
        return "quotes" if self.kind == "quotes" else "bars"

    @property
    def faults(self) -> Faults | None:
        """What the paper broker does wrong."""
        if self.kind != "faulty":
            return None
        chance = random.Random(self.seed)
        return Faults(
            seed=self.seed,
            latency_bars=chance.choice((0, 1)),
            reject_rate=0.1,
            partial_rate=0.4,
            partial_fraction=chance.choice((0.3, 0.6)),
            lost_rate=0.1,
            duplicate_rate=0.2,
            delay_rate=0.3,
            delay_bars=chance.choice((1, 2)),
        )


@dataclass(frozen=True)
class Made:
    """A world as the parts of its session see it, in a folder of its own."""

    world: World
    live: LiveSetting
    frames: dict[str, pd.DataFrame]
    ticks: dict[str, pd.DataFrame] | None
    folder: Path

    def part(self, role: str, streams: Streams, folder: Path, *, speed: float) -> Part:
        """Make one part of the session."""
        if self.world.is_at_exchange and role == "execution":
            return AtExchange(streams, self.live, folder, self.folder / DOOR)
        options: dict[str, Any] = {"frames": self.frames, "speed": speed, "faults": self.world.faults}
        if self.ticks is not None:
            options |= {"ticks": self.ticks, "fills": "quotes"}
        return make_parts([role], streams, self.live, folder, **options)[0]

    def run(self, desk: OrchestratorDesk) -> Run:
        """The run that a session left."""
        return live_run(desk, began_s=0.0, fills=self.world.fills, faults=self.world.faults)


def put(world: World, folder: Path) -> None:
    """Write down what only the test knows, for the processes."""
    folder.mkdir(parents=True, exist_ok=True)
    if world.kind == "quotes":
        last = pd.Timestamp("2025-03-20 13:00") + pd.Timedelta(minutes=world.bars) - pd.Timedelta(milliseconds=1)
        hours(last=str(last)).to_pickle(folder / TICKS)
    else:
        limits = "live: {max_order_notional: 10000000}" if world.is_at_exchange else ""  # real money needs one
        (folder / "busy.yaml").write_text(busy(live=limits))


def made(world: World, folder: Path) -> Made:
    """What was put into a folder."""
    if world.kind == "quotes":
        ticks = {"EURUSD": pd.read_pickle(folder / TICKS)}
        return Made(world, quick_setting(folder, ticks), {}, ticks, folder)
    frames = {"EURUSD": sp.sample("EURUSD", "1h").iloc[: world.bars]}
    mode = "live" if world.is_at_exchange else "paper"
    live = make_live_setting(folder / "busy.yaml", facts_of(frames), cash=100_000, currency="USD", mode=mode)
    return Made(world, live, frames, None, folder)


class AtExchange(BrokerDesk):
    """Execution at an exchange in another process, whose market moves on by a bar when the bars before were decided.

    Whatever a bar's quotes lead to is told before its end, so that a session repeats itself.
    """

    def __init__(self, streams: Streams, live: LiveSetting, folder: Path, door: Path) -> None:
        self._exchange, self._time = FarExchange(door), ReplayClock(0)
        self._time.advance_to(self._exchange.show_until(0) + HOUR_NS)
        super().__init__(streams, live, folder, self._exchange, clock=self._time)

    def _see_prices(self, time_ns: int) -> None:
        if self._has_started:
            self._time.advance_to(self._exchange.show_until(time_ns) + HOUR_NS)  # the bar is over
            self.desk.hear()
        super()._see_prices(time_ns)

    def close(self) -> None:
        super().close()
        self._exchange.close()


@contextmanager
def exchange_of(found: Made) -> Iterator[Exchange | None]:
    """Have the world's exchange, where it has one, for as long as the block runs."""
    if not found.world.is_at_exchange:
        yield None
        return
    exchange = Exchange(remembers_ids=found.world.kind == "broker")
    door = Door(exchange, found.frames["EURUSD"], found.folder / DOOR)
    try:
        yield door.exchange
    finally:
        door.close()


@dataclass(frozen=True)
class Undisturbed:
    """What a session leaves that nothing disturbed: its tables, their files' bytes, and how many messages it acted on."""

    tables: dict[str, pd.DataFrame]
    files: dict[str, bytes]
    acted: int


def undisturbed(world: World, folder: Path) -> Undisturbed:
    """Run a world in this process: its backtest where it has one, else its session over streams in memory."""
    put(world, folder)
    found = made(world, folder)
    if world.kind == "bars":
        ready = prepare(folder / "busy.yaml", found.frames["EURUSD"], cash=100_000, currency="USD")
        return left(make_run(ready, outcome_of(ready), seed=0, began_s=0.0), world.bars + 1, folder)
    return in_memory(found)


def in_memory(found: Made) -> Undisturbed:
    """Run the session of a world in this process, over streams in memory."""
    (found.folder / "session").mkdir()
    with exchange_of(found):
        streams = MemoryStreams()
        parts = [found.part(role, streams, found.folder / "session", speed=float("inf")) for role in ROLES]
        assert work(parts, stop=threading.Event())
        desk = cast(OrchestratorDesk, parts[-1])
        run, acted = found.run(desk), desk.counters["acted"]
        for part in parts:
            part.close()
    return left(run, acted, found.folder)


def left(run: Run, acted: int, folder: Path) -> Undisturbed:
    """Save a run and take its tables' files."""
    saved = run.save(folder / "runs")
    return Undisturbed({name: getattr(run, name) for name in TABLES}, files_of(saved), acted)


def files_of(saved: Path) -> dict[str, bytes]:
    """The bytes of a saved run's tables."""
    return {name: (saved / f"{name}.parquet").read_bytes() for name in TABLES}
