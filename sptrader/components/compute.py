"""Compute: call a component's function on columns, and let nothing malformed leave it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sptrader.components.contract import BARS, Component, Value
from sptrader.components.signals import Floats, Signals, floats
from sptrader.errors import ComponentError
from sptrader.model.bars import MARKET_COLUMNS

Columns = dict[str, Floats]
Market = Mapping[str, Any] | pd.DataFrame


def compute(
    component: Component, market: Market, wired: Mapping[str, Any], params: Mapping[str, object]
) -> Columns | Signals:
    """Return an indicator's columns, `{"": column}` or `{"upper": column, ...}`, or a signal's `Signals`.

    `market` is a frame of bars, or a mapping of market columns (`bars` in it is the frame). `wired` connects the wires,
    and may replace a market input by name. The function sees the columns read-only. Raise `ComponentError` when it
    raises, returns another length or dtype, or lacks an input; the text names component, parameters and data range
    and holds the original traceback.
    """
    values = component.check_parameters(params)
    arguments, index = _arguments(component, market, wired)
    try:
        result = component.function(**arguments, **values)
        return _checked(component, result, len(index))
    except Exception as error:
        raise _failed(component, values, index, error) from error


def indicator_columns(
    component: Component, market: Market, wired: Mapping[str, Any], params: Mapping[str, object]
) -> Columns:
    """Return the columns of an indicator; raise `ComponentError` when `component` is a signal."""
    result = compute(component, market, wired, params)
    if isinstance(result, Signals):
        raise ComponentError(f"'{component.name}' is a signal; an indicator was expected.", value=component.name)
    return result


@dataclass(frozen=True)
class Shape:
    """The names of what a component returns: its `outputs` (none when it has a single one) and its event `types`."""

    outputs: tuple[str, ...]
    types: tuple[str, ...]


def shape(component: Component, params: Mapping[str, object]) -> Shape:
    """Return the names by computing on no bars at all; a signal's `outputs` are `strength` and its further ones.

    `types` is empty also for a signal that gives its events as an array of names, which tells only what happened.
    """
    nothing = np.empty(0)
    bars = pd.DataFrame(dict.fromkeys(MARKET_COLUMNS, nothing), index=pd.DatetimeIndex([], tz="UTC", name="time"))
    result = compute(component, bars, dict.fromkeys(component.wires, nothing), params)
    if isinstance(result, Signals):
        return Shape(("strength", *result.outputs), result.types)
    return Shape(tuple(name for name in result if name), ())


def columns_of(result: Columns | Signals) -> Columns:
    """Return a component's result as columns: those of an indicator, or `code`, `strength` and outputs of a signal."""
    if isinstance(result, Signals):
        return {"code": result.codes.astype(np.float64), "strength": result.strength, **result.outputs}
    return result


def _arguments(component: Component, market: Market, wired: Mapping[str, Any]) -> tuple[dict[str, Any], pd.Index]:
    unknown = [name for name in wired if name not in component.wires and name not in component.sources]
    if unknown:
        known = ", ".join((*component.wires, *component.sources))
        raise ComponentError(
            f"{component.kind} '{component.name}' has no input '{unknown[0]}'. Its inputs: {known}.", key=unknown[0]
        )
    missing = [name for name in component.wires if name not in wired]
    if missing:
        raise ComponentError(
            f"{component.kind} '{component.name}': its input '{missing[0]}' is not connected; "
            f"wire it to an indicator, as in {missing[0]}: some_indicator.",
            key=missing[0],
        )
    frame = market if isinstance(market, pd.DataFrame) else market.get(BARS)
    given: dict[str, Any] = {}
    for name in (*component.sources, *component.wires):
        if name in wired:
            given[name] = wired[name]
        elif component.sources[name] == BARS:
            given[name] = frame if frame is not None else _frame(market)
        else:
            given[name] = _market_column(component, component.sources[name], market, frame)
    index = _index(component, given, frame, market)
    return {name: _as_wanted(component, name, value, index) for name, value in given.items()}, index


def _market_column(component: Component, column: str, market: Market, frame: pd.DataFrame | None) -> Any:
    if column in market:
        return market[column]
    if frame is not None and column in frame:
        return frame[column]
    there = ", ".join(str(name) for name in (market if frame is None else frame))
    raise ComponentError(
        f"{component.kind} '{component.name}' needs the market column '{column}', which the bars do not have; "
        f"they have: {there}.",
        key=column,
    )


def _frame(market: Market) -> pd.DataFrame:
    return pd.DataFrame({name: column for name, column in market.items() if name != BARS}, copy=False)


def _index(component: Component, given: Mapping[str, Any], frame: pd.DataFrame | None, market: Market) -> pd.Index:
    lengths = {name: len(value) for name, value in given.items()}
    if frame is not None:
        lengths = {"the bars": len(frame), **lengths}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise ComponentError(f"{component.kind} '{component.name}': its inputs differ in length: {told}.")
    if frame is not None:
        return frame.index
    others = () if isinstance(market, pd.DataFrame) else market.values()
    for value in (*given.values(), *others):
        if isinstance(value, pd.Series | pd.DataFrame):
            return value.index
    return pd.RangeIndex(next(iter(lengths.values())))


def _as_wanted(component: Component, name: str, value: Any, index: pd.Index) -> Any:
    if isinstance(value, pd.DataFrame):
        return value
    array = floats(value, len(index), f"the input '{name}' of '{component.name}'")
    view = array.view()
    view.flags.writeable = False
    return pd.Series(view, index=index, name=name, copy=False) if name in component.series else view


def _checked(component: Component, result: Any, n_bars: int) -> Columns | Signals:
    if component.kind == "signal":
        if not isinstance(result, Signals):
            raise ComponentError(f"a signal must return Signals(type=...); it returned {type(result).__name__}.")
        if len(result) != n_bars:
            raise ComponentError(f"the signals had the length {len(result)}; allowed is {n_bars}, one per bar.")
        return result
    if isinstance(result, pd.DataFrame):
        result = {str(name): result[name] for name in result}
    elif hasattr(result, "_asdict"):
        result = result._asdict()
    if isinstance(result, tuple | list | Signals) or result is None:
        raise ComponentError(
            f"it returned {type(result).__name__}; allowed is one array or Series, or named outputs as a mapping, "
            "NamedTuple or DataFrame."
        )
    if not isinstance(result, Mapping):
        return {"": floats(result, n_bars, "the result")}
    if component.outputs and set(result) != set(component.outputs):
        raise ComponentError(f"the outputs were {', '.join(result)}; declared are {', '.join(component.outputs)}.")
    return {str(name): floats(column, n_bars, f"the output '{name}'") for name, column in result.items()}


def _failed(component: Component, values: Mapping[str, Value], index: pd.Index, error: Exception) -> ComponentError:
    told = ", ".join(f"{name}={value}" for name, value in values.items()) or "no parameters"
    span = f" from {index[0]} to {index[-1]}" if isinstance(index, pd.DatetimeIndex) and len(index) else ""
    text = f"{component.place}: {component.kind} '{component.name}' with {told} on {len(index):,} bars{span} failed: "
    if isinstance(error, ComponentError):
        return ComponentError(text + str(error), path=component.source_path, key=error.key, value=error.value)
    trace = "".join(traceback.format_exception(error.with_traceback(_below_compute(error))))
    return ComponentError(
        f"{text}{type(error).__name__}: {error}\n{trace.rstrip()}", path=component.source_path, key=component.name
    )


def _below_compute(error: Exception) -> Any:
    """The traceback from the component's own frames on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__ and trace.tb_next is not None:
        trace = trace.tb_next
    return trace
