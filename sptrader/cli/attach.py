"""`sptrader live-attach`: follow a running session in the terminal: account, positions, decisions and fills."""

from __future__ import annotations

import sys
import threading
from typing import Annotated, Any, cast

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sptrader.cli.live import RedisUrl
from sptrader.cli.sessions import Account, Folder
from sptrader.clock import LiveClock
from sptrader.model.orders import Fill
from sptrader.model.period import time_text
from sptrader.runs.control import Health, Place, health, reached
from sptrader.streams import keys
from sptrader.streams.codec import decode

LOOK_S = 0.5
SHOWN = 12


def live_attach(
    account: Account = None,
    folder: Folder = None,
    redis_url: RedisUrl = None,
    seconds: Annotated[float | None, typer.Option(help="Leave after so many seconds; else with Ctrl-C.")] = None,
) -> None:
    """Follow a session until its bars end or Ctrl-C; the session goes on."""
    clock, pause = LiveClock(), threading.Event()
    until_s = None if seconds is None else clock.elapsed_s() + seconds
    with reached(account, folder=folder, redis_url=redis_url) as place:
        follow = Follower(place)
        with Live(auto_refresh=False, screen=False) if sys.stdout.isatty() else _Plain(follow) as shown:
            while True:
                found = follow.look()
                if isinstance(shown, Live):
                    shown.update(follow.picture(found), refresh=True)
                else:
                    shown.show()
                if found.is_over or (until_s is not None and clock.elapsed_s() >= until_s):
                    return
                pause.wait(LOOK_S)


class Follower:
    """What was seen of a session: the fills so far and the last snapshot."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._after = "0"
        self.fills: list[Fill] = []
        self.notes: list[dict[str, Any]] = []

    def look(self) -> Health:
        """Ask again."""
        for entry in self._place.streams.history(keys.fills(self._place.account), after=self._after):
            self._after = entry.id
            message = decode(entry.fields)
            if isinstance(message, Fill):
                self.fills.append(message)
        found = health(self._place)
        recent = cast(list[dict[str, Any]], (found.snapshot or {}).get("recent", []))
        self.notes += [note for note in recent if note not in self.notes]
        self.notes = self.notes[-200:]
        return found

    def picture(self, found: Health) -> Group:
        """Draw it."""
        told = found.snapshot or {}
        word = "over" if found.is_over else "well" if found.is_well else f"silent: {', '.join(found.silent)}"
        head = Text(f"{found.account}  {told.get('strategy', '')}  {told.get('trading', '')}  {word}", style="bold")
        numbers = Table(box=None)
        for name in ("n_bars", "equity", "cash", "drawdown", "n_trades"):
            numbers.add_column(name, justify="right")
        numbers.add_row(*(_text(told.get(name)) for name in ("n_bars", "equity", "cash", "drawdown", "n_trades")))
        positions = Table("position", "quantity", "average", "unrealised", "stop", "target", box=None)
        for one in cast(list[dict[str, Any]], told.get("positions", [])):
            names = ("symbol", "quantity", "average_price", "unrealised", "stop", "target")
            positions.add_row(*(_text(one.get(name)) for name in names))
        lines = [Text(decision_line(note), overflow="ellipsis", no_wrap=True) for note in self.notes[-SHOWN:]]
        fills = [Text(fill_line(fill), style="green" if fill.side == "buy" else "red") for fill in self.fills[-SHOWN:]]
        return Group(
            head, numbers, positions, Text("decisions", style="bold"), *lines, Text("fills", style="bold"), *fills
        )


class _Plain:
    """Prints what is new, for a pipe or a log."""

    def __init__(self, follow: Follower) -> None:
        self._follow, self._n_fills, self._last = follow, 0, 0

    def __enter__(self) -> _Plain:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def show(self) -> None:
        """Print the decisions and fills that were not there before."""
        for note in [note for note in self._follow.notes if int(note["time_ns"]) > self._last]:
            print(decision_line(note))
        self._last = max((int(note["time_ns"]) for note in self._follow.notes), default=self._last)
        for fill in self._follow.fills[self._n_fills :]:
            print(fill_line(fill))
        self._n_fills = len(self._follow.fills)
        sys.stdout.flush()


def decision_line(note: dict[str, Any]) -> str:
    """Return a decision, or the answer to an event or a command, as a line."""
    if "what" in note:
        said = f"{note['what']}: {note['verdict']}, {note['why']}"
    else:
        said = f"{note['action']} {note['outcome']} {note['reason']}"
    return f"{time_text(int(note['time_ns']))[:16]}  {note['symbol']}  {said}"


def fill_line(fill: Fill) -> str:
    """Return an execution as a line."""
    return f"{time_text(fill.time)[:16]}  {fill.symbol}  {fill.side} {fill.quantity} at {fill.price} ({fill.reason or 'entry'})"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.5g}" if abs(value) < 100 else f"{value:,.2f}"
    return "" if value is None else str(value)
