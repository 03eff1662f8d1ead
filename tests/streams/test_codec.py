"""The codec: any message comes back as it was, any bytes give a message or a reason."""

from __future__ import annotations

import json
import math
import struct
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sptrader.errors import StreamError
from sptrader.model.messages import (
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
    Amend,
    Bracket,
    BrokerAccount,
    BrokerPosition,
    Cancel,
    Decided,
    Fill,
    Matched,
    OpenOrder,
    Order,
    OrderStatus,
    OrderUpdate,
)
from sptrader.streams.codec import decode, decode_body, encode, encode_body, event_time_ns

OWN = ("order", "report", "command", "heartbeat", "request", "evidence", "reconciled")
FIELDS = ("bar", "tick", "columns", "signal", "price_update", *OWN)
EVENT = {
    "timestamp": "2017-03-06T10:00:00Z",
    "signal_name": "cross",
    "signal_type": "golden_cross",
    "strength": 0.5,
    "metadata": {"symbol": "EURUSD"},
}
BAR = BarMessage(symbol="EURUSD", timeframe="1h", time_ns=1, open=1.1, high=1.3, low=1.0, close=1.2, volume=5.0)
ORDER = Order(
    client_order_id="a1",
    symbol="EURUSD",
    side="buy",
    quantity=Decimal("20000"),
    type="stop_limit",
    time_in_force="gtc",
    leg="entry",
    reason="golden_cross",
    time_ns=1,
    created_at=2,
    limit_price=Decimal("1.10000"),
    stop_price=Decimal("1.09990"),
    bracket=Bracket(stop_distance=0.1, target_fraction=0.04),
)
FILL = Fill(
    fill_id="f1",
    client_order_id="a1",
    symbol="EURUSD",
    side="sell",
    quantity=Decimal("0.10"),
    price=Decimal("1.1"),
    fee=-0.1,
    time=3,
    leg="stop",
    reason="stop_loss",
    is_closing=True,
    raw_price=1.1,
    half_spread=5e-324,
)
UPDATE = OrderUpdate(
    update_id="u", client_order_id="a1", symbol="EURUSD", status=OrderStatus.UNKNOWN, reason="no answer", time=4
)
WORKING = OpenOrder(
    client_order_id="a1",
    symbol="EURUSD",
    side="buy",
    quantity=Decimal("5"),
    filled=Decimal("0"),
    status=OrderStatus.ACCEPTED,
    type="limit",
    limit_price=Decimal("1.10"),
)
EVIDENCE = BrokerEvidence(
    at_ns=6,
    account=BrokerAccount(account="paper", currency="USD", balance=1.5, equity=1.25, used_margin=0.0),
    request_id="r1",
    positions=(BrokerPosition(symbol="EURUSD", quantity=Decimal("-2.50"), average_price=1.1),),
    open_orders=(WORKING,),
    fills=(FILL,),
    history={"a1": WORKING},
)
MESSAGES = [
    BAR,
    BarMessage(symbol="EURUSD", timeframe="1h", time_ns=-1, kind="none"),
    msgspec.structs.replace(BAR, sides=(1.1, 1.3, 1.0, 1.2, 1.2, 1.4, 1.1, 1.3), spread=0.1),
    TickMessage(symbol="EURUSD", time_ns=1, bid=1.1, ask=1.2),
    ColumnsMessage(plan="p", bar=BAR, indicators={"bb.upper": None, "a": math.inf}, signals={"s": SignalValue()}),
    Event(**EVENT),
    PriceUpdate(prices={"EURUSD": 1.1}),
    ORDER,
    Cancel(client_order_id="a1", symbol="EURUSD", reason="expired", time_ns=1, created_at=2),
    Amend(client_order_id="a1", symbol="EURUSD", reason="trail", created_at=2, stop_price=Decimal("1.2")),
    Decided(time_ns=5),
    FILL,
    UPDATE,
    Matched(time_ns=5),
    Command(command_id="c", command="set_limit", by="me", at_ns=1, name="max_drawdown", value=0.1),
    Heartbeat(role="feed", account="paper", pid=1, host="h", started_ns=1, at_ns=2, counters={"read": 3}),
    EvidenceRequest(request_id="r1", ids=("a1",), since_ns=5),
    EVIDENCE,
    Reconciled(
        request_id="r1",
        decision="halt",
        blocked=("EURUSD",),
        reports=(FILL, UPDATE),
        differences=({"case": "opposite", "decision": "halt", "why": "because"},),
    ),
]


def bits(value: float | None) -> bytes | None:
    return None if value is None else struct.pack("<d", value)


def of(message: object) -> bytes:
    return next(iter(encode(message).values()))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message):
    fields = encode(message)

    assert len(fields) == 1
    assert decode(fields) == message


def test_the_field_says_what_is_in_it():
    assert [*dict.fromkeys(name for message in MESSAGES for name in encode(message))] == [*FIELDS]


def test_decimals_travel_as_text_with_their_zeros():
    order = decode(encode(ORDER))

    assert json.loads(of(ORDER))["limit_price"] == "1.10000"
    assert str(order.limit_price) == "1.10000"


finite = st.floats(allow_nan=False, allow_infinity=False)
output = st.none() | st.floats(allow_nan=False)
decimals = st.decimals(min_value=Decimal("1e-18"), max_value=Decimal("1e18"), places=18) | st.decimals(
    min_value=Decimal("0.00001"), max_value=Decimal("1e18"), places=5
)


@given(a=output, b=output, strength=output)
def test_outputs_come_back_bit_for_bit(a, b, strength):
    signal = SignalValue(type="x", strength=strength, outputs={"b": b})

    back = decode(encode(ColumnsMessage(plan="p", bar=BAR, indicators={"a": a}, signals={"s": signal})))

    values = (back.indicators["a"], back.signals["s"].outputs["b"], back.signals["s"].strength)
    assert list(map(bits, values)) == list(map(bits, (a, b, strength)))


@given(quantity=decimals, price=decimals, fee=finite, raw=st.none() | finite)
def test_fills_come_back_exactly(quantity, price, fee, raw):
    fill = msgspec.structs.replace(FILL, quantity=quantity, price=price, fee=fee, raw_price=raw)

    back = decode(encode(fill))

    assert (str(back.quantity), str(back.price)) == (str(quantity), str(price))
    assert (bits(back.fee), bits(back.raw_price)) == (bits(fee), bits(raw))


texts = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def decoded_or_refused(field: str, body: bytes) -> None:
    try:
        message = decode({field: body})
    except StreamError as refused:
        reason = str(refused)
    else:
        reason = ""
        assert decode(encode(message)) == message
    assert reason.isprintable()


@given(field=st.sampled_from(FIELDS), body=st.binary(max_size=300))
@example(field="signal", body=b"[" * 60_000)
@example(field="order", body=b'{"message":"order","x":' + b"[" * 60_000)
@example(field="signal", body=b'{"metadata":{"a":' + b'{"a":' * 10_000)
@example(field="price_update", body=b'{"EURUSD":' + b"1" * 5_000 + b"}")
@example(field="order", body=b'{"message":"decided","time_ns":' + b"1" * 5_000 + b"}")
def test_any_bytes_give_a_message_or_a_reason(field, body):
    decoded_or_refused(field, body)


@given(
    message=st.sampled_from(MESSAGES),
    key=st.sampled_from(["version", "message", "quantity", "price", "time_ns", "strength", "metadata", "bar", "type"]),
    value=json_values | st.sampled_from(["NaN", "sNaN", "Infinity", "1e999999999", "-1", "0", 10**30, "\ud800"]),
)
@example(message=ORDER, key="quantity", value="1e999999999")
def test_any_value_in_a_message_gives_a_message_or_a_reason(message, key, value):
    body = json.loads(of(message)) | {key: value}

    decoded_or_refused(next(iter(encode(message))), json.dumps(body).encode())


@given(body=st.binary(max_size=60), place=st.integers(0, 400), message=st.sampled_from(MESSAGES))
def test_any_damage_gives_a_message_or_a_reason(body, place, message):
    ((field, whole),) = encode(message).items()

    decoded_or_refused(field, whole[:place] + body + whole[place + len(body) :])


@given(names=st.dictionaries(st.text(max_size=12), st.binary(max_size=12), max_size=4))
def test_any_fields_give_a_message_or_a_reason(names):
    with pytest.raises(StreamError):
        decode(names)


def event(**changes: object) -> bytes:
    return json.dumps(EVENT | changes).encode()


def changed(message: object, /, **changes: object) -> bytes:
    return json.dumps(json.loads(of(message)) | changes).encode()


@pytest.mark.parametrize(
    ("field", "body", "reason"),
    [
        ("signal", b"{", "not JSON"),
        ("signal", b"\xff\xfe", "not JSON"),
        ("signal", b'{"timestamp":"\xff"}', "not UTF-8"),
        ("signal", event(strength=math.nan), "not JSON"),
        ("signal", event(strength="0.5"), "`$.strength`"),
        ("signal", event(strength=1.5), "strength 1.5; 0 to 1"),
        ("signal", event(strength=-0.1), "strength -0.1; 0 to 1"),
        ("signal", event(strength=True), "`$.strength`"),
        ("signal", event(metadata={}), "metadata.symbol"),
        ("signal", event(metadata={"symbol": ""}), "metadata.symbol"),
        ("signal", event(metadata={"symbol": 5}), "metadata.symbol"),
        ("signal", event(metadata="EURUSD"), "`$.metadata`"),
        ("signal", event(signal_type=""), "signal_type"),
        ("signal", event(timestamp="2017-03-06T10:00:00"), "with its zone"),
        ("signal", event(metadata={"symbol": "EURUSD", "gap": 10**400}), "metadata.gap"),
        ("signal", b'{"signal_name":"x"}', "missing required field `timestamp`"),
        ("signal", b"[" * 60_000, "Expected `object`"),
        ("signal", b'{"metadata":' + b'{"a":' * 10_000, "nested too deep"),
        ("signal", b" " * 70_000, "65,536 are allowed"),
        ("price_update", b"{}", "at least one"),
        ("price_update", b'{"EURUSD": 0}', "above zero"),
        ("price_update", b'{"EURUSD": null}', "`$[...]`"),
        ("price_update", b'{"EURUSD": 1e999}', "out of range"),
        ("order", changed(ORDER, version=2, new_key=1), "version 2, newer"),
        ("order", changed(ORDER, version=0), "version 0, no version there ever was"),
        ("order", changed(ORDER, message="modify"), "modify"),
        ("order", changed(ORDER, message="fill"), "fill"),
        ("order", changed(ORDER, limit_prise="1.1"), "limit_prise"),
        ("order", changed(ORDER, side="long"), "`$.side`"),
        ("order", changed(ORDER, quantity="-5"), "quantity -5; a number above zero"),
        ("order", changed(ORDER, quantity="NaN"), "quantity NaN"),
        ("order", changed(ORDER, quantity="1e999999999"), "quantity 1E+999999999"),
        ("order", changed(ORDER, client_order_id=""), "`$.client_order_id`"),
        ("report", changed(FILL, time=2**63), "`$.time`"),
        ("bar", changed(BAR, low=1.15), "within low and high"),
        ("bar", changed(BAR, close=None), "within low and high"),
        ("bar", changed(BAR, kind="none"), "only a 'bar' has prices"),
        ("bar", changed(BAR, volume=-1), "volume -1"),
        ("tick", b'{"message":"tick","symbol":"EURUSD","time_ns":1,"bid":0,"ask":1}', "bid 0"),
        ("columns", changed(MESSAGES[4], indicators={"a": "1.5"}), "indicators"),
        ("command", changed(MESSAGES[14], value=None), "set_limit"),
        ("command", changed(MESSAGES[14], command="explode"), "explode"),
    ],
)
def test_what_is_wrong_is_said(field, body, reason):
    with pytest.raises(StreamError) as refused:
        decode({field: body})

    assert reason in str(refused.value)
    assert f"'{field}'" in str(refused.value)


def test_an_entry_of_no_known_field_is_refused_with_the_nearest_name():
    with pytest.raises(StreamError, match="did you mean 'signal'"):
        decode({"signals": event()})


@pytest.mark.parametrize("fields", [{}, {"signal": event(), "order": of(ORDER)}, {"signal": event(), "other": b""}])
def test_an_entry_has_exactly_one_field(fields):
    with pytest.raises(StreamError, match="one field"):
        decode(fields)


def test_an_event_may_carry_more_than_is_read():
    assert decode({"signal": event(source="a program")}) == Event(**EVENT)


def test_a_larger_message_is_read_where_the_caller_allows_it():
    body = event(metadata={"symbol": "EURUSD", "note": "x" * 70_000})

    assert decode({"signal": body}, most_bytes=100_000).metadata["note"] == "x" * 70_000


@pytest.mark.parametrize(
    "message",
    [
        msgspec.structs.replace(BAR, close=math.nan),
        msgspec.structs.replace(BAR, volume=math.inf),
        msgspec.structs.replace(FILL, fee=math.nan),
        msgspec.structs.replace(ORDER, quantity=Decimal("NaN")),
        msgspec.structs.replace(ORDER, bracket=Bracket(stop_distance=math.inf)),
        msgspec.structs.replace(ORDER, version=2),
        msgspec.structs.replace(EVIDENCE, version=2),
        msgspec.structs.replace(
            EVIDENCE, positions=(BrokerPosition(symbol="A", quantity=Decimal("NaN"), average_price=1.0),)
        ),
        Event(**EVENT | {"strength": math.nan}),
        ColumnsMessage(plan="p" * 70_000, bar=BAR),
    ],
)
def test_what_no_reader_would_accept_is_not_sent(message):
    with pytest.raises(StreamError):
        encode(message)


def test_evidence_may_be_larger_than_other_messages():
    many = msgspec.structs.replace(EVIDENCE, fills=(FILL,) * 1_000)

    assert decode(encode(many)) == many
    with pytest.raises(StreamError, match="1,048,576 are allowed"):
        encode(msgspec.structs.replace(EVIDENCE, fills=(FILL,) * 10_000))


def test_nan_outputs_travel_as_nothing():
    message = ColumnsMessage(plan="p", bar=BAR, indicators={"a": math.nan})

    assert decode_body("columns", encode_body(message)).indicators == {"a": None}


@pytest.mark.parametrize(
    "timestamp",
    [
        "2017-03-06T10:00:00Z",
        "2017-03-06 11:00:00.000+01:00",
        "2017-03-06T05:00-0500",
        1488794400,
        1488794400.0,
        1488794400_000,
        1488794400_000_000,
        1488794400_000_000_000,
    ],
)
def test_an_events_time_is_read_in_every_unit(timestamp):
    # 2017-03-06 is day 17,231 after 1970: 17,231 * 86,400 + 10 * 3,600 = 1,488,794,400
    assert event_time_ns(decode({"signal": event(timestamp=timestamp)})) == 1_488_794_400 * 10**9


def test_an_events_nanoseconds_are_kept():
    assert event_time_ns(Event(**EVENT | {"timestamp": "2017-03-06T10:00:00.123456789Z"})) % 10**9 == 123_456_789
    assert event_time_ns(Event(**EVENT | {"timestamp": 1488794400.1})) % 10**9 == 100_000_000


@pytest.mark.parametrize("timestamp", ["yesterday", "2017-02-30T10:00:00Z", "1488794400", "", 2**63, -(2**70), 10**400])
def test_what_is_no_time_is_refused(timestamp):
    with pytest.raises(StreamError, match="time"):
        decode({"signal": event(timestamp=timestamp)})
