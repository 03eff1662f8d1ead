"""The reader: walks one section's keys by a table of fields, so that keys, bounds, documentation and schema stand once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sptrader.errors import did_you_mean
from sptrader.strategy.document import Items, Leaf, Scalar, Table, Value
from sptrader.strategy.faults import Faults, Mark, unknown
from sptrader.strategy.parse import Scope, parse_condition, parse_expression
from sptrader.strategy.readings import PARAMETER, Readings
from sptrader.strategy.tokens import ExpressionError
from sptrader.strategy.tree import Condition, Expression, column_names

_AMOUNT = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)|\$(?P<parameter>[A-Za-z_]\w*))\s*(?P<unit>.*?)\s*",
    re.ASCII | re.DOTALL,
)
T = TypeVar("T")


@dataclass(frozen=True)
class Reference:
    """A column named somewhere in the file, to be compared with what its component really has."""

    name: str
    mark: Mark
    key: str


@dataclass
class Reader:
    """Reads values with the parameters' values put in; what is wrong goes to `faults`.

    `references` collects the columns that were named. With `readings` a part is read once for the same values in it.
    """

    faults: Faults
    scope: Scope = field(default_factory=Scope)
    references: list[Reference] = field(default_factory=list)
    readings: Readings | None = None

    def once(self, place: Value, key: str, read: Callable[[], T]) -> T:
        """Return what `read` gives of the part at `place`, or gave before; a part with a fault is read anew each time."""
        if self.readings is None:
            return read()
        kept, kept_by = self.readings.kept, self.readings.key(place, key, self.scope.parameters)
        known: tuple[T, list[Reference]] | None = kept.get(kept_by)
        if known is not None:
            self.references += known[1]
            return known[0]
        n_references = len(self.references)
        found = read()
        if not self.faults.found:
            kept.put(kept_by, (found, self.references[n_references:]))
        return found

    def fault(self, place: Value | Mark, key: str, sentence: str) -> None:
        """Note a fault at `place`."""
        self.faults.add(place if isinstance(place, Mark) else place.mark, key, sentence)

    def leaf(self, value: Value, key: str, expected: str) -> Leaf | None:
        """Return `value` when it is a scalar that says something."""
        if isinstance(value, Leaf) and value.value is not None:
            return value
        was = {Items: "a list", Table: "a mapping"}.get(type(value), "empty")
        self.fault(value, key, f"was {was}; expected {expected}.")
        return None

    def parameter(self, name: str, place: Value, key: str) -> Scalar | None:
        """Return the value of parameter `name`."""
        if name in self.scope.parameters:
            return self.scope.parameters[name]
        near = did_you_mean(name, self.scope.parameters) or "."
        known = ", ".join(self.scope.parameters) or "none"
        self.fault(place, key, f"parameter '${name}' is not declared{near} Declared: {known}.")
        return None

    def scalar(self, value: Value, key: str, expected: str) -> Scalar | None:
        """Return a scalar, that of the parameter when it is written `$name`."""
        found = self.leaf(value, key, expected)
        if found is None:
            return None
        match = PARAMETER.fullmatch(found.text.strip())
        return self.parameter(match[1], value, key) if match else found.value

    def amount(self, value: Value, key: str, expected: str) -> tuple[float, str] | None:
        """Return a number (or a `$parameter`) and the unit after it, "" when there is none."""
        found = self.leaf(value, key, expected)
        match = None if found is None or isinstance(found.value, bool) else _AMOUNT.fullmatch(found.text)
        if found is None:
            return None
        if match is None:
            self.fault(value, key, f"was '{found.text}'; expected {expected}.")
            return None
        number: Scalar | None
        if match["parameter"]:
            number = self.parameter(match["parameter"], value, key)
            if number is None:
                return None
        else:
            number = float(match["number"])
        if isinstance(number, (bool, str)) or abs(number) == float("inf"):
            self.fault(value, key, f"was '{found.text}', which is {number!r}; expected {expected}.")
            return None
        return float(number), match["unit"]

    def expression(self, value: Value, key: str, expected: str) -> Expression | None:
        """Return the numbers per bar that `value` describes."""
        found = self.leaf(value, key, expected)
        if found is None:
            return None
        try:
            tree = parse_expression(found.text, self.scope)
        except ExpressionError as fault:
            self.expression_fault(found, key, fault)
            return None
        self.note_names(tree, found, key)
        return tree

    def condition(self, found: Leaf, key: str, *, prefix: str = "") -> Condition | None:
        """Return the truth per bar that `prefix` and the text of `found` describe together."""
        return self.once(found, key, lambda: self._condition(found, key, prefix))

    def _condition(self, found: Leaf, key: str, prefix: str) -> Condition | None:
        try:
            tree = parse_condition(prefix + found.text, self.scope)
        except ExpressionError as fault:
            self.expression_fault(found, key, fault, shift=len(prefix))
            return None
        self.note_names(tree, found, key)
        return tree

    def expression_fault(self, found: Leaf, key: str, fault: ExpressionError, *, shift: int = 0) -> None:
        """Note what is wrong with an expression, at the character where it is when the text stands in one line."""
        offset = max(fault.offset - shift, 0) + (1 if found.is_quoted else 0)
        mark = found.mark if "\n" in found.text else Mark(found.mark.line, found.mark.column + offset)
        is_cut = not found.is_quoted and found.text.count("(") > found.text.count(")")
        hint = " Inside { } and [ ] an expression with a comma needs quotes." if is_cut else ""
        self.fault(mark, key, f"{fault.sentence} (in '{found.text}'){hint}")

    def note_names(self, tree: Expression | Condition, found: Leaf, key: str) -> None:
        """Remember which columns an expression named."""
        self.references += [Reference(name, found.mark, key) for name in column_names(tree)]


@dataclass(frozen=True)
class Field:
    """One key of a section: how its value is read (None is a fault already noted), its JSON Schema and what it means."""

    read: Callable[[Reader, Value, str], Any]
    schema: Mapping[str, Any]
    doc: str
    is_required: bool = False


Fields = Mapping[str, Field]


def read_table(reader: Reader, value: Value, key: str, fields: Fields) -> dict[str, Any]:
    """Return what each key of the mapping `value` says; keys that are wrong, missing or not given are left out."""
    if not isinstance(value, Table):
        reader.fault(value, key, f"expected a mapping with the keys {', '.join(fields)}.")
        return {}
    found: dict[str, Any] = {}
    for name, inner in value.values.items():
        path = f"{key}.{name}" if key else name
        if name not in fields:
            reader.fault(value.marks[name], path, unknown("key", name, fields))
            continue
        result = _value(reader, fields[name], inner, path)
        if result is not None:
            found[name] = result
    for name, wanted in fields.items():
        if wanted.is_required and name not in value:
            path = f"{key}.{name}" if key else name
            reader.fault(value.mark, path, f"is missing; expected {wanted.doc[0].lower()}{wanted.doc[1:].rstrip('.')}.")
    return found


def _value(reader: Reader, entry: Field, value: Value, key: str) -> Any:
    return reader.once(value, key, lambda: entry.read(reader, value, key))
