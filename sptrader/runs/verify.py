"""Verify: every figure of a report made again from the run it names, and compared with what its page shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from sptrader.errors import RunError
from sptrader.performance.definitions import DEFINITIONS
from sptrader.plots.display import figure_json
from sptrader.runs.bundle import RUN_PAGE, SWEEP_PAGE, Bundle, BundledRun, file_hashes, read_bundle, sweep_hashes
from sptrader.runs.page import BESIDE, INLINE, page, plot_part, shared_script
from sptrader.runs.pieces import FOR_PROGRAMS, Place, page_pieces
from sptrader.runs.reopen import load_run
from sptrader.runs.report import data_part, run_page
from sptrader.runs.report_sweep import sweep_page
from sptrader.runs.run import Run
from sptrader.runs.sections import SECTIONS, section
from sptrader.runs.store import TABLES
from sptrader.runs.sweep_result import load_sweep

TOLERANCE = 1e-9  # of a figure's number, relative: another machine may round the last bit otherwise
SAMPLED_ROWS = 5  # of a sweep, that are run again
_SHARED = '<script src="report-'
_ABSENT = "(nothing)"
_MAKING = ("made_at", "wall_time_s")  # when and how fast: the same run made again has others


@dataclass(frozen=True)
class Difference:
    """One figure that is not what the run gives: `where`, what is `shown`, and what it is when `recomputed`."""

    where: str
    shown: str
    recomputed: str


@dataclass(frozen=True)
class Verification:
    """What came of it: how many values were `checked` and how many are `unverified` (a notebook's own), and `differences`."""

    page: str
    runs: tuple[str, ...]
    checked: int
    unverified: int
    differences: tuple[Difference, ...]

    @property
    def is_true(self) -> bool:
        """Whether the page shows what its runs give."""
        return not self.differences


def verify_report(path: str | Path, run: str | Path | None = None) -> Verification:
    """Make every run that the report at `path` names again from its inputs, and compare all the page shows with it.

    Runs are looked for where the page says, or in the folder `run`. Compared are texts, cells of tables, numbers of
    figures, the numbers for programs, the page's code, and the hashes of the run's files; its stored tables and metrics
    are compared with those made again. A report of a notebook is compared in the sections it shows of its runs; the rest
    is counted as unverified. A report of a sweep is compared with its stored rows, of which a few are run again.

    Raises `RunError` for a file that is no report, for a run that is not found, and for inputs or components that are no
    longer those the run was made with.
    """
    file = Path(path)
    try:
        html = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"report was '{file}'; it cannot be read: {error}.", path=file) from error
    bundle = read_bundle(html, file)
    if bundle.kind == SWEEP_PAGE:
        return _sweep(file, html, bundle, None if run is None else Path(run))
    made: dict[str, Run] = {}
    differences: list[Difference] = []
    checked = 0
    for named in bundle.runs:
        folder = _folder(named, file, None if run is None else Path(run))
        stored = load_run(folder)
        if stored.id != named.id:
            raise RunError(f"{folder} holds the run {stored.id}; the report is of {named.id}.", path=folder)
        again = stored.remade()
        again.trials = named.trials
        made[named.id] = again
        found = [*_hashes(named, file_hashes(folder)), *_tables(stored, again)]
        checked += len(named.files or {}) + len(TABLES) + len(stored.metrics)
        differences += found
    shown = page_pieces(html)
    if bundle.kind == RUN_PAGE:
        named = bundle.runs[0]
        script = BESIDE if _SHARED in html else INLINE
        expected = page_pieces(run_page(made[named.id], named, script=script, theme=bundle.theme))
        differences += _beside(file, script)
    else:
        expected = _sections(shown, made)
    mine = shown if bundle.kind == RUN_PAGE else {p: v for p, v in shown.items() if p in expected or p.run in made}
    differences += _compared(mine, expected)
    return Verification(str(file), tuple(made), checked + len(expected), len(shown) - len(mine), tuple(differences))


def _sweep(file: Path, html: str, bundle: Bundle, given: Path | None) -> Verification:
    """A sweep's page from its stored rows, and a few of its rows from the inputs."""
    named = bundle.runs[0]
    folder = _folder(named, file, given, marker="sweep.json", below="sweeps")
    sweep = load_sweep(folder)
    if sweep.id != named.id:
        raise RunError(f"{folder} holds the sweep {sweep.id}; the report is of {named.id}.", path=folder)
    script = BESIDE if _SHARED in html else INLINE
    shown, expected = page_pieces(html), page_pieces(sweep_page(sweep, named, script=script, theme=bundle.theme))
    ranked = sweep.ranked().index.tolist()
    chosen = ranked[:: max(1, len(ranked) // SAMPLED_ROWS)][:SAMPLED_ROWS]
    differences = [*_hashes(named, sweep_hashes(folder)), *_beside(file, script)]
    for number in chosen:
        stored: dict[Any, Any] = sweep.table.loc[[number]].iloc[0].to_dict()
        for name, value in sweep.remade(int(number)).metrics.items():
            if not _same(float(stored[name]), value):
                differences.append(Difference(f"{named.id}: row {number}, {name}", str(stored[name]), str(value)))
    differences += _compared(shown, expected)
    checked = len(named.files or {}) + len(chosen) * len(DEFINITIONS) + len(expected)
    return Verification(str(file), (named.id,), checked, 0, tuple(differences))


def _folder(
    named: BundledRun, page: Path, given: Path | None, *, marker: str = "run.json", below: str = "runs"
) -> Path:
    """Where the run or sweep is: given, as the page says, or in the usual places."""
    said = [page.parent / named.folder] if named.folder else []
    usual = [page.parent, page.parent / named.id, page.parent / below / named.id, Path(below) / named.id]
    places = [given] if given else [*said, *usual]
    for place in places:
        if (place / marker).is_file() and (given or place.resolve().name == named.id):
            return place
    looked = ", ".join(str(place) for place in places)
    raise RunError(f"{named.id}, which {page} names, was not found; looked at {looked}.", path=page, key="run")


def _hashes(named: BundledRun, found: Mapping[str, str]) -> Iterator[Difference]:
    """The files of a run or sweep against the hashes the page carries."""
    for name, expected in (named.files or {}).items():
        if found.get(name) != expected:
            yield Difference(f"{named.id}: hash of {name}", expected, found.get(name, _ABSENT))


def _tables(stored: Run, again: Run) -> Iterator[Difference]:
    """The stored tables and metrics against those made again."""
    for name in TABLES:
        kept, made = getattr(stored, name), getattr(again, name)
        try:
            pd.testing.assert_frame_equal(kept, made, check_dtype=False, rtol=TOLERANCE, atol=0.0)
        except AssertionError as error:
            told = " ".join(str(error).split())[:200]
            yield Difference(f"{stored.id}: {name}.parquet", told, f"{len(made)} rows made again")
    for name, value in again.metrics.items():
        kept_value = stored.metrics.get(name, math.nan)
        if not _same(kept_value, value):
            yield Difference(f"{stored.id}: metrics.json, {name}", str(kept_value), str(value))


def _sections(shown: Mapping[Place, object], made: Mapping[str, Run]) -> dict[Place, object]:
    """What the sections that a notebook's page shows of its runs should be, each as often as it is shown."""
    body, numbers = [], count(1)
    for run_id, name in dict.fromkeys((place.run, place.section) for place in shown if place.run in made):
        own = {place.what: value for place, value in shown.items() if (place.run, place.section) == (run_id, name)}
        if name not in SECTIONS:
            continue
        symbols = [value for what, value in own.items() if what.endswith(", meta.symbol")]
        themes = [value for what, value in own.items() if what.endswith(", meta.theme")]
        for symbol, theme in zip(symbols, themes, strict=False):
            known = str(symbol) if symbol in made[run_id].bars else None
            part = section(made[run_id], name, symbol=known, theme=theme if theme == "dark" else "light")
            if part.figure is not None:
                body.append(plot_part(next(numbers), figure_json(part.figure)))
        n_parts = sum(1 for what in own if what.startswith("part "))
        body += [section(made[run_id], name).html] * n_parts
    told = made.get(str(shown.get(Place("", "", f"{FOR_PROGRAMS}, run"))))
    if told is not None:
        body.append(data_part(section(told, "summary").data))
    pieces = page_pieces(page("", "\n".join(body)))
    return {p: value for p, value in pieces.items() if p.section or p.what.startswith(FOR_PROGRAMS)}


def _beside(page_file: Path, script: str) -> Iterator[Difference]:
    """The script file beside the page: what draws the figures."""
    if script != BESIDE:
        return
    name, text = shared_script()
    file = page_file.parent / name
    if not file.is_file():
        yield Difference(f"script file {name}", _ABSENT, "the file this version writes")
    elif file.read_text(encoding="utf-8") != text:
        yield Difference(f"script file {name}", "other code", "the file this version writes")


def _compared(shown: Mapping[Place, object], expected: Mapping[Place, object]) -> Iterator[Difference]:
    skipped = _making(expected)
    before = _labels(expected)
    for place in dict.fromkeys((*expected, *shown)):
        if place in skipped:
            continue
        if place not in shown or place not in expected or not _same(shown[place], expected[place]):
            where = f"{place.section or 'page'}: {place.what}{before.get(place, '')}"
            yield _difference(where, shown.get(place, _ABSENT), expected.get(place, _ABSENT))


def _difference(where: str, shown: object, expected: object) -> Difference:
    """Lists are told by their first element that differs."""
    if isinstance(shown, list) and isinstance(expected, list):
        if len(shown) != len(expected):
            return Difference(where, f"{len(shown)} values", f"{len(expected)} values")
        at = next(i for i, (a, b) in enumerate(zip(shown, expected, strict=True)) if not _same(a, b))
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


def _same(left: object, right: object) -> bool:
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=TOLERANCE)
    return left == right
