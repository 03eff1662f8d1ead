"""Live session: the session that the page has started or found again: start, stop, commands, test signals, emergency stop."""

from __future__ import annotations

import getpass
import os
import uuid
from pathlib import Path

from sptrader.clock import LiveClock
from sptrader.errors import BrokerError, RunError, SptraderError
from sptrader.execution.kill import KillLatch
from sptrader.model.ids import PAPER
from sptrader.model.messages import Event
from sptrader.model.timeframe import make_timeframe
from sptrader.runs.brokers import find_broker
from sptrader.runs.control import ask, reached
from sptrader.runs.jobs import JobRequest
from sptrader.runs.jobwork import job_bars
from sptrader.runs.kill_switch import Pulled, open_kill_switch, pull_kill_switch
from sptrader.runs.live_follow import Follower
from sptrader.runs.live_process import URL, SessionProcess, SessionRequest, find_sessions, start_session
from sptrader.runs.sessions import SessionRecord, find_session, without_password
from sptrader.runs.stopping import ask_to_stop
from sptrader.runs.watching import forget_watched, note_watched, watched_session
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.strategy import Strategy
from sptrader.streams import keys
from sptrader.streams.codec import encode
from sptrader.streams.redis import Patience, RedisStreams

FOLLOWING = ""  # the pace of bars that a feed publishes
_HURRY = Patience(answer_s=1.0, attempts=1)


class LiveSession:
    """At most one session of a page. All but `kill` may take seconds and are for the desk's thread."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self.process: SessionProcess | None = None
        self.request: SessionRequest | None = None
        self.follower: Follower | None = None
        self._record: SessionRecord | None = None
        self._url: str | None = None

    @property
    def is_alive(self) -> bool:
        """Whether its process lives."""
        if self._record is not None:
            return self._record.is_alive
        return self.process is not None and self.process.is_alive

    @property
    def is_foreign(self) -> bool:
        """Whether it was started elsewhere, and is watched and told here."""
        return self._record is not None

    @property
    def is_latched(self) -> bool:
        """Whether its kill switch is latched, by the file in its folder or by what it says."""
        if self.process is None:
            return False
        said = self.follower is not None and bool(self.follower.seen.snapshot.get("is_killed"))
        return said or KillLatch(self.process.folder).latched() is not None

    def reattach(self) -> SessionProcess | None:
        """Follow the newest session of the page's folder that still lives, else the one of elsewhere that was watched."""
        for process in find_sessions(self._runs):
            if process.is_alive:
                self._follow(process)
                return process
        record = watched_session(self._runs)
        if record is not None:
            self.attach(record)
        return self.process

    def attach(self, record: SessionRecord) -> None:
        """Follow a session that was started elsewhere on this machine, and note it for the next page of this folder."""
        if self.is_alive:
            raise RunError("a session runs already on this page; end it first.", key="session")
        note_watched(self._runs, record)
        process = SessionProcess(Path(record.folder))
        if (process.folder / "request.json").is_file() and process.is_alive:
            self._follow(process)
            return
        self.process, self._record = process, record
        self.request = SessionRequest(record.strategy, record.mode, record.account, asked_ns=record.started_ns)
        self.follower = Follower(record.account, redis_url=server_of(record), folder=process.folder)

    def start(self, asked: JobRequest, *, mode: str, bars_a_second: str, url: str | None = None) -> None:
        """Start a session on what the page's controls say; `bars_a_second` is a number, `max`, `realtime`, or `FOLLOWING`,
        then the feed on the server at `url`, else on the one `REDIS_URL` names."""
        if self.is_alive:
            raise RunError("a session runs already on this page; stop it first.", key="session")
        strategy = load_strategy(asked.strategy)
        is_following = mode == "live" or bars_a_second == FOLLOWING
        reason = not_available(strategy, has_feed=bool(url))[mode] or (
            "" if not is_following or url or os.environ.get(URL) else _NO_FEED
        )
        if reason:
            raise RunError(reason, key="mode", value=mode)
        request = SessionRequest(
            strategy=asked.strategy,
            mode=mode,
            account=account_of(strategy),
            bars=asked.bars,
            symbols=tuple(strategy.market.symbols),
            params=asked.params,
            cash=asked.cash,
            start=asked.start,
            end=asked.end,
            speed="max" if is_following else _speed(strategy, asked, bars_a_second),
            is_following=is_following,
        )
        self._url = url
        self._follow(start_session(request, self._runs, url=url))

    def stop(self) -> None:
        """Ask the session's process to end after the step it is in; positions and orders stay as they are."""
        process, request = self._there()
        with reached(request.account, folder=process.folder, redis_url=self._server(request)) as place:
            ask_to_stop(place.streams, place.account)

    def command(self, word: str, *, name: str = "", value: float | None = None) -> str:
        """Tell the session something and return its answer as a sentence."""
        process, request = self._there()
        with reached(request.account, folder=process.folder, redis_url=self._server(request)) as place:
            if word == "unlatch":
                open_kill_switch(request.account, by=who(), folder=process.folder, streams=place.streams)
                return "unlatch: the kill switch is open; entries wait for resume"
            answer = ask(place, word, by=who(), name=name, value=value)
        return f"{word.replace('_', ' ')} {name}".strip() + f": {answer['verdict']}, {answer['why']}"

    def publish(self, *, symbol: str, name: str, type: str, strength: float) -> None:
        """Publish a signal as any program may, dated at the end of the last bar; for paper alone."""
        process, request = self._there()
        if request.mode != "paper":
            raise RunError(
                "test signals are for paper; this session trades real money.", key="mode", value=request.mode
            )
        told = {} if self.follower is None else self.follower.seen.snapshot
        if told.get("last_ns") is None:
            raise RunError("no bar has closed yet; a signal needs one to act on.", key="signal")
        event = Event(
            timestamp=int(told["last_ns"]) + make_timeframe(str(told["timeframe"])).ns,
            signal_name=name,
            signal_type=type,
            strength=strength,
            metadata={"symbol": symbol, "source": "page", "id": uuid.uuid4().hex},
        )
        with reached(request.account, folder=process.folder, redis_url=self._server(request)) as place:
            place.streams.add(keys.SIGNALS, encode(event))

    def kill(self) -> Pulled:
        """Pull the kill switch at once: the file in the session's folder, then its server as far as that answers."""
        process, request = self._there()
        streams: RedisStreams | None = None
        try:
            record = find_session(request.account, process.folder)
            streams = RedisStreams(self._server(request) or record.url, patience=_HURRY)
        except SptraderError:
            streams = None  # the session has not noted its server yet, or no longer: the file alone is enough
        try:
            return pull_kill_switch(
                request.account,
                by=who(),
                reason="emergency stop on the page",
                folder=process.folder,
                streams=streams,
            )
        finally:
            if streams is not None:
                streams.close()

    def forget(self) -> None:
        """Follow nothing any more."""
        forget_watched(self._runs)
        self.process = self.request = self.follower = self._record = self._url = None

    def _server(self, request: SessionRequest) -> str | None:
        """The server that was given; None for the one that the session's record names."""
        if self._record is not None:
            return server_of(self._record)
        if self._url or not request.is_following or self.process is None:
            return self._url
        try:
            return server_of(find_session(request.account, self.process.folder))
        except RunError:  # it has not noted its server yet
            return os.environ.get(URL)

    def _follow(self, process: SessionProcess) -> None:
        request = process.request()
        self.request, self.process = request, process
        self.follower = Follower(request.account, redis_url=self._server(request), folder=process.folder)

    def _there(self) -> tuple[SessionProcess, SessionRequest]:
        if self.process is None or self.request is None:
            raise RunError("no session runs on this page.", key="session")
        return self.process, self.request


_NO_FEED = (
    f"a session on live bars follows a feed (`sptrader feed`) on a stream server; choose one as the source of data, or "
    f"name it in {URL}."
)


def server_of(record: SessionRecord) -> str | None:
    """Return the server that `REDIS_URL` names, with its password, where a session's record means it; None: as recorded."""
    given = os.environ.get(URL)
    return given if given and without_password(given) == record.url else None


def not_available(strategy: Strategy, *, has_feed: bool = False) -> dict[str, str]:
    """Return why a strategy cannot trade on paper and live, "" where it can."""
    reason = "" if has_feed or os.environ.get(URL) else _NO_FEED
    try:
        find_broker(strategy.live.broker)
    except BrokerError as error:
        reason = str(error)
    return {"paper": "", "live": reason}


def account_of(strategy: Strategy) -> str:
    """Return the account that a strategy trades in."""
    return strategy.live.account or PAPER


def who() -> str:
    """Return the name of the user, who answers for what the page is told."""
    return getpass.getuser()


def age_text(asked_ns: int) -> str:
    """Return how long ago that was, in words."""
    seconds = max(0.0, (LiveClock().now_ns() - asked_ns) / 1e9)
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def _speed(strategy: Strategy, asked: JobRequest, bars_a_second: str) -> str:
    """How many times faster than they came the bars must be replayed to give so many a second."""
    if bars_a_second in ("max", "realtime"):
        return bars_a_second
    timeframe = strategy.market.timeframe
    if not asked.bars.is_own_market or not timeframe:
        found = job_bars(asked.bars)
        frame = next(iter(found.values())) if isinstance(found, dict) else found
        timeframe = timeframe if frame is None else str(frame.attrs["sptrader.timeframe"])
    return f"{float(bars_a_second) * make_timeframe(timeframe).ns / 1e9:g}"
