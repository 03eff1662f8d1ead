"""Fields: the kinds of simple values a section may hold, each with its bounds, its schema and its message."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pandas as pd

from sptrader.errors import DataError
from sptrader.model.timeframe import make_timeframe
from sptrader.strategy.document import Items, Value, hundredth
from sptrader.strategy.faults import unknown
from sptrader.strategy.reader import Field, Reader
from sptrader.strategy.spec import Hours

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NUMBER_OR_TEXT = ["number", "string"]
_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s+(\S+)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def required(field: Field) -> Field:
    """Return `field` as one that must be given."""
    return replace(field, is_required=True)


def number(doc: str, *, low: float = 0.0, high: float = 1e15, low_open: bool = True) -> Field:
    """A plain number or `$parameter`, above `low` (or from it on) and at most `high`."""
    allowed = f"a number {'above' if low_open else 'of at least'} {low:g}" + (
        "" if high >= 1e15 else f" and at most {high:g}"
    )

    def read(reader: Reader, value: Value, key: str) -> float | None:
        found = reader.amount(value, key, allowed)
        if found is None:
            return None
        amount, unit = found
        if unit or not (low < amount <= high or (amount == low and not low_open)):
            reader.fault(value, key, f"was {amount:g}{unit and ' ' + unit}; allowed is {allowed}.")
            return None
        return amount

    return Field(read, {"type": NUMBER_OR_TEXT}, doc)


def fraction(doc: str, *, high: float = 1.0, low_open: bool = True) -> Field:
    """A share such as `15%` or `0.15`, above 0 (or from 0 on) and at most `high`."""
    span = f"above 0 and at most {high:g}" if low_open else f"from 0 to {high:g}"
    allowed = f"a fraction {span} ({high:.0%}), such as 0.02 or 2%"

    def read(reader: Reader, value: Value, key: str) -> float | None:
        found = reader.amount(value, key, allowed)
        if found is None:
            return None
        amount, unit = found
        result = hundredth(amount) if unit == "%" else amount
        if unit not in ("", "%") or not (0.0 < result <= high or (result == 0.0 and not low_open)):
            reader.fault(value, key, f"was {amount:g}{unit}; allowed is {allowed}.")
            return None
        return result

    return Field(read, {"type": NUMBER_OR_TEXT, "examples": ["2%", 0.02]}, doc)


def count(doc: str, *, low: int = 1, high: int = 1_000_000, unit: str = "") -> Field:
    """A whole number or `$parameter`, written with `unit` after it or without, as in `200 bars`."""
    allowed = f"a whole number from {low:,} to {high:,}" + (f", such as 20 {unit}" if unit else "")

    def read(reader: Reader, value: Value, key: str) -> int | None:
        found = reader.amount(value, key, allowed)
        if found is None:
            return None
        amount, given = found
        if given not in ("", unit, unit.removesuffix("s")) or not amount.is_integer() or not low <= amount <= high:
            reader.fault(value, key, f"was {amount:g}{given and ' ' + given}; allowed is {allowed}.")
            return None
        return int(amount)

    examples = {"examples": [f"20 {unit}"]} if unit else {}
    return Field(read, {"type": ["integer", "string"], **examples}, doc)


def truth_value(doc: str) -> Field:
    """`true` or `false`, or a `$parameter` that is one."""

    def read(reader: Reader, value: Value, key: str) -> bool | None:
        found = reader.scalar(value, key, "true or false")
        if found is None or isinstance(found, bool):
            return found
        reader.fault(value, key, f"was '{found}'; allowed is true or false.")
        return None

    return Field(read, {"type": ["boolean", "string"]}, doc)


def choice(doc: str, words: Iterable[str]) -> Field:
    """One of `words`."""
    known = tuple(words)

    def read(reader: Reader, value: Value, key: str) -> str | None:
        found = reader.scalar(value, key, "one of " + ", ".join(known))
        if found is None or found in known:
            return None if found is None else str(found)
        reader.fault(value, key, unknown("value", str(found), known))
        return None

    return Field(read, {"type": "string", "enum": list(known)}, doc)


def text(doc: str, *, pattern: str = r"[^\x00-\x08]*", expected: str = "a text") -> Field:
    """A text; numbers are taken as they are written, so that version 1.10 stays 1.10."""

    def read(reader: Reader, value: Value, key: str) -> str | None:
        found = reader.leaf(value, key, expected)
        if found is None:
            return None
        written = found.text.strip()
        if written and re.fullmatch(pattern, written, re.DOTALL):
            return written
        reader.fault(value, key, f"was '{found.text}'; expected {expected}.")
        return None

    return Field(read, {"type": NUMBER_OR_TEXT}, doc)


def names(doc: str) -> Field:
    """One symbol or a list of them."""

    def read(reader: Reader, value: Value, key: str) -> tuple[str, ...] | None:
        expected = "a symbol or a list of symbols, such as [EURUSD, GBPUSD]"
        values = value.values if isinstance(value, Items) else (value,)
        found = [reader.leaf(item, key, expected) for item in values]
        symbols = tuple(leaf.text.strip() for leaf in found if leaf is not None)
        if not symbols and not any(leaf is None for leaf in found):
            reader.fault(value, key, f"was an empty list; expected {expected}.")
        for symbol in symbols:
            if symbols.count(symbol) > 1:
                reader.fault(value, key, f"symbol '{symbol}' is given twice.")
        return symbols or None

    return Field(
        read, {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}, doc
    )


def timeframe(doc: str) -> Field:
    """A bar length such as `15m` or `1h`."""

    def read(reader: Reader, value: Value, key: str) -> str | None:
        found = reader.leaf(value, key, "a timeframe such as 1h")
        if found is None:
            return None
        try:
            return make_timeframe(found.text).name
        except DataError as error:
            reader.fault(value, key, str(error))
            return None

    return Field(read, {"type": "string", "pattern": "^[1-9][0-9]{0,5}[smhdw]$"}, doc)


def moment(doc: str, *, is_end: bool = False) -> Field:
    """A UTC date or time; a date alone means its first instant, for an end its last."""

    def read(reader: Reader, value: Value, key: str) -> pd.Timestamp | None:
        expected = "a UTC date or time such as 2017-01-31 or 2017-01-31T08:00"
        found = reader.leaf(value, key, expected)
        if found is None:
            return None
        try:
            return read_moment(found.text, is_end=is_end)
        except ValueError:
            reader.fault(value, key, f"was '{found.text}'; expected {expected}.")
            return None

    return Field(read, {"type": "string", "examples": ["2017-01-31"]}, doc)


def read_moment(written: str, *, is_end: bool = False) -> pd.Timestamp:
    """Return the UTC time that `written` says in ISO form; raise `ValueError` otherwise.

    A time without a zone is UTC. A date alone is its first instant, with `is_end` its last nanosecond.
    """
    shape = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|UTC|[-+]\d{2}:?\d{2}))?)?"
    if not re.fullmatch(shape, written.strip()):
        raise ValueError(written)
    time = pd.Timestamp(written.strip()).as_unit("ns")
    time = time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
    if is_end and _DATE.fullmatch(written.strip()):
        time = time + pd.Timedelta(days=1) - pd.Timedelta(1, unit="ns")
    return time


def hours(doc: str) -> Field:
    """A part of the day with its time zone, `07:00-17:00 Europe/London`."""
    expected = "two times and a time zone, such as 07:00-17:00 Europe/London"

    def read(reader: Reader, value: Value, key: str) -> Hours | None:
        found = reader.leaf(value, key, expected)
        match = None if found is None else _HOURS.fullmatch(found.text.strip())
        if found is None:
            return None
        if match is None:
            reader.fault(value, key, f"was '{found.text}'; expected {expected}.")
            return None
        start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if int(match[2]) > 59 or int(match[4]) > 59 or start >= 1440 or end > 1440 or start == end:
            reader.fault(value, key, f"was '{found.text}'; times run from 00:00 to 24:00 and must differ.")
            return None
        try:
            ZoneInfo(match[5])
        except (ValueError, OSError, KeyError):
            reader.fault(value, key, f"time zone '{match[5]}' is not known; expected one such as Europe/London or UTC.")
            return None
        return Hours(start, end, match[5])

    return Field(read, {"type": "string", "examples": ["07:00-17:00 Europe/London"]}, doc)


def weekdays(doc: str) -> Field:
    """Weekdays: `Mon-Fri`, `Mon, Wed, Fri`, or a list; a span may run over the weekend (`Sun-Thu`)."""
    expected = "weekdays such as Mon-Fri or [Mon, Wed, Fri]"

    def read(reader: Reader, value: Value, key: str) -> frozenset[int] | None:
        leaves = [reader.leaf(v, key, expected) for v in (value.values if isinstance(value, Items) else (value,))]
        parts = [part.strip() for leaf in leaves if leaf is not None for part in leaf.text.split(",")]
        if None in leaves or not parts:
            if not leaves:
                reader.fault(value, key, f"was an empty list; expected {expected}.")
            return None
        chosen: set[int] = set()
        for part in parts:
            ends = [word.strip().capitalize()[:3] if word.strip().isalpha() else "" for word in part.split("-")]
            if len(ends) > 2 or any(end not in DAYS for end in ends):
                reader.fault(value, key, unknown("weekday", part, DAYS))
                return None
            first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
            chosen |= {(first + i) % 7 for i in range((last - first) % 7 + 1)}
        return frozenset(chosen)

    return Field(read, {"type": ["string", "array"], "items": {"enum": list(DAYS)}, "examples": ["Mon-Fri"]}, doc)


def file_path(doc: str) -> Field:
    """A file, relative to the strategy's folder, as it is written."""

    def read(reader: Reader, value: Value, key: str) -> str | None:
        found = reader.leaf(value, key, "a file's path")
        return None if found is None else found.text.strip()

    return Field(read, {"type": "string"}, doc)
