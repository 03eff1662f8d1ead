"""Sweep task: what a worker needs to turn numbers of combinations into rows; sent to each worker once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import RunError, SptraderError
from sptrader.model.period import TimeLike
from sptrader.model.recent import Recent
from sptrader.performance.definitions import DEFINITIONS
from sptrader.runs.evaluate import Evaluator
from sptrader.runs.prepare import Prepared, prepare
from sptrader.runs.space import SYMBOL, TIMEFRAME, Space
from sptrader.runs.sweep_store import ERROR, NUMBER, RETURNS
from sptrader.strategy.document import Scalar, Table
from sptrader.strategy.readings import parameters_in
from sptrader.strategy.strategy import Strategy

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

METRICS = tuple(DEFINITIONS)
RETURN_CELLS = 4_000_000  # session returns that are kept of all rows together: 32 MB
_SPREAD = 0x9E3779B97F4A7C15  # the golden ratio's bits: neighbours' products lie far apart

MOST_MARKETS = 8  # kept ready at a time, with their columns
_SHAPING = ("market", "backtest")  # sections whose parameters change what is prepared
_SHAPING_EXECUTION = ("spread", "financing", "intrabar")

Market = tuple[str, str]  # symbol and timeframe; "" where they do not vary


@dataclass(frozen=True)
class Settings:
    """What every run of a sweep has in common beyond its strategy and data; see `sp.backtest`."""

    cash: float | None = None
    currency: str | None = None
    start: TimeLike | None = None
    end: TimeLike | None = None


class ChunkRows(NamedTuple):
    """The rows of a chunk: `metrics` (k, metrics), `errors` by place, `returns` of the rows that keep theirs, else None."""

    numbers: Ints
    metrics: Floats
    errors: dict[int, str]
    returns: list[Floats | None]


@dataclass
class SweepTask:
    """A strategy, its space, and the checked bars by timeframe ("" for those that were given) and symbol.

    `components` are the hashes of the sources of its components: a worker that finds others refuses the work.
    """

    strategy: Strategy
    space: Space
    frames: Mapping[str, Mapping[str, pd.DataFrame]]
    settings: Settings
    components: Mapping[str, str]
    share: float = 1.0
    finer: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    _ready: Recent[tuple[Scalar, ...], Evaluator] = field(default_factory=lambda: Recent(MOST_MARKETS), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _shaping: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Find the parameters that change the market itself, such as a spread that varies."""
        self._shaping = _shaping_parameters(self.strategy)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_ready", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _ready=Recent(MOST_MARKETS), _lock=threading.Lock())

    def market(self, number: int) -> Market:
        """Return the symbol and the timeframe of a combination, "" for what does not vary."""
        return _market(self.space.combination(number))

    def parameters(self, number: int) -> dict[str, Scalar]:
        """Return the value of every parameter of the strategy in a combination."""
        return self._parameters(self.space.combination(number))

    def _parameters(self, found: Mapping[str, Scalar]) -> dict[str, Scalar]:
        return {name: found.get(name, self.space.fixed.get(name, 0)) for name in self.strategy.parameters}

    def prepared(self, number: int) -> Prepared:
        """Return what the run of a combination needs."""
        symbol, timeframe = self.market(number)
        return prepare(
            self.strategy,
            dict(self.frames[timeframe]),
            params=self.parameters(number),
            cash=self.settings.cash,
            currency=self.settings.currency,
            start=self.settings.start,
            end=self.settings.end,
            symbols=(symbol,) if symbol else None,
            finer=self._finer(symbol) or None,
        )

    def _finer(self, symbol: str) -> dict[str, pd.DataFrame]:
        return {name: frame for name, frame in self.finer.items() if symbol in ("", name)}

    def evaluator(self, number: int) -> Evaluator:
        """Return the evaluator of a combination's market, made with that combination when it is the first one there."""
        return self._evaluator(number, self.space.combination(number))

    def _evaluator(self, number: int, combination: Mapping[str, Scalar]) -> Evaluator:
        values = self._parameters(combination) if self._shaping else {}
        key = (*_market(combination), *[values[name] for name in self._shaping])
        with self._lock:
            found = self._ready.get(key)
            if found is None:
                ready = self.prepared(number)
                self._require_components(ready)
                found = Evaluator(ready)
                self._ready.put(key, found)
            return found

    def row(self, number: int) -> tuple[dict[str, float], Floats]:
        """Return the metrics and the session returns of a combination."""
        combination = self.space.combination(number)
        return self._evaluator(number, combination).row(self._parameters(combination))

    def keeps_returns(self, number: int) -> bool:
        """Whether a combination's session returns are kept: all, or the same part of a large space in every run of it."""
        return self.share >= 1.0 or (number * _SPREAD % 2**64) < self.share * 2**64

    def _require_components(self, ready: Prepared) -> None:
        for call in ready.plan.calls:
            name, found = call.component.name, call.component.source_hash
            if self.components.get(name, found) != found:
                raise RunError(
                    f"component '{name}' is another one here ({call.component.source_path}) than where the sweep was started; "
                    "the workers need the same components.",
                    key=name,
                    is_failure=True,
                )


def evaluate_chunk(task: SweepTask, numbers: Ints) -> ChunkRows:
    """Return the rows of the combinations `numbers`; one that fails has its error instead of metrics."""
    metrics = np.full((len(numbers), len(METRICS)), np.nan)
    errors: dict[int, str] = {}
    kept: list[Floats | None] = []
    for k, number in enumerate(numbers.tolist()):
        returns = None
        try:
            found, returns = task.row(number)
            metrics[k] = list(found.values())
        except SptraderError as error:
            errors[k] = str(error)
        kept.append(returns if task.keeps_returns(number) else None)
    return ChunkRows(numbers, metrics, errors, kept)


def rows_frame(space: Space, rows: ChunkRows) -> pd.DataFrame:
    """Return a chunk's rows as a table: number, the values that vary, metrics, error, session returns."""
    places = np.unravel_index(rows.numbers, space.shape) if space.names else ()
    columns: dict[str, Any] = {NUMBER: rows.numbers}
    for name, values, place in zip(space.names, space.values, places, strict=True):
        columns[name] = pd.Series(list(values)).take(place).to_numpy()
    columns |= {name: rows.metrics[:, k] for k, name in enumerate(METRICS)}
    columns[ERROR] = pd.array([rows.errors.get(k, "") for k in range(len(rows.numbers))], dtype="str")
    columns[RETURNS] = pd.Series(rows.returns, dtype=object)
    return pd.DataFrame(columns)


def _market(combination: Mapping[str, Scalar]) -> Market:
    return str(combination.get(SYMBOL, "")), str(combination.get(TIMEFRAME, ""))


def _shaping_parameters(strategy: Strategy) -> tuple[str, ...]:
    document = strategy.document.values
    execution = document.get("execution")
    inner = execution.values if isinstance(execution, Table) else {}
    sections = [document.get(name) for name in _SHAPING] + [inner.get(name) for name in _SHAPING_EXECUTION]
    return tuple(sorted({name for value in sections if value is not None for name in parameters_in(value)}))
