"""`sptrader live`, `execute` and `feed`: trade a strategy on paper or with real money, in one process or in several."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from sptrader.cli.backtest import parameters, show, summary
from sptrader.cli.logs import log_to_stderr
from sptrader.data.load import load_bars
from sptrader.errors import RunError
from sptrader.execution.reconcile import Policy
from sptrader.model.ids import PAPER
from sptrader.model.ports import Broker
from sptrader.runs.arming import armed_broker, terms
from sptrader.runs.feed import speed_of
from sptrader.runs.live import announced_facts, connected
from sptrader.runs.live_part import require_role, session_folder, work_feed, work_parts
from sptrader.runs.live_replay import replay as run_replay
from sptrader.runs.live_setting import MODES, LiveSetting, make_live_setting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.paper_faults import faults_of
from sptrader.runs.prepare import prepare
from sptrader.runs.reconcile_policy import cases_of, policy_of, policy_words
from sptrader.runs.run import Run
from sptrader.runs.stopping import stopping
from sptrader.runs.tick_feed import bars_of_ticks
from sptrader.runs.tick_files import are_ticks, ticks_of, work_tick_feed
from sptrader.strategy.loader import load_strategy
from sptrader.strategy.strategy import Strategy

StrategyName = Annotated[str, typer.Argument(help="A strategy file, or the name of a known one.")]
Symbols = Annotated[list[str] | None, typer.Option(help="What a foreign file is of, once a file: EURUSD.")]
Timeframe = Annotated[str | None, typer.Option(help="Its timeframe: 1m, 1h, 1d.")]
Basis = Annotated[str | None, typer.Option(help="The side of its prices: bid, ask, mid or last.")]
Speed = Annotated[str, typer.Option(help="max, realtime, or how many times faster: 60x.")]
Param = Annotated[list[str] | None, typer.Option(help="A parameter to change, as fast=8; may be repeated.")]
Cash = Annotated[float | None, typer.Option(help="Starting money.")]
Currency = Annotated[str | None, typer.Option(help="The account's currency: USD.")]
Start = Annotated[str | None, typer.Option(help="The first day that is traded, UTC; bars before it only warm up.")]
Account = Annotated[str | None, typer.Option(help="The account; 'paper' where the strategy names none.")]
RedisUrl = Annotated[
    str | None, typer.Option(envvar="REDIS_URL", help="The stream server: redis://, rediss:// or unix://.")
]
Folder = Annotated[
    Path | None, typer.Option(help="The session's folder, with its journal; an interrupted one goes on.")
]
MaxAge = Annotated[float | None, typer.Option(help="How many seconds old a signal may be when it arrives.")]
Adopt = Annotated[bool, typer.Option("--adopt", help="Take over a session of another version of the strategy.")]
Wait = Annotated[float, typer.Option(help="How many seconds to wait for a feed.")]
Fills = Annotated[str | None, typer.Option(help="What replayed ticks fill orders at: quotes, or bars made of them.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Log one JSON object a line on standard error.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def live(
    strategy: StrategyName,
    mode: Annotated[str | None, typer.Option(help="paper or live; else the strategy's own.")] = None,
    replay: Annotated[
        list[str] | None,
        typer.Option(help="A Parquet file of bars or ticks, or a symbol of the catalog; repeated for several."),
    ] = None,
    symbol: Symbols = None,
    timeframe: Timeframe = None,
    basis: Basis = None,
    speed: Speed = "max",
    start: Start = None,
    end: Annotated[str | None, typer.Option(help="The last day that is replayed, UTC, included.")] = None,
    param: Param = None,
    cash: Cash = None,
    currency: Currency = None,
    account: Account = None,
    max_age: MaxAge = None,
    part: Annotated[str, typer.Option(help="all, worker, execution or orchestrator.")] = "all",
    redis_url: RedisUrl = None,
    folder: Folder = None,
    adopt: Adopt = False,
    wait: Wait = 30.0,
    fills: Fills = None,
    faults: Annotated[
        list[str] | None,
        typer.Option(help="What the paper broker does wrong, as in reject_rate=0.05,seed=7; repeated for several."),
    ] = None,
    on_difference: Annotated[
        str | None,
        typer.Option(help="What a difference between books and broker leads to: refuse, adopt or halt."),
    ] = None,
    reconcile: Annotated[
        list[str] | None, typer.Option(help="The same for one case, as in broker_flat=adopt; repeated for several.")
    ] = None,
    arm: Annotated[str | None, typer.Option(help="The account that may trade real money.")] = None,
    out: Annotated[Path, typer.Option(help="Where to save the run's folder.")] = Path("runs"),
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Trade STRATEGY on paper over replayed bars, or over those that a feed publishes on the same server."""
    log_to_stderr(is_json=log_json)
    loaded = load_strategy(strategy)
    of_replay = bool(basis or end or fills or faults)
    chosen = _mode_of(loaded, mode, arm=arm, part=part, is_replayed=bool(replay), of_replay=of_replay)
    policy = policy_of(on_difference, cases_of(reconcile or []))
    if chosen == "paper" and policy != Policy():  # with real money it stands among the terms
        _say([f"{name:24} {value}" for name, value in policy_words(policy).items()])
    if not replay:
        follow(
            loaded, part=part, mode=chosen, symbol=symbol, timeframe=timeframe, start=start, param=param, cash=cash,
            currency=currency, account=account, max_age=max_age, redis_url=redis_url, folder=folder, adopt=adopt, wait=wait,
            arm=arm, out=out, as_json=as_json, policy=policy,
        )  # fmt: skip
        return
    ticks = ticks_of(replay, symbol) if are_ticks(replay) else None
    bars = _bars(loaded, replay, symbol, timeframe, basis) if ticks is None else None
    _replay(
        bars or bars_of_ticks(ticks or {}, timeframe or loaded.market.timeframe or "", basis=basis or "bid"),
        loaded,
        options={"cash": cash, "currency": currency, "start": start, "end": end, "params": parameters(param or [])},
        session={
            "speed": speed, "account": account or loaded.live.account or PAPER, "max_age_s": max_age,
            "redis_url": redis_url, "folder": folder, "adopt": adopt, "ticks": ticks, "fills": fills,
            "faults": faults_of(faults or []), "policy": policy,
        },
        out=out,
        as_json=as_json,
    )  # fmt: skip


def _mode_of(
    strategy: Strategy, mode: str | None, *, arm: str | None, part: str, is_replayed: bool, of_replay: bool
) -> str:
    """The mode that is asked for; raise `RunError` for one that is not there, and for options that do not go with it."""
    chosen = mode or strategy.live.mode
    if chosen not in MODES:
        raise RunError(f"--mode was '{chosen}'; allowed are {', '.join(MODES)}.", key="mode", value=chosen)
    if chosen == "paper" and arm is not None:
        raise RunError("--arm is for --mode live; paper trades no real money.", key="arm", value=arm)
    if is_replayed and chosen == "live":
        raise RunError("--replay is for --mode paper; real money is not traded on old bars.", key="replay")
    if is_replayed and part != "all":
        raise RunError("--part follows a feed; publish the bars with `sptrader feed` instead of --replay.", key="part")
    if of_replay and not is_replayed:
        raise RunError(
            "--basis, --end, --fills and --faults are of what is replayed; give them with --replay.", key="replay"
        )
    return chosen


def execute(
    strategy: StrategyName,
    symbol: Symbols = None,
    timeframe: Timeframe = None,
    start: Start = None,
    param: Param = None,
    cash: Cash = None,
    currency: Currency = None,
    account: Account = None,
    redis_url: RedisUrl = None,
    folder: Folder = None,
    adopt: Adopt = False,
    wait: Wait = 30.0,
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Fill the orders of STRATEGY's session on paper: `sptrader live --part execution` under its own name."""
    log_to_stderr(is_json=log_json)
    follow(
        load_strategy(strategy), part="execution", mode="paper", symbol=symbol, timeframe=timeframe, start=start, param=param,
        cash=cash, currency=currency, account=account, max_age=None, redis_url=redis_url, folder=folder, adopt=adopt, wait=wait,
        arm=None, out=Path("runs"), as_json=as_json,
    )  # fmt: skip


def feed(
    file: Annotated[list[str], typer.Argument(help="Parquet files of bars, or symbols of the catalog.")],
    symbol: Symbols = None,
    timeframe: Timeframe = None,
    basis: Basis = None,
    speed: Speed = "max",
    ticks: Annotated[
        bool, typer.Option("--ticks", help="The files are of ticks: publish them and their bars.")
    ] = False,
    redis_url: RedisUrl = None,
    as_json: AsJson = False,
    log_json: LogJson = False,
) -> None:
    """Publish bars on a stream server, for the sessions there; one that is started again goes on where it was."""
    log_to_stderr(is_json=log_json)
    pace, url = speed_of(speed), _server(redis_url)
    with stopping() as stop:
        if ticks:
            given = ticks_of(file, symbol)
            done = work_tick_feed(given, timeframe or "", basis=basis or "bid", speed=pace, redis_url=url, stop=stop)
        else:
            done = work_feed(_bars(None, file, symbol, timeframe, basis), speed=pace, redis_url=url, stop=stop)
    _tell_part("feed", done.is_over, done.counters, as_json=as_json)


def follow(
    loaded: Strategy,
    *,
    part: str,
    mode: str,
    symbol: list[str] | None,
    timeframe: str | None,
    start: str | None,
    param: list[str] | None,
    cash: float | None,
    currency: str | None,
    account: str | None,
    max_age: float | None,
    redis_url: str | None,
    folder: Path | None,
    adopt: bool,
    wait: float,
    arm: str | None,
    out: Path,
    as_json: bool,
    policy: Policy | None = None,
) -> None:
    """Do a part of a session whose bars a feed publishes."""
    url = _server(redis_url)
    require_role(part)
    symbols, frame = tuple(symbol or loaded.market.symbols), timeframe or loaded.market.timeframe
    if not symbols or not frame:
        raise RunError("the strategy names no market; give --symbol and --timeframe.", key="symbol")
    with stopping() as stop:
        with connected(url, Path()) as (streams, _):
            told = announced_facts(streams, symbols, frame, wait_s=wait, stop=stop)
        if not told:
            print("sptrader: stopped before a feed was there.", file=sys.stderr)
            return
        tiers = {name: tier for name, (_, tier) in told.items()}
        setting = make_live_setting(
            loaded,
            {name: facts for name, (facts, _) in told.items()},
            symbols=tuple(s for s in symbols if s in loaded.market.symbols) or symbols,
            params=parameters(param or []),
            cash=cash,
            currency=currency,
            start=start,
            mode=mode,
            account=account or loaded.live.account or PAPER,
            max_age_s=max_age,
            policy=policy,
        )
        broker = _armed(setting, arm, tiers) if mode == "live" else None
        notes = tuple(f"the bars of {name} are of tier {tier}." for name, tier in tiers.items() if tier != "verified")
        place = folder or session_folder(setting.account, loaded.name)
        done = work_parts(
            part, setting, redis_url=url, folder=place, stop=stop, adopt=adopt, warnings=notes, broker=broker
        )
    if done.run is None:
        _tell_part(part, done.is_over, done.counters, as_json=as_json)
        return
    _save(done.run, out, place if not done.is_over else None, as_json=as_json)


def _replay(
    frames: dict[str, pd.DataFrame],
    loaded: Strategy,
    *,
    options: dict[str, Any],
    session: dict[str, Any],
    out: Path,
    as_json: bool,
) -> None:
    ready = prepare(loaded, next(iter(frames.values())) if len(frames) == 1 else frames, **options)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("[bold]{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} bars"),
        TimeElapsedColumn(), TextColumn("{task.fields[said]}"), console=console, transient=True,
        disable=as_json or not console.is_terminal,
    )  # fmt: skip
    with stopping() as stop, bar:
        task = bar.add_task(loaded.name, total=None, said="")

        def progress(done: int, total: int, desk: OrchestratorDesk) -> None:
            bar.update(task, completed=done, total=total, said=f"{desk.session.pages.n_fills} fills")

        done = run_replay(ready, stop=stop, progress=progress, **session)
    if done.run is None:
        print("sptrader: stopped before the first bar.", file=sys.stderr)
        return
    _save(done.run, out, done.folder if not done.is_over else None, as_json=as_json)


def _armed(setting: LiveSetting, arm: str | None, tiers: dict[str, str]) -> Broker:
    """Show what will be traded and with which limits, then take the broker; raises where it may not be."""
    _say(terms(setting).lines())
    return armed_broker(setting, armed=arm, tiers=tiers)


def _say(lines: list[str]) -> None:
    """Tell a person what is about to happen."""
    Console(stderr=True).print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _bars(
    loaded: Strategy | None,
    files: list[str],
    symbols: list[str] | None,
    timeframe: str | None,
    basis: str | None,
) -> dict[str, pd.DataFrame]:
    """The bars to be replayed, by symbol."""
    named = symbols or []
    if named and len(named) != len(files):
        raise RunError(
            f"--symbol was given {len(named)} times for {len(files)} files; give it once a file, in their order.",
            key="symbol",
        )
    frames: dict[str, pd.DataFrame] = {}
    for k, text in enumerate(files):
        is_file = bool(Path(text).suffix) or Path(text).exists()
        own = loaded.market.timeframe if loaded is not None else None
        wanted = timeframe or (None if is_file else own)
        frame = load_bars(
            Path(text) if is_file else text, wanted, symbol=named[k] if named and is_file else None, basis=basis
        )
        symbol = str(frame.attrs["sptrader.symbol"])
        if symbol in frames:
            raise RunError(f"{text} has bars of {symbol}, and so has a file before it; give one of each.", key="replay")
        frames[symbol] = frame
    return frames


def _server(url: str | None) -> str:
    if not url:
        raise RunError(
            "several processes meet on one stream server: give --redis-url or REDIS_URL; with --replay one process does it all.",
            key="REDIS_URL",
        )
    return url


def _save(run: Run, out: Path, folder: Path | None, *, as_json: bool) -> None:
    """Save the run and print it; `folder` is of a session that is not over."""
    saved = run.save(out)
    if as_json:
        print(json.dumps(summary(run, saved)))
        return
    show(run)
    Console().print(f"[dim]saved to[/dim] {escape(str(saved))}", soft_wrap=True)
    if folder is not None:
        Console().print(f"[dim]not over; go on with[/dim] --folder {escape(str(folder))}", soft_wrap=True)


def _tell_part(part: str, is_over: bool, counters: Any, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"part": part, "is_over": is_over, "pid": os.getpid(), "counters": counters}))
        return
    counted = ", ".join(f"{name} {value}" for of in counters.values() for name, value in of.items())
    print(f"{part} {'is over' if is_over else 'was stopped'}: {counted}")
