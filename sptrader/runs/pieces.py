"""Pieces: what a report's page shows, taken apart into labelled values: texts, table cells, figures' numbers, code."""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any, NamedTuple

import numpy as np

from sptrader.errors import RunError
from sptrader.runs.bundle import BUNDLE_MIME
from sptrader.runs.section import METRICS_MIME

FOR_PROGRAMS = "for programs"
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
_SHOWN_ATTRIBUTES = ("title", "style", "class", "aria-label", "hidden")
# What of a trace or a layout says numbers: the rest is how they look.
_LAYOUT_TEXTS = ("annotations", "title", "shapes", "meta")


class Place(NamedTuple):
    """Where a value stands: the `run` and `section` that show it (empty outside of sections), and `what` it is there."""

    run: str
    section: str
    what: str


def page_pieces(html: str) -> dict[Place, object]:
    """Return every value of the page `html` by its place, in the page's order.

    Texts and cells are strings, numbers of figures are lists, code is its SHA-256. Raises `RunError` for a figure that
    cannot be read.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    """Walks a page and keeps what it shows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[Place, object] = {}
        self._stack: list[tuple[str, dict[str, str]]] = []
        self._sections: list[tuple[int, str, str]] = []
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._heads: list[str] = []
        self._row = 0
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "data-section" in given:
            self._sections.append((len(self._stack), given.get("data-run", ""), given["data-section"]))
            self._keep("part", given["data-section"], is_many=True)
        for name, value in given.items():
            if name in _SHOWN_ATTRIBUTES or name.startswith("on"):
                self._keep(f"{tag} {name}", " ".join(value.split()), is_many=True)
        if tag == "table":
            self._heads, self._row = [], 0
            self._count("table")
        elif tag == "tr":
            self._row += 1
        elif tag in ("td", "th"):
            self._cell = []
        elif tag == "script" and given.get("src"):
            self._keep("script file", given["src"], is_many=True)
        if tag not in _VOID:
            self._stack.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        if self._cell is not None and tag in ("td", "th"):
            self._end_cell(tag, " ".join("".join(self._cell).split()))
            self._cell = None
        while self._stack:
            last = self._stack.pop()[0]
            if self._sections and len(self._stack) == self._sections[-1][0]:
                self._sections.pop()
            if last == tag:
                break

    def handle_data(self, data: str) -> None:
        tag, given = self._stack[-1] if self._stack else ("", {})
        if tag == "script":
            self._script(given, data)
        elif tag == "style":
            self._keep("style", hashlib.sha256(data.strip().encode()).hexdigest(), is_many=True)
        elif self._cell is not None:
            self._cell.append(data)
        elif data.strip():
            self._keep("text", " ".join(data.split()), is_many=True)

    def _end_cell(self, tag: str, text: str) -> None:
        table = self._counts[(*self._at(), "table")]
        if tag == "th":
            self._heads.append(text)
            self._keep(f"table {table}, heading {len(self._heads)}", text)
            return
        label = f"table {table}, row {self._row - bool(self._heads)}, column"
        column = self._count(label)
        head = self._heads[column - 1] if column <= len(self._heads) else ""
        self._keep(f"{label} {column}" + (f" ({head})" if head else ""), text)

    def _script(self, given: Mapping[str, str], data: str) -> None:
        kind = given.get("type", "")
        if "data-plot" in given:
            self._figure(data)
        elif kind == METRICS_MIME:
            for name, value in _flat(json.loads(data)):
                self._keep(f"{FOR_PROGRAMS}, {name}", value)
        elif kind != BUNDLE_MIME:
            self._keep("script", hashlib.sha256(data.strip().encode()).hexdigest(), is_many=True)

    def _figure(self, packed: str) -> None:
        try:
            figure = json.loads(gzip.decompress(base64.b64decode(packed)))
        except (ValueError, OSError, EOFError, binascii.Error) as error:
            raise RunError(f"a figure of the page cannot be read: {error}.", is_failure=True) from error
        layout = figure.get("layout", {})
        meta = layout.get("meta") if isinstance(layout.get("meta"), dict) else {}
        run, name = str(meta.get("run", "")), str(meta.get("section", ""))
        prefix = f"figure {self._tally(run, name, 'figure')} {meta.get('symbol', '')}".rstrip()
        for number, trace in enumerate(figure.get("data", []), start=1):
            label = f"{prefix}, {trace.get('name') or trace.get('type', 'trace')} ({number})"
            for key, value in _flat(_plain(trace)):
                self.found[Place(run, name, f"{label}, {key}")] = value
        for key, value in _flat(_plain({k: layout[k] for k in _LAYOUT_TEXTS if k in layout})):
            self.found[Place(run, name, f"{prefix}, {key}")] = value

    def _at(self) -> tuple[str, str]:
        return self._sections[-1][1:] if self._sections else ("", "")

    def _keep(self, what: str, value: object, *, is_many: bool = False) -> None:
        run, section = self._at()
        label = f"{what} {self._count(what)}" if is_many else what
        self.found[Place(run, section, label)] = value

    def _count(self, what: str) -> int:
        return self._tally(*self._at(), what)

    def _tally(self, run: str, section: str, what: str) -> int:
        self._counts[(run, section, what)] += 1
        return self._counts[(run, section, what)]


def _plain(value: Any) -> Any:
    """Plotly's packed arrays as lists."""
    if isinstance(value, dict):
        if "bdata" in value and "dtype" in value:
            numbers = np.frombuffer(base64.b64decode(value["bdata"]), np.dtype(value["dtype"]))
            return numbers.tolist()
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Leaves by dotted names; lists of plain values stay whole."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(part, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for number, part in enumerate(value, start=1):
            yield from _flat(part, f"{prefix}.{number}")
    else:
        yield prefix, value
