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
from collections.abc import Iterable, Mapping
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
from sptrader.streams.values import check_values, version_reason

MOST_BYTES = 64 * 1024
_LARGE = {"request": 16 * MOST_BYTES, "evidence": 16 * MOST_BYTES, "reconciled": 16 * MOST_BYTES}  # some 3,000 fills

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
    check_values(message, where)
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
    check_values(message, where)
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
            return version_reason(where, version)
    if isinstance(error, UnicodeDecodeError):
        return f"{where} is not UTF-8 text."
    said = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:300])
    return f"{where} {'does not hold what it should' if isinstance(error, msgspec.ValidationError) else 'is not JSON'}: {said}."


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
