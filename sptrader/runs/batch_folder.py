"""A batch's folder: the executed notebooks, and below `.batch` what a resume needs.

NAME.ipynb                    each executed notebook, the failed ones too
index.parquet, index.html     what came of them
.batch/source.ipynb           the notebook as it was when the batch began
.batch/records/NAME.json      one record for each execution that ended; written last, whole or not at all
.batch/running/               what is being executed
.batch/lock                   held by the batch that works here
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sptrader.errors import RunError
from sptrader.runs.batch_plan import Execution

DONE = "done"
FAILED = "failed"


@dataclass(frozen=True)
class Record:
    """What came of one execution.

    `status` is `done` or `failed`, `error` the sentence of a failure and `kind` its exception's name; `seconds` the wall time
    of all `attempts`; `values` the metrics and facts that the notebook left for programs.
    """

    name: str
    key: str
    status: str
    parameters: Mapping[str, Any]
    kind: str = ""
    error: str = ""
    seconds: float = 0.0
    attempts: int = 1
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchFolder:
    """The paths of one batch below its `root`."""

    root: Path

    @property
    def source(self) -> Path:
        """The notebook that is executed."""
        return self.root / ".batch" / "source.ipynb"

    @property
    def index(self) -> Path:
        """The table of what came of it."""
        return self.root / "index.parquet"

    @property
    def page(self) -> Path:
        """The same as a page."""
        return self.root / "index.html"

    def running(self, execution: Execution) -> Path:
        """Where a notebook is written while it is executed."""
        return self.root / ".batch" / "running" / execution.name

    def record(self, execution: Execution) -> Path:
        """Where the record of an execution is."""
        return self.root / ".batch" / "records" / f"{execution.name}.json"


@contextmanager
def opened(root: str | Path, notebook: str | Path) -> Iterator[BatchFolder]:
    """Prepare the folder of a batch of `notebook` and hold it; raise `RunError` when another batch works in it."""
    folder = BatchFolder(Path(root).resolve())
    try:
        for name in ("records", "running"):
            (folder.root / ".batch" / name).mkdir(parents=True, exist_ok=True)
        lock = (folder.root / ".batch" / "lock").open("w")
    except OSError as error:
        raise RunError(f"out was '{root}'; it cannot be written to: {error.strerror}.", path=root, key="out") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunError(
                f"out was '{root}'; another batch is at work in it.", path=root, key="out", is_failure=True
            ) from error
        for left in (folder.root / ".batch" / "running").iterdir():
            left.unlink()
        draft = folder.source.with_suffix(".part")
        shutil.copyfile(notebook, draft)
        draft.replace(folder.source)
        yield folder


def saved_record(folder: BatchFolder, execution: Execution) -> Record | None:
    """Return the record of an execution with this key whose notebook is still there; None without one."""
    try:
        found = json.loads(folder.record(execution).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if found.get("key") != execution.key or not (folder.root / execution.name).is_file():
        return None
    return Record(**found)


def save_record(folder: BatchFolder, execution: Execution, record: Record) -> None:
    """Put the executed notebook into its place, then its record: whoever sees the record finds the notebook."""
    path = folder.record(execution)
    folder.running(execution).replace(folder.root / execution.name)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(asdict(record), default=str), encoding="utf-8")
    draft.replace(path)
