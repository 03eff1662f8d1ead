"""Live session controls: the left of the page in the modes paper and live: start and stop, and what a person may tell a session."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path

import ipywidgets as widgets

from sptrader.errors import DataError, RunError
from sptrader.runs.jobs import JobRequest
from sptrader.runs.live_process import URL
from sptrader.views.desk import Desk
from sptrader.views.live_session import FOLLOWING, LiveSession, age_text
from sptrader.views.look import button, classed, column, disable, html, row, show
from sptrader.views.stream import Picked

_PACES = (
    ("2 bars a second", "2"),
    ("10 bars a second", "10"),
    ("50 bars a second", "50"),
    ("200 bars a second", "200"),
    ("as fast as it goes", "max"),
    ("as they once came", "realtime"),
)
_ASK_FIRST = {
    "flatten": "Cancel every order and close every position?",
    "unlatch": "Open the kill switch? Entries stay paused until you resume.",
    "stop": "End the session? Positions and orders stay as they are.",
}
_ENDED = "the session's process ended without a result"


class SessionControls:
    """Starts and stops the page's session, or watches one that runs. `request()` says what the controls beside ask for, and
    `stream()` which live stream was chosen; `started()` and `ended(folder)` hear of a session that begins, and of the run that
    it has left (None: none). `picked` is the stream that was chosen last, None where there is none or something is wrong with it."""

    def __init__(
        self,
        desk: Desk,
        session: LiveSession,
        *,
        request: Callable[[], JobRequest],
        stream: Callable[[], Picked | None],
        started: Callable[[], object],
        ended: Callable[[Path | None], object],
    ) -> None:
        self._desk, self._session, self._request = desk, session, request
        self._stream, self._started, self._ended = stream, started, ended
        self.picked: Picked | None = None
        self.mode = "paper"
        self._was_alive = False
        self._seen: tuple[object, ...] = ()
        feed = [("the feed on REDIS_URL", FOLLOWING)] if os.environ.get(URL) else []
        self._pace = widgets.Dropdown(options=[*feed, *_PACES], value="2", description="replayed")
        self._pace.style.description_width = "56px"
        self._start = button("Start paper session", lambda: desk.do(self.start), kind="sp-primary")
        self._told, self._said = html(), html()
        self._buttons = {
            word: button(text, partial(self._pressed, word), tooltip=tooltip) for word, text, tooltip in _BUTTONS
        }
        self._question, self._asked = html(), ""
        yes, no = button("Yes", self._agreed), button("No", lambda: self._ask(""))
        self._confirm = row(self._question, yes, no, classes=["sp-confirm"])
        self._commands = classed(widgets.Box(list(self._buttons.values())), "sp-commands")
        self.view = column(self._pace, self._start, self._told, self._commands, self._confirm, self._said)
        self._ask("")
        self.refresh()

    def start(self) -> None:
        """Start a session on what the controls say."""
        self._desk.guard.clear()
        self._said.value = ""
        picked = self._stream()
        if picked is None:
            self._session.start(self._request(), mode=self.mode, bars_a_second=self._pace.value)
        elif picked.session is not None:
            self._session.attach(picked.session)
        else:
            self._session.start(self._request(), mode=self.mode, bars_a_second=FOLLOWING, url=picked.url)
        self._begun()

    def switched(self) -> None:
        """Look at which stream is chosen now; what is wrong with it is told beside the choice."""
        try:
            self.picked = self._stream()
        except DataError:
            self.picked = None
        self.refresh()

    def reattach(self) -> None:
        """Follow a session that a former kernel has left running, or has watched."""
        if self._session.reattach() is not None:
            self._begun()

    def tell(self, word: str, name: str = "", value: float | None = None) -> None:
        """Tell the session something, on the desk, and show its answer."""
        self._desk.do(self._tell, word, name, value)

    def refresh(self) -> None:
        """Show how the session is, when that has changed."""
        session = self._session
        is_alive, is_latched = session.is_alive, session.is_latched
        told = {} if session.follower is None else session.follower.seen.snapshot
        age = "" if session.request is None else age_text(session.request.asked_ns)
        picked = self.picked
        seen = (self.mode, is_alive, is_latched, bool(told), told.get("is_paused"), age, picked)
        if seen == self._seen:
            return
        self._seen = seen
        show(self._start, not is_alive)
        show(self._pace, not is_alive and self.mode == "paper" and picked is None)
        show(self._commands, is_alive)
        is_watched = picked is not None and picked.session is not None
        self._start.description = "Watch this session" if is_watched else f"Start {self.mode} session"
        if session.request is not None and is_alive:
            state = "runs" if told else "is starting"
            latched = " <b>The kill switch is latched.</b>" if is_latched else ""
            name = f"{session.request.mode} session on account <b>{escape(session.request.account)}</b>"
            self._told.value = (
                f'<div class="sp-small" data-session="{state}" data-latched="{int(is_latched)}">'
                f"{name} {state}, started {age} ago.{latched}</div>"
            )
        show(self._buttons["unlatch"], is_latched)
        waiting = "" if told.get("last_ns") is not None else "the session has not seen a bar yet"
        for word in ("pause", "resume", "reduce_only", "flatten"):
            latched = "the kill switch is latched; unlatch it first" if is_latched else ""
            disable(self._buttons[word], waiting or latched)
        if self._was_alive and not is_alive:
            self._was_alive = False
            self._end()

    def allow(self, reason: str) -> None:
        """Let a session be started, or say why not."""
        disable(self._start, reason)

    def _begun(self) -> None:
        self._was_alive = True
        self.refresh()
        self._started()

    def _end(self) -> None:
        process = self._session.process
        if process is None:
            return
        result = process.result()
        if self._session.is_foreign:
            self._told.value = (
                '<div class="sp-small" data-session="over">The session is over; its own process saves its run.</div>'
            )
        elif result is None:
            told = process.log().strip()
            self._told.value = f'<div class="sp-small" data-session="failed">{_ENDED}.</div>'
            self._desk.guard.show(RunError(told.splitlines()[-1] if told else _ENDED), told)
        else:
            self._told.value = f'<div class="sp-small" data-session="over">The session is over; its run is {escape(result.name)}.</div>'
        self._ask("")
        self._ended(result)

    def _pressed(self, word: str) -> None:
        if word in _ASK_FIRST:
            self._ask(word)
        else:
            self.tell(word)

    def _ask(self, word: str) -> None:
        self._asked = word
        self._question.value = f"<b>{escape(_ASK_FIRST.get(word, ''))}</b>"
        show(self._confirm, bool(word))

    def _agreed(self) -> None:
        word = self._asked
        self._ask("")
        if word:
            self.tell(word)

    def _tell(self, word: str, name: str, value: float | None) -> None:
        self._desk.guard.clear()
        self._said.value = f'<div class="sp-small">{escape(word.replace("_", " "))} …</div>'
        try:
            if word == "stop":
                self._session.stop()
                said = "stop: the process ends after the step it is in"
            else:
                said = self._session.command(word, name=name, value=value)
        except Exception:
            self._said.value = ""
            raise
        self._said.value = f'<div class="sp-small" role="status" data-said="{escape(word)}">{escape(said)}</div>'


_BUTTONS = (
    ("pause", "Pause", "Make no entries; exits and stops go on"),
    ("resume", "Resume", "Trade again"),
    ("reduce_only", "Reduce only", "Send only orders that lower a position"),
    ("flatten", "Flatten", "Cancel every order and close every position, then go on"),
    ("unlatch", "Unlatch", "Open the kill switch"),
    ("stop", "End session", "End the session's process; positions and orders stay as they are"),
)
