"""`sptrader backtest` and `sptrader demo`: run a strategy over bars and print what came of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sptrader.data.load import load_bars
from sptrader.errors import RunError
from sptrader.performance.definitions import DEFINITIONS, metric_text
from sptrader.runs.backtest import Bars
from sptrader.runs.backtest import backtest as run_backtest
from sptrader.runs.reopen import load_run
from sptrader.runs.run import Run
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.strategy import Strategy


def backtest(
    strategy: Annotated[str, typer.Argument(help="A strategy file, or the name of a known one.")],
    data: Annotated[str | None, typer.Option(help="A Parquet file of bars, or a symbol of the catalog.")] = None,
    symbol: Annotated[str | None, typer.Option(help="What a foreign file is of: EURUSD.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Its timeframe: 1m, 1h, 1d.")] = None,
    basis: Annotated[str | None, typer.Option(help="The side of its prices: bid, ask, mid or last.")] = None,
    start: Annotated[str | None, typer.Option(help="First day, UTC.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, UTC, included.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="A parameter to change, as fast=8; may be repeated.")] = None,
    cash: Annotated[float | None, typer.Option(help="Starting money.")] = None,
    finer: Annotated[
        Path | None, typer.Option(help="A Parquet file of finer bars or ticks, for execution.intrabar: finer.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where to save the run's folder.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Run STRATEGY over bars, save the run, and print its metrics."""
    loaded = load_strategy(strategy)
    bars = bars_named(loaded, data, symbol=symbol, timeframe=timeframe, basis=basis)
    run = run_backtest(loaded, bars, params=parameters(param or []), cash=cash, start=start, end=end, finer=finer)
    folder = run.save(out)
    if as_json:
        print(json.dumps(summary(run, folder)))
        return
    show(run)
    Console().print(f"[dim]saved to[/dim] {escape(str(folder))}", soft_wrap=True)


def demo(
    out: Annotated[Path, typer.Option(help="Where to save the run and its report.")] = Path("runs"),
) -> None:
    """Run the moving-average crossover over a year of real EURUSD, through the notebook template, and write its report."""
    from sptrader.runs.report import run_report_notebook
    from sptrader.runs.workspace import notebooks_folder

    report = run_report_notebook(notebooks_folder() / "templates" / "backtest.ipynb", out)
    show(load_run(report.parent))
    Console().print(f"[dim]report:[/dim] {escape(str(report))}", soft_wrap=True)


def parameters(given: list[str]) -> dict[str, object]:
    """Read `name=value` pairs; values are read as in YAML."""
    found: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise RunError(f"--param was '{text}'; allowed is name=value, as in fast=8.", key="param", value=text)
        found[name.strip()] = value.strip()
    return found


def summary(run: Run, folder: Path) -> dict[str, Any]:
    """Return the JSON object of a run: its id, folder and metrics, with null for what is undefined."""
    metrics = {name: None if math.isnan(value) else value for name, value in run.metrics.items()}
    return {"run": run.id, "folder": str(folder), "metrics": metrics}


def show(run: Run) -> None:
    """Print a run's metrics as a table, and its warnings."""
    console = Console()
    timeframe = run.provenance["timeframe"]
    table = Table(
        title=f"{run.strategy.name} on {', '.join(run.symbols)} {timeframe}",
        title_justify="left",
        box=None,
        expand=True,
    )
    table.add_column("metric", style="bold", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("what it is", style="dim", overflow="ellipsis", no_wrap=True, ratio=1)
    for name, value in run.metrics.items():
        table.add_row(name, metric_text(name, value, currency=run.config.currency), DEFINITIONS[name].text)
    console.print(table)
    for warning in run.warnings:
        console.print(f"[yellow]note:[/yellow] {escape(warning)}")


def bars_named(
    strategy: Strategy, data: str | None, *, symbol: str | None, timeframe: str | None, basis: str | None
) -> Bars:
    """Return the bars that --data names: a file's with what is said of it, or those of a symbol of the catalog."""
    is_described = bool(symbol or timeframe or basis)
    if data is None:
        if is_described:
            raise RunError("--symbol, --timeframe and --basis describe a file; give it with --data.", key="data")
        return None
    if isinstance(_source(data), str) and not is_described:
        return data  # of the catalog, where its finer bars are too
    wanted = timeframe or (None if Path(data).suffix else strategy.market.timeframe)
    return load_bars(_source(data), wanted, symbol=symbol, basis=basis)


def _source(data: str) -> str | Path:
    return Path(data) if Path(data).suffix or Path(data).exists() else data
