"""The schema: a JSON Schema of strategy files for editors, made from the tables that read them."""

from __future__ import annotations

from typing import Any

from sptrader.strategy.conditions import GROUP_KEYS
from sptrader.strategy.declarations import PARAMETER_KEYS, RANGE_KEYS
from sptrader.strategy.distances import ORDER
from sptrader.strategy.loader import TOP
from sptrader.strategy.reader import Fields
from sptrader.strategy.sections import ENTRY_SIDE, EXIT_SIDE, SECTIONS

_SCALAR: dict[str, Any] = {"type": ["number", "string", "boolean"]}
_CONDITION = {"$ref": "#/$defs/condition"}
_CONDITIONS = {"type": "array", "items": _CONDITION, "minItems": 1}
_TEXT = {"type": "string"}
_BARS = {"type": ["integer", "string"], "examples": ["2 bars"]}


def strategy_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a strategy file.

    It knows keys, shapes and enumerations; bounds, names and expressions are checked by `load_strategy`.
    """
    top = _object(TOP, "A strategy of sptrader.")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sptrader strategy",
        **top,
        "required": [*top["required"], "market", "entry", "sizing"],
        "$defs": {
            **{name: _object(fields, doc) for name, (doc, fields) in SECTIONS.items()},
            "entry_side": _object(ENTRY_SIDE, "When to enter."),
            "exit_side": _object(EXIT_SIDE, "When to leave."),
            "order": {**_object(ORDER, "How an entry is sent."), "required": ["type"]},
            "condition": _condition(),
            "parameters": _named({"anyOf": [_SCALAR, {**_object(PARAMETER_KEYS, ""), "required": ["default"]}]}),
            "constraints": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
            "indicators": _named(_component()),
            "signals": _named(_component()),
            "optimize": _named({"anyOf": [{"type": "array", "items": _SCALAR, "minItems": 1}, _range()]}),
            "instrument": {"type": "object", "additionalProperties": {"type": ["number", "string"]}},
        },
    }


def _object(fields: Fields, doc: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "additionalProperties": False}
    if doc:
        found["description"] = doc
    found["properties"] = {name: {"description": field.doc, **field.schema} for name, field in fields.items()}
    found["required"] = [name for name, field in fields.items() if field.is_required]
    return found


def _named(value: dict[str, Any]) -> dict[str, Any]:
    names = {"pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$"}
    return {"type": "object", "propertyNames": names, "additionalProperties": value}


def _component() -> dict[str, Any]:
    return {"type": "object", "properties": {"type": _TEXT}, "required": ["type"], "additionalProperties": _SCALAR}


def _range() -> dict[str, Any]:
    return {**_object(RANGE_KEYS, "min, min + step, ... up to max."), "required": list(RANGE_KEYS)}


def _condition() -> dict[str, Any]:
    shapes = {"all": _CONDITIONS, "any": _CONDITIONS, "not": _CONDITION}
    groups = [
        {"type": "object", "properties": {g: shapes[g], "for": _BARS}, "required": [g], "additionalProperties": False}
        for g in GROUP_KEYS
    ]
    signal = {
        "type": "object",
        "additionalProperties": False,
        "required": ["signal"],
        "properties": {
            "signal": _TEXT,
            "type": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]},
            "strength": {**_TEXT, "examples": ["> 0.1"]},
            "outputs": {"type": "object", "additionalProperties": _TEXT},
            "for": _BARS,
        },
    }
    return {"anyOf": [{**_TEXT, "examples": ["close > slow_ma for 2 bars"]}, _CONDITIONS, signal, *groups]}
