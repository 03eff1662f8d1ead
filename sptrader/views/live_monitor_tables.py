"""Live tables: what was seen of a running session as frames, newest first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from sptrader.clock import LiveClock
from sptrader.execution.safety import is_check, refusal_sentence
from sptrader.model.messages import Heartbeat
from sptrader.model.orders import OrderStatus
from sptrader.model.reasons import Reason
from sptrader.runs.live_follow import Seen
from sptrader.runs.live_orders import LiveOrder
from sptrader.runs.part import STALE_S

SHOWN = 50
_SENTENCES = {reason.word: reason.sentence for reason in Reason if reason.word}

_POSITIONS = ("symbol", "quantity", "average_price", "mark", "unrealised", "margin", "stop", "target", "bars_held")
_WORKING = ("symbol", "side", "quantity", "limit_price", "stop_price", "client_order_id")
_ORDERS = (
    "placed",
    "symbol",
    "side",
    "order",
    "quantity",
    "price",
    "stop_price",
    "status",
    "why",
    "ended",
    "client_order_id",
)
_NOTES = ("time", "symbol", "action", "outcome", "reason")
_FILLS = ("time", "symbol", "side", "quantity", "price", "fee", "leg", "reason")
_SIGNALS = ("time", "symbol", "signal", "type", "strength", "from", "seconds ago")


def positions_table(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return the open positions of a snapshot."""
    return _numbers(told.get("positions", []), _POSITIONS, text=("symbol",)).round({"unrealised": 2, "margin": 2})


def working_table(told: Mapping[str, Any]) -> pd.DataFrame:
    """Return the entries of a snapshot that wait for their price."""
    return _numbers(told.get("working", []), _WORKING, text=("symbol", "side", "client_order_id"))


def orders_table(orders: Iterable[LiveOrder]) -> pd.DataFrame:
    """Return orders with what became of them, and why; of one that was refused what the check means, or the broker's words."""
    rows = [
        (
            _moment(one.placed_ns),
            one.symbol,
            one.side,
            _kind(one),
            float(one.quantity),
            math.nan if one.price is None else float(one.price),
            math.nan if one.stop_price is None else float(one.stop_price),
            _status(one),
            order_sentence(one),
            _moment(one.ended_ns),
            one.client_order_id,
        )
        for one in orders
    ]
    frame = pd.DataFrame(rows, columns=list(_ORDERS))
    return frame.assign(
        placed=pd.to_datetime(frame["placed"], utc=True), ended=pd.to_datetime(frame["ended"], utc=True)
    )


def _kind(order: LiveOrder) -> str:
    """What an order is for and its type, where that is not the same: `entry limit`, `stop`."""
    return _words(order.leg if order.type in (order.leg, "") else f"{order.leg} {order.type}")


def _status(order: LiveOrder) -> str:
    part = 0 < order.filled < order.quantity
    return f"{_words(order.word)}, {order.filled:,} filled" if part else _words(order.word)


def order_sentence(order: LiveOrder) -> str:
    """Return why an order ended: the reason's words, a refusal's sentence, else what the broker said."""
    if order.status is not OrderStatus.FILLED and order.why in _SENTENCES and not is_check(order.why):
        return _SENTENCES[order.why]
    return refusal_sentence(order.why) if order.status is OrderStatus.REJECTED else _words(order.why)


def decisions_table(seen: Seen, *, most: int = SHOWN) -> pd.DataFrame:
    """Return the last decisions, and the answers to events and commands."""
    rows = [
        (
            _time(note["time_ns"]),
            note["symbol"],
            _words(note.get("what") or note["action"]),
            note.get("verdict") or note["outcome"],
            _words(note.get("why") or note["reason"]),
        )
        for note in reversed(seen.notes.since(seen.notes.total - most))
    ]
    return pd.DataFrame(rows, columns=list(_NOTES))


def fills_table(seen: Seen, *, most: int = SHOWN) -> pd.DataFrame:
    """Return the last executions."""
    rows = [
        (
            _time(one.time),
            one.symbol,
            one.side,
            float(one.quantity),
            float(one.price),
            round(one.fee, 2),
            one.leg,
            _words(one.reason),
        )
        for one in reversed(seen.fills.since(seen.fills.total - most))
    ]
    return pd.DataFrame(rows, columns=list(_FILLS))


def signals_table(seen: Seen, *, most: int = SHOWN) -> pd.DataFrame:
    """Return the last events on the stream of signals, with who published them."""
    now_s = LiveClock().elapsed_s()
    rows = [
        (
            _time(one.time_ns),
            one.symbol,
            one.name,
            _words(one.type),
            round(one.strength, 4),
            one.source,
            int(now_s - one.came_s),
        )
        for one in reversed(seen.signals.since(seen.signals.total - most))
    ]
    return pd.DataFrame(rows, columns=list(_SIGNALS))


def beats_table(beats: Iterable[Heartbeat]) -> pd.DataFrame:
    """Return the processes' heartbeats: who, where, how long ago they spoke, and what they have counted."""
    now_ns = LiveClock().now_ns()
    rows = []
    for beat in beats:
        age_s = max(0.0, (now_ns - beat.at_ns) / 1e9)
        counted = ", ".join(f"{name} {value:,}" for name, value in beat.counters.items())
        rows.append(
            (beat.role, "lives" if age_s < STALE_S else "silent", int(age_s), beat.pid, beat.host, counted, beat.note)
        )
    return pd.DataFrame(rows, columns=["part", "state", "seconds ago", "process", "host", "counted", "note"])


def _numbers(rows: list[Mapping[str, Any]], columns: tuple[str, ...], *, text: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    numeric = [name for name in columns if name not in text]
    return frame.astype(dict.fromkeys(numeric, "float64"))


def _moment(time_ns: int) -> object:
    return _time(time_ns) if time_ns else pd.NaT


def _time(time_ns: int) -> pd.Timestamp:
    return pd.Timestamp(int(time_ns), unit="ns", tz="UTC")


def _words(text: object) -> str:
    return str(text).replace("_", " ")
