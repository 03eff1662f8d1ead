"""Distances, slippage, commission and entry orders: the values that mix numbers, units and expressions."""

from __future__ import annotations

import re
from typing import Any, Literal

from sptrader.strategy.document import Leaf, Table, Value, hundredth
from sptrader.strategy.fields import NUMBER_OR_TEXT, choice, count, fraction, number
from sptrader.strategy.reader import Field, Fields, Reader, read_table
from sptrader.strategy.spec import ORDER_TYPES, TIMES_IN_FORCE, Commission, Distance, OrderSpec, Slippage

_SIMPLE = re.compile(
    r"\s*(?:[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?|\$[A-Za-z_]\w*)\s*(?:%|pips?)?\s*", re.ASCII
)
_EXPECTED = "a distance such as 2%, 20 pips or 2 * atr"
_FIXED = "a distance such as 2% or 20 pips"

_TYPED: Fields = {
    "type": choice("The unit of `value`.", ("percentage", "pips", "price")),
    "value": number("The distance; a percentage is written as a fraction, 0.02 for 2%.", low_open=False),
}


def distance(doc: str, *, may_be_zero: bool = False, may_vary: bool = True) -> Field:
    """A price distance: `2%`, `20 pips`, `0.0015` (price units), an expression when it `may_vary`, or {type, value}."""

    def read(reader: Reader, value: Value, key: str) -> Distance | None:
        if isinstance(value, Table):
            found = _typed(reader, value, key)
        elif isinstance(value, Leaf) and not _SIMPLE.fullmatch(value.text) and may_vary and value.value is not None:
            expression = reader.expression(value, key, _EXPECTED)
            return None if expression is None else Distance("expression", float("nan"), expression)
        else:
            found = _simple(reader, value, key, _EXPECTED if may_vary else _FIXED)
        if found is None:
            return None
        if found.value < 0.0 or (found.value == 0.0 and not may_be_zero):
            reader.fault(
                value, key, f"was {found}; allowed is a distance {'of at least' if may_be_zero else 'above'} 0."
            )
            return None
        if found.kind == "fraction" and found.value >= 1.0:
            reader.fault(value, key, f"was {found}; allowed is less than 100% of the price.")
            return None
        return found

    shape = {"type": "object", "properties": {n: dict(f.schema) for n, f in _TYPED.items()}, "required": list(_TYPED)}
    return Field(read, {"anyOf": [{"type": NUMBER_OR_TEXT, "examples": ["2%", "20 pips", "2 * atr"]}, shape]}, doc)


def _simple(reader: Reader, value: Value, key: str, expected: str) -> Distance | None:
    found = reader.amount(value, key, expected)
    if found is None:
        return None
    amount, unit = found
    if unit == "%":
        return Distance("fraction", hundredth(amount))
    if unit in ("pips", "pip"):
        return Distance("pips", amount)
    if unit:
        reader.fault(value, key, f"was {amount:g} {unit}; expected {expected}.")
        return None
    return Distance("price", amount)


def _typed(reader: Reader, value: Table, key: str) -> Distance | None:
    found = read_table(reader, value, key, _TYPED)
    for name in _TYPED:
        if name not in value:
            reader.fault(value, key, f"'{name}' is missing; expected {{type: percentage, value: 0.02}}.")
    if len(found) < 2:
        return None
    kinds: dict[str, Literal["fraction", "pips", "price"]] = {
        "percentage": "fraction",
        "pips": "pips",
        "price": "price",
    }
    return Distance(kinds[found["type"]], found["value"])


_SLIPPAGE: Fields = {
    "type": choice("What `value` is a share of.", ("fixed", "range", "volume_share")),
    "value": number("Price units for fixed, else a fraction.", low_open=False, high=1e6),
}


_SLIPPAGE_UNITS: dict[str, Literal["price", "pips", "range_fraction"]] = {
    "": "price",
    "pips": "pips",
    "pip": "pips",
    "% of range": "range_fraction",
}


def slippage(doc: str) -> Field:
    """`0.1 pips`, `0.00002` (price units), `5% of range`, or {type: volume_share, value: 0.1}."""
    expected = "a slippage such as 0.1 pips, 5% of range or {type: volume_share, value: 0.1}"

    def read(reader: Reader, value: Value, key: str) -> Slippage | None:
        if isinstance(value, Table):
            found = read_table(reader, value, key, _SLIPPAGE)
            if len(found) == 2:
                kinds: dict[str, Any] = {"fixed": "price", "range": "range_fraction", "volume_share": "volume_share"}
                return Slippage(kinds[found["type"]], found["value"])
            reader.fault(value, key, f"expected {expected}.")
            return None
        amount = reader.amount(value, key, expected)
        if amount is None:
            return None
        size, unit = amount
        kind = _SLIPPAGE_UNITS.get(" ".join(unit.split()))
        if kind is None or size < 0.0 or (unit.startswith("%") and size > 100.0):
            reader.fault(value, key, f"was {size:g} {unit}; expected {expected}, 0 or more.")
            return None
        return Slippage(kind, hundredth(size) if unit.startswith("%") else size)

    return Field(read, {"type": [*NUMBER_OR_TEXT, "object"], "examples": ["0.1 pips", "5% of range"]}, doc)


_COMMISSION: Fields = {
    "percent": fraction("Of the notional, such as 0.002%.", high=0.1, low_open=False),
    "per_lot": number("For each lot, account currency.", low_open=False, high=1e6),
    "minimum": number("At least this much for each fill, account currency.", low_open=False, high=1e6),
}


def commission(doc: str) -> Field:
    """`0.002%` of notional, `3.5 per lot`, or {percent, per_lot, minimum}."""
    expected = "a commission such as 0.002%, 3.5 per lot or {percent: 0.002%, minimum: 2}"

    def read(reader: Reader, value: Value, key: str) -> Commission | None:
        if isinstance(value, Table):
            found = read_table(reader, value, key, _COMMISSION)
            return Commission(found.get("percent", 0.0), found.get("per_lot", 0.0), found.get("minimum", 0.0))
        amount = reader.amount(value, key, expected)
        if amount is None:
            return None
        size, unit = amount
        if " ".join(unit.split()) == "per lot" and size >= 0.0:
            return Commission(per_lot=size)
        share = hundredth(size) if unit == "%" else size
        if unit not in ("", "%") or not 0.0 <= share <= 0.1:
            reader.fault(value, key, f"was {size:g} {unit}; expected {expected}; a share is at most 10%.")
            return None
        return Commission(fraction=share)

    return Field(read, {"type": [*NUMBER_OR_TEXT, "object"], "examples": ["0.002%", "3.5 per lot"]}, doc)


def price(doc: str) -> Field:
    """An expression in price units."""

    def read(reader: Reader, value: Value, key: str) -> Any:
        return reader.expression(value, key, "a price such as close - 0.5 * atr")

    return Field(read, {"type": NUMBER_OR_TEXT, "examples": ["close - 0.5 * atr"]}, doc)


ORDER: Fields = {
    "type": choice("What is sent.", ORDER_TYPES),
    "price": price("The limit price of limit and stop_limit orders."),
    "stop_price": price("The price that sets off stop and stop_limit orders."),
    "expires": count("How many bars the order may wait.", high=100_000, unit="bars"),
    "time_in_force": choice("Until cancelled, until the session's end, or the first bar only.", TIMES_IN_FORCE),
}
_PRICES = {"market": (), "limit": ("price",), "stop": ("stop_price",), "stop_limit": ("price", "stop_price")}


def order(doc: str) -> Field:
    """`market`, or {type: limit, price: close - 0.5 * atr, expires: 3 bars}."""

    def read(reader: Reader, value: Value, key: str) -> OrderSpec | None:
        if isinstance(value, Leaf):
            kind = ORDER["type"].read(reader, value, key)
            if kind is not None and kind != "market":
                reader.fault(
                    value, key, f"a {kind} order needs {' and '.join(_PRICES[kind])}, as in {{type: {kind}, ...}}."
                )
            return OrderSpec() if kind == "market" else None
        found = read_table(reader, value, key, ORDER)
        if not isinstance(value, Table) or "type" not in found:
            if isinstance(value, Table) and "type" not in value:
                reader.fault(value, key, f"type is missing; expected one of {', '.join(ORDER_TYPES)}.")
            return None
        kind = found["type"]
        for name in ("price", "stop_price"):
            if name in _PRICES[kind] and name not in value:
                reader.fault(value, key, f"a {kind} order needs {name}.")
            elif name not in _PRICES[kind] and name in value:
                needs = " and ".join(_PRICES[kind]) or "no price"
                reader.fault(value.marks[name], f"{key}.{name}", f"a {kind} order has no {name}; it needs {needs}.")
        if kind == "market" and "expires" in value:
            reader.fault(value.marks["expires"], f"{key}.expires", "a market order does not wait.")
        return OrderSpec(
            kind,
            found.get("price"),
            found.get("stop_price"),
            found.get("expires"),
            found.get("time_in_force", "gtc"),
        )

    return Field(read, {"anyOf": [{"const": "market"}, {"$ref": "#/$defs/order"}]}, doc)
