"""The commands `sptrader components ...`: list, show, run, check and new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml
from rich.console import Console
from rich.table import Table

from sptrader.components import Component, Registry, Signals, registry
from sptrader.components.check import Verdict
from sptrader.components.loader import create_component, load_component
from sptrader.components.run import describe, result_frame, summarise
from sptrader.components.sandbox import Limits, check_apart
from sptrader.errors import ComponentError
from sptrader.runs.component import run_on_env_bars

app = typer.Typer(help="Indicators and signals: list, show, run, check, new.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Params = Annotated[list[str] | None, typer.Option("--param", help="A parameter, name=value; may be repeated.")]
Wires = Annotated[
    list[str] | None,
    typer.Option(
        "--wire", help="An input, as in fast=ema,period=12 or upper=donchian.upper or value=close; may be repeated."
    ),
]
TimeLimit = Annotated[float, typer.Option("--time-limit", help="Seconds the component may take.", min=0.1)]
MemoryLimit = Annotated[int, typer.Option("--memory-limit", help="Megabytes the component may use.", min=16)]


@app.command("list")
def list_components(
    talib: Annotated[bool, typer.Option("--talib", help="Name every TA-Lib function too.")] = False,
    as_json: Json = False,
) -> None:
    """List the components there are and where each comes from; a workspace's file overrides the shipped one of its name."""
    known = registry()
    faults = known.faults()
    names = [name for name in known.names() if name not in faults and (talib or name in known.entries)]
    found = [known.get(name) for name in names]
    if as_json:
        broken = {name: str(error) for name, error in faults.items()}
        typer.echo(json.dumps({"components": [_facts(component, known) for component in found], "faults": broken}))
        return
    table = Table("name", "kind", "category", "inputs", "parameters", "from", box=None)
    for component in found:
        parameters = ", ".join(f"{p.name}={p.default}" for p in component.parameters.values())
        inputs = ", ".join((*component.inputs, *component.wires))
        table.add_row(component.name, component.kind, component.category, inputs, parameters, _origin(component, known))
    console = Console()
    console.print(table)
    if not talib:
        console.print(
            f"and {sum(name.startswith('talib.') for name in known):,} TA-Lib functions: --talib", style="dim"
        )
    for error in faults.values():
        Console(stderr=True).print(f"not usable: {str(error).splitlines()[0]}", style="red", markup=False)


@app.command()
def show(name: str, as_json: Json = False) -> None:
    """Show a component's inputs, parameters with their ranges, outputs, lookback, source and description."""
    known = registry()
    component = _named(name, known)
    if as_json:
        typer.echo(json.dumps(_facts(component, known)))
        return
    typer.echo(describe(component))
    details = component.doc.split("\n", 1)[1:]
    if details:
        typer.echo(f"\n{details[0].strip()}")


@app.command()
def run(
    name: str,
    param: Params = None,
    wire: Wires = None,
    rows: Annotated[int, typer.Option(help="How many of the last rows to print.", min=0)] = 5,
    time_limit: TimeLimit = 120.0,
    memory_limit: MemoryLimit = 2_048,
    as_json: Json = False,
) -> None:
    """Compute a component on the bars that the environment names (SPTRADER_TEST_DATASET, ...)."""
    component = _named(name, registry())
    arguments = {**_pairs("--param", param), **{key: _wire(value) for key, value in _split("--wire", wire)}}
    bars, result = run_on_env_bars(component, arguments, limits=Limits(time_limit, memory_limit))
    if as_json:
        typer.echo(json.dumps(_outcome(component, result, len(bars)) | {"rows": _last_rows(result, bars, rows)}))
        return
    typer.echo(f"{describe(component)}\n\n{summarise(result, bars, n_rows=rows)}")


@app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Components or files; all files when not given.")] = None,
    param: Params = None,
    time_limit: TimeLimit = 120.0,
    memory_limit: MemoryLimit = 2_048,
    as_json: Json = False,
) -> None:
    """Try the laws on components, each in a process of its own: no look-ahead, warm-up, lookback, and the rest."""
    known = registry()
    verdicts: dict[str, tuple[Verdict, ...]] = {}
    for name in names or list(known.entries):
        component = _named(name, known)
        params = component.check_parameters(_pairs("--param", param))
        verdicts[component.name] = check_apart(component, params, limits=Limits(time_limit, memory_limit))
    broken = [name for name, found in verdicts.items() if any(verdict.findings for verdict in found)]
    if as_json:
        told = {name: {verdict.law: list(verdict.findings) for verdict in found} for name, found in verdicts.items()}
        typer.echo(json.dumps({"components": told, "broken": broken}))
    else:
        _print_verdicts(verdicts)
    if broken:
        raise ComponentError(f"laws are broken by: {', '.join(broken)}.", value=broken, is_failure=True)


@app.command()
def new(
    name: str,
    kind: Annotated[Literal["indicator", "signal"], typer.Option(help="What it is to be.")] = "indicator",
    folder: Annotated[
        Path | None, typer.Option(help="The folder of components; the workspace's when not given.")
    ] = None,
) -> None:
    """Write a small working component to begin with."""
    path = create_component(name, kind, folder=folder)
    typer.echo(f"{path}\nnext: sptrader components check {path}")


def _named(name: str, known: Registry) -> Component:
    """A component by name, or by its file."""
    if name.endswith(".py"):
        return load_component(name)
    return known.get(name)


def _split(option: str, texts: list[str] | None) -> list[tuple[str, str]]:
    found = []
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ComponentError(f"{option} was '{text}'; allowed is name=value.", key=option, value=text)
        found.append((name.strip(), value.strip()))
    return found


def _pairs(option: str, texts: list[str] | None) -> dict[str, Any]:
    return {name: _scalar(value) for name, value in _split(option, texts)}


def _scalar(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _wire(text: str) -> object:
    source, *arguments = text.split(",")
    if not arguments:
        return source
    name, _, output = (
        (source, "", "") if source.startswith("talib.") and source.count(".") == 1 else source.rpartition(".")
    )
    return {"type": name or output, **({"output": output} if name and output else {}), **_pairs("--wire", arguments)}


def _origin(component: Component, known: Registry) -> str:
    if component.name not in known.entries:
        return "TA-Lib"
    return known.entries[component.name].origin + (" (overrides the shipped one)" if component.overrides else "")


def _facts(component: Component, known: Registry) -> dict[str, Any]:
    parameters = {
        p.name: {
            "default": p.default,
            "type": p.type.__name__,
            "low": p.range.low if p.range else None,
            "high": p.range.high if p.range else None,
            "choices": list(p.choices),
        }
        for p in component.parameters.values()
    }
    return {
        "name": component.name,
        "kind": component.kind,
        "category": component.category,
        "doc": component.doc,
        "inputs": dict(component.sources),
        "wires": list(component.wires),
        "parameters": parameters,
        "outputs": list(component.outputs),
        "lookback": component.lookback({}),
        "path_dependent": component.is_path_dependent,
        "from": _origin(component, known),
        "source": component.place,
        "overrides": str(component.overrides) if component.overrides else None,
        "hash": component.source_hash,
    }


def _outcome(component: Component, result: Any, n_bars: int) -> dict[str, Any]:
    found: dict[str, Any] = {"component": component.name, "bars": n_bars}
    if isinstance(result, Signals):
        return found | {"events": {name: int(result.mask(name).sum()) for name in result.types}}
    return found | {"known": {name or "value": int((column == column).sum()) for name, column in result.items()}}


def _last_rows(result: Any, bars: Any, n_rows: int) -> list[dict[str, Any]]:
    table = result_frame(result, bars.index)
    if isinstance(result, Signals):
        table = table.dropna(subset="type")
    rows: list[dict[str, Any]] = json.loads(
        table.tail(n_rows).reset_index().to_json(orient="records", date_format="iso", double_precision=15)
    )
    return rows


def _print_verdicts(verdicts: dict[str, tuple[Verdict, ...]]) -> None:
    console = Console()
    for name, found in verdicts.items():
        broken = [verdict for verdict in found if verdict.findings]
        held = ", ".join(verdict.law for verdict in found if not verdict.findings)
        console.print(f"{name}: {'BROKEN' if broken else 'ok'} ({held})", style="red" if broken else "", markup=False)
        for verdict in broken:
            for finding in verdict.findings:
                console.print(f"  {verdict.law}: {finding}", markup=False)
