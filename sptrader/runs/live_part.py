"""Live part: one part of a session, or all that follow a feed, in a process of its own; they meet on one server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sptrader.clock import LiveClock
from sptrader.data.load import TIER
from sptrader.errors import RunError, did_you_mean
from sptrader.model.ports import Broker
from sptrader.runs.broker_desk import BrokerDesk
from sptrader.runs.feed import ReplayFeed
from sptrader.runs.kill_switch import listening
from sptrader.runs.lease import FEED, leased
from sptrader.runs.leftovers import feed_role, forget, require_new
from sptrader.runs.live import connected, live_run, make_parts, work
from sptrader.runs.live_replay import close
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.orchestrator_desk import JOURNAL, OrchestratorDesk
from sptrader.runs.part import Part, Pulse
from sptrader.runs.run import Run
from sptrader.runs.session_file import keep_setting
from sptrader.runs.sessions import registered, sessions_folder
from sptrader.runs.stopping import StopKey
from sptrader.streams import keys
from sptrader.streams.redis import RedisStreams

ALL = ("worker", "execution", "orchestrator")
ROLES = (*ALL, "all")


@dataclass(frozen=True)
class Work:
    """What a process did: the run so far where it had the orchestrator and a bar was traded, whether it was over, and what
    each part counted."""

    run: Run | None
    is_over: bool
    folder: Path | None
    counters: Mapping[str, Mapping[str, int]]


def session_folder(live_account: str, strategy: str) -> Path:
    """Return the folder of a session that was given none: the same at every start, so that a restart goes on."""
    return sessions_folder() / f"{live_account}-{strategy}"


def require_role(part: str) -> None:
    """Refuse a word that names no part."""
    if part not in ROLES:
        near = did_you_mean(part, ROLES)
        raise RunError(f"part was '{part}'{near or '.'} Allowed are {', '.join(ROLES)}.", key="part", value=part)


def work_parts(
    part: str,
    live: LiveSetting,
    *,
    redis_url: str,
    folder: Path,
    stop: threading.Event,
    adopt: bool = False,
    warnings: tuple[str, ...] = (),
    broker: Broker | None = None,
) -> Work:
    """Do one part of a session, or `all` but the feed, until the bars end or `stop` is set.

    `broker` takes the orders where one was armed, else the paper broker.
    Raises `RunError` where the server holds another session of the account than the folder.
    """
    require_role(part)
    roles = ALL if part == "all" else (part,)
    began_s = LiveClock().elapsed_s()
    with connected(redis_url, folder) as (streams, url), leased(streams, live.account, roles) as lease:
        if "orchestrator" in roles and not (folder / JOURNAL).exists():
            require_new(streams, live.account)
            _begin_anew(streams, live.account, is_whole=part == "all")
        named = {"account": live.account, "mode": live.mode, "strategy": live.strategy.name}
        with (
            registered(**named, folder=folder, url=url, is_private=False, roles=roles),
            listening(live.account, folder, lambda: RedisStreams(url)),
        ):
            if "orchestrator" in roles:
                keep_setting(folder, live)
            parts = _made(roles, streams, live, folder, adopt=adopt, broker=broker)
            key = StopKey(streams, live.account, stop)

            def look() -> None:
                key.look()
                lease.renew()

            try:
                is_over = work(parts, stop=stop, progress=look)
                desks = [one for one in parts if isinstance(one, OrchestratorDesk)]
                has_run = bool(desks) and desks[0].session.last_ns is not None
                run = live_run(desks[0], began_s=began_s, warnings=warnings) if has_run else None
            finally:
                close(parts, streams, live.account)
    return Work(run, is_over, folder, {one.role: dict(one.counters) for one in parts})


def _begin_anew(streams: RedisStreams, account: str, *, is_whole: bool) -> None:
    """Take away what a finished session of the account has left; parts in other processes may read it already, so that for one
    part a person does."""
    if streams.length(keys.orders(account)) == 0:
        return
    if not is_whole:
        raise RunError(
            f"this server holds a finished session of account '{account}'; stop the other parts, take it away with "
            f"`sptrader live-forget --account {account}`, and start them again with new folders.",
            key="account",
            value=account,
        )
    forget(streams, account)


def _made(
    roles: Sequence[str],
    streams: RedisStreams,
    live: LiveSetting,
    folder: Path,
    *,
    adopt: bool,
    broker: Broker | None,
) -> list[Part]:
    if broker is None:
        return make_parts(roles, streams, live, folder, adopt=adopt)
    parts: list[Part] = []
    for role in roles:
        is_at_broker = role == "execution"
        parts += (
            [BrokerDesk(streams, live, folder, broker)]
            if is_at_broker
            else make_parts([role], streams, live, folder, adopt=adopt)
        )
    return parts


def work_feed(
    frames: Mapping[str, pd.DataFrame],
    *,
    speed: float,
    redis_url: str,
    stop: threading.Event,
    progress: Callable[[int], None] | None = None,
) -> Work:
    """Publish bars until they end or `stop` is set; goes on behind what the streams hold."""
    with connected(redis_url, Path()) as (streams, _):
        timeframes = sorted({str(frame.attrs["sptrader.timeframe"]) for frame in frames.values()})
        if len(timeframes) > 1:
            raise RunError(
                f"the bars were of different timeframes ({', '.join(timeframes)}); allowed is one.", key="bars"
            )
        tiers = {s: str(frame.attrs.get(TIER, "")) for s, frame in frames.items()}
        return publish(
            lambda: ReplayFeed(streams, frames, speed=speed, tiers=tiers),
            streams,
            frames,
            timeframes[0],
            stop=stop,
            progress=progress,
        )


def publish(
    make: Callable[[], Part],
    streams: RedisStreams,
    symbols: Iterable[str],
    timeframe: str,
    *,
    stop: threading.Event,
    progress: Callable[[int], None] | None = None,
) -> Work:
    """Let the feed that `make` makes publish bars of `symbols` until they end or `stop` is set, and tell that it lives.

    Raises `RunError` where another process publishes some of them on the server.
    """
    role = feed_role(symbols, timeframe)
    with leased(streams, FEED, [feed_role([symbol], timeframe) for symbol in symbols]) as lease:
        feed = make()
        pulse, key = Pulse(streams, FEED, role), StopKey(streams, FEED, stop)

        def look() -> None:
            key.look()
            lease.renew()
            pulse.beat(feed.counters)
            if progress is not None:
                progress(feed.counters["published"])

        try:
            is_over = work([feed], stop=stop, progress=look)
        finally:
            streams.delete(keys.heartbeat(FEED, role))
    return Work(None, is_over, None, {"feed": dict(feed.counters)})
