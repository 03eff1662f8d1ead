"""Declarations: the parts of a file that name things: parameters, indicators, signals, constraints, the space of a sweep."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sptrader.errors import RunError
from sptrader.strategy.document import Items, Leaf, Scalar, Table, Value
from sptrader.strategy.faults import Mark, unknown
from sptrader.strategy.fields import text
from sptrader.strategy.parse import RESERVED, Scope, parse_condition
from sptrader.strategy.reader import Field, Fields, Reader, read_table
from sptrader.strategy.readings import PARAMETER
from sptrader.strategy.spec import StrategyParameter
from sptrader.strategy.strategy import holds
from sptrader.strategy.tokens import ExpressionError
from sptrader.strategy.tree import Condition

MAX_SPACE = 100_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_SCALAR_SCHEMA = {"type": ["number", "string", "boolean"]}


def _plain(doc: str, *, is_number: bool) -> Field:
    def read(reader: Reader, value: Value, key: str) -> Scalar | None:
        expected = "a number" if is_number else "a number, a word, true or false"
        found = reader.leaf(value, key, expected)
        if found is None:
            return None
        if is_number and (isinstance(found.value, (bool, str)) or found.value is None):
            reader.fault(value, key, f"was '{found.text}'; expected a number.")
            return None
        if isinstance(found.value, str) and "$" in found.value:
            reader.fault(value, key, f"was '{found.text}'; a parameter cannot be made of another one.")
            return None
        return found.value

    return Field(read, {"type": "number"} if is_number else _SCALAR_SCHEMA, doc)


def _choices(doc: str) -> Field:
    def read(reader: Reader, value: Value, key: str) -> tuple[Scalar, ...] | None:
        if not isinstance(value, Items) or not value.values:
            reader.fault(value, key, "expected a list of values.")
            return None
        found = [_plain(doc, is_number=False).read(reader, item, key) for item in value.values]
        return tuple(item for item in found if item is not None)

    return Field(read, {"type": "array", "items": _SCALAR_SCHEMA, "minItems": 1}, doc)


PARAMETER_KEYS: Fields = {
    "default": _plain("The value when none is given.", is_number=False),
    "min": _plain("The lowest value allowed.", is_number=True),
    "max": _plain("The highest value allowed.", is_number=True),
    "step": _plain("The step of forms and sweeps.", is_number=True),
    "choices": _choices("The only values allowed."),
    "description": text("What it means."),
}
RANGE_KEYS: Fields = {
    "min": _plain("First value.", is_number=True),
    "max": _plain("Last value at most.", is_number=True),
    "step": _plain("Distance of two values.", is_number=True),
}


def read_parameters(document: Table, reader: Reader) -> dict[str, StrategyParameter]:
    """Return the declared parameters."""
    found: dict[str, StrategyParameter] = {}
    for name, value, key, _ in _named(document, reader, "parameters"):
        if isinstance(value, Table):
            facts = read_table(reader, value, key, PARAMETER_KEYS)
            if "default" not in value:
                reader.fault(value, key, "default is missing; expected {default: 12, min: 5, max: 50}.")
            if "default" in facts:
                found[name] = _parameter(reader, name, value, key, facts)
        else:
            default = PARAMETER_KEYS["default"].read(reader, value, key)
            if default is not None:
                found[name] = StrategyParameter(name, default)
        found.setdefault(name, StrategyParameter(name, 1))  # so that what names it is not at fault as well
    return found


def _parameter(reader: Reader, name: str, value: Table, key: str, facts: dict[str, Any]) -> StrategyParameter:
    low, high = facts.get("min"), facts.get("max")
    parameter = StrategyParameter(
        name, facts["default"], low, high, facts.get("step"), facts.get("choices", ()), facts.get("description", "")
    )
    bounds = [bound for bound in ("min", "max", "step") if bound in facts]
    if bounds and isinstance(parameter.default, (bool, str)):
        reader.fault(value.marks[bounds[0]], f"{key}.{bounds[0]}", "only numbers have bounds.")
        return StrategyParameter(name, parameter.default, choices=parameter.choices)
    if low is not None and high is not None and low > high:
        reader.fault(value.values["min"], f"{key}.min", f"was {low}, above max {high}.")
    elif facts.get("step", 1) <= 0:
        reader.fault(value.values["step"], f"{key}.step", f"was {facts['step']}; allowed is a number above 0.")
    else:
        try:
            parameter.check(parameter.default)
        except RunError as error:
            reader.fault(value.values["default"], f"{key}.default", str(error))
    return parameter


def component_names(document: Table, reader: Reader) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of indicators and of signals; names that are wrong or given twice are faults."""
    found: dict[str, set[str]] = {"indicators": set(), "signals": set()}
    for section in found:
        for name, value, key, mark in _named(document, reader, section):
            if name in RESERVED:
                reader.fault(mark, key, f"'{name}' is a word of the language.")
            elif section == "signals" and name in found["indicators"]:
                reader.fault(mark, key, f"'{name}' is an indicator already; names must differ.")
            found[section].add(name)
            _check_type(reader, value, key)
    return frozenset(found["indicators"]), frozenset(found["signals"])


def _check_type(reader: Reader, value: Value, key: str) -> None:
    if not isinstance(value, Table) or "type" not in value:
        reader.fault(value, key, "expected a mapping with the component as type, such as {type: ema, period: 20}.")
        return
    given = value.values["type"]
    if not isinstance(given, Leaf) or not given.text or given.text.startswith("$"):
        reader.fault(given, f"{key}.type", "expected the name of a component, such as ema or talib.RSI.")
    for argument, inner in value.values.items():
        if not isinstance(inner, Leaf):
            reader.fault(inner, f"{key}.{argument}", "expected a number, a word or the name of a column.")
        elif match := PARAMETER.fullmatch(inner.text.strip()):
            reader.parameter(match[1], inner, f"{key}.{argument}")


def _named(document: Table, reader: Reader, section: str) -> Iterator[tuple[str, Value, str, Mark]]:
    table = document.get(section)
    if table is None or (isinstance(table, Leaf) and table.value is None):
        return
    if not isinstance(table, Table):
        reader.fault(table, section, "expected a mapping of names.")
        return
    for name, value in table.values.items():
        key = f"{section}.{name}"
        if not _NAME.fullmatch(name):
            reader.fault(table.marks[name], key, f"'{name}' is not a name; use letters, digits and _, such as fast_ma.")
            continue
        yield name, value, key, table.marks[name]


def read_constraints(document: Table, reader: Reader) -> tuple[Condition, ...]:
    """Return the conditions over parameters (`fast < slow`); one that the defaults break is a fault."""
    value = document.get("constraints")
    if value is None:
        return ()
    leaves = value.values if isinstance(value, Items) else (value,)
    numbers = {name: v for name, v in reader.scope.parameters.items() if not isinstance(v, str)}
    scope = Scope(columns=frozenset(numbers))
    found: list[Condition] = []
    for i, item in enumerate(leaves):
        key = f"constraints[{i}]"
        leaf = reader.leaf(item, key, "a condition over parameters such as fast < slow")
        if leaf is None:
            continue
        try:
            condition = parse_condition(leaf.text.replace("$", ""), scope)
        except ExpressionError as fault:
            reader.expression_fault(leaf, key, fault)
            continue
        found.append(condition)
        if not holds(condition, numbers):
            reader.fault(leaf, key, f"the defaults break '{condition}'.")
    return tuple(found)


def read_space(
    document: Table, reader: Reader, parameters: Mapping[str, StrategyParameter]
) -> dict[str, tuple[Scalar, ...]]:
    """Return the values each parameter of `optimize` takes."""
    found: dict[str, tuple[Scalar, ...]] = {}
    for name, value, key, mark in _named(document, reader, "optimize"):
        if name not in parameters:
            reader.fault(mark, key, unknown("parameter", name, parameters, label="Declared"))
            continue
        if isinstance(value, Table):
            given: tuple[Scalar | None, ...] = _range(reader, value, key)
        elif isinstance(value, Items) and value.values:
            given = tuple(_plain("", is_number=False).read(reader, item, key) for item in value.values)
        else:
            reader.fault(value, key, "expected a list of values or {min: 20, max: 200, step: 20}.")
            continue
        checked: list[Scalar] = []
        for item in given:
            try:
                if item is not None:
                    checked.append(parameters[name].check(item))
            except RunError as error:
                reader.fault(value, key, str(error))
                break
        found[name] = tuple(checked)
    return found


def _range(reader: Reader, value: Table, key: str) -> tuple[Scalar, ...]:
    """Return min, min + step, ... up to max, exact in decimals."""
    facts = read_table(reader, value, key, RANGE_KEYS)
    missing = [name for name in RANGE_KEYS if name not in value]
    if missing:
        reader.fault(value, key, f"{', '.join(missing)} is missing; expected {{min: 20, max: 200, step: 20}}.")
    if len(facts) < len(RANGE_KEYS):
        return ()
    try:
        low, high, step = (Decimal(str(facts[name])) for name in RANGE_KEYS)
    except InvalidOperation:
        return ()
    if step <= 0 or high < low or (high - low) / step >= MAX_SPACE:
        sentence = (
            f"was {low} to {high} by {step}; allowed is min <= max, a step above 0 and at most {MAX_SPACE:,} values."
        )
        reader.fault(value, key, sentence)
        return ()
    numbers = (low + i * step for i in range(int((high - low) / step) + 1))
    is_whole = all(isinstance(facts[name], int) for name in RANGE_KEYS)
    return tuple(int(number) if is_whole else float(number) for number in numbers)
