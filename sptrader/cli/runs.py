"""`sptrader runs`: list saved runs, show one, compare several."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sptrader.cli.backtest import show, summary
from sptrader.errors import RunError, SptraderError
from sptrader.performance.definitions import metric_text
from sptrader.runs.compare import compare_runs
from sptrader.runs.reopen import load_run
from sptrader.runs.report_compare import save_comparison
from sptrader.runs.store import saved_runs

app = typer.Typer(help="Saved runs.", no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="Where runs are saved.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Name = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its id below the folder of runs.")]
_SHOWN = {"trades": "trades", "total_return": "return", "sharpe": "sharpe", "max_drawdown": "drawdown"}


@app.command("list")
def list_runs(folder: Folder = Path("runs"), as_json: AsJson = False) -> None:
    """List the saved runs, newest first; those that cannot be read are named on standard error."""
    found = []
    for path in saved_runs(folder):
        try:
            found.append((path, load_run(path)))
        except SptraderError as error:
            print(f"sptrader: {error}", file=sys.stderr)
    if as_json:
        print(json.dumps({"runs": [summary(run, path) for path, run in found]}))
        return
    table = Table(box=None, header_style="bold")
    for head in ("run", "made at", *_SHOWN.values()):
        table.add_column(head, no_wrap=True, justify="left" if head in ("run", "made at") else "right")
    for _, run in found:
        values = [metric_text(name, run.metrics[name], currency=run.config.currency) for name in _SHOWN]
        table.add_row(escape(run.id), str(run.provenance["made_at"])[:16], *values)
    Console().print(table if found else f"no runs in {folder}")


@app.command("show")
def show_run(run: Name, folder: Folder = Path("runs"), as_json: AsJson = False) -> None:
    """Show one run's metrics and warnings."""
    path = find(run, folder)
    loaded = load_run(path)
    if as_json:
        print(json.dumps(summary(loaded, path)))
        return
    show(loaded)


@app.command("compare")
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two or more runs: folders, or ids.")],
    folder: Folder = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="Write the comparison as an HTML file as well.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare runs: what they were made of where it differs, and their metrics side by side."""
    found = compare_runs([load_run(find(run, folder)) for run in runs])
    written = None if out is None else save_comparison(found, out)
    if as_json:
        print(json.dumps(found.to_dict()))
        return
    console = Console()
    for label, run in zip(found.labels, found.runs, strict=True):
        console.print(f"[bold]{label}[/bold] {escape(run.id)}", soft_wrap=True)
    for doubt in found.doubts:
        console.print(f"[yellow]note:[/yellow] {escape(doubt)}")
    groups = ("strategy", "parameters", "settings", "data", "components", "software", "findings", "metrics")
    for group in groups:
        rows = found.table(group, only_different=group != "metrics")
        if len(rows):
            console.print(_side_by_side(group, rows))
    if written is not None:
        console.print(f"[dim]comparison:[/dim] {escape(str(written))}", soft_wrap=True)


def _side_by_side(title: str, rows: pd.DataFrame) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim")
    for head in rows.columns:
        table.add_column("" if head == "name" else str(head), justify="left" if head == "name" else "right")
    for values in rows.itertuples(index=False):
        table.add_row(*(escape(str(value)) for value in values))
    return table


def find(run: str, folder: Path) -> Path:
    """Return the folder of the run that is named by its folder, its id, or the beginning of its id."""
    for candidate in (Path(run), folder / run):
        if (candidate / "run.json").is_file():
            return candidate
    begun = [path for path in saved_runs(folder) if path.name.startswith(run)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        names = ", ".join(path.name for path in begun)
        raise RunError(f"'{run}' begins the ids of {len(begun)} runs: {names}.", key="run", value=run)
    return folder / run
