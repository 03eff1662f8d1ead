"""`sptrader sweep`: run a strategy over a space of parameters and print the best rows."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sptrader.cli.backtest import bars_named, parameters
from sptrader.errors import RunError
from sptrader.performance.definitions import metric_text
from sptrader.runs.space import read_values
from sptrader.runs.sweep import sweep as run_sweep
from sptrader.runs.sweep_result import Sweep
from sptrader.strategy.loader import load_strategy

_SHOWN = ("sharpe", "total_return", "max_drawdown", "trades", "win_rate")


def sweep(
    strategy: Annotated[str, typer.Argument(help="A strategy file, or the name of a known one.")],
    space: Annotated[
        list[str] | None,
        typer.Option(help="Values of a parameter: fast=5:50:5 or slow=50,100; repeated. Else the file's optimize."),
    ] = None,
    constraint: Annotated[list[str] | None, typer.Option(help="What combinations must meet, as 'fast < slow'.")] = None,
    objective: Annotated[str, typer.Option(help="A metric or an expression, to be maximised.")] = "sharpe",
    method: Annotated[str, typer.Option(help="grid, random or smart.")] = "grid",
    trials: Annotated[int | None, typer.Option(help="How many combinations random and smart try.")] = None,
    seed: Annotated[int, typer.Option(help="Of random and smart.")] = 0,
    data: Annotated[str | None, typer.Option(help="A Parquet file of bars, or a symbol of the catalog.")] = None,
    symbol: Annotated[str | None, typer.Option(help="What a foreign file is of: EURUSD.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Its timeframe: 1m, 1h, 1d.")] = None,
    basis: Annotated[str | None, typer.Option(help="The side of its prices: bid, ask, mid or last.")] = None,
    finer: Annotated[
        Path | None, typer.Option(help="A Parquet file of finer bars or ticks, for execution.intrabar: finer.")
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="Several symbols of the catalog to try: EURUSD,GBPUSD.")] = None,
    timeframes: Annotated[str | None, typer.Option(help="Several timeframes to try: 1h,4h.")] = None,
    start: Annotated[str | None, typer.Option(help="First day, UTC.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day, UTC, included.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="A parameter to change, as fast=8; may be repeated.")] = None,
    cash: Annotated[float | None, typer.Option(help="Starting money.")] = None,
    holdout: Annotated[
        float | None, typer.Option(help="The fraction of the bars, at the end, that no row sees.")
    ] = None,
    executor: Annotated[str | None, typer.Option(help="threads, processes or dask.")] = None,
    workers: Annotated[int | None, typer.Option(help="How many; as many as cores by default.")] = None,
    dask: Annotated[str | None, typer.Option(help="The address of a running Dask scheduler: tcp://...")] = None,
    storage: Annotated[str | None, typer.Option(help="A database for the smart search that machines share.")] = None,
    out: Annotated[Path, typer.Option(help="Where to keep the sweep's folder; a killed one goes on.")] = Path("sweeps"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Run STRATEGY over every combination of its parameters' values, and print the best."""
    loaded = load_strategy(strategy)
    found = run_sweep(
        loaded,
        bars_named(loaded, data, symbol=symbol, timeframe=timeframe, basis=basis),
        space=spaces(space) if space else None,
        objective=objective,
        method=method,
        n_trials=trials,
        seed=seed,
        constraints=constraint or (),
        params=parameters(param or []),
        symbols=_listed(symbols),
        timeframes=_listed(timeframes),
        cash=cash,
        start=start,
        end=end,
        finer=finer,
        holdout=holdout,
        executor=executor or ("dask" if dask else "threads"),
        workers=workers,
        address=dask,
        storage=storage,
        out=out,
        progress=False if as_json else None,
    )
    if as_json:
        print(json.dumps(summary(found)))
    else:
        show(found)
    if not found.is_complete:
        raise typer.Exit(1)


def spaces(given: list[str]) -> dict[str, object]:
    """Read `name=values` pairs: `fast=5:50:5`, `slow=50,100`."""
    found: dict[str, object] = {}
    for text in given:
        name, equals, values = text.partition("=")
        if not equals or not name.strip() or not values.strip():
            raise RunError(
                f"--space was '{text}'; allowed is name=values, as in fast=5:50:5 or slow=50,100.",
                key="space",
                value=text,
            )
        if name.strip() in found:
            raise RunError(f"--space {name.strip()} was given twice; give all its values at once.", key="space")
        found[name.strip()] = read_values(values.strip())
    return found


def summary(sweep: Sweep) -> dict[str, Any]:
    """Return the JSON object of a sweep: its id, folder, size, the ledger's count, and its best row."""
    best: dict[str, Any] = {}
    if sweep.scores.notna().any():
        row = sweep.best()
        values = {name: row[name] for name in sweep.table.columns if name not in (*sweep.space.names, "error")}
        best = {
            "combination": int(str(row.name)),
            "parameters": sweep.parameters(row),
            "metrics": {name: None if math.isnan(value) else value for name, value in values.items()},
        }
    return {
        "sweep": sweep.id,
        "folder": str(sweep.folder),
        "combinations": len(sweep.table),
        "is_complete": sweep.is_complete,
        "objective": sweep.objective,
        "trials_on_data": sweep.n_trials if len(sweep.table) else 0,
        "best": best,
        "warnings": list(sweep.warnings),
    }


def show(sweep: Sweep, n: int = 10) -> None:
    """Print the best rows, and what speaks against believing them."""
    console = Console()
    title = f"{sweep.title}, best first"
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    table.add_column("combination", justify="right")
    for name in (*sweep.space.names, *_SHOWN):
        table.add_column(name, justify="right", no_wrap=True)
    currency = str(sweep.facts["account"]["currency"])
    for number, row in sweep.ranked(n).astype(object).iterrows():
        values = [str(row[name]) for name in sweep.space.names]
        metrics = [metric_text(name, float(row[name]), currency=currency) for name in _SHOWN]
        table.add_row(str(number), *map(escape, values), *metrics)
    console.print(table)
    if sweep.scores.notna().any() and len(sweep.table) > 1:
        found = sweep.overfit()
        console.print(
            f"deflated Sharpe ratio {found.deflated.probability:.3f} after {found.n_trials:,.0f} trials on these data; "
            f"probability of overfitting {'n/a' if found.pbo is None else f'{found.pbo.probability:.2f}'}"
        )
        console.print(f"[yellow]note:[/yellow] {escape(found.verdict)}")
    for warning in sweep.warnings:
        console.print(f"[yellow]note:[/yellow] {escape(warning)}")
    console.print(f"[dim]kept in[/dim] {escape(str(sweep.folder))}", soft_wrap=True)


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
