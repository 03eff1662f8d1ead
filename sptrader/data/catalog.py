"""Catalog: which data there is, found by what each file says of itself.

The workspace's data is every `*.parquet` under the folder `data/` of the current folder, or under `SPTRADER_DATA`. A
file is known by its metadata, whatever its name; one without is listed as foreign. The package's samples answer where
the workspace has nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sptrader.data.parquet import file_facts
from sptrader.errors import DataError, did_you_mean
from sptrader.model.timeframe import make_timeframe

SAMPLES_FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Entry:
    """One data file: what it says of itself, its rows, and its `kind`: `bars`, `ticks`, or `foreign` without facts.

    `fault` says why a file that ends in `.parquet` cannot be read; its other fields are then empty.
    """

    path: Path
    kind: str
    symbol: str = ""
    timeframe: str = ""
    basis: str = ""
    session: str = ""
    source: str = ""
    adjustment: str = ""
    content_hash: str = ""
    n_rows: int = 0
    is_sample: bool = False
    fault: str = ""


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return the workspace's data folder: `SPTRADER_DATA`, else `data` in the current folder."""
    return Path((os.environ if environ is None else environ).get("SPTRADER_DATA") or "data")


def catalog(folder: str | Path | None = None) -> list[Entry]:
    """Return every data file of the workspace, sorted by symbol, timeframe and path, then the samples."""
    root = data_folder() if folder is None else Path(folder)
    found = [_entry(path, is_sample=False) for path in sorted(root.rglob("*.parquet"))] if root.is_dir() else []
    return sorted(found, key=_order) + sample_entries()


def sample_entries() -> list[Entry]:
    """Return the package's sample files."""
    return sorted((_entry(path, is_sample=True) for path in sorted(SAMPLES_FOLDER.glob("*.parquet"))), key=_order)


def find_bars(symbol: str, timeframe: str | None, *, basis: str | None = None, folder: Path | None = None) -> Entry:
    """Return the one file of bars for `symbol`, with `timeframe` and `basis` where they are given.

    When no file has the timeframe, the coarsest finer one that divides it is returned, to be resampled. Raises
    `DataError` when there is none, or several and nothing chooses between them.
    """
    entries = [e for e in catalog(folder) if e.kind == "bars"]
    of_any_basis = [e for e in entries if e.symbol == symbol]
    of_symbol = [e for e in of_any_basis if basis in (None, e.basis)]
    if of_any_basis and not of_symbol:
        there = ", ".join(sorted({e.basis for e in of_any_basis}))
        raise DataError(
            f"there are no bars of '{symbol}' with basis {basis}; there are: {there}.", key="basis", value=basis
        )
    if not of_symbol:
        known = sorted({e.symbol for e in entries})
        raise DataError(
            f"there are no bars of '{symbol}' in {data_folder() if folder is None else folder} or the samples"
            f"{did_you_mean(symbol, known) or '.'} Known are: {', '.join(known)}.",
            key="symbol",
            value=symbol,
        )
    fitting = of_symbol if timeframe is None else _fitting(of_symbol, timeframe)
    if not fitting:
        there = ", ".join(sorted({e.timeframe for e in of_symbol}))
        raise DataError(
            f"there are no {timeframe} bars of '{symbol}', and none to make them from; there are: {there}.",
            key="timeframe",
            value=timeframe,
        )
    chosen = [e for e in fitting if not e.is_sample] or fitting
    if len(chosen) > 1:
        files = "; ".join(f"{e.path} ({e.timeframe} {e.basis})" for e in chosen)
        raise DataError(
            f"several files hold bars of '{symbol}': {files}. Say which by timeframe, basis or path.",
            key="symbol",
            value=symbol,
        )
    return chosen[0]


def finest(symbol: str, timeframe: str, *, basis: str, folder: Path | None = None) -> Entry:
    """Return the file with the shortest bars of `symbol` that divide `timeframe`, or with its ticks where there are none.

    The workspace's files come before the samples, and those with `basis` before others. Raises `DataError` when there is
    nothing finer, or several files and nothing chooses between them.
    """
    wanted = make_timeframe(timeframe)
    entries = [e for e in catalog(folder) if e.symbol == symbol and e.kind in ("bars", "ticks")]
    lengths = {e.path: make_timeframe(e.timeframe).ns for e in entries if e.kind == "bars"}
    finer = [
        e for e in entries if e.kind == "ticks" or (lengths[e.path] < wanted.ns and wanted.ns % lengths[e.path] == 0)
    ]
    if not finer:
        there = ", ".join(sorted({e.timeframe for e in entries if e.kind == "bars"})) or "none"
        raise DataError(
            f"there are no bars of '{symbol}' finer than {timeframe} and no ticks of it in "
            f"{data_folder() if folder is None else folder} or the samples (its bars: {there}); import some, or give "
            "sp.backtest(..., finer=...) or --finer FILE.",
            key="finer",
            value=symbol,
        )
    finest_first = sorted(
        finer, key=lambda e: (e.kind == "ticks", e.is_sample, lengths.get(e.path, 0), e.basis != basis)
    )
    best = finest_first[0]
    equal = [
        e
        for e in finest_first
        if (e.kind, e.is_sample, e.timeframe, e.basis) == (best.kind, best.is_sample, best.timeframe, best.basis)
    ]
    if len(equal) > 1:
        files = "; ".join(str(e.path) for e in equal)
        raise DataError(
            f"several files hold the finest data of '{symbol}': {files}. Say which by finer=... or --finer FILE.",
            key="finer",
            value=symbol,
        )
    return best


def _fitting(entries: list[Entry], timeframe: str) -> list[Entry]:
    """Return the entries of the coarsest timeframe that divides `timeframe`: the workspace's, else samples."""
    wanted = make_timeframe(timeframe)
    for is_sample in (False, True):
        here = [(make_timeframe(e.timeframe).ns, e) for e in entries if e.is_sample == is_sample]
        lengths = [length for length, _ in here if wanted.ns % length == 0]
        if lengths:
            return [e for length, e in here if length == max(lengths)]
    return []


def _entry(path: Path, *, is_sample: bool) -> Entry:
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty (0 bytes).", path=path)
        known, n_rows = file_facts(path)
    except DataError as error:
        return Entry(path, "foreign", is_sample=is_sample, fault=str(error))
    kind = known.get("kind") or ("bars" if known.get("symbol") and known.get("timeframe") else "foreign")
    names = ("symbol", "timeframe", "basis", "session", "source", "adjustment", "content_hash")
    return Entry(path, kind, **{name: known.get(name, "") for name in names}, n_rows=n_rows, is_sample=is_sample)


def _order(entry: Entry) -> tuple[str, int, str]:
    return entry.symbol, make_timeframe(entry.timeframe).ns if entry.kind == "bars" else 0, str(entry.path)
