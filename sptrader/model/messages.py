"""Messages: what feed, signal worker, orchestrator, execution and people tell each other, as immutable data with a version.

What orders, fills and their reports look like stands in `model.orders`. Times are int64 nanoseconds, UTC; a bar's time is its
opening time. `streams.codec` alone knows how they become bytes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from sptrader.model.orders import (
    TAG,
    BrokerAccount,
    BrokerPosition,
    Fill,
    Name,
    Nanoseconds,
    OpenOrder,
    OrderUpdate,
)

VERSION = 1


class BarMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="bar"):
    """What one instrument showed in one interval of its timeframe.

    `kind` is `bar`; `none` where the clock of all instruments went on and this one had no bar; `end` after the last.
    `sides` are bid open high low close and ask open high low close where the data has both.
    """

    symbol: Name
    timeframe: Name
    time_ns: Nanoseconds
    kind: Literal["bar", "none", "end"] = "bar"
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: float | None = None
    spread: float | None = None
    sides: tuple[float, float, float, float, float, float, float, float] | None = None
    version: int = VERSION


class TickMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="tick"):
    """One quote."""

    symbol: Name
    time_ns: Nanoseconds
    bid: float
    ask: float
    volume: float = 0.0
    version: int = VERSION


class SignalValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signal on one bar: its event's type (None for no event), strength and further outputs; None for nan."""

    type: str | None = None
    strength: float | None = None
    outputs: dict[str, float | None] = {}


class ColumnsMessage(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="columns"
):
    """All outputs of a strategy's components on one bar of one instrument, beside the bar itself.

    `plan` tells for which strategy with which parameters they were computed. `indicators` are named as the rules name
    them (`bb.upper`); None for nan.
    """

    plan: str
    bar: BarMessage
    indicators: dict[str, float | None] = {}
    signals: dict[str, SignalValue] = {}
    version: int = VERSION


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A signal as any program may publish it: the JSON in the field `signal`; `metadata.symbol` is required."""

    timestamp: int | float | str
    signal_name: Name
    signal_type: str
    strength: float
    metadata: dict[str, Any]


class PriceUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Latest prices by symbol as any program may publish them: the JSON in the field `price_update`."""

    prices: dict[str, float]


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="command"):
    """What a person tells a running session; `value` is the limit's new value for `set_limit`, whose name is `name`.

    `resolve` says what became of the unknown order `name`: its `status`, and for a filled one the `price` that the broker
    shows, the `quantity` (None: all that is left) and the broker's id of the fill, where it is known.
    """

    command_id: Name
    command: Literal[
        "pause",
        "resume",
        "reduce_only",
        "flatten",
        "kill",
        "unlatch",
        "set_limit",
        "cancel",
        "close",
        "stop",
        "resolve",
    ]
    by: str
    at_ns: Nanoseconds
    name: str = ""
    value: float | None = None
    status: Literal["", "working", "filled", "cancelled", "rejected"] = ""
    price: Decimal | None = None
    quantity: Decimal | None = None
    fill_id: str = ""
    version: int = VERSION


class Answered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="answered"):
    """What execution answers a person whose command only it can judge: `resolve`."""

    command_id: Name
    command: Name
    by: str
    verdict: Literal["acted", "refused"]
    why: str
    at_ns: Nanoseconds
    symbol: str = ""
    version: int = VERSION


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="heartbeat"):
    """A process says that it lives: who, since when, how far it is, and its counters."""

    role: Name
    account: Name
    pid: int
    host: str
    started_ns: Nanoseconds
    at_ns: Nanoseconds
    counters: dict[str, int] = {}
    note: str = ""
    version: int = VERSION


class EvidenceRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="evidence_request"
):
    """Ask execution for what the broker shows, its history of the orders `ids` and its fills since `since_ns`.

    It travels behind all orders that were sent before it, so that the answer knows of them.
    """

    request_id: Name
    ids: tuple[Name, ...] = ()
    since_ns: Nanoseconds = 0
    version: int = VERSION


class BrokerEvidence(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="evidence"
):
    """What the broker shows, as the answer to a request; every report that was told before it stands before it on its stream.

    One without a `request_id` was not asked for: execution was started again, and its evidence is to be asked for.
    """

    at_ns: Nanoseconds
    account: BrokerAccount
    request_id: str = ""
    positions: tuple[BrokerPosition, ...] = ()
    open_orders: tuple[OpenOrder, ...] = ()
    fills: tuple[Fill, ...] = ()
    history: dict[str, OpenOrder] = {}
    version: int = VERSION


class Reconciled(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="reconciled"
):
    """What came of comparing a session's books with the broker's evidence, as its journal keeps it.

    `reports` are what the books take in from it, `blocked` the instruments that take no new risk, `differences` what was
    not the same, each with its `case`, `decision` and `why`.
    """

    request_id: Name
    decision: Literal["adopt", "refuse", "halt"]
    blocked: tuple[Name, ...] = ()
    reports: tuple[Fill | OrderUpdate, ...] = ()
    differences: tuple[dict[str, str], ...] = ()
    version: int = VERSION
