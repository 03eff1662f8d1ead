"""Stream: the live streams that a page can take its bars from: those of running sessions, and those of a server's feeds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

import ipywidgets as widgets

from sptrader.data.checks import QualityReport, check_bars
from sptrader.errors import DataError
from sptrader.runs.live_process import URL
from sptrader.runs.recorded import RecordedStream, recorded_bars, recorded_streams, write_down
from sptrader.runs.sessions import SessionRecord, known_sessions
from sptrader.strategy.strategy import Strategy
from sptrader.streams.redis import Patience, RedisStreams
from sptrader.views.live_session import age_text, server_of
from sptrader.views.look import button, column, show

_OTHER = "other"
_GIVEN = "given"
_MARKET = ""
_PATIENCE = Patience(answer_s=2.0, attempts=1)
_SHOWN_BARS = 200_000  # more are not checked while a person waits


@dataclass(frozen=True)
class Picked:
    """Where the bars come from: the server's address, and the session that trades there, if one was picked."""

    url: str
    session: SessionRecord | None


class StreamSource:
    """Chooses a server of streams, by a running session or by its address, and which of its bars; `changed()` hears of it.

    An address with a password is not taken: a notebook would keep it. `REDIS_URL` is where it belongs.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._sessions: dict[str, SessionRecord] = {}
        self._known: list[RecordedStream] = []
        self._place = widgets.Dropdown(options=[("another server …", _OTHER)])
        self._url = widgets.Text(placeholder="redis://host:6379/0", continuous_update=False)
        self._bars = widgets.Dropdown(options=[("the strategy's market", _MARKET)])
        for made in (self._place, self._url, self._bars):
            made.observe(lambda _: changed(), names="value")
        self._place.observe(lambda _: show(self._url, self._place.value == _OTHER), names="value")
        again = button(
            "look again", changed, kind="sp-link", tooltip="Look again for sessions, and for bars that came since"
        )
        self.view = column(self._place, self._url, self._bars, again)

    def refresh(self) -> None:
        """Offer the sessions that run now, and the server that `REDIS_URL` names."""
        living = {one.folder: one for one in known_sessions() if one.is_alive}
        self._sessions = living
        options = [(f"{one.mode} {one.account}: {Path(one.strategy).stem}", folder) for folder, one in living.items()]
        options += [("the server of REDIS_URL", _GIVEN)] if os.environ.get(URL) else []
        options += [("another server …", _OTHER)]
        if tuple(options) != tuple(self._place.options):
            before = self._place.value
            self._place.options = options
            self._place.value = before if before in [value for _, value in options] else options[0][1]
        show(self._url, self._place.value == _OTHER)

    def picked(self) -> Picked:
        """Return what was chosen; raise `DataError` for an address that is missing, or would be kept with its password."""
        place = str(self._place.value)
        if place in self._sessions:
            record = self._sessions[place]
            return Picked(server_of(record) or record.url, record)
        url = os.environ.get(URL, "") if place == _GIVEN else self._url.value.strip()
        if not url:
            raise DataError("the address of the stream server is missing.", key="url")
        if place == _OTHER and urlsplit(url).password:
            raise DataError("an address with a password belongs in REDIS_URL; a notebook would keep it.", key="url")
        return Picked(url, None)

    def judge(self, strategy: Strategy) -> list[tuple[RecordedStream, QualityReport | None]]:
        """Return the chosen streams, each with the check of its bars so far; None where there are none, or very many."""
        with self._connected() as streams:
            self._known = recorded_streams(streams)
            names = [(one.name, one.name) for one in self._known]
            market = f"{', '.join(strategy.market.symbols) or 'no symbol'} {strategy.market.timeframe}".strip()
            options = [(f"strategy's market: {market}", _MARKET), *names]
            if tuple(options) != tuple(self._bars.options):
                before = self._bars.value
                self._bars.options = options
                self._bars.value = before if before in [value for _, value in options] else _MARKET
            chosen = self._chosen(strategy)
            return [
                (one, check_bars(recorded_bars(streams, one.facts)) if 0 < one.n_entries <= _SHOWN_BARS else None)
                for one in chosen
            ]

    def write_down(self, strategy: Strategy, runs: Path) -> Path:
        """Write the bars so far where a backtest can read them, and return the place."""
        with self._connected() as streams:
            self._known = recorded_streams(streams)
            return write_down(streams, [one.facts for one in self._chosen(strategy)], runs)

    @contextmanager
    def _connected(self) -> Iterator[RedisStreams]:
        streams = RedisStreams(self.picked().url, patience=_PATIENCE, alert=_said_here)
        try:
            yield streams
        finally:
            streams.close()

    def _chosen(self, strategy: Strategy) -> list[RecordedStream]:
        if self._bars.value != _MARKET:
            return [one for one in self._known if one.name == self._bars.value]
        wanted = [f"{symbol} {strategy.market.timeframe}" for symbol in strategy.market.symbols]
        known = {one.name: one for one in self._known}
        missing = [name for name in wanted if name not in known]
        if missing or not wanted:
            there = ", ".join(known) or "no bars"
            raise DataError(
                f"no feed has announced {', '.join(missing) or 'bars'} there; there are {there}.", key="stream"
            )
        return [known[name] for name in wanted]


def stream_text(one: RecordedStream, began_ns: int | None) -> str:
    """Return what a stream is in words: the age of its last entry, and who trades on it since when."""
    session = "" if began_ns is None else f"; the session began {age_text(began_ns)} ago"
    last = "no bar yet" if one.n_entries == 0 else f"last entry {_age(one.age_s)} ago"
    return escape(f"{one.name}: {last}{session}")


def _age(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )


def _said_here(_: str) -> None:
    """A lost connection is told by the error that follows."""
