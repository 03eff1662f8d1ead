"""Sweep plan: what a sweep will do: its task, how much it is, and the facts that name it, checked before anything runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from sptrader.data.fingerprint import content_hash
from sptrader.data.load import load_bars
from sptrader.data.resample import resample
from sptrader.errors import RunError, did_you_mean
from sptrader.jit import sources_digest
from sptrader.model.bars import bars_facts
from sptrader.model.bars import facts as known
from sptrader.model.period import TimeLike, period_ns, time_text
from sptrader.runs.financing import financing_file
from sptrader.runs.finer import Finer, finer_frames
from sptrader.runs.objective import make_objective
from sptrader.runs.plans import plan_of
from sptrader.runs.prepare import Bars, Prepared, prepare
from sptrader.runs.space import Space
from sptrader.runs.sweep_task import RETURN_CELLS, Settings, SweepTask
from sptrader.strategy.strategy import Strategy
from sptrader.strategy.tree import Expression

METHODS = ("grid", "random", "smart")
N_TRIALS = 100  # of random and smart searches that do not say

Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Search:
    """How combinations are chosen, what is maximised, and the database that a smart search is kept in; see `sp.sweep`."""

    method: str
    n_trials: int | None
    seed: int
    objective: str
    storage: str | None

    def __post_init__(self) -> None:
        """Raise `RunError` for what cannot be."""
        if self.method not in METHODS:
            raise RunError(
                f"method was '{self.method}'{did_you_mean(self.method, METHODS)}; allowed are {', '.join(METHODS)}.",
                key="method",
                value=self.method,
            )
        if self.n_trials is not None and self.n_trials < 1:
            raise RunError(f"n_trials was {self.n_trials}; allowed is 1 or more.", key="n_trials", value=self.n_trials)

    @property
    def facts(self) -> dict[str, object]:
        """What the rows of a sweep depend on."""
        if self.method == "grid":
            return {"method": self.method}
        drawn: dict[str, object] = {"method": self.method, "n_trials": self.n_trials, "seed": self.seed}
        return drawn | ({"objective": self.objective} if self.method == "smart" else {})


@dataclass(frozen=True)
class SweptBars:
    """What the rows trade on, as it was given to `sp.sweep`."""

    bars: Bars
    basis: str | None
    symbols: Sequence[str] | None
    timeframes: Sequence[str] | None
    finer: Finer


@dataclass(frozen=True)
class Planned:
    """A sweep's task, its search with the objective it maximises, what its first combination needs, how many rows it will
    have, and the facts that its folder keeps, its id among them."""

    task: SweepTask
    search: Search
    objective: Expression
    ready: Prepared
    total: int
    facts: Mapping[str, Any]


def plan_sweep(
    strategy: Strategy,
    space: Space,
    read: SweptBars,
    settings: Settings,
    search: Search,
    *,
    holdout: float | TimeLike | None,
    given: Mapping[str, object],
) -> Planned:
    """Load and check the bars and run the first combination; `given` is what was asked for besides."""
    objective = make_objective(search.objective, strategy)
    frames, finer = _frames(strategy, read, _first(space, strategy), settings)
    sealed = None
    if holdout is not None:
        settings, sealed = _sealed(settings, frames, holdout)
    task = SweepTask(strategy, space, frames, settings, {}, finer=finer)
    first = int(next(space.every())[0])
    ready = task.prepared(first)
    task.components = {call.component.name: call.component.source_hash for call in ready.plan.calls}
    total = _total(space, search)
    n_sessions = len(task.evaluator(first).ends.ends)
    task.share = min(1.0, RETURN_CELLS / max(1, total * n_sessions))
    facts = _facts(task, ready, {**given, "search": search.facts})
    facts |= {"holdout_start": sealed, "objective": search.objective, "is_complete": False}
    return Planned(task, search, objective, ready, total, facts)


def _total(space: Space, search: Search) -> int:
    allowed = sum(len(block) for block in space.every()) if space.size <= 10**8 else space.size
    return allowed if search.method == "grid" else min(search.n_trials or N_TRIALS, allowed)


def _first(space: Space, strategy: Strategy) -> dict[str, object]:
    """The parameters of the first combination."""
    found = space.combination(int(next(space.every())[0]))
    return {name: found.get(name, space.fixed.get(name)) for name in strategy.parameters}


def _frames(
    strategy: Strategy, read: SweptBars, params: Mapping[str, object], settings: Settings
) -> tuple[dict[str, Frames], Frames]:
    """The checked bars, by timeframe and symbol, and the finer ones by symbol."""
    if read.bars is None and read.timeframes:
        names = tuple(read.symbols or strategy.market.symbols)
        frames = {t: {s: load_bars(s, t, basis=read.basis) for s in names} for t in read.timeframes}
        plan = replace(plan_of(strategy, params), symbols=names)
        return frames, _one_finer(
            [finer_frames(plan, own, read.finer, is_from_catalog=True) for own in frames.values()]
        )
    ready = prepare(
        strategy,
        read.bars,
        params=params,
        cash=settings.cash,
        currency=settings.currency,
        start=settings.start,
        end=settings.end,
        basis=read.basis,
        symbols=read.symbols,
        finer=read.finer,
    )
    bars, finer = dict(ready.frames), dict(ready.finer)
    if not read.timeframes:
        return {"": bars}, finer
    longer = {
        t: {s: f if bars_facts(f).timeframe == t else resample(f, t) for s, f in bars.items()} for t in read.timeframes
    }
    return longer, finer


def _one_finer(found: Sequence[Frames]) -> Frames:
    """The finer bars that every timeframe finds; `RunError` where they find others."""
    for symbol in found[0]:
        sources = [known(other[symbol]).get("source", "") for other in found]
        if len(set(sources)) > 1:
            raise RunError(
                f"the timeframes have different finer bars of {symbol} ({', '.join(sources)}); say which by finer=....",
                key="finer",
                value=symbol,
            )
    return found[0]


def _sealed(
    settings: Settings, frames: Mapping[str, Mapping[str, pd.DataFrame]], holdout: float | TimeLike
) -> tuple[Settings, str]:
    """The settings that end before the hold-out, and the time it begins at."""
    if settings.end is not None:
        raise RunError("end and holdout were both given; the rows end where the hold-out begins.", key="holdout")
    bars = next(iter(next(iter(frames.values())).values()))
    if isinstance(holdout, float):
        if not 0.0 < holdout < 1.0:
            raise RunError(
                f"holdout was {holdout}; allowed is a fraction of the bars such as 0.2, or a time.", key="holdout"
            )
        begins = bars.index[min(len(bars) - 1, int(len(bars) * (1.0 - holdout)))]
    else:
        begins = pd.Timestamp(str(time_text(period_ns(holdout, None)[0] or 0)))
    last = begins - pd.Timedelta(1, unit="ns")
    return replace(settings, end=last), str(begins)


def _facts(task: SweepTask, ready: Prepared, given: Mapping[str, object]) -> dict[str, Any]:
    """What the rows depend on, as `sweep.json` keeps it, and the id that is made of it."""
    space, settings, strategy = task.space, task.settings, task.strategy
    rates = financing_file(ready.plan)
    facts: dict[str, Any] = {
        "strategy": {
            "name": strategy.name,
            "version": str(strategy.version),
            "source_hash": strategy.source_hash,
        },
        "space": dict(zip(space.names, map(list, space.values), strict=True)),
        **given,
        "settings": {
            "cash": settings.cash,
            "currency": settings.currency,
            "start": None if settings.start is None else str(settings.start),
            "end": None if settings.end is None else str(settings.end),
        },
        "data": {
            timeframe: {
                symbol: {"content_hash": content_hash(f), "timeframe": bars_facts(f).timeframe, "n_bars": len(f)}
                for symbol, f in frames.items()
            }
            for timeframe, frames in task.frames.items()
        },
        "finer": {symbol: content_hash(frame) for symbol, frame in task.finer.items()},
        "symbols": list(ready.plan.symbols),
        "timeframe": ready.plan.timeframe,
        "components": dict(task.components),
        "financing": "" if rates is None else hashlib.sha256(rates.read_bytes()).hexdigest(),
        "engine": sources_digest(),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    return {
        "id": f"{strategy.name}-sweep-{digest[:12]}",
        **facts,
        "account": {"cash": ready.cash, "currency": ready.currency},
        "share": task.share,
        "strategy_path": strategy.source_path,
        "sources": {t: {s: bars_facts(f).source for s, f in frames.items()} for t, frames in task.frames.items()},
        "finer_sources": {symbol: known(frame).get("source", "") for symbol, frame in task.finer.items()},
    }
