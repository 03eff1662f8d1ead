"""Live over recorded bars: feed, worker, execution and orchestrator in one process, and the run that comes of it."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sptrader.clock import LiveClock
from sptrader.data.load import TIER, cut
from sptrader.errors import RunError
from sptrader.execution.faults import Faults
from sptrader.execution.reconcile import Policy
from sptrader.model.bars import bars_facts, times_ns
from sptrader.model.ids import PAPER
from sptrader.model.period import TimeLike, time_text
from sptrader.model.ports import Streams
from sptrader.model.timeframe import make_timeframe
from sptrader.runs.feed import speed_of
from sptrader.runs.kill_switch import listening
from sptrader.runs.lease import FEED, Lease, leased
from sptrader.runs.leftovers import feed_role, forget, require_new
from sptrader.runs.live import connected, facts_of, live_run, make_parts, work
from sptrader.runs.live_setting import LiveSetting, make_live_setting
from sptrader.runs.orchestrator_desk import JOURNAL, OrchestratorDesk
from sptrader.runs.paper_faults import faults_of
from sptrader.runs.part import Part
from sptrader.runs.prepare import Bars, Prepared, prepare
from sptrader.runs.reconcile_policy import policy_of
from sptrader.runs.run import Run
from sptrader.runs.session_file import keep_setting
from sptrader.runs.sessions import registered, sessions_folder
from sptrader.runs.stopping import StopKey, stopping
from sptrader.runs.tick_feed import bars_of_ticks
from sptrader.runs.trials import data_of
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.strategy import Strategy
from sptrader.streams import keys
from sptrader.streams.redis import RedisStreams

ROLES = ("feed", "worker", "execution", "orchestrator")
Progress = Callable[[int, int, OrchestratorDesk], None]


@dataclass(frozen=True)
class Replay:
    """What a replay came to: the `run` so far (None before the first bar), and whether all of its bars were traded.

    `folder` is the session's, to go on with; None where it is over and was nobody's, and is gone.
    """

    run: Run | None
    is_over: bool
    folder: Path | None
    n_bars: int


def live(
    strategy: Strategy | str | Path,
    bars: Bars = None,
    *,
    params: Mapping[str, object] | None = None,
    cash: float | None = None,
    currency: str | None = None,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    symbols: Sequence[str] | None = None,
    speed: str = "max",
    account: str = PAPER,
    max_age_s: float | None = None,
    redis_url: str | None = None,
    folder: str | Path | None = None,
    on_difference: str | None = None,
    reconcile: Mapping[str, str] | None = None,
    ticks: Mapping[str, pd.DataFrame] | None = None,
    fills: str | None = None,
    faults: Sequence[str] = (),
) -> Run:
    """Trade `strategy` on paper over recorded `bars` as they arrive on a stream server, and return the run.

    Everything is as in `sp.backtest`, and so are the run's tables, byte for byte; only who fills the orders differs.
    `speed` is `max`, `realtime`, or how many times faster than the bars came (`60x`). `redis_url` names a running server,
    else a private one is started and ended. `folder` keeps the session, and goes on with one that was interrupted.
    Interrupting it gives the run so far. `on_difference` (`refuse`, `adopt` or `halt`) and `reconcile` (case by case, as in
    `{"broker_flat": "adopt"}`) say what a session that goes on does where the venue shows something else than its books.

    `ticks` (by symbol: `bid`, `ask` by time) are replayed instead of bars: the strategy's are made of them, and orders meet the next
    quotes, or with `fills="bars"` the bars. `faults` are what the paper broker does wrong, as in `["reject_rate=0.05", "seed=7"]`.
    """
    policy = policy_of(on_difference, reconcile)
    if ticks is not None:
        strategy = strategy if isinstance(strategy, Strategy) else load_strategy(strategy)
        if bars is not None or not strategy.market.timeframe:
            raise RunError(
                "ticks stand in place of bars; the strategy names the timeframe of those made of them.", key="ticks"
            )
        bars = bars_of_ticks(ticks, strategy.market.timeframe)
    ready = prepare(strategy, bars, params=params, cash=cash, currency=currency, start=start, end=end, symbols=symbols)
    with stopping() as stop:
        done = replay(
            ready,
            speed=speed,
            account=account,
            max_age_s=max_age_s,
            redis_url=redis_url,
            folder=None if folder is None else Path(folder),
            stop=stop,
            policy=policy,
            ticks=ticks,
            fills=fills,
            faults=faults_of(faults),
        )
    if done.run is None:
        raise RunError("the session was stopped before its first bar.", key="bars", is_failure=True)
    return done.run


def replay(
    ready: Prepared,
    *,
    speed: str = "max",
    account: str = PAPER,
    max_age_s: float | None = None,
    redis_url: str | None = None,
    folder: Path | None = None,
    stop: threading.Event,
    progress: Progress | None = None,
    adopt: bool = False,
    ticks: Mapping[str, pd.DataFrame] | None = None,
    fills: str | None = None,
    faults: Faults | None = None,
    policy: Policy | None = None,
) -> Replay:
    """Trade what was prepared on paper until its bars end or `stop` is set; a session without a `folder` begins anew.

    `ticks` are replayed in place of the bars, which were made of them (`bars_of_ticks`); `fills` and `faults` are as in `make_parts`.
    Raises `RunError` where the server holds a session of the account that was not finished.
    """
    began_s = LiveClock().elapsed_s()
    pace = speed_of(speed)
    frames = {symbol: cut(frame, None, ready.end_ns) for symbol, frame in ready.frames.items()}
    if ticks is not None and ready.end_ns is not None:
        ticks = {symbol: frame[times_ns(frame) < _ended_ns(frames[symbol])] for symbol, frame in ticks.items()}
    setting = _setting(ready, frames, account, max_age_s, policy)
    place = _new_folder(account) if folder is None else folder
    is_over, run, n_bars = False, None, 0
    try:
        with _begun(setting, place, redis_url, frames, ticks or ()) as (streams, leases):
            parts = make_parts(
                ROLES,
                streams,
                setting,
                place,
                frames=frames,
                speed=pace,
                adopt=adopt,
                ticks=ticks,
                fills=fills,
                faults=faults,
            )
            desk = _desk(parts)
            try:
                watch = _watch(streams, account, stop, desk, _n_times(frames), progress, leases)
                is_over = work(parts, stop=stop, progress=watch)
                n_bars = desk.session.done
                if desk.session.last_ns is not None:
                    run = live_run(
                        desk,
                        began_s=began_s,
                        end="" if ready.end_ns is None else time_text(ready.end_ns),
                        warnings=(*ready.notes, *tier_notes(frames), *_quote_notes(parts[0].counters)),
                        trials_of=data_of(ready),
                        fills=fills,
                        faults=faults,
                    )
            finally:
                close(parts, streams, account)
    finally:
        if folder is None and (is_over or n_bars == 0):
            shutil.rmtree(place, ignore_errors=True)
    if is_over and run is None:
        raise RunError("no bar was traded: the bars ended before the start.", key="start")
    return Replay(run, is_over, None if folder is None and (is_over or n_bars == 0) else place, n_bars)


def _setting(
    ready: Prepared,
    frames: Mapping[str, pd.DataFrame],
    account: str,
    max_age_s: float | None,
    policy: Policy | None,
) -> LiveSetting:
    """The session that trades what was prepared."""
    return make_live_setting(
        ready.strategy,
        facts_of(frames),
        symbols=ready.plan.symbols,
        params=dict(ready.plan.parameters),
        cash=ready.cash,
        currency=ready.currency,
        start=None if ready.start_ns is None else time_text(ready.start_ns),
        account=account,
        max_age_s=max_age_s,
        policy=policy,
    )


@contextmanager
def _begun(
    setting: LiveSetting, place: Path, redis_url: str | None, symbols: Iterable[str], ticks: Iterable[str]
) -> Iterator[tuple[RedisStreams, Sequence[Lease]]]:
    """Hold the account and the feeds of `symbols` on the server while the session in `place` runs, which others then find.

    A new one begins on streams without what an earlier session left there, its `ticks` (the symbols that have some) included.
    """
    account, timeframe = setting.account, setting.plan.timeframe
    is_new = not (place / JOURNAL).exists()
    with (
        connected(redis_url, place) as (streams, url),
        leased(streams, account, ROLES[1:]) as lease,
        leased(streams, FEED, [feed_role([symbol], timeframe) for symbol in symbols]) as feeding,
    ):
        if is_new:
            require_new(streams, account)
            forget(streams, account, bars=[(symbol, timeframe) for symbol in symbols], ticks=ticks)
        named = {"account": account, "mode": setting.mode, "strategy": setting.strategy.name}
        with (
            registered(**named, folder=place, url=url, is_private=redis_url is None, roles=("all",)),
            listening(account, place, lambda: RedisStreams(url)),
        ):
            keep_setting(place, setting)
            yield streams, (lease, feeding)


def close(parts: Sequence[Part], streams: Streams, account: str) -> None:
    """Let go of the parts' files, and say no longer that they live."""
    for part in parts:
        part.close()
    for part in parts:
        streams.delete(keys.heartbeat(account, part.role))


def tier_notes(frames: Mapping[str, pd.DataFrame]) -> tuple[str, ...]:
    """Return what a trader should know of bars whose checks warned."""
    doubtful = [symbol for symbol, frame in frames.items() if frame.attrs.get(TIER) == "checked"]
    return tuple(
        f"the bars of {symbol} are of tier checked: their checks warned (`sptrader data validate` lists it)."
        for symbol in doubtful
    )


def _quote_notes(counters: Mapping[str, int]) -> tuple[str, ...]:
    """What a trader should know of replayed quotes that came late, out of their order, or were no prices."""
    words = {
        "late": "came after their bar was out",
        "out_of_order": "came out of their order",
        "rejected": "were no prices",
    }
    return tuple(f"{counters[name]:,} ticks {why}." for name, why in words.items() if counters.get(name, 0) > 0)


def _watch(
    streams: RedisStreams,
    account: str,
    stop: threading.Event,
    desk: OrchestratorDesk,
    n_total: int,
    progress: Progress | None,
    leases: Sequence[Lease],
) -> Callable[[], None]:
    key = StopKey(streams, account, stop)

    def look() -> None:
        key.look()
        for lease in leases:
            lease.renew()
        if progress is not None:
            progress(desk.session.done, n_total, desk)

    return look


def _desk(parts: Sequence[Part]) -> OrchestratorDesk:
    return next(part for part in parts if isinstance(part, OrchestratorDesk))


def _n_times(frames: Mapping[str, pd.DataFrame]) -> int:
    """How many times of the clock the bars of all instruments have together."""
    return len(np.unique(np.concatenate([times_ns(frame) for frame in frames.values()])))


def _ended_ns(frame: pd.DataFrame) -> int:
    """When the last bar of a frame ends, by the length of its timeframe."""
    return int(times_ns(frame)[-1]) + make_timeframe(bars_facts(frame).timeframe).ns


def _new_folder(account: str) -> Path:
    root = sessions_folder()
    try:
        root.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{account}-", dir=root))
    except OSError as error:
        raise RunError(
            f"no folder for the session can be made in {root}: {error.strerror}; give --folder.", path=root
        ) from error
