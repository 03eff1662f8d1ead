"""Verify a batch: its index made again from the executed notebooks, and a few of their runs from their inputs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from sptrader.errors import RunError
from sptrader.performance.definitions import DEFINITIONS
from sptrader.runs.batch_folder import BatchFolder, Record
from sptrader.runs.batch_index import index_page, index_table, load_index
from sptrader.runs.batch_plan import Execution
from sptrader.runs.bundle import Bundle, batch_hashes, bundled_folder
from sptrader.runs.differences import (
    Difference,
    Verification,
    compared,
    hash_differences,
    is_same,
    table_differences,
)
from sptrader.runs.notebook import notebook_data
from sptrader.runs.pieces import page_pieces
from sptrader.runs.reopen import load_run

SAMPLED_RUNS = 5


def verify_batch(file: Path, html: str, bundle: Bundle) -> Verification:
    """Compare the index at `file` with what the executed notebooks beside it hold: their parameters, metrics and errors.

    Their files have to have the hashes that the page carries. Of the runs that they saved below the folder an even share is
    made again from its inputs; what a notebook without a saved run left is counted as unverified.
    """
    (named,) = bundle.runs
    folder = BatchFolder(file.parent)
    stored = load_index(folder.root)
    records = dict(_records(folder, stored))
    made = index_table(_executions(stored, records), records)
    differences = [
        *hash_differences(named, batch_hashes(folder.root, stored["notebook"])),
        *table_differences("index.parquet", stored, made),
    ]
    saved = {run: values for run, values in _runs(records) if bundled_folder(run, file).folder}
    chosen = list(saved)[:: max(1, len(saved) // SAMPLED_RUNS)][:SAMPLED_RUNS]
    for run in chosen:
        differences += _remade(file, run, saved[run])
    shown, expected = page_pieces(html), page_pieces(index_page(made, named))
    differences += compared(shown, expected)
    unverified = sum(len(_metrics(values)) for run, values in _runs(records) if run not in saved)
    checked = len(named.files or {}) + made.size + len(expected) + sum(len(_metrics(saved[run])) for run in chosen)
    return Verification(str(file), (named.id, *chosen), checked, unverified, tuple(differences))


def _records(folder: BatchFolder, stored: pd.DataFrame) -> Iterator[tuple[str, Record]]:
    """The record of each row by its key, with what its notebook says instead of what the record does."""
    for name, key in zip(stored["notebook"], stored["key"], strict=True):
        path = folder.record(Execution(name, key, {}))
        if not path.is_file():
            continue
        try:
            record = Record(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise RunError(f"{path}: the record cannot be read: {error}.", path=path) from error
        if record.key == key and (folder.root / name).is_file():
            yield key, replace(record, values=notebook_data(folder.root / name) if record.values else {})


def _executions(stored: pd.DataFrame, records: Mapping[str, Record]) -> list[Execution]:
    """What each row is of; a row that is pending has the parameters that the index says."""
    names = next((list(record.parameters) for record in records.values()), [])
    found = []
    for row in stored.to_dict("records"):
        record = records.get(row["key"])
        given = {name: row[name] for name in names if name in row} if record is None else record.parameters
        found.append(Execution(row["notebook"], row["key"], given))
    return found


def _runs(records: Mapping[str, Record]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The runs that the notebooks show, with what they said of them."""
    return ((str(record.values.get("run", key)), record.values) for key, record in records.items())


def _metrics(values: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a run as a notebook has left them."""
    found = values.get("metrics")
    known = found if isinstance(found, dict) else values
    return {name: math.nan if known[name] is None else float(known[name]) for name in DEFINITIONS if name in known}


def _remade(page: Path, run: str, values: Mapping[str, Any]) -> Iterator[Difference]:
    """How a notebook's metrics differ from those of its run made again."""
    metrics = load_run(page.parent / bundled_folder(run, page).folder).remade().metrics
    for name, value in _metrics(values).items():
        if not is_same(value, metrics[name]):
            yield Difference(f"{run}: {name}", str(value), str(metrics[name]))
