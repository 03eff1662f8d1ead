"""Bundle: what a report says of the runs it was made of, so that its numbers can be found and made again."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sptrader.errors import RunError
from sptrader.runs.page import embedded_json
from sptrader.runs.reported import ReportedRun, Trials

BUNDLE_MIME = "application/vnd.sptrader.bundle+json"
RUN_PAGE = "run"
NOTEBOOK_PAGE = "notebook"
SWEEP_PAGE = "sweep"
COMPARISON_PAGE = "comparison"
BATCH_PAGE = "batch"
_BLOCK = re.compile(rf'<script type="{re.escape(BUNDLE_MIME)}">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class BundledRun:
    """One run of a report: its id, its folder relative to the page (empty when it was not saved), the SHA-256 of its files
    by their path in it, and the trials its verdict was made with; of a sweep also the looks at its hold-out by then."""

    id: str
    folder: str = ""
    files: Mapping[str, str] | None = None
    trials: Trials | None = None
    n_openings: int = 0


@dataclass(frozen=True)
class Bundle:
    """What a page was made of: its `kind` (`run`, `notebook`, `comparison`, `sweep` or `batch`), `theme`, and runs, or the one
    sweep or batch."""

    kind: str
    theme: str
    runs: tuple[BundledRun, ...]


def bundled(run: ReportedRun, page: Path) -> BundledRun:
    """Return what a page at `page` says of `run`."""
    folder = run.folder
    if folder is None:
        return BundledRun(run.id, trials=run.trials)
    return BundledRun(run.id, _relative(folder, page), file_hashes(folder), run.trials)


def bundled_folder(run_id: str, page: Path, trials: Mapping[str, float] | None = None) -> BundledRun:
    """Return what a page at `page` says of a run it knows by its id: saved in the page's own folder, or in one of that name;
    `trials` are those its summary was made with."""
    counted = None if trials is None else Trials(**trials)
    for folder in (page.parent, page.parent / run_id, page.parent / "runs" / run_id):
        if folder.resolve().name == run_id and (folder / "run.json").is_file():
            return BundledRun(run_id, _relative(folder, page), file_hashes(folder), counted)
    return BundledRun(run_id, trials=counted)


def bundled_sweep(sweep_id: str, folder: Path | None, page: Path, trials: Trials, n_openings: int) -> BundledRun:
    """Return what a page at `page` says of a sweep, the trials its best row is deflated by, and how often its hold-out was
    looked at."""
    if folder is None:
        return BundledRun(sweep_id, trials=trials, n_openings=n_openings)
    return BundledRun(sweep_id, _relative(folder, page), sweep_hashes(folder), trials, n_openings)


def bundled_batch(name: str, folder: Path, notebooks: Iterable[str]) -> BundledRun:
    """Return what the index of a batch of the notebook `name`, a page in the batch's `folder`, says of it."""
    return BundledRun(name, ".", batch_hashes(folder, notebooks))


def batch_hashes(folder: Path, notebooks: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of a batch's executed notebooks, of their records, and of the table of its index."""
    names = list(notebooks)
    records = (folder / ".batch" / "records" / f"{name}.json" for name in names)
    return _hashes(folder, [*(folder / name for name in names), *records, folder / "index.parquet"])


def sweep_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of a sweep's rows and inputs."""
    return _hashes(folder, [*(folder / "parts").glob("*.parquet"), *(folder / "inputs").rglob("*")])


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of a run's tables and inputs; `run.json`, which holds the time of its making, is not among them."""
    return _hashes(folder, [*folder.glob("*.parquet"), folder / "metrics.json", *(folder / "inputs").glob("*")])


def _hashes(folder: Path, names: Iterable[Path]) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(names)
        if path.is_file() and not path.name.startswith(".")
    }


def bundle_part(bundle: Bundle) -> str:
    """Return the element of a page that carries `bundle`."""
    return f'<script type="{BUNDLE_MIME}">{embedded_json(asdict(bundle))}</script>'


def read_bundle(html: str, path: Path) -> Bundle:
    """Return the bundle that the page `html` names; raise `RunError` for a page that names none."""
    found = _BLOCK.search(html)
    if found is None:
        raise RunError(f"{path} is no report that can be verified: it names no run.", path=path)
    try:
        said: dict[str, Any] = json.loads(found[1])
        runs = tuple(
            BundledRun(
                str(run["id"]),
                str(run["folder"]),
                run["files"],
                None if run["trials"] is None else Trials(**run["trials"]),
                int(run.get("n_openings", 0)),
            )
            for run in said["runs"]
        )
        return Bundle(str(said["kind"]), str(said["theme"]), runs)
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: what it says of its run cannot be read: {error}.", path=path) from error


def _relative(folder: Path, page: Path) -> str:
    """The way from the page's folder to the run's; the absolute one where there is none (another drive)."""
    try:
        return Path(os.path.relpath(folder.resolve(), page.resolve().parent)).as_posix()
    except ValueError:
        return folder.resolve().as_posix()
