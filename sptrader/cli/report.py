"""`sptrader report` and `sptrader verify`: write the reports of runs, sweeps and notebooks, and make their numbers again."""

from __future__ import annotations

import glob
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from sptrader.cli.runs import Folder, find
from sptrader.errors import RunError
from sptrader.runs.page import BESIDE, INLINE
from sptrader.runs.pdf import save_pdf
from sptrader.runs.reopen import load_run
from sptrader.runs.report import save_notebook_report
from sptrader.runs.report_sweep import save_sweep_report
from sptrader.runs.store import saved_runs
from sptrader.runs.sweep_result import load_sweep
from sptrader.runs.verify import verify_report

NOTEBOOK = ".ipynb"
SWEEPS = Path("sweeps")
_SHOWN = 50


def report(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|SWEEP|NOTEBOOK...",
            help="Runs and sweeps (a folder, an id or its beginning), executed notebooks.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file to write, or the folder when there are several; else beside each.")
    ] = None,
    folder: Folder = Path("runs"),
    pdf: Annotated[bool, typer.Option("--pdf", help="Print it as PDF as well, through Chromium or Chrome.")] = False,
    shared: Annotated[
        bool, typer.Option("--shared-script", help="Keep the scripts in one file beside the reports, which share it.")
    ] = False,
    code: Annotated[bool, typer.Option("--code", help="Show the code of notebooks.")] = False,
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
) -> None:
    """Write the report of a run, a sweep or an executed notebook as one self-contained HTML file; several share their scripts
    where --out names a folder for them."""
    is_many = len(what) > 1
    if is_many and out is not None and out.suffix == ".html":
        raise RunError(f"out was '{out}'; with {len(what)} reports it is a folder.", key="out", value=str(out))
    script = BESIDE if shared or (is_many and out is not None) else INLINE
    for name in what:
        written = _report(name, _target(name, out, is_many=is_many), folder, script=script, code=code, theme=theme)
        Console().print(f"[dim]report:[/dim] {escape(str(written))}", soft_wrap=True)
        if pdf:
            Console().print(f"[dim]pdf:[/dim] {escape(str(save_pdf(written)))}", soft_wrap=True)


def verify(
    page: Annotated[Path, typer.Argument(metavar="REPORT", help="A report's HTML file, or the folder it is in.")],
    run: Annotated[Path | None, typer.Option(help="The run's folder, where the report does not find it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Make every figure of REPORT again from the run it names and list those that differ; exit code 1 when some do."""
    found = verify_report(_page_in(page), run)
    if as_json:
        print(json.dumps({**asdict(found), "is_true": found.is_true}))
    else:
        console = Console()
        for difference in found.differences[:_SHOWN]:
            console.print(f"[red]differs:[/red] {escape(difference.where)}", soft_wrap=True)
            console.print(
                f"  shown {escape(difference.shown)}; recomputed {escape(difference.recomputed)}", soft_wrap=True
            )
        if len(found.differences) > _SHOWN:
            console.print(f"... and {len(found.differences) - _SHOWN:,} more (--json lists all)")
        rest = f"; {found.unverified:,} are the notebook's own and were not checked" if found.unverified else ""
        n = len(found.differences)
        told = "all are as recomputed" if found.is_true else f"{n:,} {'differs' if n == 1 else 'differ'}"
        console.print(f"{found.checked:,} values of {', '.join(found.runs)} checked: {told}{rest}.", soft_wrap=True)
    if not found.is_true:
        raise typer.Exit(1)


def _report(name: str, out: Path | None, folder: Path, *, script: str, code: bool, theme: str) -> Path:
    if name.endswith(NOTEBOOK):
        return save_notebook_report(name, out or Path(name).with_suffix(".html"), script=script, has_code=code)
    swept = _sweep_named(name, folder)
    if swept is not None:
        sweep = load_sweep(swept)
        target = out / f"{sweep.id}.html" if out is not None and out.suffix != ".html" else out
        return save_sweep_report(sweep, target or swept / "report.html", script=script, theme=theme)
    path = find(name, folder)
    loaded = load_run(path)
    target = out / f"{loaded.id}.html" if out is not None and out.suffix != ".html" else out
    return loaded.report(target or path / "report.html", script=script, theme=theme)


def _page_in(place: Path) -> Path:
    """The report of a run's or sweep's folder, the index of a batch's."""
    return next((place / name for name in ("report.html", "index.html") if (place / name).is_file()), place)


def _sweep_named(name: str, folder: Path) -> Path | None:
    """The folder of the sweep that is named by its folder, its id below `sweeps`, or the beginning of its id, unless a run
    is."""
    for place in (Path(name), SWEEPS / name):
        if (place / "sweep.json").is_file():
            return place
    if any(path.name.startswith(name) for path in saved_runs(folder)):
        return None
    begun = sorted(path.parent for path in SWEEPS.glob(f"{glob.escape(name)}*/sweep.json"))
    if len(begun) > 1:
        names = ", ".join(path.name for path in begun)
        raise RunError(f"'{name}' begins the ids of {len(begun)} sweeps: {names}.", key="sweep", value=name)
    return begun[0] if begun else None


def _target(name: str, out: Path | None, *, is_many: bool) -> Path | None:
    """Where one report goes: a notebook's keeps its name, a run's has its id."""
    if out is None or out.suffix == ".html":
        return out
    return out / f"{Path(name).stem}.html" if name.endswith(NOTEBOOK) else out
