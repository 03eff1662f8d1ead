"""`sptrader batch`: one notebook over many parameters, in parallel, with an index of what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from sptrader.runs.batch import TIMEOUT_S, Batch, Progress
from sptrader.runs.batch import batch as run_batch
from sptrader.runs.batch_folder import DONE
from sptrader.runs.batch_parameters import read_space

_MOST_SHOWN = 20


def batch(
    notebook: Annotated[Path, typer.Argument(help="The notebook; its first code cell is tagged 'parameters'.")],
    params: Annotated[
        Path | None, typer.Option(help="A YAML file: a list of mappings name: value, or one of name: [v1, v2].")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(help="Values of one parameter, as fast=8,12 or fast=5:50:5; may be repeated: every combination."),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Notebooks at a time; else as many as there are cores.")] = None,
    out: Annotated[Path, typer.Option(help="Where executed notebooks and the index go.")] = Path("batch"),
    timeout: Annotated[float, typer.Option(help="Seconds after which a notebook is killed.")] = TIMEOUT_S,
    retries: Annotated[int, typer.Option(help="How often a notebook whose kernel died is run again.")] = 2,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again what an earlier batch has finished.")] = False,
    executor: Annotated[str, typer.Option(help="Who works: local, or dask.")] = "local",
    dask: Annotated[str | None, typer.Option(help="A running Dask scheduler, as tcp://host:8786.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> int:
    """Execute NOTEBOOK once for each parameter set; what an earlier batch finished in the same folder is kept."""
    given = read_space(space, notebook) if space else None
    shown = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=as_json,
    )
    with shown:
        task = shown.add_task("notebooks", total=None, visible=False)  # until the input is known to be right

        def told(progress: Progress) -> None:
            failed = f", {progress.n_failed} failed" if progress.n_failed else ""
            kept = f", {progress.n_kept} kept" if progress.n_kept else ""
            text = f"notebooks{kept}{failed}"
            shown.update(task, completed=progress.n_done, total=progress.n_all, description=text, visible=True)

        made = run_batch(
            notebook,
            params,
            space=given,
            out=out,
            workers=workers,
            timeout_s=timeout,
            retries=retries,
            fresh=fresh,
            executor="dask" if dask else executor,
            address=dask,
            on_progress=told,
        )
    if as_json:
        print(json.dumps(_summary(made)))
    else:
        _show(made)
    return 1 if len(made.failed) else 0


def _summary(made: Batch) -> dict[str, object]:
    failures = [{"notebook": row.notebook, "error": row.error} for row in made.failed.itertuples()]
    return {
        "folder": str(made.folder),
        "index": str(made.folder / "index.parquet"),
        "page": str(made.page),
        "done": int((made.table["status"] == DONE).sum()),
        "failed": len(failures),
        "failures": failures,
    }


def _show(made: Batch) -> None:
    console = Console()
    for row in made.failed.head(_MOST_SHOWN).itertuples():
        console.print(f"[red]failed[/red] {escape(str(row.notebook))}: {escape(str(row.error))}", soft_wrap=True)
    more = len(made.failed) - _MOST_SHOWN
    if more > 0:
        console.print(f"and {more} more failed")
    n_done = int((made.table["status"] == DONE).sum())
    console.print(f"{n_done:,} of {len(made.table):,} notebooks done")
    console.print(f"[dim]index:[/dim] {escape(str(made.page))}", soft_wrap=True)
