"""`sptrader live-...`: list the sessions, ask how one is, tell it something, follow it, stop it, pull its kill switch."""

from __future__ import annotations

import getpass
import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
import typer
from rich.console import Console

from sptrader.cli.live import RedisUrl
from sptrader.clock import LiveClock
from sptrader.errors import RunError
from sptrader.model.period import time_text
from sptrader.runs.control import Fate, Health, ask, health, reached, stop_session, switch_of
from sptrader.runs.journal_replay import replay_journal
from sptrader.runs.kill_switch import open_kill_switch, pull_kill_switch
from sptrader.runs.leftovers import bars_read, forget, read_snapshot, require_stopped
from sptrader.runs.sessions import SessionRecord, find_session, known_sessions
from sptrader.streams import keys
from sptrader.streams.deadletters import DeadLetter, decode_dead_letter
from sptrader.streams.journal_reader import JournalReader

Account = Annotated[str | None, typer.Option(help="The session's account; the only one there is by default.")]
Folder = Annotated[Path | None, typer.Option(help="The session's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
By = Annotated[str | None, typer.Option(help="Who says so; your user's name by default.")]
Wait = Annotated[float, typer.Option(help="How many seconds to wait for the answer.")]


def live_list(as_json: AsJson = False) -> None:
    """List the processes of sessions that were started by this user on this machine."""
    found = known_sessions()
    if as_json:
        print(json.dumps({"sessions": [{**msgspec.to_builtins(one), "state": _state(one)} for one in found]}))
        return
    for one in found:
        since = time_text(one.started_ns)[:19]
        print(
            f"{one.account}  {one.strategy}  {one.mode}  {'+'.join(one.roles)}  process {one.pid} {_state(one)} since {since}"
        )
        print(f"    {one.folder}")
    if not found:
        print("no sessions")


def live_status(
    account: Account = None, folder: Folder = None, redis_url: RedisUrl = None, as_json: AsJson = False
) -> None:
    """Say how a session is; the exit code is 1 when a part of it or its broker is silent."""
    with reached(account, folder=folder, redis_url=redis_url) as place:
        found = health(place)
    if as_json:
        said = {
            "account": found.account, "is_well": found.is_well, "is_over": found.is_over, "silent": list(found.silent),
            "parts": [msgspec.to_builtins(beat) for beat in found.parts], "snapshot": found.snapshot,
        }  # fmt: skip
        print(json.dumps(said))
    else:
        _show(found)
    if not found.is_well:
        raise typer.Exit(1)


def live_stop(
    account: Account = None,
    folder: Folder = None,
    redis_url: RedisUrl = None,
    wait: Wait = 15.0,
    as_json: AsJson = False,
) -> None:
    """Stop a session's processes after the step they are in; positions and orders stay as they are."""
    with reached(account, folder=folder, redis_url=redis_url) as place:
        is_stopped, name = stop_session(place, wait_s=wait), place.account
    if as_json:
        print(json.dumps({"account": name, "is_stopped": is_stopped}))
    elif is_stopped:
        print(f"the session of account '{name}' has stopped")
    if not is_stopped:
        raise RunError(
            f"the session of account '{name}' has not stopped within {wait:g} s; `sptrader live-list` shows its processes.",
            key="account",
            value=name,
            is_failure=True,
        )


def live_kill(
    account: Account = None,
    folder: Folder = None,
    redis_url: RedisUrl = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "by hand",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Pull the kill switch: every order is cancelled, every position closed, and nothing is traded until it is unlatched."""
    who = by or getpass.getuser()
    with switch_of(account, folder=folder, redis_url=redis_url) as (session, place, streams):
        pulled = pull_kill_switch(session, by=who, reason=reason, folder=place, streams=streams)
    if as_json:
        print(json.dumps({"reached": list(pulled.reached), "failures": list(pulled.failures), "by": pulled.latched.by}))
        return
    print(f"the kill switch is latched ({', '.join(pulled.reached)}); `sptrader live-control unlatch` opens it")
    for failure in pulled.failures:
        print(f"not reached: {failure}")


def live_control(
    command: Annotated[
        str, typer.Argument(help="pause, resume, reduce-only, flatten, unlatch, limit, cancel, close or resolve.")
    ],
    name: Annotated[
        str, typer.Argument(help="The limit, the instrument to cancel or close, or the unknown order to resolve.")
    ] = "",
    value: Annotated[float | None, typer.Argument(help="The limit's new value.")] = None,
    fate: Annotated[
        str | None,
        typer.Option("--as", help="resolve: what the broker shows, working, filled, cancelled or rejected."),
    ] = None,
    price: Annotated[str | None, typer.Option(help="resolve --as filled: at which price.")] = None,
    quantity: Annotated[
        str | None, typer.Option(help="resolve --as filled: how much; all that is left by default.")
    ] = None,
    fill_id: Annotated[str, typer.Option(help="resolve --as filled: the broker's id of the fill.")] = "",
    account: Account = None,
    folder: Folder = None,
    redis_url: RedisUrl = None,
    by: By = None,
    wait: Wait = 5.0,
    as_json: AsJson = False,
) -> None:
    """Tell a running session something, and print its answer; the exit code is 1 when it refuses."""
    who = by or getpass.getuser()
    word = {"limit": "set_limit"}.get(command, command.replace("-", "_"))
    if word == "set_limit" and (not name or value is None):
        raise RunError("`live-control limit` needs a limit and its value, as in: limit max_drawdown 0.1.", key="name")
    if word in ("cancel", "close") and not name:
        raise RunError(f"`live-control {command}` needs an instrument, as in: {command} EURUSD.", key="name")
    if word == "resolve" and (not name or fate is None):
        raise RunError(
            "`live-control resolve` needs an order and what became of it, as in: resolve 3f2a90 --as cancelled.",
            key="name",
        )
    if word != "resolve" and (fate or price or quantity or fill_id):
        raise RunError("--as, --price, --quantity and --fill-id are for `live-control resolve`.", key="as")
    seen = None if fate is None else Fate(fate, _number("price", price), _number("quantity", quantity), fill_id)
    answer: dict[str, object]
    if word == "unlatch":
        with switch_of(account, folder=folder, redis_url=redis_url) as (session, at, streams):
            open_kill_switch(session, by=who, folder=at, streams=streams)
        answer = {"verdict": "acted", "why": "the kill switch is open; entries wait for `resume`"}
    else:
        with reached(account, folder=folder, redis_url=redis_url) as place:
            answer = ask(place, word, by=who, name=name, value=value, fate=seen, wait_s=wait)
    if as_json:
        print(json.dumps({"command": command, "verdict": answer["verdict"], "why": answer["why"]}))
    else:
        print(f"{answer['verdict']}: {answer['why']}")
    if answer["verdict"] == "refused":
        raise typer.Exit(1)


def live_dead(
    account: Account = None,
    folder: Folder = None,
    redis_url: RedisUrl = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Backtest the session's journal and compare the decisions.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what a session did not understand, with the reasons; or replay its journal into a backtest."""
    if replay:
        _replay_journal(folder or Path(find_session(account).folder), as_json=as_json)
        return
    letters = _letters_of(folder) if folder is not None else None
    if letters is None:
        with reached(account, redis_url=redis_url) as place:
            streams = [keys.SIGNALS, keys.control(place.account), keys.orders(place.account), keys.fills(place.account)]
            for symbol, timeframe in bars_read(read_snapshot(place.streams, place.account) or {}):
                streams += [keys.bars(symbol, timeframe), keys.ticks(symbol)]
            letters = [
                decode_dead_letter(entry.fields)
                for name in streams
                for entry in place.streams.history(keys.deadletter(name))
            ]
    if as_json:
        print(json.dumps({"dead": [_told(letter) for letter in letters]}))
        return
    for letter in letters:
        told = _told(letter)
        print(f"{told['time']}  {told['stream']} {told['id']}: {told['reason']}\n    {told['fields']}")
    if not letters:
        print("no dead letters")


def live_forget(
    account: Annotated[str, typer.Option(help="The account.")],
    redis_url: RedisUrl = None,
    folder: Folder = None,
    symbol: Annotated[list[str] | None, typer.Option(help="Bars to forget too, with --timeframe; repeated.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Their timeframe.")] = None,
) -> None:
    """Take what a stopped session left from its server, so that another can begin; journals and runs stay."""
    if (symbol is None) != (timeframe is None):
        raise RunError("--symbol and --timeframe name bars together; give both.", key="symbol")
    with reached(account, folder=folder, redis_url=redis_url) as place:
        require_stopped(place.streams, account)
        gone = forget(place.streams, account, bars=[(one, str(timeframe)) for one in symbol or ()])
    print(f"forgotten: {', '.join(gone) or 'nothing was there'}")


def _number(name: str, text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except ArithmeticError:
        raise RunError(f"--{name} was '{text}'; allowed is a number above 0.", key=name, value=text) from None


def _letters_of(folder: Path) -> list[DeadLetter]:
    """The dead letters in the journals of a session's folder."""
    found = sorted(folder.glob("*.sqlite"))
    if not found:
        raise RunError(f"{folder} holds no journal.", path=folder, key="folder")
    letters: list[DeadLetter] = []
    for path in found:
        with JournalReader(path) as journal:
            letters += journal.dead_letters()
    return letters


def _replay_journal(folder: Path, *, as_json: bool) -> None:
    compared = replay_journal(folder)
    if as_json:
        rows = json.loads(compared.differing.to_json(orient="records", date_format="iso"))
        said = {"n_bars": compared.n_bars, "n_decisions": compared.n_decisions, "n_events": compared.n_events}
        print(json.dumps({**said, "n_commands": compared.n_commands, "is_same": compared.is_same, "differing": rows}))
    else:
        print(
            f"{compared.n_decisions} decisions on {compared.n_bars} bars, {len(compared.differing)} differ in a backtest"
        )
        if compared.n_events or compared.n_commands:
            print(
                f"{compared.n_events} events of other programs and {compared.n_commands} commands came between the bars; a "
                "backtest has none."
            )
        if not compared.is_same:
            print(compared.differing.to_string(index=False))
    if not compared.is_same:
        raise typer.Exit(1)


def _told(letter: DeadLetter) -> dict[str, Any]:
    fields = {name: body.decode("utf-8", "backslashreplace")[:200] for name, body in letter.entry.fields.items()}
    told = {"time": time_text(letter.at_ns)[:19], "stream": letter.entry.stream, "id": letter.entry.id}
    return {**told, "reason": letter.reason, "fields": fields, "is_cut": letter.is_cut}


def _state(record: SessionRecord) -> str:
    if not record.is_here:
        return f"on {record.host}"
    return "runs" if record.is_alive else "was killed"


def _show(found: Health) -> None:
    console, now_ns = Console(), LiveClock().now_ns()
    silent = ", ".join(found.silent or ("the broker",))
    word = "over" if found.is_over else "well" if found.is_well else f"silent: {silent}"
    console.print(f"[bold]{found.account}[/bold] {word}", highlight=False)
    for beat in found.parts:
        counted = " ".join(f"{name}={value}" for name, value in beat.counters.items())
        age_s = (now_ns - beat.at_ns) / 1e9
        console.print(f"  {beat.role:13} {beat.host} {beat.pid}, {age_s:.1f} s ago: {counted}", highlight=False)
        if beat.note:
            console.print(f"  {'':13} {beat.note}", highlight=False, markup=False)
    told = found.snapshot
    if told is None:
        return
    symbols = ", ".join(str(symbol) for symbol in cast(list[object], told["symbols"]))
    console.print(f"  {told['strategy']} on {symbols}, {told['mode']}, {told['n_bars']} bars", highlight=False)
    for name in ("trading", "equity", "cash", "drawdown", "n_trades", "is_paused", "is_killed"):
        if name in told:
            console.print(f"  {name:13} {told[name]}", highlight=False)
