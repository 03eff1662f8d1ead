"""`sptrader init`, `sptrader doctor` and `sptrader app`: make a workspace, look at the machine, serve the page."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from sptrader.errors import RunError
from sptrader.runs.checkup import BAD, checkup
from sptrader.runs.workspace import make_workspace

_MARKS = {"good": "[green]good[/]", "poor": "[yellow]poor[/]", "bad": "[red]bad[/] "}
_APP = (
    "--strip_sources=True",
    "--template=sptrader",
    "--MappingKernelManager.cull_idle_timeout=1800",
    "--MappingKernelManager.cull_interval=60",
    "--MappingKernelManager.cull_connected=False",
    "--MappingKernelManager.buffer_offline_messages=False",
    "--Voila.ip=127.0.0.1",
)


def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
) -> None:
    """Make a workspace: the shipped components, strategies and notebooks, to change and add to."""
    target = make_workspace(folder)
    typer.echo(f"{target}: components, strategies, notebooks, data")
    typer.echo(f"next: sptrader lab {target}")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Look whether this machine has what sptrader needs, and say what to do where it has not."""
    found = checkup()
    if as_json:
        print(json.dumps({"checks": [asdict(checked) for checked in found]}))
    else:
        console = Console()
        for checked in found:
            console.print(f"{_MARKS[checked.state]}  {checked.name:<15} {escape(checked.found)}", soft_wrap=True)
            if checked.advice:
                console.print(f"      {'':<15} → {escape(checked.advice)}", soft_wrap=True)
    if any(checked.state == BAD for checked in found):
        raise typer.Exit(1)


def app(
    folder: Annotated[Path, typer.Argument(help="The workspace to serve.")] = Path(),
    extra: Annotated[list[str] | None, typer.Argument(help="Arguments for Voila itself, after --.")] = None,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8866,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    token: Annotated[bool, typer.Option(help="Ask for the token that is printed at the start.")] = True,
) -> None:
    """Serve the Orchestrator page as an app: no code to see, on this machine alone, behind a token."""
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder.", path=folder, key="folder")
    notebook = Path(str(files("sptrader.views").joinpath("assets/app.ipynb")))
    command = [sys.executable, "-m", "voila", str(notebook), f"--port={port}", *_APP]
    command += ["--Voila.auto_token=True"] if token else []
    command += [*([] if browser else ["--no-browser"]), *(extra or [])]
    own = str(Path(__file__).parent / "jupyter")  # the template lies beside the user's own
    paths = os.pathsep.join([own, *filter(None, [os.environ.get("JUPYTER_PATH")])])
    environment = {**os.environ, "SPTRADER_WORKSPACE": str(folder.resolve()), "JUPYTER_PATH": paths}
    os.chdir(folder)
    os.execve(sys.executable, command, environment)  # in place of this process: what ends it ends the server
