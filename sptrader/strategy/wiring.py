"""Wiring: the indicators and signals of a strategy as calls of components, in an order in which each finds its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sptrader.components.contract import Component
from sptrader.errors import ComponentError
from sptrader.model.bars import MARKET_COLUMNS
from sptrader.strategy.document import Leaf, Scalar, Table, Value
from sptrader.strategy.faults import unknown
from sptrader.strategy.reader import Reader, Reference
from sptrader.strategy.readings import PARAMETER

SECTIONS = {"indicators": "indicator", "signals": "signal"}


class Components(Protocol):
    """Where components are found by name; `sptrader.components.Registry` is one."""

    def get(self, name: str) -> Component:
        """Return the component `name`; raise `ComponentError` naming the nearest when there is none."""
        ...


@dataclass(frozen=True)
class ComponentCall:
    """One indicator or signal of a strategy: `name` in the file, its component, and all parameters with their values.

    `wires` tells the column each connected argument reads: `{"fast": "fast_ma", "x": "bb.upper", "y": "close"}`. Besides
    the component's own wires it may hold market inputs that were connected to something else (`{"close": "rsi"}`).
    """

    name: str
    component: Component
    parameters: Mapping[str, Scalar]
    wires: Mapping[str, str]

    @property
    def needs(self) -> tuple[str, ...]:
        """The names in the file this call reads: indicators, signals and market columns, without their outputs."""
        return tuple(dict.fromkeys(column.split(".")[0] for column in self.wires.values()))


def wire(document: Table, reader: Reader, registry: Components) -> tuple[ComponentCall, ...]:
    """Return the calls of all components in the order of dependency, else of the file; faults go to the reader."""
    calls: dict[str, ComponentCall] = {}
    for section, kind in SECTIONS.items():
        for name, table, key in _entries(document, section):
            call = reader.once(table, key, partial(_call, reader, registry, kind, name, table, key))
            if call is not None:
                calls[name] = call
    for reference in reader.references:
        _check_output(reader, reference, calls)
    return _ordered(document, reader, calls)


def lookbacks(calls: tuple[ComponentCall, ...]) -> dict[str, int]:
    """Return how many bars before t the columns of each call need, those of its inputs included."""
    found: dict[str, int] = {}
    for call in calls:
        below = max((found.get(name, 0) for name in call.needs), default=0)
        found[call.name] = call.component.lookback(call.parameters) + below
    return found


def _entries(document: Table, section: str) -> list[tuple[str, Table, str]]:
    table = document.get(section)
    inner = table.values if isinstance(table, Table) else {}
    return [(name, entry, f"{section}.{name}") for name, entry in inner.items() if isinstance(entry, Table)]


def _call(reader: Reader, registry: Components, kind: str, name: str, table: Table, key: str) -> ComponentCall | None:
    type_leaf = table.get("type")
    if not isinstance(type_leaf, Leaf) or not type_leaf.text:
        return None  # noted when the file was read
    try:
        component = registry.get(type_leaf.text)
    except ComponentError as error:
        reader.fault(type_leaf, f"{key}.type", str(error))
        return None
    if component.kind != kind:
        article = "an" if component.kind == "indicator" else "a"
        sentence = f"'{component.name}' is {article} {component.kind}; it belongs under {component.kind}s."
        reader.fault(type_leaf, f"{key}.type", sentence)
        return None
    n_faults = len(reader.faults.found)
    wires: dict[str, str] = {}
    given: dict[str, Scalar] = {}
    connectable = (*component.wires, *component.sources)
    for argument, value in table.values.items():
        path = f"{key}.{argument}"
        if argument == "type":
            continue
        if argument in component.parameters:
            scalar = reader.scalar(value, path, component.parameters[argument].allowed())
            if scalar is not None:
                given[argument] = scalar
        elif argument in connectable:
            column = _column(reader, value, path)
            if column is not None:
                wires[argument] = column
        else:
            sentence = unknown(f"argument of {type_leaf.text}", argument, (*connectable, *component.parameters))
            reader.fault(table.marks[argument], path, sentence)
    for argument in component.wires:
        if argument not in table:
            sentence = (
                f"{type_leaf.text} needs '{argument}'; wire it to a column, as in {argument}: {_example(reader)}."
            )
            reader.fault(table, f"{key}.{argument}", sentence)
    parameters = _parameters(reader, component, given, table, key)
    return ComponentCall(name, component, parameters, wires) if len(reader.faults.found) == n_faults else None


def _parameters(
    reader: Reader, component: Component, given: Mapping[str, Scalar], table: Table, key: str
) -> dict[str, Scalar]:
    fit = True
    for name, value in given.items():
        try:
            component.check_parameters({name: value})
        except ComponentError as error:
            written = table.values[name]
            told = (
                f" ({written.text})" if isinstance(written, Leaf) and PARAMETER.fullmatch(written.text.strip()) else ""
            )
            reader.fault(written, f"{key}.{name}", f"{error}{told}")
            fit = False
    return dict(component.check_parameters(given)) if fit else {}


def _example(reader: Reader) -> str:
    return min(reader.scope.indicators, default="close")


def _column(reader: Reader, value: Value, key: str) -> str | None:
    """Return the column an argument is connected to: of the market, an indicator, or an output."""
    found = reader.leaf(value, key, "the name of a column")
    if found is None:
        return None
    name = found.text.strip()
    head, dot, output = name.partition(".")
    scope = reader.scope
    if (not dot and name in scope.columns) or head in scope.indicators or (head in scope.signals and output):
        reader.references.append(Reference(name, found.mark, key))
        return name
    if name in scope.signals:
        reader.fault(found, key, f"'{name}' is a signal; name one of its outputs, such as {name}.strength.")
        return None
    known = (*MARKET_COLUMNS, *sorted(scope.indicators), *(f"{s}.strength" for s in sorted(scope.signals)))
    reader.fault(found, key, unknown("column", name, known, label="Columns"))
    return None


def _check_output(reader: Reader, reference: Reference, calls: Mapping[str, ComponentCall]) -> None:
    """Compare a named column with what its component is known to have; some tell only when they are computed."""
    head, _, output = reference.name.partition(".")
    call = calls.get(head)
    if call is None or call.component.kind == "signal" or not call.component.outputs:
        return
    outputs = call.component.outputs
    if not output:
        sentence = f"'{head}' has several outputs; write one of {', '.join(f'{head}.{name}' for name in outputs)}."
        reader.fault(reference.mark, reference.key, sentence)
    elif output not in outputs:
        reader.fault(
            reference.mark, reference.key, unknown(f"output of '{head}'", output, outputs, label="Its outputs")
        )


def _ordered(document: Table, reader: Reader, calls: Mapping[str, ComponentCall]) -> tuple[ComponentCall, ...]:
    done: dict[str, ComponentCall] = {}
    waiting = dict(calls)
    while waiting:
        ready = [name for name, call in waiting.items() if not any(need in waiting for need in call.needs)]
        if not ready:
            circle = _circle(waiting)
            for section in SECTIONS:
                for name, table, key in _entries(document, section):
                    if name == circle[0]:
                        reader.fault(table, key, f"is wired in a circle: {' -> '.join((*circle, circle[0]))}.")
            break
        for name in ready:
            done[name] = waiting.pop(name)
    return tuple(done.values())


def _circle(waiting: Mapping[str, ComponentCall]) -> list[str]:
    path = [next(iter(waiting))]
    while True:
        following = next(need for need in waiting[path[-1]].needs if need in waiting)
        if following in path:
            return path[path.index(following) :]
        path.append(following)
