"""Reopen: a saved run read back, and made again from its inputs where more is asked of it than is stored."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from sptrader.components.loader import registry
from sptrader.data.fingerprint import content_hash
from sptrader.data.load import load_bars
from sptrader.errors import RunError, did_you_mean
from sptrader.model.bars import bars_facts, with_facts
from sptrader.model.instrument import instrument
from sptrader.model.period import period_ns
from sptrader.orchestrator.audit import Audit
from sptrader.orchestrator.backtest import Outcome, run_plan
from sptrader.runs.config import RunConfig
from sptrader.runs.financing import night_rates
from sptrader.runs.finer import load_finer
from sptrader.runs.run import Run
from sptrader.runs.store import FINANCING, TABLES, finer_file
from sptrader.strategy.loader import read_strategy
from sptrader.strategy.plan import Plan, make_plan
from sptrader.strategy.strategy import Strategy


def load_run(folder: str | Path) -> Run:
    """Read the run saved in `folder`; what is not stored (columns, explanations) is made again from its inputs when asked for.

    Raises `RunError` for a folder that holds no run or half of one, and, when it is made again, for inputs, components or an
    engine that are no longer those it was made with.
    """
    from pydantic import TypeAdapter, ValidationError

    path = Path(folder)
    if not (path / "run.json").is_file():
        near = [p.name for p in path.parent.iterdir() if (p / "run.json").is_file()] if path.parent.is_dir() else []
        raise RunError(
            f"{path} holds no run (no run.json){did_you_mean(path.name, near) or '.'}", path=path, value=str(folder)
        )
    try:
        facts = json.loads((path / "run.json").read_text())
        metrics = json.loads((path / "metrics.json").read_text())
        tables = {name: pd.read_parquet(path / f"{name}.parquet") for name in TABLES}
        said = {"mode": facts["mode"], "parameters": facts["parameters"], **facts["config"]}
        config = TypeAdapter(RunConfig).validate_python(said)
        strategy = _strategy(path, facts)
        books = facts.pop("audit")
        warnings = tuple(facts.pop("warnings"))
    except ValidationError as error:
        why = "; ".join(f"config.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RunError(f"{path}: the run cannot be read: {why}.", path=path) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{error} is missing in run.json" if isinstance(error, KeyError) else str(error)
        raise RunError(f"{path}: the run cannot be read: {why}.", path=path) from error
    stored = {
        "trades": tables["trades"],
        "equity": tables["equity"],
        "decisions": tables["decisions"],
        "signals": tables["signals"],
        "_order_tables": (tables["orders"], tables["fills"]),
        "metrics": {name: math.nan if value is None else value for name, value in metrics.items()},
        "audit": Audit(**{**books, "violations": tuple(books["violations"]), "odd": tuple(books.get("odd", ()))}),
        "warnings": warnings,
    }
    run = Run(_again(path, facts, config), config, facts, strategy=strategy, stored=stored)
    run.folder = path
    return run


def _again(path: Path, facts: dict[str, Any], config: RunConfig) -> Callable[[], Outcome]:
    def make() -> Outcome:
        strategy = _strategy(path, facts)
        plan = make_plan(strategy, config.parameters, registry())
        frames = {symbol: _bars(path, symbol, facts) for symbol in facts["data"]}
        finer = {symbol: _finer(path, symbol, facts) for symbol in facts.get("finer", {})}
        changed = list(_changed(path, plan, frames, finer, facts))
        if changed:
            raise RunError(f"{path}: not what the run was made with any more: {'; '.join(changed)}.", path=path)
        symbols = tuple(facts["symbols"])
        known = {s: instrument(s, strategy.market.instruments) for s in frames}
        plan = replace(plan, symbols=symbols, instruments={s: known[s] for s in symbols}, timeframe=facts["timeframe"])
        first_ns, last_ns = period_ns(config.start or None, config.end or None)
        outcome = run_plan(
            plan,
            frames,
            known,
            cash=config.cash,
            currency=config.currency,
            start_ns=first_ns,
            end_ns=last_ns,
            nights=night_rates(path / "inputs" / FINANCING if facts["financing"] else None),
            finer=finer,
        )
        final = float(outcome.books.equity[outcome.last - 1])
        stored = float(pd.read_parquet(path / "equity.parquet", columns=["equity"])["equity"].iloc[-1])
        if final != stored:
            raise RunError(
                f"{path}: made again from its inputs the run ends at {final:,.2f}, but {stored:,.2f} is stored; {_why(config)}.",
                path=path,
                is_failure=True,
            )
        return outcome

    return make


def _why(config: RunConfig) -> str:
    """What may have made the difference."""
    if config.mode == "backtest":
        return "the engine or a package has changed since"
    return (
        f"in this {config.mode} session people, other programs or its broker acted in ways that a backtest of its bars does "
        "not know, or the engine has changed since: its tables stand, explanations cannot be made"
    )


def _strategy(path: Path, facts: dict[str, Any]) -> Strategy:
    file = path / "inputs" / "strategy.yaml"
    written = file.read_bytes()
    found, kept = hashlib.sha256(written).hexdigest(), facts["strategy"]["text_hash"]
    if found != kept:
        raise RunError(
            f"{file} was changed after the run was saved: its hash is {found[:16]}…, run.json says {kept[:16]}….",
            path=file,
        )
    return read_strategy(written.decode(), path=facts["strategy_path"], source_hash=facts["strategy"]["source_hash"])


def _bars(path: Path, symbol: str, facts: dict[str, Any]) -> pd.DataFrame:
    """The stored bars; what they came from is what the run says, not the copy's own name."""
    frame = load_bars(path / "inputs" / f"{symbol}.parquet")
    return with_facts(frame, {"source": facts["data"][symbol]["source"]})


def _finer(path: Path, symbol: str, facts: dict[str, Any]) -> pd.DataFrame:
    frame = load_finer(finer_file(path, symbol), symbol)
    return with_facts(frame, {"source": facts["finer"][symbol]["source"]})


def _changed(
    path: Path, plan: Plan, frames: dict[str, pd.DataFrame], finer: dict[str, pd.DataFrame], facts: dict[str, Any]
) -> Iterator[str]:
    """What has another hash than the run's, as phrases."""
    for symbol, frame in frames.items():
        if bars_facts(frame).content_hash != facts["data"][symbol]["content_hash"]:
            yield f"the bars of {symbol}"
    for symbol, frame in finer.items():
        if content_hash(frame) != facts["finer"][symbol]["content_hash"]:
            yield f"the finer bars of {symbol}"
    for call in plan.calls:
        if call.component.source_hash != facts["components"][call.component.name]:
            yield f"the component '{call.component.name}' ({call.component.source_path})"
    if facts["financing"]:
        written = (path / "inputs" / FINANCING).read_bytes()
        if hashlib.sha256(written).hexdigest() != facts["financing"]["hash"]:
            yield "the financing rates"
