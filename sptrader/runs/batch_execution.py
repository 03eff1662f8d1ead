"""One execution of a batch: a notebook with its parameters on a warm kernel, tried again when its kernel died."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sptrader.clock import LiveClock
from sptrader.errors import RunError, SptraderError
from sptrader.runs.batch_folder import DONE, FAILED, BatchFolder, Record, save_record, saved_record
from sptrader.runs.batch_plan import Execution
from sptrader.runs.notebook import WARM_ENGINE, notebook_data, read_notebook, run_notebook
from sptrader.runs.warm_kernel import close_thread_loop

ERROR_TAG = "papermill-error-cell-tag"  # papermill's own, so that it takes the cell away when the notebook is run again
_GRACE_S = 300.0  # for the start of a kernel, its end, and writing, on a machine that is busy with many others
_AGAIN = ("KernelDied", "RunError")


@dataclass(frozen=True)
class Settings:
    """What all executions of a batch share."""

    folder: BatchFolder
    kernel: str
    cwd: str
    timeout_s: float
    retries: int


def execute(settings: Settings, execution: Execution, is_cancelled: Callable[[], bool] | None = None) -> Record | None:
    """Execute one notebook, save its record, and return it; None when the batch was cancelled meanwhile.

    What is finished already is returned as it is, so that an execution that was handed out twice is done once. A cell that
    raised or was too slow fails; a kernel that died is replaced and the notebook run again, `retries` times. Should not even
    the end of the kernel end it, it is given up: this function always returns.
    """
    if (saved := saved_record(settings.folder, execution)) is not None and saved.status == DONE:
        return saved
    clock = LiveClock()
    began_s = clock.elapsed_s()
    n_attempts = 0
    while True:
        record = _attempt(settings, execution)
        n_attempts += 1
        if is_cancelled is not None and is_cancelled():
            return None
        if record.kind not in _AGAIN or n_attempts > settings.retries:
            break
    record = replace(record, seconds=round(clock.elapsed_s() - began_s, 3), attempts=n_attempts)
    _require_notebook(settings.folder, execution, record)
    save_record(settings.folder, execution, record)
    return record


def _attempt(settings: Settings, execution: Execution) -> Record:
    """Execute in a thread of its own, which is left alone when it does not come back."""
    results: list[Record] = []
    thread = threading.Thread(
        target=lambda: results.append(_run(settings, execution)), daemon=True, name=f"notebook {execution.name}"
    )
    thread.start()
    thread.join(settings.timeout_s + _GRACE_S)
    if results:
        return results[0]
    sentence = f"nothing was heard of it for {settings.timeout_s + _GRACE_S:g} s; it was given up"
    return _failure(execution, "NoAnswer", sentence)


def _run(settings: Settings, execution: Execution) -> Record:
    out = settings.folder.running(execution)
    try:
        node = run_notebook(
            settings.folder.source,
            out,
            parameters=execution.parameters,
            cwd=settings.cwd,
            kernel=settings.kernel,
            engine=WARM_ENGINE,
            notebook_timeout_s=settings.timeout_s,
        )
        values = notebook_data(node)
    except SptraderError as error:
        return _told(execution, error)
    except Exception as error:  # whatever it was, the batch goes on and tells it
        return _failure(execution, type(error).__name__, str(error))
    finally:
        close_thread_loop()
    return Record(execution.name, execution.key, DONE, dict(execution.parameters), values=values)


def _told(execution: Execution, error: SptraderError) -> Record:
    from papermill.exceptions import PapermillExecutionError

    cause = error.__cause__
    if isinstance(cause, PapermillExecutionError):
        sentence = f"cell {cause.cell_index + 1}: {cause.ename}: {cause.evalue}"
        return _failure(execution, str(cause.ename), sentence)
    return _failure(execution, type(error).__name__, str(error))


def _failure(execution: Execution, kind: str, sentence: str) -> Record:
    return Record(execution.name, execution.key, FAILED, dict(execution.parameters), kind=kind, error=sentence)


def _require_notebook(folder: BatchFolder, execution: Execution, record: Record) -> None:
    """Make sure that there is a notebook to look at: the source with the error above it when nothing was executed."""
    out = folder.running(execution)
    if out.is_file() and (record.status == DONE or _is_notebook(out)):
        return
    import nbformat
    from nbformat.v4 import new_markdown_cell

    node, _ = read_notebook(folder.source)
    told = new_markdown_cell(f"**Not executed.** {record.error}", metadata={"tags": [ERROR_TAG]})  # type: ignore[no-untyped-call]
    node.cells.insert(0, told)
    nbformat.write(node, out)  # type: ignore[no-untyped-call]


def _is_notebook(path: Path) -> bool:
    try:
        read_notebook(path)
    except RunError:  # cut off while it was written
        return False
    return True
