"""Conditions: YAML's lists, `all any not`, signal tests and expressions, read into one condition."""

from __future__ import annotations

import re

from sptrader.strategy.document import Items, Leaf, Table, Value
from sptrader.strategy.faults import unknown
from sptrader.strategy.fields import count
from sptrader.strategy.parse import MAX_WINDOW
from sptrader.strategy.reader import Reader
from sptrader.strategy.tree import All, Any, Condition, Lasting, Not, SignalTest, conjunction, walk

MAX_PARTS = 2000
SIGNAL_KEYS = ("signal", "type", "strength", "outputs", "for")
GROUP_KEYS = ("all", "any", "not")
_EXPECTED = "a condition: a list, an expression, {all: ...}, {any: ...}, {not: ...} or {signal: ..., type: ...}"
_LASTING = count("On how many consecutive bars it must hold.", high=MAX_WINDOW, unit="bars")
_COMPARISON = re.compile(r"\s*(<=|>=|==|!=|<|>)")


def read_condition(reader: Reader, value: Value, key: str) -> Condition | None:
    """Return the condition `value` describes; None when it has a fault."""
    found = _condition(reader, value, key)
    if found is not None and sum(1 for _ in walk(found)) > MAX_PARTS:
        reader.fault(value, key, f"the condition has more than {MAX_PARTS:,} parts.")
        return None
    return found


def _condition(reader: Reader, value: Value, key: str) -> Condition | None:
    if isinstance(value, Items):
        return _all(reader, value, key)
    if isinstance(value, Leaf):
        if value.value is None or isinstance(value.value, bool):
            reader.fault(value, key, f"was {value.text or 'empty'}; expected {_EXPECTED}.")
            return None
        return reader.condition(value, key)
    if "signal" in value:
        return _signal(reader, value, key)
    groups = [name for name in value if name in GROUP_KEYS]
    for name in value:
        if name not in (*GROUP_KEYS, "for"):
            allowed = (*GROUP_KEYS, "for") if groups else (*GROUP_KEYS, *SIGNAL_KEYS)
            reader.fault(value.marks[name], f"{key}.{name}", unknown("key", name, allowed))
    if len(groups) != 1:
        if groups or not value.values:
            reader.fault(value, key, f"one of all, any, not is needed, {len(groups)} were given; expected {_EXPECTED}.")
        return None
    return _lasting(reader, value, key, _group(reader, groups[0], value.values[groups[0]], f"{key}.{groups[0]}"))


def _group(reader: Reader, name: str, value: Value, key: str) -> Condition | None:
    if name == "not":
        found = _condition(reader, value, key)
        return None if found is None else Not(found)
    if not isinstance(value, Items):
        reader.fault(value, key, "expected a list of conditions.")
        return None
    if name == "all":
        return _all(reader, value, key)
    terms = _terms(reader, value, key)
    return None if terms is None else terms[0] if len(terms) == 1 else Any(terms)


def _all(reader: Reader, value: Items, key: str) -> Condition | None:
    terms = _terms(reader, value, key)
    return None if terms is None else conjunction(terms)


def _terms(reader: Reader, value: Items, key: str) -> tuple[Condition, ...] | None:
    if not value.values:
        reader.fault(value, key, "the list is empty; expected at least one condition.")
        return None
    found = [_condition(reader, item, f"{key}[{i}]") for i, item in enumerate(value.values)]
    terms = tuple(term for term in found if term is not None)
    return terms if len(terms) == len(found) else None


def _lasting(reader: Reader, value: Table, key: str, term: Condition | None) -> Condition | None:
    wanted = value.get("for")
    if wanted is None:
        return term
    bars = _LASTING.read(reader, wanted, f"{key}.for")
    return None if term is None or bars is None else Lasting(term, bars)


def _signal(reader: Reader, value: Table, key: str) -> Condition | None:
    n_faults = len(reader.faults.found)
    for name in value:
        if name not in SIGNAL_KEYS:
            reader.fault(value.marks[name], f"{key}.{name}", unknown("key", name, SIGNAL_KEYS))
    named = reader.leaf(value.values["signal"], f"{key}.signal", "the name of a signal")
    if named is not None and named.text not in reader.scope.signals:
        sentence = unknown("signal", named.text, sorted(reader.scope.signals), label="Known signals")
        reader.fault(named, f"{key}.signal", sentence)
    signal = "" if named is None else named.text
    terms: list[Condition | None] = [SignalTest(signal, _types(reader, value, key))]
    if (strength := value.get("strength")) is not None:
        terms.append(_output(reader, strength, f"{key}.strength", f"{signal}.strength"))
    outputs = value.get("outputs")
    if isinstance(outputs, Table):
        terms += [_output(reader, v, f"{key}.outputs.{n}", f"{signal}.{n}") for n, v in outputs.values.items()]
    elif outputs is not None:
        reader.fault(
            outputs, f"{key}.outputs", "expected a mapping of output names to comparisons, such as {gap: '> 0.5'}."
        )
    known = tuple(term for term in terms if term is not None)
    found = _lasting(reader, value, key, conjunction(known))
    return found if len(reader.faults.found) == n_faults else None


def _types(reader: Reader, value: Table, key: str) -> tuple[str, ...]:
    given = value.get("type")
    if given is None:
        return ()
    items = given.values if isinstance(given, Items) else (given,)
    words = [reader.scalar(item, f"{key}.type", "the name of an event, or a list of them") for item in items]
    if not items:
        reader.fault(given, f"{key}.type", "the list is empty; expected the name of an event.")
    return tuple(str(word) for word in words if word is not None)


def _output(reader: Reader, value: Value, key: str, column: str) -> Condition | None:
    found = reader.leaf(value, key, "a comparison such as '> 0.1'")
    if found is None:
        return None
    if not _COMPARISON.match(found.text):
        reader.fault(found, key, f"was '{found.text}'; expected a comparison such as '> 0.1'.")
        return None
    if column.split(".")[0] not in reader.scope.signals:
        return None
    return reader.condition(found, key, prefix=f"{column} ")


def strength_signals(condition: Condition) -> tuple[str, ...]:
    """Return the signals whose events `condition` asks for (not those it excludes), each once, in order."""
    found: dict[str, None] = {}
    waiting: list[tuple[Condition, bool]] = [(condition, True)]
    while waiting:
        node, is_wanted = waiting.pop(0)
        if isinstance(node, SignalTest) and is_wanted:
            found[node.signal] = None
        elif isinstance(node, Not):
            waiting.insert(0, (node.term, not is_wanted))
        elif isinstance(node, Lasting):
            waiting.insert(0, (node.term, is_wanted))
        elif isinstance(node, (All, Any)):
            waiting[:0] = [(term, is_wanted) for term in node.terms]
    return tuple(found)
