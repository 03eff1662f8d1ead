"""The document: YAML text as a tree of values that remember their line and column.

YAML's surprises are kept out: `on`, `yes` and `no` are words (a truth is `true` or `false`), dates and times stay text,
`1e-3` is a number, a key given twice is a fault, and anchors, aliases and tags are refused. Size, depth and the number of
values are limited, so that no file can keep the reader busy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from sptrader.strategy.faults import Faults, Mark

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_VALUES = 20_000

Scalar = int | float | bool | str

_INT = re.compile(r"[-+]?(0|[1-9][0-9_]{0,17})")
_FLOAT = re.compile(r"[-+]?([0-9][0-9_]{0,17}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][-+]?[0-9]{1,3})?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "True": True,
    "false": False,
    "False": False,
}


@dataclass(frozen=True)
class Leaf:
    """A scalar: its `text` as written, and its `value` (None for an empty one)."""

    text: str
    value: Scalar | None
    mark: Mark
    is_quoted: bool = False


@dataclass(frozen=True)
class Items:
    """A list."""

    values: tuple[Value, ...]
    mark: Mark


@dataclass(frozen=True)
class Table:
    """A mapping, in the order of the file; `marks` tells where each key stands."""

    values: dict[str, Value]
    marks: dict[str, Mark]
    mark: Mark

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def get(self, key: str) -> Value | None:
        """Return the value under `key`, or None."""
        return self.values.get(key)


Value = Leaf | Items | Table


def scalar_value(text: str) -> Scalar | None:
    """Return what the unquoted `text` says: a whole number, a number, a truth, nothing, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not _LEADING_ZERO.match(text):
        number = float(text)
        return number if abs(number) < float("inf") else text
    return text


def hundredth(number: float) -> float:
    """Return what `number` percent is as a fraction, exact in decimals: 1.1 gives 0.011."""
    return float(Decimal(repr(number)) / 100)


def leaf(value: Scalar, mark: Mark) -> Leaf:
    """Make a leaf that reads as `value`, at `mark`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Leaf(text, value, mark, is_quoted=isinstance(value, str))


def table(values: dict[str, Value], mark: Mark) -> Table:
    """Make a mapping whose keys stand where their values do."""
    return Table(values, {key: value.mark for key, value in values.items()}, mark)


def read_document(text: str, faults: Faults) -> Table:
    """Read one YAML mapping from `text`; whatever is wrong goes to `faults`, and the rest is returned all the same."""
    empty = Table({}, {}, Mark(1, 1))
    if len(text.encode()) > MAX_BYTES:
        faults.add(Mark(1, 1), "", f"the file has {len(text.encode()):,} bytes; allowed are {MAX_BYTES:,}.")
        return empty
    builder = _Builder(faults)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if not builder.take(event):
                break
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        mark = Mark(1, 1) if place is None else Mark(place.line + 1, place.column + 1)
        faults.add(mark, "", f"this is not YAML: {getattr(error, 'problem', None) or str(error).splitlines()[0]}.")
    root = builder.root
    if root is None:
        if not faults.found:
            faults.add(Mark(1, 1), "", "the file is empty; expected a mapping that starts with name: and version:.")
        return empty
    if not isinstance(root, Table):
        faults.add(root.mark, "", "expected a mapping of keys at the top, such as name: and version:.")
        return empty
    return root


@dataclass
class _Open:
    """A list or mapping that is being read."""

    is_table: bool
    mark: Mark
    values: list[Value] = field(default_factory=list)
    entries: dict[str, Value] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    key: str | None = None
    key_mark: Mark = field(default_factory=lambda: Mark(1, 1))
    is_ignored: bool = False


class _Builder:
    """Builds the tree from the parser's events, without recursion."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.root: Value | None = None
        self.stack: list[_Open] = []
        self.n_values = 0
        self.n_documents = 0

    def take(self, event: Any) -> bool:
        """Take one event; return False when reading must stop."""
        mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.DocumentStartEvent):
            self.n_documents += 1
            if self.n_documents > 1:
                self.faults.add(mark, "", "a second document starts here; a strategy file holds one.")
                return False
        elif isinstance(event, yaml.AliasEvent):
            self.faults.add(mark, self._path(), f"aliases are not supported (*{event.anchor}); write the value out.")
            self._place(Leaf("", None, mark))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._place(self._close())
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._check_plain(event, mark)
            self.stack.append(_Open(isinstance(event, yaml.MappingStartEvent), mark))
            return self._is_within_limits(mark)
        elif isinstance(event, yaml.ScalarEvent):
            self._check_plain(event, mark)
            is_plain = bool(event.implicit[0])
            value = scalar_value(event.value) if is_plain else event.value
            self._place(Leaf(event.value, value, mark, is_quoted=event.style in ("'", '"')))
            return self._is_within_limits(mark)
        return True

    def _check_plain(self, event: Any, mark: Mark) -> None:
        if event.anchor is not None:
            self.faults.add(mark, self._path(), f"anchors are not supported (&{event.anchor}).")
        if event.tag is not None:
            self.faults.add(mark, self._path(), f"tags are not supported ({event.tag}).")

    def _is_within_limits(self, mark: Mark) -> bool:
        self.n_values += 1
        if len(self.stack) > MAX_DEPTH:
            self.faults.add(mark, "", f"values are nested more than {MAX_DEPTH} deep.")
            return False
        if self.n_values > MAX_VALUES:
            self.faults.add(mark, "", f"the file holds more than {MAX_VALUES:,} values.")
            return False
        return True

    def _path(self) -> str:
        parts = [(level.key or "") if level.is_table else f"[{len(level.values)}]" for level in self.stack]
        return ".".join(p for p in parts if p).replace(".[", "[")

    def _close(self) -> Value:
        level = self.stack.pop()
        if level.is_table:
            return Table(level.entries, level.marks, level.mark)
        return Items(tuple(level.values), level.mark)

    def _place(self, value: Value) -> None:
        if not self.stack:
            self.root = value
            return
        level = self.stack[-1]
        if not level.is_table:
            level.values.append(value)
        elif level.key is None:
            level.key_mark = value.mark
            level.key = value.text if isinstance(value, Leaf) else "?"
            level.is_ignored = False
            if not isinstance(value, Leaf):
                self.faults.add(value.mark, self._path(), "a key must be a word.")
                level.is_ignored = True
            elif level.key in level.entries:
                first = level.marks[level.key]
                self.faults.add(
                    value.mark, self._path(), f"key '{level.key}' is given twice; first in line {first.line}."
                )
                level.is_ignored = True
        else:
            if not level.is_ignored:
                level.entries[level.key] = value
                level.marks[level.key] = level.key_mark
            level.key = None
