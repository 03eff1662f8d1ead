"""Live chart: a session's candles, fills, equity and numbers on a canvas, fed by small binary messages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from sptrader.clock import LiveClock
from sptrader.model.orders import Fill
from sptrader.runs.live_follow import Follower, Seen

LATE_S = 5.0
BEAT_S = 1.0  # a message at least this often, so that a dead kernel can be told from a quiet market
_ASSETS = Path(__file__).parent / "assets"


class LiveChart(anywidget.AnyWidget):
    """Shows the session that `show` is called with; `symbol` chooses the instrument, the first one where it is empty.

    Only what is new is sent. A view that has just opened, or has missed a message, asks for all that is kept (`hello`), and
    gets it with the next call of `show`.
    """

    _esm = _ASSETS / "live_chart.js"
    _css = _ASSETS / "live_chart.css"
    label = traitlets.Unicode("candles, fills and equity of the running session").tag(sync=True)

    def __init__(self) -> None:
        self.symbol = ""
        self._clock = LiveClock()
        self._is_asked = True
        self._session, self._shown = -1, ""
        self._sent = (0, 0, 0)
        self._told: dict[str, Any] = {}
        self._seq, self._said_s = 0, 0.0
        super().__init__()
        self.on_msg(self._heard)

    def show(self, follower: Follower) -> None:
        """Send what is new of a session, with where it stands."""
        seen = follower.seen
        symbol = self.symbol if self.symbol in seen.bars else next(iter(seen.bars), "")
        is_another = (follower.sessions, symbol) != (self._session, self._shown)
        is_whole = self._is_asked or is_another
        self._is_asked = False
        self._session, self._shown = follower.sessions, symbol
        since = (0, 0, 0) if is_whole else self._sent
        ring = seen.bars.get(symbol)
        totals = (0 if ring is None else ring.total, seen.fills.total, seen.equity.total)
        told = {**standing(follower), "cards": cards(seen)}
        is_quiet = totals == since and {**told, "age": 0} == {**self._told, "age": 0} and not is_whole
        now_s = self._clock.elapsed_s()
        if is_quiet and now_s - self._said_s < BEAT_S:
            return
        self._seq += 1
        self._sent, self._told, self._said_s = totals, told, now_s
        bars = [] if ring is None else ring.since(since[0])
        marks = [mark(fill) for fill in seen.fills.since(since[1]) if fill.symbol == symbol]
        last = seen.equity.last
        equity = seen.equity.since(since[2]) or ([last] if last is not None else [])
        buffers = [np.array(rows, np.float64).tobytes() for rows in (bars, marks, equity)]
        self.send({"k": "all" if is_whole else "new", "seq": self._seq, "told": told}, buffers)

    def _heard(self, _: object, content: Mapping[str, Any], __: object) -> None:
        if content.get("k") == "hello":
            self._is_asked = True


def standing(follower: Follower) -> dict[str, Any]:
    """Return the light (`on`, `late`, `off`), a sentence, and the age of the session's last word in seconds."""
    told, age = follower.seen.snapshot, follower.age_s
    if not told:
        light, text = "off", follower.problem or f"no session of account {follower.account} has spoken yet"
    else:
        name = f"{session_word(told['mode'], told['account'])}: {told['strategy']} on {', '.join(told['symbols'])} {told['timeframe']}"
        if told["is_over"]:
            light, text = "off", f"{name}, its bars have ended"
        elif not follower.is_connected:
            light, text = "late", f"{name}, disconnected"
        elif age is not None and age > LATE_S:
            light, text = "late", f"{name}, silent"
        else:
            light, text = "on", f"{name}, {trading_word(told)}"
    return {"light": light, "text": text, "age": None if age is None else round(age, 1)}


def session_word(mode: str, account: str) -> str:
    """Return a session's mode and account, once where they are the same word."""
    return mode if mode == account else f"{mode} {account}"


def trading_word(told: Mapping[str, Any]) -> str:
    """Return a session's trading state in words."""
    if told["is_killed"]:
        return "kill switch latched"
    if told["is_paused"]:
        return "reducing only" if told["trading"] == "reducing" else "paused"
    return str(told["trading"]).replace("_", " ")


def cards(seen: Seen) -> list[tuple[str, str, str]]:
    """Return a session's numbers: label, value, tone."""
    told = seen.snapshot
    if "equity" not in told:
        return []
    floating = sum(float(one["unrealised"]) for one in told["positions"])
    tone = "" if floating == 0.0 else "up" if floating > 0.0 else "down"
    open_now = told["positions"]
    held = f"{len(open_now)} open" if len(open_now) > 1 else f"{open_now[0]['quantity']:+,.6g}" if open_now else "flat"
    what = f"position, {open_now[0]['symbol']}" if len(open_now) == 1 else "position"
    return [
        (f"equity, {told['currency']}", f"{told['equity']:,.2f}", ""),
        ("unrealised", f"{floating:+,.2f}", tone),
        ("drawdown", f"{told['drawdown']:.2%}", ""),
        ("day's loss", f"{max(0.0, told['day_loss']):.2%}", ""),
        (what, held, ""),
        ("trades", f"{told['n_trades']:,}", ""),
        ("bars", f"{told['n_bars']:,}", ""),
    ]


def mark(fill: Fill) -> tuple[float, float, float, float, float, float]:
    """Return a fill as it is drawn: seconds, price, side, whether it closed, quantity, fee."""
    side = 1.0 if fill.side == "buy" else -1.0
    return fill.time / 1e9, float(fill.price), side, float(fill.is_closing), float(fill.quantity), fill.fee
