"""Verify: every figure of a report made again from the run it names, and compared with what its page shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from sptrader.errors import RunError
from sptrader.performance.definitions import DEFINITIONS
from sptrader.plots.display import figure_json
from sptrader.runs.bundle import (
    BATCH_PAGE,
    COMPARISON_PAGE,
    NOTEBOOK_PAGE,
    SWEEP_PAGE,
    Bundle,
    BundledRun,
    file_hashes,
    read_bundle,
    sweep_hashes,
)
from sptrader.runs.compare import compare_runs
from sptrader.runs.differences import (
    ABSENT,
    Difference,
    Verification,
    compared,
    hash_differences,
    is_same,
    table_differences,
)
from sptrader.runs.page import BESIDE, INLINE, page, plot_part, shared_script
from sptrader.runs.pieces import FOR_PROGRAMS, Place, page_pieces
from sptrader.runs.reopen import load_run
from sptrader.runs.report import data_part, run_page
from sptrader.runs.report_compare import comparison_page
from sptrader.runs.report_sweep import sweep_page
from sptrader.runs.run import Run
from sptrader.runs.sections import SECTIONS, section
from sptrader.runs.store import TABLES
from sptrader.runs.sweep_result import load_sweep
from sptrader.runs.verify_batch import verify_batch

SAMPLED_ROWS = 5  # of a sweep, that are run again
_SHARED = '<script src="report-'


def verify_report(path: str | Path, run: str | Path | None = None) -> Verification:
    """Make every run that the report at `path` names again from its inputs, and compare all the page shows with it.

    Runs are looked for where the page says, or in the folder `run` or below it. Compared are texts, cells of tables, numbers of
    figures, the numbers for programs, the page's code, and the hashes of the run's files; its stored tables and metrics
    are compared with those made again. A report of a notebook is compared in the sections it shows of its runs; the rest
    is counted as unverified. A report of a sweep is compared with its stored rows, of which a few are run again; the index
    of a batch with what its executed notebooks hold, of whose saved runs a few are made again.

    Raises `RunError` for a file that is no report, for a run that is not found, and for inputs or components that are no
    longer those the run was made with.
    """
    file = Path(path)
    try:
        html = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise RunError(f"report was '{file}'; it cannot be read: {why}.", path=file) from error
    bundle = read_bundle(html, file)
    given = None if run is None else Path(run)
    if bundle.kind == SWEEP_PAGE:
        return _sweep(file, html, bundle, given)
    if bundle.kind == BATCH_PAGE:
        return verify_batch(file, html, bundle)
    return _runs(file, html, bundle, given)


def _runs(file: Path, html: str, bundle: Bundle, given: Path | None) -> Verification:
    """The page of a run, of several that are compared, or of a notebook, from the runs made again."""
    made: dict[str, Run] = {}
    differences: list[Difference] = []
    checked = 0
    for named in bundle.runs:
        folder = _folder(named, file, given)
        stored = load_run(folder)
        if stored.id != named.id:
            raise RunError(f"{folder} holds the run {stored.id}; the report is of {named.id}.", path=folder)
        again = stored.remade()
        again.trials = named.trials
        made[named.id] = again
        differences += [*hash_differences(named, file_hashes(folder)), *_tables(stored, again)]
        checked += len(named.files or {}) + len(TABLES) + len(stored.metrics)
    shown = page_pieces(html)
    if bundle.kind == NOTEBOOK_PAGE:
        expected = _sections(shown, made)
        mine = {p: v for p, v in shown.items() if p in expected or p.run in made}
    else:
        script = BESIDE if _SHARED in html else INLINE
        expected, mine = page_pieces(_page_of(bundle, made, script)), shown
        differences += _beside(file, script)
    differences += compared(mine, expected)
    return Verification(str(file), tuple(made), checked + len(expected), len(shown) - len(mine), tuple(differences))


def _page_of(bundle: Bundle, made: Mapping[str, Run], script: str) -> str:
    """The page that these runs give."""
    if bundle.kind == COMPARISON_PAGE:
        comparison = compare_runs([made[named.id] for named in bundle.runs])
        return comparison_page(comparison, bundle.runs, script=script, theme=bundle.theme)
    (named,) = bundle.runs
    return run_page(made[named.id], named, script=script, theme=bundle.theme)


def _sweep(file: Path, html: str, bundle: Bundle, given: Path | None) -> Verification:
    """A sweep's page from its stored rows, and a few of its rows from the inputs."""
    named = bundle.runs[0]
    folder = _folder(named, file, given, marker="sweep.json", below="sweeps")
    shown = page_pieces(html)
    objective = shown.get(Place("", "", f"{FOR_PROGRAMS}, objective"))
    sweep = load_sweep(folder, objective=None if objective is None else str(objective))
    if sweep.id != named.id:
        raise RunError(f"{folder} holds the sweep {sweep.id}; the report is of {named.id}.", path=folder)
    script = BESIDE if _SHARED in html else INLINE
    expected = page_pieces(sweep_page(sweep, named, script=script, theme=bundle.theme))
    ranked = sweep.ranked().index.tolist()
    chosen = ranked[:: max(1, len(ranked) // SAMPLED_ROWS)][:SAMPLED_ROWS]
    differences = [*hash_differences(named, sweep_hashes(folder)), *_beside(file, script)]
    for number in chosen:
        stored: dict[Any, Any] = sweep.table.loc[[number]].iloc[0].to_dict()
        for name, value in sweep.remade(int(number)).metrics.items():
            if not is_same(float(stored[name]), value):
                differences.append(Difference(f"{named.id}: row {number}, {name}", str(stored[name]), str(value)))
    differences += compared(shown, expected)
    checked = len(named.files or {}) + len(chosen) * len(DEFINITIONS) + len(expected)
    return Verification(str(file), (named.id,), checked, 0, tuple(differences))


def _folder(
    named: BundledRun, page: Path, given: Path | None, *, marker: str = "run.json", below: str = "runs"
) -> Path:
    """Where the run or sweep is: given, as the page says, or in the usual places."""
    said = [page.parent / named.folder] if named.folder else []
    usual = [page.parent, page.parent / named.id, page.parent / below / named.id, Path(below) / named.id]
    places = [given, given / named.id] if given else [*said, *usual]
    for place in places:
        if (place / marker).is_file() and (given or place.resolve().name == named.id):
            return place
    looked = ", ".join(str(place) for place in places)
    raise RunError(f"{named.id}, which {page} names, was not found; looked at {looked}.", path=page, key="run")


def _tables(stored: Run, again: Run) -> Iterator[Difference]:
    """The stored tables and metrics against those made again."""
    for name in TABLES:
        kept, made = getattr(stored, name), getattr(again, name)
        yield from table_differences(f"{stored.id}: {name}.parquet", kept, made)
    for name, value in again.metrics.items():
        kept_value = stored.metrics.get(name, math.nan)
        if not is_same(kept_value, value):
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
        yield Difference(f"script file {name}", ABSENT, "the file this version writes")
    elif file.read_text(encoding="utf-8") != text:
        yield Difference(f"script file {name}", "other code", "the file this version writes")
