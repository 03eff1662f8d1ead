"""The codec: the one place that knows how messages become bytes, and which bytes are no message.

An entry of a stream has one field, whose name says what its JSON holds:

    bar            BarMessage                                   order     Order, Cancel, Amend or Decided
    tick           TickMessage                                  report    Fill, OrderUpdate, NightCharge, Matched
    columns        ColumnsMessage                               command   Command
    signal         Event: {"timestamp", "signal_name", "signal_type", "strength", "metadata": {"symbol"}}
    price_update   PriceUpdate: {symbol: price}                 heartbeat Heartbeat (the value of a key)
    request        EvidenceRequest                              evidence  BrokerEvidence
    answered       Answered
    reconciled     Reconciled (in a journal only)

Our own messages carry their kind (`message`) and `version`, and no key that is not theirs. In an `Event`, which any program
may publish, further keys are passed over. Decimals travel as text, exactly; floats as their shortest text, which
gives the same bits; nan as null, and an output's infinity as the text `inf`.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal, cast

import msgspec

from sptrader.errors import StreamError, did_you_mean
from sptrader.model.messages import (
    VERSION,
    Answered,
    BarMessage,
    BrokerEvidence,
    ColumnsMessage,
    Command,
    Event,
    EvidenceRequest,
    Heartbeat,
    PriceUpdate,
    Reconciled,
    SignalValue,
    TickMessage,
)
from sptrader.model.orders import (
    TAG,
    Amend,
    Bracket,
    Cancel,
    Decided,
    Fill,
    Instruction,
    Matched,
    NightCharge,
    Order,
    OrderUpdate,
    Report,
)
from sptrader.streams.timestamps import parse_timestamp

MOST_BYTES = 64 * 1024
_LARGE = {"request": 16 * MOST_BYTES, "evidence": 16 * MOST_BYTES, "reconciled": 16 * MOST_BYTES}  # some 3,000 fills
_LARGEST = Decimal("1e18")
_SMALLEST = Decimal("1e-18")
_LARGEST_FLOAT = int(sys.float_info.max)

Message = (
    BarMessage | TickMessage | ColumnsMessage | Event | PriceUpdate | Command | Heartbeat
    | Answered | Order | Cancel | Amend | Decided | Fill | OrderUpdate | NightCharge | Matched
    | EvidenceRequest | BrokerEvidence | Reconciled
)  # fmt: skip

_Output = float | Literal["inf", "-inf"] | None


class _WireSignal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: str | None = None
    strength: _Output = None
    outputs: dict[str, _Output] = {}


class _WireColumns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field=TAG, tag="columns"):
    plan: str
    bar: BarMessage
    indicators: dict[str, _Output] = {}
    signals: dict[str, _WireSignal] = {}
    version: int = VERSION


class _Kind(msgspec.Struct):
    message: str = ""
    version: int = VERSION


_FIELDS: dict[type, str] = {
    BarMessage: "bar",
    TickMessage: "tick",
    ColumnsMessage: "columns",
    Event: "signal",
    PriceUpdate: "price_update",
    Command: "command",
    Heartbeat: "heartbeat",
    EvidenceRequest: "request",
    BrokerEvidence: "evidence",
    Reconciled: "reconciled",
    Answered: "answered",
    **dict.fromkeys((Order, Cancel, Amend, Decided), "order"),
    **dict.fromkeys((Fill, OrderUpdate, NightCharge, Matched), "report"),
}
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    "bar": msgspec.json.Decoder(BarMessage),
    "tick": msgspec.json.Decoder(TickMessage),
    "columns": msgspec.json.Decoder(_WireColumns),
    "signal": msgspec.json.Decoder(Event),
    "price_update": msgspec.json.Decoder(dict[str, float]),
    "command": msgspec.json.Decoder(Command),
    "heartbeat": msgspec.json.Decoder(Heartbeat),
    "request": msgspec.json.Decoder(EvidenceRequest),
    "evidence": msgspec.json.Decoder(BrokerEvidence),
    "reconciled": msgspec.json.Decoder(Reconciled),
    "answered": msgspec.json.Decoder(Answered),
    "order": msgspec.json.Decoder(Instruction),
    "report": msgspec.json.Decoder(Report),
}
_OF_OTHERS = ("signal", "price_update")
_kind = msgspec.json.Decoder(_Kind)
_encode = msgspec.json.Encoder().encode


def encode(message: Message) -> dict[str, bytes]:
    """Return an entry's fields; raises `StreamError` for a message that no reader would accept."""
    return {field_of(message): encode_body(message)}


def decode(fields: Mapping[str, bytes], *, most_bytes: int = MOST_BYTES) -> Message:
    """Return the message of an entry; raises `StreamError` whose text is the dead letter's reason."""
    known = [name for name in fields if name in _DECODERS]
    if len(fields) != 1 or not known:
        names = ", ".join(f"'{name[:40]}'" for name in sorted(fields)[:5]) or "none"
        hint = did_you_mean(next(iter(fields)), _DECODERS) if len(fields) == 1 else ""
        raise StreamError(f"An entry has one field of {', '.join(sorted(_DECODERS))}; this one has {names}{hint}.")
    return decode_body(known[0], fields[known[0]], most_bytes=most_bytes)


def field_of(message: Message) -> str:
    """Return the name of the field a message travels in."""
    return _FIELDS[type(message)]


def encode_body(message: Message) -> bytes:
    """Return a message's JSON, as in its field; also what a journal keeps and what a key holds."""
    where = f"A message for the field '{field_of(message)}'"
    _check(message, where)
    if isinstance(message, PriceUpdate):
        return _encode(message.prices)
    body = _encode(_wire(message) if isinstance(message, ColumnsMessage) else message)
    most = _LARGE.get(field_of(message), MOST_BYTES)
    if len(body) > most:
        raise StreamError(f"{where} has {len(body):,} bytes; {most:,} are allowed.", value=len(body))
    return body


def decode_body(field: str, body: bytes, *, most_bytes: int = MOST_BYTES) -> Message:
    """Return the message that a field's JSON holds; raises `StreamError` saying why it is none."""
    where = f"The field '{field}'"
    most = max(most_bytes, _LARGE.get(field, 0))
    if len(body) > most:
        raise StreamError(f"{where} has {len(body):,} bytes; {most:,} are allowed.", key=field, value=len(body))
    try:
        message = _DECODERS[field].decode(body)
    except RecursionError:
        raise StreamError(f"{where} is nested too deep.", key=field) from None
    except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise StreamError(_reason(where, field, body, error), key=field) from error
    if field == "columns":
        message = _unwire(message)
    elif field == "price_update":
        message = PriceUpdate(prices=message)
    _check(message, where)
    return cast(Message, message)


def event_time_ns(event: Event) -> int:
    """Return an event's time: UTC nanoseconds from ISO text with a zone, or from seconds, milli-, micro- or nanoseconds."""
    return parse_timestamp(event.timestamp)


def _reason(where: str, field: str, body: bytes, error: Exception) -> str:
    if field not in _OF_OTHERS:
        version = VERSION
        with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):  # `error` says it then
            version = _kind.decode(body).version
        if version > VERSION:
            return _version_reason(where, version)
    if isinstance(error, UnicodeDecodeError):
        return f"{where} is not UTF-8 text."
    said = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:300])
    return f"{where} {'does not hold what it should' if isinstance(error, msgspec.ValidationError) else 'is not JSON'}: {said}."


def _version_reason(where: str, version: int) -> str:
    age = "newer than this program knows" if version > VERSION else "no version there ever was"
    return f"{where} has version {version}, {age}; version {VERSION} is read."


def _check(message: Any, where: str) -> None:
    _CHECKS[type(message)](message, where)
    if getattr(message, "version", VERSION) != VERSION:
        raise StreamError(_version_reason(where, message.version), key="version", value=message.version)


def _refuse(where: str, name: str, value: object, allowed: str) -> StreamError:
    return StreamError(f"{where} has {name} {str(value)[:80]}; {allowed}.", key=name, value=value)


def _check_bar(bar: BarMessage, where: str) -> None:
    prices = (bar.open, bar.high, bar.low, bar.close)
    if bar.kind != "bar":
        if prices != (None, None, None, None) or bar.sides is not None:
            raise _refuse(where, "kind", bar.kind, "only a 'bar' has prices")
    elif not _is_bar(*prices):
        raise _refuse(
            where, "prices", prices, "open, high, low and close are finite, above zero, and within low and high"
        )
    if bar.sides is not None and not (_is_bar(*bar.sides[:4]) and _is_bar(*bar.sides[4:])):
        raise _refuse(where, "sides", bar.sides, "prices are finite, above zero, and within low and high")
    for name, value in (("volume", bar.volume), ("spread", bar.spread)):
        if value is not None and not 0.0 <= value < math.inf:
            raise _refuse(where, name, value, "a finite number from zero up is allowed")


def _is_bar(o: float | None, h: float | None, l: float | None, c: float | None) -> bool:
    if o is None or h is None or l is None or c is None:
        return False
    return 0.0 < l <= o <= h < math.inf and l <= c <= h


def _check_tick(tick: TickMessage, where: str) -> None:
    for name, price in (("bid", tick.bid), ("ask", tick.ask)):
        if not 0.0 < price < math.inf:
            raise _refuse(where, name, price, "a finite price above zero is allowed")
    if not 0.0 <= tick.volume < math.inf:
        raise _refuse(where, "volume", tick.volume, "a finite number from zero up is allowed")


def _check_columns(message: ColumnsMessage, where: str) -> None:
    _check_bar(message.bar, where)
    if message.bar.version != VERSION:
        raise StreamError(_version_reason(where, message.bar.version), key="version", value=message.bar.version)


def _check_event(event: Event, where: str) -> None:
    symbol = event.metadata.get("symbol")
    if not isinstance(symbol, str) or not 0 < len(symbol) <= 200:
        raise _refuse(where, "metadata.symbol", repr(symbol), "the instrument's name is required")
    if not event.signal_type:
        raise _refuse(where, "signal_type", "''", "a word such as 'golden_cross' is required")
    if not 0.0 <= event.strength <= 1.0:
        raise _refuse(where, "strength", event.strength, "0 to 1 is allowed")
    for name, value in event.metadata.items():
        if isinstance(value, int) and abs(value) > _LARGEST_FLOAT:
            raise _refuse(where, f"metadata.{name[:40]}", value, "a number that a float can hold is allowed")
    try:
        event_time_ns(event)
    except StreamError as error:
        raise StreamError(f"{where}: {error}", key="timestamp", value=event.timestamp) from None


def _check_prices(update: PriceUpdate, where: str) -> None:
    if not update.prices:
        raise _refuse(where, "prices", "none", "{symbol: price} with at least one is required")
    for symbol, price in update.prices.items():
        if not symbol or not 0.0 < price < math.inf:
            raise _refuse(
                where, f"price of {symbol[:40]!r}", price, "a finite price above zero and a symbol are required"
            )


def _check_command(command: Command, where: str) -> None:
    if command.value is not None and not math.isfinite(command.value):
        raise _refuse(where, "value", command.value, "a finite number is allowed")
    if command.command == "set_limit" and (not command.name or command.value is None):
        raise _refuse(where, "command", "set_limit", "it needs the limit's 'name' and its new 'value'")
    if command.command == "resolve" and not (command.name and command.status):
        raise _refuse(where, "command", "resolve", "it needs the order's id as 'name' and its 'status'")
    for name, number in (("price", command.price), ("quantity", command.quantity)):
        if number is not None:
            _check_decimal(name, number, where)


def _check_order(order: Order | Amend, where: str) -> None:
    for name, value in (
        ("quantity", order.quantity),
        ("limit_price", order.limit_price),
        ("stop_price", order.stop_price),
    ):
        if value is not None:
            _check_decimal(name, value, where)
    if isinstance(order, Order) and order.bracket is not None:
        _check_floats(order.bracket, Bracket.__struct_fields__, where)


def _check_fill(fill: Fill, where: str) -> None:
    _check_decimal("quantity", fill.quantity, where)
    _check_decimal("price", fill.price, where)
    _check_floats(fill, ("fee", "raw_price", "half_spread"), where)
    if fill.rate is not None and not 0.0 < fill.rate < math.inf:
        raise _refuse(where, "rate", fill.rate, "a finite number above zero is allowed")


def _check_money(message: Matched | NightCharge, where: str) -> None:
    _check_floats(message, ("balance",) if isinstance(message, Matched) else ("amount",), where)


def _check_evidence(evidence: BrokerEvidence, where: str) -> None:
    _check_floats(evidence.account, ("balance", "equity", "used_margin"), where)
    for position in evidence.positions:
        if not (position.quantity.is_finite() and abs(position.quantity) <= _LARGEST):
            raise _refuse(where, "quantity", position.quantity, "a finite number is allowed")
        _check_floats(position, ("average_price",), where)
    for fill in evidence.fills:
        _check_fill(fill, where)


def _check_reconciled(reconciled: Reconciled, where: str) -> None:
    for report in reconciled.reports:
        if isinstance(report, Fill):
            _check_fill(report, where)


def _check_floats(message: Any, names: Iterable[str], where: str) -> None:
    for name in names:
        value = getattr(message, name)
        if value is not None and not math.isfinite(value):
            raise _refuse(where, name, value, "a finite number is allowed")


def _check_decimal(name: str, value: Decimal, where: str) -> None:
    # Bounded: an exponent of a milliard is legal text, and takes all memory at the first rounding.
    if not (value.is_finite() and _SMALLEST <= value <= _LARGEST and len(value.as_tuple().digits) <= 40):
        raise _refuse(where, name, value, "a number above zero of at most 18 places on each side is allowed")


def _unchecked(message: Any, where: str) -> None:
    """Accept what the types have judged already."""


_CHECKS: dict[type, Callable[[Any, str], None]] = {
    BarMessage: _check_bar,
    TickMessage: _check_tick,
    ColumnsMessage: _check_columns,
    Event: _check_event,
    PriceUpdate: _check_prices,
    Command: _check_command,
    Order: _check_order,
    Amend: _check_order,
    Fill: _check_fill,
    BrokerEvidence: _check_evidence,
    Reconciled: _check_reconciled,
    Answered: _unchecked,
    **dict.fromkeys((Matched, NightCharge), _check_money),
    **dict.fromkeys((Heartbeat, Cancel, Decided, OrderUpdate, EvidenceRequest), _unchecked),
}


def _wire(message: ColumnsMessage) -> ColumnsMessage | _WireColumns:
    if not any(map(_has_infinity, _outputs(message))):
        return message
    signals = {
        name: _WireSignal(type=value.type, strength=_text(value.strength), outputs=_texts(value.outputs))
        for name, value in message.signals.items()
    }
    return _WireColumns(plan=message.plan, bar=message.bar, indicators=_texts(message.indicators), signals=signals)


def _outputs(message: ColumnsMessage) -> Iterable[Iterable[float | None]]:
    yield message.indicators.values()
    for signal in message.signals.values():
        yield (signal.strength, *signal.outputs.values())


def _has_infinity(values: Iterable[float | None]) -> bool:
    return any(value is not None and math.isinf(value) for value in values)


def _text(value: float | None) -> _Output:
    return value if value is None or not math.isinf(value) else "inf" if value > 0 else "-inf"


def _texts(values: Mapping[str, float | None]) -> dict[str, _Output]:
    return {name: _text(value) for name, value in values.items()}


def _unwire(wire: _WireColumns) -> ColumnsMessage:
    signals = {
        name: SignalValue(type=value.type, strength=_number(value.strength), outputs=_numbers(value.outputs))
        for name, value in wire.signals.items()
    }
    return ColumnsMessage(
        plan=wire.plan, bar=wire.bar, indicators=_numbers(wire.indicators), signals=signals, version=wire.version
    )


def _number(value: _Output) -> float | None:
    return float(value) if isinstance(value, str) else value


def _numbers(values: dict[str, _Output]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}
