"""`sptrader strategies`: list, show, check, describe and start strategy files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sptrader.components import registry
from sptrader.errors import StrategyError
from sptrader.strategy.loader import load_strategy, strategy_files
from sptrader.strategy.plan import Plan, make_plan
from sptrader.strategy.schema import strategy_schema
from sptrader.strategy.template import write_template

app = typer.Typer(help="Strategy files.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Name = Annotated[str, typer.Argument(metavar="STRATEGY", help="A strategy file, or the name of a known one.")]


@app.command("list")
def list_strategies(
    folder: Annotated[
        Path | None, typer.Option(help="Folder to look in; else ./strategies, else the shipped ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the strategy files there are, and which of them have faults."""
    if folder is not None and not folder.is_dir():
        raise StrategyError(f"{folder} is not a folder.", path=folder)
    rows = [_row(path) for path in strategy_files(folder)]
    if as_json:
        print(json.dumps({"strategies": rows}))
        return
    shown = Table(box=None, header_style="bold")
    for head in ("name", "version", "market", "file", "description"):
        shown.add_column(head, overflow="fold")
    for row in rows:
        shown.add_row(
            *(escape(str(row.get(name, ""))) for name in ("name", "version", "market", "file", "description"))
        )
    Console().print(shown)


def _row(path: Path) -> dict[str, Any]:
    try:
        strategy = load_strategy(path, check_components=False)
    except StrategyError as error:
        return {
            "name": path.stem,
            "file": str(path),
            "description": f"has {len(error.faults)} faults",
            "faults": error.faults,
        }
    market = f"{', '.join(strategy.market.symbols) or 'any'} {strategy.market.timeframe}".strip()
    return {
        "name": strategy.name,
        "version": strategy.version,
        "market": market,
        "file": str(path),
        "description": strategy.description,
        "faults": (),
    }


@app.command()
def show(strategy: Name, as_json: AsJson = False) -> None:
    """Show a strategy's parameters, components and rules, with the defaults put in."""
    facts = _facts(make_plan(load_strategy(strategy), None, registry()))
    if as_json:
        print(json.dumps(facts))
        return
    console = Console()
    console.print(f"[bold]{escape(facts['name'])}[/] {escape(facts['version'])}  {escape(facts['description'])}")
    for title in ("market", "parameters", "components", "rules", "warnings"):
        inner = facts[title]
        lines = inner.items() if isinstance(inner, dict) else [("", item) for item in inner]
        if inner:
            console.print(f"[bold]{title}[/]")
        for name, value in lines:
            console.print(f"  {escape(name)}{': ' if name else ''}{escape(str(value))}", soft_wrap=True)


def _facts(plan: Plan) -> dict[str, Any]:
    strategy = plan.strategy
    rules: dict[str, str] = {}
    for name, side in (("long", plan.long), ("short", plan.short)):
        if side is not None:
            rules[f"enter {name}"] = str(side.enter)
            order = side.order
            prices = [f"{label} {price}" for label, price in (("at", order.price), ("stop", order.stop_price)) if price]
            rules[f"{name} order"] = " ".join(
                [order.type, *prices, *([f"for {order.expires_bars} bars"] * bool(order.expires_bars))]
            )
            for term in side.leave:
                tests = [str(part) for part in (term.condition, *term.rules) if part is not None]
                rules[f"leave {name}"] = " or ".join(
                    filter(None, [rules.get(f"leave {name}", ""), " and ".join(tests)])
                )
    for name in ("stop_loss", "take_profit", "trailing_stop", "max_holding_bars"):
        if (value := getattr(plan, name)) is not None:
            rules[name] = str(value)
    calls = {
        call.name: f"{call.component.name}({', '.join(f'{k}={v}' for k, v in {**call.wires, **call.parameters}.items())})"
        for call in plan.calls
    }
    return {
        "name": strategy.name,
        "version": strategy.version,
        "description": strategy.description,
        "file": strategy.source_path,
        "hash": strategy.source_hash,
        "market": {
            "symbols": ", ".join(plan.symbols),
            "timeframe": plan.timeframe,
            "lookback": f"{plan.lookback} bars",
        },
        "parameters": {p.name: f"{p.default} ({p.allowed()})" for p in strategy.parameters.values()},
        "components": calls,
        "rules": rules,
        "warnings": list(strategy.warnings),
    }


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="STRATEGY...", help="Strategy files or names.")],
    as_json: AsJson = False,
) -> None:
    """Check strategies and name every fault; the exit code is 2 when there is one."""
    found: dict[str, list[str]] = {}
    warned: dict[str, list[str]] = {}
    errors: list[StrategyError] = []
    for name in files:
        try:
            warned[name] = list(load_strategy(name).warnings)
            found[name] = []
        except StrategyError as error:
            errors.append(error)
            found[name] = list(error.faults)
    if as_json:
        print(json.dumps({"faults": found, "warnings": warned}))
        if errors:
            raise typer.Exit(2)
        return
    for name, warnings in warned.items():
        Console().print(f"{escape(name)}: no faults", soft_wrap=True)
        for warning in warnings:
            Console().print(f"  [yellow]{escape(warning)}[/]", soft_wrap=True)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        faults = [fault for error in errors for fault in error.faults]
        raise StrategyError("\n".join(faults), faults=faults)


@app.command()
def schema(out: Annotated[Path | None, typer.Option(help="Write it to this file instead.")] = None) -> None:
    """Print the JSON Schema of strategy files, for editors."""
    text = json.dumps(strategy_schema(), indent=2)
    if out is None:
        print(text)
        return
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StrategyError(f"{out} cannot be written: {error.strerror}.", path=out) from error


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits and _.")],
    folder: Annotated[Path, typer.Option(help="Where to write it.")] = Path("strategies"),
) -> None:
    """Start a new strategy from a commented example."""
    print(write_template(name, folder))
