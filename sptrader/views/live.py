"""Live: what the page asks of a running session, as a protocol, and what it makes of it: light, emergency stop, age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sptrader.runs.jobs import JobRequest
from sptrader.views.desk import Desk
from sptrader.views.header import Header

LATE_S = 5.0


@dataclass(frozen=True)
class LiveState:
    """What a session said last: its `account`, `mode`, how many seconds ago, and the snapshot as plain data."""

    account: str
    mode: str
    age_s: float
    snapshot: Mapping[str, Any]


class LivePort(Protocol):
    """Paper and live sessions as the page needs them; every call returns soon and may be made from any thread."""

    def reasons(self) -> dict[str, str]:
        """Say for `paper` and `live` why they cannot be started here, "" where they can."""
        ...

    def account(self, strategy: str) -> str:
        """Return the account that the strategy's live trading would use, whose name arms it."""
        ...

    def start(self, request: JobRequest, mode: str, account: str) -> None:
        """Start a session in a process of its own."""
        ...

    def state(self) -> LiveState | None:
        """Return what the running session said last, None without one."""
        ...

    def stop(self) -> None:
        """Latch the kill switch: cancel every order, close every position, trade no more."""
        ...


class LiveWatch:
    """Follows a session through its port from the desk's thread and shows its light; `stop()` goes straight to the port."""

    def __init__(self, desk: Desk, header: Header, port: LivePort) -> None:
        self._header, self._port = header, port
        self._shown: tuple[str, str] = ("", "")
        desk.every(self.look)

    def look(self) -> None:
        """Show whether the session lives, and let it be stopped as long as it does."""
        state = self._port.state()
        if state is None:
            told = ("off", "nothing live")
        elif state.age_s > LATE_S:
            told = ("late", f"{state.mode} {state.account}: no word for {state.age_s:.0f} s")
        else:
            told = ("on", f"{state.mode} {state.account}")
        if told != self._shown:
            self._shown = told
            self._header.light(*told)
            self._header.allow_stop("" if state is not None else "nothing is running live")

    def stop(self) -> None:
        """Stop everything now, without waiting for the desk."""
        self._port.stop()
