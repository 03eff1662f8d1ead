"""Orders: what a venue is asked for and what it answers, as plain immutable data.

Quantities and prices are `Decimal` on the instrument's steps; times are int64 nanoseconds, UTC. Each is a message too:
its tag and version say what it is wherever it travels.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

import msgspec

TAG = "message"  # the key that names a message's kind; `type` is an order's own word
Nanoseconds = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop", "stop_limit"]
TimeInForce = Literal["gtc", "day", "ioc"]
Leg = Literal["entry", "exit", "stop", "target", "trail"]


class OrderStatus(StrEnum):
    """Where an order stands in its life; `unknown` between a send and the evidence of what came of it."""

    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing can follow."""
        return self in (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED)


class Bracket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What protects an entry: its children, made by the broker's side at the fill, in the filled quantity.

    Distances are price units from the fill, fractions are of the fill's price; at most one of a kind is set.
    """

    stop_distance: float | None = None
    stop_fraction: float | None = None
    target_distance: float | None = None
    target_fraction: float | None = None
    trail_distance: float | None = None
    trail_fraction: float | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="order"):
    """An order as it is sent.

    `leg` is its part in the decision, `time_ns` the opening time of the bar it was decided on, `created_at` the decision.
    `expires_bars` is how many bars an entry works at most. An `exit` never opens a position, whatever its quantity.
    """

    client_order_id: Name
    symbol: Name
    side: Side
    quantity: Decimal
    type: OrderType
    time_in_force: TimeInForce
    leg: Leg
    reason: str
    time_ns: Nanoseconds
    created_at: Nanoseconds
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    expires_bars: int | None = None
    parent: str = ""
    is_reversal: bool = False
    bracket: Bracket | None = None
    version: int = 1


class Cancel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="cancel"):
    """Ask for an order to be taken off; `time_ns` is the bar of the decision, `reason` why."""

    client_order_id: Name
    symbol: Name
    reason: str
    time_ns: Nanoseconds
    created_at: Nanoseconds
    version: int = 1


class Amend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="amend"):
    """Ask for a working order's price or quantity to be changed."""

    client_order_id: Name
    symbol: Name
    reason: str
    created_at: Nanoseconds
    stop_price: Decimal | None = None
    limit_price: Decimal | None = None
    quantity: Decimal | None = None
    version: int = 1


class Decided(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="decided"):
    """Say that everything the bars of `time_ns` led to has been sent: the next bars may be matched."""

    time_ns: Nanoseconds
    version: int = 1


class Fill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="fill"):
    """One execution of an order, or a part of one.

    `fill_id` is unique within the account; `time` the opening time of the bar (or the quote's time) it happened in. `fee` is in
    account currency. `raw_price` is before slippage and `half_spread` half the spread then, quote currency, where known.
    `rate` is account currency per quote currency where the venue converted it over other pairs; the books take it from there.
    `reason` is the reason's word. `inside`: the bar came to its price after its open, by a `limit` or by a `stop`.
    """

    fill_id: Name
    client_order_id: Name
    symbol: Name
    side: Side
    quantity: Decimal
    price: Decimal
    fee: float
    time: Nanoseconds
    leg: Leg
    reason: str
    is_closing: bool
    raw_price: float | None = None
    half_spread: float | None = None
    inside: Literal["", "limit", "stop"] = ""
    is_ambiguous: bool = False
    rate: float | None = None
    version: int = 1


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="update"):
    """A change of an order's status that is not a fill: accepted, rejected, cancelled, expired, unknown, and why.

    `made` is on the first report of an order that the broker's side made (a child of a bracket): all about it.
    """

    update_id: Name
    client_order_id: Name
    symbol: Name
    status: OrderStatus
    reason: str
    time: Nanoseconds
    made: OpenOrder | None = None
    version: int = 1


class Matched(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="matched"):
    """Say that all that happened to the orders on the bars of `time_ns` has been reported before this message.

    `balance` is what the account holds after that; None where the venue does not say, or reports are still on their way.
    """

    time_ns: Nanoseconds
    balance: float | None = None
    version: int = 1


class NightCharge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="night"):
    """What holding a position over a session boundary brought (positive) or cost, account currency, as the venue booked it.

    `charge_id` is unique within the account, `time` that of the booking.
    """

    charge_id: Name
    symbol: Name
    amount: float
    time: Nanoseconds
    version: int = 1


Instruction = Order | Cancel | Amend | Decided
Report = Fill | OrderUpdate | NightCharge | Matched


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A broker's evidence of one order: the whole of what it knows."""

    client_order_id: Name
    symbol: Name
    side: Side
    quantity: Decimal
    filled: Decimal
    status: OrderStatus
    type: str
    parent: str = ""
    leg: Leg = "entry"
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class BrokerPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A broker's evidence of one position: signed quantity and average price."""

    symbol: Name
    quantity: Decimal
    average_price: float


class BrokerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A broker's evidence of the account: its name, currency and money."""

    account: str
    currency: str
    balance: float
    equity: float
    used_margin: float
