"""Differences: two ways of having the same values compared: a page with what it should be, tables, files with their hashes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from sptrader.runs.bundle import BundledRun
from sptrader.runs.pieces import Place

TOLERANCE = 1e-9  # of a figure's number, relative: another machine may round the last bit otherwise
ABSENT = "(nothing)"
_MAKING = ("made_at", "wall_time_s")  # when and how fast: the same run made again has others


@dataclass(frozen=True)
class Difference:
    """One figure that is not what the run gives: `where`, what is `shown`, and what it is when `recomputed`."""

    where: str
    shown: str
    recomputed: str


@dataclass(frozen=True)
class Verification:
    """What came of a page: how many values were `checked`, how many are `unverified` (a notebook's own), and `differences`."""

    page: str
    runs: tuple[str, ...]
    checked: int
    unverified: int
    differences: tuple[Difference, ...]

    @property
    def is_true(self) -> bool:
        """Whether the page shows what its runs give."""
        return not self.differences


def hash_differences(named: BundledRun, found: Mapping[str, str]) -> Iterator[Difference]:
    """Yield the files of a run, sweep or batch that have not the hash that its page carries."""
    for name, expected in (named.files or {}).items():
        if found.get(name) != expected:
            yield Difference(f"{named.id}: hash of {name}", expected, found.get(name, ABSENT))


def table_differences(where: str, kept: pd.DataFrame, made: pd.DataFrame) -> Iterator[Difference]:
    """Yield how a stored table differs from the one made again; nothing when it does not."""
    try:
        pd.testing.assert_frame_equal(kept, made, check_dtype=False, rtol=TOLERANCE, atol=0.0)
    except AssertionError as error:
        told = " ".join(str(error).split())[:200]
        yield Difference(where, told, f"{len(made)} rows made again")


def compared(shown: Mapping[Place, object], expected: Mapping[Place, object]) -> Iterator[Difference]:
    """Yield the values of a page that are not as `expected`, and those that are missing on either side."""
    skipped = _making(expected)
    before = _labels(expected)
    for place in dict.fromkeys((*expected, *shown)):
        if place in skipped:
            continue
        if place not in shown or place not in expected or not is_same(shown[place], expected[place]):
            where = f"{place.section or 'page'}: {place.what}{before.get(place, '')}"
            yield _difference(where, shown.get(place, ABSENT), expected.get(place, ABSENT))


def _difference(where: str, shown: object, expected: object) -> Difference:
    """Lists are told by their first element that differs."""
    if isinstance(shown, list) and isinstance(expected, list):
        if len(shown) != len(expected):
            return Difference(where, f"{len(shown)} values", f"{len(expected)} values")
        at = next(i for i, (a, b) in enumerate(zip(shown, expected, strict=True)) if not is_same(a, b))
        return Difference(f"{where} [{at}]", str(shown[at]), str(expected[at]))
    return Difference(where, str(shown), str(expected))


def _labels(expected: Mapping[Place, object]) -> dict[Place, str]:
    """What stands beside a value: the text before a text, the first cell of a cell's row."""
    found: dict[Place, str] = {}
    last = first = ""
    for place, value in expected.items():
        if place.what.startswith("text "):
            found[place] = f", after '{last}'" if last else ""
            last = str(value)[:60]
        elif ", row " in place.what:
            is_first = place.what.partition(" (")[0].endswith("column 1")
            first = str(value)[:60] if is_first else first
            found[place] = "" if is_first else f" of '{first}'"
    return found


def _making(expected: Mapping[Place, object]) -> set[Place]:
    """The cells that say when and how fast the run was made."""
    return {
        place._replace(what=place.what.replace("column 1", "column 2"))
        for place, value in expected.items()
        if place.section == "provenance" and value in _MAKING
    }


def is_same(left: object, right: object) -> bool:
    """Whether two values are the same: numbers to `TOLERANCE`, nan like nan, lists element by element."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_same, left, right))
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=TOLERANCE)
    return left == right
