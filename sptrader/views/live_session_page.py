"""Live session page: joins the page to its session: light, emergency stop, controls, and the tabs while it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sptrader.clock import LiveClock
from sptrader.runs.jobs import JobRequest
from sptrader.runs.live_follow import Follower
from sptrader.strategy.strategy import Strategy
from sptrader.views.desk import Desk
from sptrader.views.header import Header
from sptrader.views.live_feed import LiveFeed
from sptrader.views.live_monitor_chart import LATE_S, session_word, trading_word
from sptrader.views.live_session import LiveSession, account_of, not_available
from sptrader.views.live_session_account import LiveOrders
from sptrader.views.live_session_controls import SessionControls
from sptrader.views.live_session_risk import LiveRisk
from sptrader.views.live_session_tabs import LiveFlow, LivePerformance, LiveSignals, LiveSystem, LiveTab
from sptrader.views.stream import Picked

TAB_S = 0.5
_NOTHING = "nothing is running live"


class LivePage:
    """What of the page is about a session. `shown(is_live)` is told whether the tabs show it; `ended(folder)` of its run."""

    def __init__(
        self,
        desk: Desk,
        header: Header,
        runs: Path,
        *,
        request: Callable[[], JobRequest],
        stream: Callable[[], Picked | None],
        shown: Callable[[bool], object],
        ended: Callable[[Path], object],
    ) -> None:
        self._desk, self._header, self._shown, self._ended = desk, header, shown, ended
        self._clock = LiveClock()
        self._next_s = 0.0
        self._strategy: Strategy | None = None
        self._light: tuple[str, str] = ("off", "")
        self.session = LiveSession(runs)
        self.controls = SessionControls(
            desk, self.session, request=request, stream=stream, started=self._began, ended=self._over
        )
        self._performance = LivePerformance()
        self.tabs: dict[str, LiveTab] = {
            "Performance": self._performance,
            "Signals": LiveSignals(desk, self.session),
            "Order flow": LiveFlow(desk),
            "Risk": LiveRisk(desk, self.controls),
            "Orders": LiveOrders(self.controls),
            "System": LiveSystem(self.session),
        }
        self._open = "Performance"
        self._feed = LiveFeed(desk.guard)
        self._feed.every(self._look)
        self._feed.start()

    @property
    def is_running(self) -> bool:
        """Whether a session is followed."""
        return self.session.follower is not None

    def reattach(self) -> None:
        """Follow a session that was left running, or watched."""
        self.controls.reattach()

    def choose(self, strategy: Strategy) -> None:
        """Offer the modes of a strategy."""
        self._strategy = strategy
        self._offer()

    def switched(self) -> None:
        """Offer what the bars that are chosen now allow: a live session follows the server that was picked."""
        self.controls.switched()
        self._offer()

    def turn(self, tab: str) -> None:
        """Bring a tab up to date that was just opened, and keep it so."""
        self._open = tab
        self._next_s = 0.0

    def enter(self, mode: str) -> None:
        """Say which mode the page is in."""
        if mode != "backtest":
            self.controls.mode = mode
            self.controls.refresh()

    def stop(self) -> None:
        """Pull the kill switch, in the thread that heard it."""
        self.session.kill()

    def close(self) -> None:
        """End the thread that reads; the session goes on."""
        self._feed.close()

    def _began(self) -> None:
        """A session is followed: the page is in its mode, which is that of the other one where it was watched by its stream."""
        if self.session.request is not None:
            self._header.enter(self.session.request.mode)
            self.enter(self.session.request.mode)
        self._feed.follow(self.session.follower)
        self._offer()
        self._header.allow_stop()
        self._shown(True)

    def _over(self, folder: Path | None) -> None:
        """The session's process is gone: its run takes the session's place in the tabs."""
        self._feed.follow(None)
        self.session.forget()
        self._header.allow_stop(_NOTHING)
        self._say("off", "")
        self._offer()
        self._shown(False)
        if folder is not None:
            self._desk.do(self._ended, folder)

    def _offer(self) -> None:
        """Say which modes can be switched to: none but its own and backtest while a session runs."""
        if self._strategy is None:
            return
        reasons = not_available(self._strategy, has_feed=self.controls.picked is not None)
        request = self.session.request
        if request is not None:
            other = "live" if request.mode == "paper" else "paper"
            reasons[other] = f"a {request.mode} session runs; end it first"
            reasons[request.mode] = ""
        self._header.offer(reasons, account=account_of(self._strategy))

    def _look(self, follower: Follower) -> None:
        self._performance.chart.show(follower)
        now_s = self._clock.elapsed_s()
        if now_s >= self._next_s:
            self._next_s = now_s + TAB_S
            self._lit(follower)
            if self._open in self.tabs:
                self.tabs[self._open].look(follower)
            self.controls.refresh()

    def _lit(self, follower: Follower) -> None:
        """Show whether the session lives, and how old its last word is."""
        request, told, age = self.session.request, follower.seen.snapshot, follower.age_s
        if request is None:
            return
        name = session_word(request.mode, request.account)
        if age is None:
            self._say("late", f"{name}: starting")
        elif age > LATE_S or not follower.is_connected:
            self._say("late", f"{name}: no word for {age:.0f} s")
        else:
            self._say("on", f"{name}: {'kill switch latched' if self.session.is_latched else trading_word(told)}")

    def _say(self, light: str, text: str) -> None:
        if (light, text) != self._light:
            self._light = light, text
            self._header.light(light, text)
