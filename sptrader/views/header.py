"""Header: which mode the page is in, whether something live is connected, and the emergency stop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape

import ipywidgets as widgets

from sptrader.views.look import button, classed, disable, html, row, show

MODES = ("backtest", "paper", "live")
_MEANING = {
    "backtest": "Stored bars, simulated fills",
    "paper": "Live bars, simulated fills",
    "live": "Live bars, real orders at the broker",
}
_LIGHTS = {"off": "nothing live", "on": "connected", "late": "no word"}


class Header:
    """The top of the page. A change of mode asks first, live asks for the account's name; `changed(mode)` hears of it.

    `stop()` is the emergency stop: it must not wait for anything.
    """

    def __init__(self, *, changed: Callable[[str, str], object], stop: Callable[[], object]) -> None:
        self._changed = changed
        self.mode = MODES[0]
        self._wanted = ""
        self._modes = {name: button(name, partial(self._ask, name), kind="widget-toggle-button") for name in MODES}
        modes = classed(row(*self._modes.values()), "sp-modes")
        self._light = html()
        self._stop = button("Emergency stop", lambda: self._stopped(stop), kind="sp-stop")
        self._question = html()
        self._account = widgets.Text(placeholder="the account's name", continuous_update=True)
        self._yes = button("Switch", self._switch)
        no = button("Stay", self._stay)
        self._confirm = row(self._question, self._account, self._yes, no, classes=["sp-confirm"])
        self._account.observe(lambda _: self._armed(), names="value")
        grow = html(classes=["sp-grow"])
        brand = html('<span class="sp-brand">sptrader</span>')
        self.view = widgets.VBox([row(brand, modes, grow, self._light, self._stop, classes=["sp-top"]), self._confirm])
        self._expected = ""
        self._mark()
        self._stay()
        self.light("off")
        self.offer(dict.fromkeys(MODES[1:], "no live session can be started from here"), account="")
        self.allow_stop("nothing is running live")

    def offer(self, reasons: dict[str, str], *, account: str) -> None:
        """Say for each mode why it is not available (nothing: it is), and which account live trading would use."""
        self._expected = account
        for name, made in self._modes.items():
            reason = reasons.get(name, "")
            disable(made, reason)
            made.tooltip = reason or _MEANING[name]

    def enter(self, mode: str) -> None:
        """Be in a mode without asking: that of a session which runs already."""
        self.mode = mode
        self._stay()
        self._mark()

    def allow_stop(self, reason: str = "") -> None:
        """Let the emergency stop be pressed, or say why there is nothing to stop."""
        disable(self._stop, reason)
        if not reason:
            self._stop.tooltip = "Cancel every order, close every position, and stop trading"

    def light(self, state: str, text: str = "") -> None:
        """Show the connection: `off`, `on`, or `late` when nothing was heard for too long."""
        told = escape(text or _LIGHTS[state])
        self._light.value = f'<span class="sp-light {state}" role="status"><i></i>{told}</span>'

    def _ask(self, name: str) -> None:
        if name == self.mode:
            self._stay()
            return
        self._wanted = name
        arming = " Type the account's name to arm it." if name == "live" else ""
        self._question.value = f"<b>Switch to {name}?</b> {_MEANING[name]}.{arming}"
        self._account.value = ""
        show(self._account, name == "live")
        show(self._confirm, True)
        self._armed()

    def _armed(self) -> None:
        is_wrong = self._wanted == "live" and self._account.value.strip() != self._expected
        disable(self._yes, "the account's name is not the one this strategy trades on" if is_wrong else "")

    def _switch(self) -> None:
        account, self.mode = self._account.value.strip(), self._wanted
        self._stay()
        self._mark()
        self._changed(self.mode, account)

    def _stay(self) -> None:
        self._wanted = ""
        show(self._confirm, False)

    def _mark(self) -> None:
        for name, made in self._modes.items():
            (made.add_class if name == self.mode else made.remove_class)("mod-active")

    def _stopped(self, stop: Callable[[], object]) -> None:
        self._stop.description = "Stopping …"
        try:
            stop()
        finally:
            self._stop.description = "Emergency stop"
