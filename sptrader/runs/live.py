"""Live: a session from its parts, in one process or over several, and the run that it leaves."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from sptrader.clock import LiveClock
from sptrader.data.fingerprint import content_hash
from sptrader.errors import RunError, StreamError
from sptrader.execution.faults import Faults
from sptrader.model.bars import BarsFacts, bars_facts
from sptrader.model.period import time_text
from sptrader.model.ports import Streams
from sptrader.runs.config import RunConfig
from sptrader.runs.execution_desk import ExecutionDesk
from sptrader.runs.feed import MAX, ReplayFeed
from sptrader.runs.live_setting import LiveSetting, decode_facts
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.order_limits import OrderLimits
from sptrader.runs.part import Part
from sptrader.runs.provenance import make_provenance
from sptrader.runs.refusals import KEY as REFUSED
from sptrader.runs.run import Run
from sptrader.runs.signal_worker import SignalWorker
from sptrader.runs.tick_desk import TickDesk
from sptrader.runs.tick_feed import SOURCE, TickFeed
from sptrader.streams import keys
from sptrader.streams.redis import RedisStreams

IDLE_MS = 50  # how long a part waits for something to do
ON_QUOTES = (
    "the fills are at quotes between the bars' times; a backtest of these bars fills by the bars' rules, and differs."
)
PUBLISHERS = ("feed", "worker")
FILLS: Mapping[str, type[ExecutionDesk]] = {"bars": ExecutionDesk, "quotes": TickDesk}


@contextmanager
def connected(url: str | None, folder: Path, *, is_money: bool = False) -> Iterator[tuple[RedisStreams, str]]:
    """Give a connection to the server at `url`, or to a private one in `folder` that ends with this process; and its address."""
    if url is not None:
        streams = RedisStreams(url)
        try:
            yield streams, url
        finally:
            streams.close()
        return
    from sptrader.streams.embedded import EmbeddedServer

    with EmbeddedServer(folder / "server", fsync="always" if is_money else "everysec") as server:
        streams = RedisStreams(server.url)
        try:
            yield streams, server.url
        finally:
            streams.close()


def make_parts(
    roles: Sequence[str],
    streams: Streams,
    live: LiveSetting,
    folder: Path,
    *,
    frames: Mapping[str, pd.DataFrame] | None = None,
    speed: float = MAX,
    faults: Faults | None = None,
    limits: OrderLimits | None = None,
    adopt: bool = False,
    ticks: Mapping[str, pd.DataFrame] | None = None,
    fills: str | None = None,
) -> list[Part]:
    """Make the parts named by `roles`: `feed` (of `frames`, or of `ticks`), `worker`, `execution`, `orchestrator`.

    `fills` says what orders meet: closed `bars`, or `quotes`; by default quotes where a feed of ticks makes the bars. `faults` are what the
    paper broker does wrong, `limits` go before those of the strategy's `live:` section.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = fills or fills_of(live)
    if chosen not in FILLS or (chosen == "quotes" and fills_of(live) != "quotes"):
        allowed = ", ".join(FILLS) if fills_of(live) == "quotes" else "bars, for no ticks come with these bars"
        raise RunError(f"fills was '{chosen}'; allowed are {allowed}.", key="fills", value=chosen)
    # paper at quotes tells what nights cost
    booked = (
        live if chosen == "bars" or live.mode == "live" else replace(live, setting=replace(live.setting, nights=None))
    )
    makers: dict[str, Callable[[], Part]] = {
        "feed": lambda: (
            ReplayFeed(streams, frames or {}, speed=speed) if ticks is None else _tick_feed(streams, live, ticks, speed)
        ),
        "worker": lambda: SignalWorker(streams, live),
        "execution": lambda: FILLS[chosen](streams, live, folder, faults=faults, limits=limits),
        "orchestrator": lambda: OrchestratorDesk(streams, booked, folder, adopt=adopt),
    }
    unknown = [role for role in roles if role not in makers]
    if unknown:
        raise RunError(f"part was '{unknown[0]}'; allowed are {', '.join(makers)}.", key="part", value=unknown[0])
    return [makers[role]() for role in roles]


def fills_of(live: LiveSetting) -> str:
    """Return what orders meet where nobody chose: quotes where every instrument's bars are made by a feed of ticks."""
    return "quotes" if all(one.source == SOURCE for one in live.setting.facts.values()) else "bars"


def _tick_feed(streams: Streams, live: LiveSetting, ticks: Mapping[str, pd.DataFrame], speed: float) -> TickFeed:
    setting = live.setting
    basis = next(iter(setting.facts.values())).basis
    return TickFeed(streams, ticks, setting.plan.timeframe, basis=basis, speed=speed, instruments=setting.instruments)


def work(parts: Sequence[Part], *, stop: threading.Event, progress: Callable[[], None] | None = None) -> bool:
    """Let the parts work in turn until all are over, or `stop` is set; return whether they are over.

    A single part waits for its streams; several of one process look after each other's work at once, and do not ask
    again those that only publish and have published all. `progress` is called between two rounds.
    """
    is_single = len(parts) == 1
    while not stop.is_set():
        is_busy = False
        for part in parts:
            if not (part.is_over and part.role in PUBLISHERS):
                is_busy = part.step(IDLE_MS if is_single else 0) or is_busy
        if progress is not None:
            progress()
        if not is_busy and all(part.is_over for part in parts):
            return True
        if (not is_busy and not is_single) or (not is_busy and parts[0].role == "feed"):
            stop.wait(IDLE_MS / 1000)
    return False


def facts_of(frames: Mapping[str, pd.DataFrame]) -> dict[str, BarsFacts]:
    """Return what is known of the bars, by symbol."""
    return {symbol: bars_facts(frame) for symbol, frame in frames.items()}


def announced_facts(
    streams: Streams, symbols: Sequence[str], timeframe: str, *, wait_s: float, stop: threading.Event
) -> dict[str, tuple[BarsFacts, str]]:
    """Return what the feed says of the bars of `symbols`, and their tiers, waiting for it up to `wait_s` seconds.

    Nothing where `stop` was set before it said all.
    """
    clock = LiveClock()
    until_s = clock.elapsed_s() + wait_s
    while True:
        found = {symbol: streams.get(keys.facts(symbol, timeframe)) for symbol in symbols}
        missing = [symbol for symbol, body in found.items() if body is None]
        if not missing:
            return {symbol: decode_facts(body) for symbol, body in found.items() if body is not None}
        if stop.wait(0.1):
            return {}
        if clock.elapsed_s() > until_s:
            raise StreamError(
                f"no feed has announced bars of {', '.join(missing)} {timeframe} for {wait_s:g} s; start `sptrader feed` on the "
                "same server, or say which symbols and timeframe it publishes.",
                key="symbols",
                value=missing[0],
            )


def live_run(
    desk: OrchestratorDesk,
    *,
    began_s: float,
    seed: int = 0,
    end: str = "",
    warnings: tuple[str, ...] = (),
    trials_of: Sequence[str] = (),
    fills: str | None = None,
    faults: Faults | None = None,
) -> Run:
    """Return what a session made as a run, which ended at `end`; filled on bars, with the tables of a backtest of them.

    `fills` and `faults` are as in `make_parts`, and part of the run's id. The fill audit holds either way: a feed of ticks
    gives its bars both sides of all quotes. What a broker, or one with faults, told of and the bars do not allow is a warning.
    """
    clock, live = LiveClock(), desk.live
    outcome = desk.outcome()
    setting = live.setting
    config = RunConfig(
        mode=live.mode,
        cash=setting.cash,
        currency=setting.currency,
        start="" if setting.start_ns is None else time_text(setting.start_ns),
        end=end,
        seed=seed,
        parameters=dict(live.plan.parameters),
    )
    provenance = make_provenance(
        outcome,
        config,
        hashes={symbol: content_hash(frame) for symbol, frame in outcome.market.frames.items()},
        wall_time_s=clock.elapsed_s() - began_s,
        made_at_ns=clock.now_ns(),
    )
    provenance["trials_of"] = list(trials_of)
    if refused := desk.refusals():
        provenance[REFUSED] = refused
    provenance["on_difference"] = asdict(live.policy)
    on_quotes = (fills or fills_of(live)) == "quotes"
    apart = {"fills": "quotes" if on_quotes else "bars", "faults": asdict(faults or Faults())}
    if apart != {"fills": "bars", "faults": asdict(Faults())}:  # filled otherwise than a backtest: another id
        digest = hashlib.sha256(json.dumps([provenance["id"], apart], sort_keys=True).encode()).hexdigest()
        provenance |= {"id": f"{live.strategy.name}-{digest[:12]}", "execution": apart}
    notes = (*warnings, ON_QUOTES) if on_quotes else warnings
    is_told = live.mode == "live" or (faults or Faults()) != Faults()
    return Run(outcome, config, provenance, strategy=live.strategy, warnings=notes, is_told=is_told)
