"""The laws every component keeps, as functions that return what they found; the tests and `components check` use them.

inputs        the market inputs and wires connect, and nothing writes into them
repeatable    the same input twice gives the same result
short data    no bars, one bar, a few: unknown, never an error
warm-up       known when the lookback says and from then on (indicators); no event on unknown input (signals)
no look-ahead computing on every prefix of the data gives the prefix of the result, exactly
lookback      the value from the last `lookback + 1` bars is the full history's to 1e-9
unknown bars  a nan in the middle is no error
plain Python  compiled functions give what their Python gives, exactly
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd

from sptrader.components.compute import Columns, compute
from sptrader.components.contract import BARS, Component
from sptrader.components.signals import Signals
from sptrader.errors import ComponentError

TOLERANCE = 1e-9
# TA-Lib says of these that they are not defined everywhere: a logarithm of nothing, an angle of more than one.
_PARTLY_DEFINED = frozenset(f"talib.{name}" for name in ("ACOS", "ASIN", "DIV", "LN", "LOG10", "RVOL", "SQRT", "VWMA"))


@dataclass(frozen=True)
class Case:
    """What a law is tried on: a component, its parameters, bars and the columns wired to it."""

    component: Component
    market: Mapping[str, np.ndarray]
    index: pd.Index
    wired: Mapping[str, np.ndarray]
    params: Mapping[str, object]

    def __len__(self) -> int:
        return len(self.index)

    def between(self, start: int, end: int) -> Case:
        """Return the case on the bars `start` to `end`, the last excluded."""
        market = {name: column[start:end] for name, column in self.market.items()}
        wired = {name: column[start:end] for name, column in self.wired.items()}
        return Case(self.component, market, self.index[start:end], wired, self.params)

    def result(self) -> Columns | Signals:
        """Compute, on a frame of bars only where the component asks for one."""
        is_framed = self.component.series or BARS in self.component.sources
        market = pd.DataFrame(self.market, index=self.index) if is_framed else self.market
        return compute(self.component, market, self.wired, self.params)

    def columns(self) -> Columns:
        """Compute; events become numbers that mean the same on any stretch of data."""
        return comparable(self.result())


@dataclass(frozen=True)
class Verdict:
    """A law's name and what broke it; nothing found means it holds."""

    law: str
    findings: tuple[str, ...]


def check_component(
    component: Component, *, params: Mapping[str, object] | None = None, n_bars: int = 300, seed: int = 7
) -> tuple[Verdict, ...]:
    """Try every law on made-up bars; a component that raises breaks the law it raised in."""
    params = params or {}
    short = make_case(component, params=params, n_bars=n_bars, seed=seed)
    verdicts = []
    for law, check in LAWS.items():
        case = short
        if check is check_lookback:
            case = make_case(component, params=params, n_bars=component.lookback(params) + n_bars, seed=seed)
        try:
            findings = check(case)
        except ComponentError as error:
            findings = [str(error)]
        verdicts.append(Verdict(law, tuple(findings)))
    return tuple(verdicts)


def make_case(
    component: Component, *, params: Mapping[str, object] | None = None, n_bars: int = 300, seed: int = 7
) -> Case:
    """Make the case of `component` on made-up bars, each wire an average of the close of another length."""
    bars = made_up_bars(n_bars, seed=seed)
    return case_on(component, bars, params=params)


def case_on(component: Component, bars: pd.DataFrame, *, params: Mapping[str, object] | None = None) -> Case:
    """Make the case of `component` on `bars`, wired as in `make_case`."""
    market = {str(name): np.array(bars[name].to_numpy(np.float64)) for name in bars}
    return Case(component, market, bars.index, made_up_wires(component, bars), params or {})


def made_up_bars(n_bars: int, *, seed: int) -> pd.DataFrame:
    """Make hourly bars that swing between 20 and 80 in steps of 0.01, with ties and a stretch without any movement."""
    random = np.random.default_rng(seed)
    moves = random.normal(0.0, 1.5, n_bars)
    moves[n_bars // 2 : n_bars // 2 + 12] = 0.0
    close = np.empty(n_bars)
    level, centre = 50.0, 50.0 + 28.0 * np.sin(np.arange(n_bars) * (2.0 * np.pi / 90.0))
    for i in range(n_bars):
        if moves[i] != 0.0:
            level = max(level + moves[i] + 0.25 * (centre[i] - level), 5.0)
        close[i] = round(level, 2)
    opens = np.concatenate((close[:1], close[:-1]))
    reach = np.round(np.abs(random.normal(0.0, 0.8, (2, n_bars))), 2) * (moves != 0.0)
    frame = {
        "open": opens,
        "high": np.maximum(opens, close) + reach[0],
        "low": np.maximum(np.minimum(opens, close) - reach[1], 1.0),
        "close": close,
        "volume": random.integers(100, 1_000, n_bars).astype(float),
        "spread": np.round(random.uniform(0.01, 0.03, n_bars), 2),
    }
    return pd.DataFrame(frame, index=pd.date_range("2020-01-01", periods=n_bars, freq="h", tz="UTC", name="time"))


def made_up_wires(component: Component, bars: pd.DataFrame) -> dict[str, np.ndarray]:
    """Make a column for each wire: the mean close of the last 3, 8, 13, ... bars, nan before."""
    return {
        name: np.array(bars["close"].rolling(3 + 5 * at).mean().to_numpy()) for at, name in enumerate(component.wires)
    }


def check_inputs(case: Case) -> list[str]:
    """Find what computing wrote into its inputs."""
    given = {**case.market, **case.wired}
    before = {name: column.copy() for name, column in given.items()}
    case.columns()
    return [f"it wrote into the column '{name}'" for name in given if not _same(before[name], given[name])]


def check_repeatable(case: Case) -> list[str]:
    """Find outputs that differ when the same is computed twice."""
    return _differences(case.columns(), case.columns(), "a second computation of the same bars")


def check_short_data(case: Case) -> list[str]:
    """Find lengths up to a dozen bars at which computing raises."""
    found = []
    for n_bars in range(min(12, len(case)) + 1):
        try:
            case.between(0, n_bars).columns()
        except ComponentError as error:
            found.append(f"with {n_bars} bars it raised: {error}")
    return found


def check_warm_up(case: Case) -> list[str]:
    """Find values that come too late or have holes (indicators), and events on unknown wires (signals)."""
    if case.component.kind == "signal":
        return _events_on_unknown(case)
    if case.component.name in _PARTLY_DEFINED:
        return []
    first_known = max((int(np.argmax(~np.isnan(column))) for column in case.wired.values()), default=0)
    latest = first_known + case.component.lookback(case.params)
    found = []
    for name, column in case.columns().items():
        known = np.flatnonzero(~np.isnan(column))
        if len(known) == 0:
            if latest < len(column):
                found.append(f"{_label(name)} was never known in {len(column)} bars; its lookback is {latest}")
        elif known[0] > latest:
            found.append(
                f"{_label(name)} was first known at bar {known[0]}; its lookback says at {latest} at the latest"
            )
        elif len(known) != len(column) - known[0]:
            hole = int(known[0] + np.argmax(np.isnan(column[known[0] :])))
            found.append(f"{_label(name)} was known from bar {known[0]} on and nan again at {hole}")
    return found


def check_prefixes(case: Case) -> list[str]:
    """Find the first prefix whose result is not the prefix of the whole result, to the last bit."""
    whole = case.columns()
    for n_bars in range(len(case)):
        expected = {name: column[:n_bars] for name, column in whole.items()}
        found = _differences(expected, case.between(0, n_bars).columns(), f"the first {n_bars} bars alone")
        if found:
            return found
    return []


def check_lookback(case: Case) -> list[str]:
    """Find bars whose value from the last `lookback + 1` bars is not the full history's, to 1e-9.

    The difference is measured against the value, or against the column's typical size where the value is nearly
    nothing. Values that depend on where the data begins are not asked.
    """
    if case.component.is_path_dependent:
        return []
    lookback = case.component.lookback(case.params)
    whole = case.columns()
    sizes = {name: _typical_size(column) for name, column in whole.items()}
    first_known = max((int(np.argmax(~np.isnan(column))) for column in case.wired.values()), default=0)
    start = lookback + first_known
    for at in range(start, len(case), max(1, (len(case) - start) // 60)):
        last = case.between(at - lookback, at + 1).columns()
        for name in dict.fromkeys((*whole, *last)):  # an event that did not happen has no column
            was, expected = (
                float(columns[name][row]) if name in columns else 0.0 for columns, row in ((last, -1), (whole, at))
            )
            if np.isnan(was) and np.isnan(expected):
                continue
            if not abs(was - expected) <= TOLERANCE * max(abs(expected), sizes.get(name, 0.0)):
                return [f"{_label(name)} at bar {at} was {expected}, from its last {lookback} + 1 bars alone {was}"]
    return []


def check_unknown_bars(case: Case) -> list[str]:
    """Find an error when two bars in the middle are unknown in all inputs."""
    holes = [len(case) // 2, len(case) // 2 + 3]
    market = {name: column.copy() for name, column in case.market.items()}
    wired = {name: column.copy() for name, column in case.wired.items()}
    for column in (*market.values(), *wired.values()):
        column[holes] = np.nan
    Case(case.component, market, case.index, wired, case.params).columns()
    return []


def check_plain_python(case: Case) -> list[str]:
    """Find outputs that differ when every compiled function of the component's file runs as plain Python."""
    plain = plain_python(case.component.function)
    if plain is case.component.function:
        return []
    replayed = replace(case, component=replace(case.component, function=plain))
    return _differences(case.columns(), replayed.columns(), "the same as plain Python")


def plain_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with every compiled function it reaches in its module replaced by the Python it was made from.

    A function whose module holds no compiled one is returned as it is.
    """
    if not isinstance(function, FunctionType):
        return function
    names = {name: value.py_func for name, value in function.__globals__.items() if hasattr(value, "py_func")}
    if not names:
        return function
    scope = dict(function.__globals__)
    for name, python in names.items():
        scope[name] = FunctionType(python.__code__, scope, python.__name__, python.__defaults__, python.__closure__)
    copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


LAWS: dict[str, Callable[[Case], list[str]]] = {
    "inputs": check_inputs,
    "repeatable": check_repeatable,
    "short data": check_short_data,
    "warm-up": check_warm_up,
    "no look-ahead": check_prefixes,
    "lookback": check_lookback,
    "unknown bars": check_unknown_bars,
    "plain Python": check_plain_python,
}


def comparable(result: Columns | Signals) -> Columns:
    """Return columns that mean the same on any stretch of data: one of 0 and 1 for each event that happens."""
    if not isinstance(result, Signals):
        return result
    happened = {name: result.mask(name).astype(np.float64) for name in result.types}
    events = {f"type {name}": mask for name, mask in happened.items() if mask.any()}
    return {**events, "strength": result.strength, **result.outputs}


def _events_on_unknown(case: Case) -> list[str]:
    result = case.result()
    if not isinstance(result, Signals):
        return ["a signal must return Signals"]
    unknown = np.zeros(len(case), bool)
    for column in case.wired.values():
        unknown |= np.isnan(column)
    events = np.flatnonzero(unknown & (result.codes >= 0))
    return [f"{result.types[result.codes[at]]} at bar {at}, where a wired input is unknown" for at in events[:1]]


def _differences(expected: Columns, was: Columns, where: str) -> list[str]:
    found = []
    for name in dict.fromkeys((*expected, *was)):
        n_bars = len(next(iter((expected or was).values())))
        nothing = np.zeros(n_bars)  # an event that did not happen has no column
        left, right = expected.get(name, nothing), was.get(name, nothing)
        if not _same(left, right):
            at = int(np.argmax(~((left == right) | (np.isnan(left) & np.isnan(right)))))
            found.append(f"{_label(name)} at bar {at} was {left[at]}; from {where} {right[at]}")
    return found


def _same(left: Any, right: Any) -> bool:
    return bool(np.array_equal(left, right, equal_nan=True))


def _typical_size(column: np.ndarray) -> float:
    known = np.abs(column[np.isfinite(column)])
    return float(np.median(known)) if len(known) else 0.0


def _label(name: str) -> str:
    return f"'{name}'" if name else "the value"
