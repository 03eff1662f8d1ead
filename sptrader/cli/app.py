"""The Typer application: the groups and the commands that stand alone."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from sptrader.cli import (
    attach,
    backtest,
    batch,
    components,
    data,
    lab,
    live,
    report,
    runs,
    sessions,
    strategies,
    sweep,
    workspace,
)

app = typer.Typer(
    help="Trading research: one strategy, the same code in backtest, on paper and live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Every command has --help; --debug shows the traceback of an error.",
)


def _version(is_asked: bool) -> None:
    if is_asked:
        print(f"sptrader {version('sptrader')}")
        raise typer.Exit


@app.callback()
def _options(
    is_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Options of every command."""


app.command("demo")(backtest.demo)
app.command("backtest")(backtest.backtest)
app.command("sweep")(sweep.sweep)
app.command("batch")(batch.batch)
app.command("report")(report.report)
app.command("verify")(report.verify)
app.command("live")(live.live)
app.command("feed")(live.feed)
app.command("execute")(live.execute)
app.command("live-list")(sessions.live_list)
app.command("live-status")(sessions.live_status)
app.command("live-attach")(attach.live_attach)
app.command("live-control")(sessions.live_control)
app.command("live-stop")(sessions.live_stop)
app.command("live-kill")(sessions.live_kill)
app.command("live-dead")(sessions.live_dead)
app.command("live-forget")(sessions.live_forget)
app.command("lab")(lab.lab)
app.command("app")(workspace.app)
app.command("init")(workspace.init)
app.command("doctor")(workspace.doctor)
app.add_typer(data.app, name="data")
app.add_typer(components.app, name="components")
app.add_typer(strategies.app, name="strategies")
app.add_typer(runs.app, name="runs")
