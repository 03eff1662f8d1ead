"""The contract of a component: the decorators that read its metadata from its signature.

    argument                             what it becomes
    named after a market column          a market input (`close`, `volume`, ... or `bars`, the whole frame)
    without a default                    a wire, to be connected to another component's output
    with a default                       a parameter: int, float, bool, str or `Literal[...]`, bounded by a `Range`

A market input may be rewired too: `{type: ema, close: some_indicator}` is the average of that indicator.
"""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import pandas as pd

from sptrader.errors import ComponentError, did_you_mean
from sptrader.model.bars import MARKET_COLUMNS

F = TypeVar("F", bound=Callable[..., Any])
Value = int | float | bool | str
Kind = Literal["indicator", "signal"]

BARS = "bars"
MARKET_INPUTS = (*MARKET_COLUMNS, BARS)
_TYPES: tuple[type, ...] = (int, float, bool, str)
_ATTRIBUTE = "__sptrader_component__"


@dataclass(frozen=True)
class Range:
    """The values a parameter may take, both ends included; None leaves an end open."""

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and not self.low <= self.high:
            raise ComponentError(
                f"Range({self.low}, {self.high}) is empty; its low end must not lie above its high end."
            )

    def __contains__(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        return f"{'' if self.low is None else f'{self.low:g}'}..{'' if self.high is None else f'{self.high:g}'}"


@dataclass(frozen=True)
class Parameter:
    """One parameter: its default, its type, its range (numbers) and its choices (empty when any value will do)."""

    name: str
    default: Value
    type: type
    range: Range | None = None
    choices: tuple[Value, ...] = ()

    def allowed(self) -> str:
        """Say in words which values are allowed."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        word = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[self.type]
        return word if self.range is None else f"{word} in {self.range}"

    def check(self, value: object) -> Value:
        """Return `value` in the parameter's type; raise `ValueError` when it is of another type or outside the range.

        Whole floats pass as int and numpy scalars as their Python counterparts; a bool is never a number.
        """
        result: Value
        if self.type in (bool, str):
            if not (isinstance(value, self.type) or (self.type is bool and type(value).__name__ == "bool")):
                raise ValueError(value)
            result = bool(value) if self.type is bool else str(value)
        else:
            if type(value).__name__ in ("bool", "bool_") or not isinstance(value, Real) or not math.isfinite(value):
                raise ValueError(value)
            if self.type is int and not isinstance(value, Integral) and not float(value).is_integer():
                raise ValueError(value)
            result = int(value) if self.type is int else float(value)  # type: ignore[call-overload]
            if self.range is not None and result not in self.range:
                raise ValueError(value)
        if self.choices and result not in self.choices:
            raise ValueError(value)
        return result


@dataclass(frozen=True)
class Component:
    """An indicator or a signal, with all that its signature says.

    `sources` maps each rewirable argument to the market column it reads by default, `inputs` are those columns, `wires`
    the arguments that must be connected, `series` those that want a pandas Series. `outputs` are the named outputs,
    empty for a single one and where only computing tells. A `is_path_dependent` value (a running total) depends on
    where the data begins; its `lookback` says only when it is first defined.
    """

    name: str
    kind: Kind
    category: str
    function: Callable[..., Any]
    sources: Mapping[str, str]
    wires: tuple[str, ...]
    parameters: Mapping[str, Parameter]
    outputs: tuple[str, ...] = ()
    series: frozenset[str] = frozenset()
    is_path_dependent: bool = False
    lookback_rule: int | Callable[..., int] = 0
    doc: str = ""
    source_path: Path | None = None
    source_hash: str = ""
    overrides: Path | None = field(default=None, compare=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The market columns read by default, each once."""
        return tuple(dict.fromkeys(self.sources.values()))

    @property
    def place(self) -> str:
        """The file the component is in, or its name when it has none."""
        return str(self.source_path) if self.source_path else self.name

    def check_parameters(self, params: Mapping[str, object]) -> dict[str, Value]:
        """Return all parameters, defaults filled in; raise `ComponentError` naming the first unknown or unfit one."""
        for name in params:
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise ComponentError(
                    f"{self.kind} '{self.name}' has no parameter '{name}'{did_you_mean(name, self.parameters) or '.'} "
                    f"Its parameters: {known}.",
                    path=self.source_path,
                    key=name,
                    value=params[name],
                )
        values = {name: parameter.default for name, parameter in self.parameters.items()}
        for name, value in params.items():
            try:
                values[name] = self.parameters[name].check(value)
            except ValueError:
                raise ComponentError(
                    f"{self.kind} '{self.name}': parameter '{name}' was {value!r}; "
                    f"allowed is {self.parameters[name].allowed()}.",
                    path=self.source_path,
                    key=name,
                    value=value,
                ) from None
        return values

    def lookback(self, params: Mapping[str, object]) -> int:
        """Return how many bars before *t* the value at *t* needs with `params`; missing ones take their defaults."""
        values = self.check_parameters(params)
        rule = self.lookback_rule
        result: object = rule
        if callable(rule):
            result = rule(**{name: values[name] for name in _argument_names(rule)})
        if not isinstance(result, Integral) or result < 0:
            raise ComponentError(
                f"{self.kind} '{self.name}': its lookback was {result!r} with {values}; allowed is a count of bars, "
                "0 or more.",
                path=self.source_path,
                key="lookback",
                value=result,
            )
        return int(result)


@lru_cache(maxsize=256)
def _argument_names(rule: Callable[..., int]) -> tuple[str, ...]:
    return tuple(inspect.signature(rule).parameters)


def indicator(
    *, category: str, lookback: int | Callable[..., int] = 0, path_dependent: bool = False
) -> Callable[[F], F]:
    """Mark a function as an indicator; it stays a plain function and can be called as one.

    `lookback` is a count of bars, or a function of some of the parameters, taken by their names.
    """
    return _decorator("indicator", category, lookback, path_dependent)


def signal(*, category: str, lookback: int | Callable[..., int] = 0, path_dependent: bool = False) -> Callable[[F], F]:
    """Mark a function that returns `Signals` as a signal; see `indicator`."""
    return _decorator("signal", category, lookback, path_dependent)


def component_of(function: Callable[..., Any]) -> Component:
    """Return the component that a decorated function is; raise `ComponentError` for any other object."""
    component = getattr(function, _ATTRIBUTE, None)
    if not isinstance(component, Component):
        name = getattr(function, "__name__", repr(function))
        raise ComponentError(f"'{name}' is not a component; mark it with @indicator or @signal.", value=name)
    return component


def _decorator(kind: Kind, category: str, lookback: int | Callable[..., int], path_dependent: bool) -> Callable[[F], F]:
    def mark(function: F) -> F:
        component = replace(
            _read(function, kind), category=category, lookback_rule=lookback, is_path_dependent=path_dependent
        )
        if callable(lookback):
            unknown = [name for name in inspect.signature(lookback).parameters if name not in component.parameters]
            if unknown:
                raise _malformed(
                    function,
                    f"its lookback asks for '{unknown[0]}'; its parameters are {', '.join(component.parameters)}",
                )
        setattr(function, _ATTRIBUTE, component)
        return function

    return mark


def _read(function: Callable[..., Any], kind: Kind) -> Component:
    hints = typing.get_type_hints(function, include_extras=True)
    sources: dict[str, str] = {}
    wires: list[str] = []
    parameters: dict[str, Parameter] = {}
    series = set()
    for name, argument in inspect.signature(function).parameters.items():
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD, argument.POSITIONAL_ONLY):
            raise _malformed(function, f"'{argument}' is not allowed; each argument needs a name of its own")
        if name in MARKET_INPUTS:
            if argument.default is not argument.empty:
                raise _malformed(function, f"the market input '{name}' cannot have a default")
            sources[name] = name
        elif argument.default is argument.empty:
            wires.append(name)
        else:
            parameters[name] = _parameter(function, name, argument.default, hints.get(name))
            continue
        annotation = hints.get(name)
        if get_origin(annotation) is typing.Annotated:
            annotation = get_args(annotation)[0]
        if annotation is pd.Series or get_origin(annotation) is pd.Series:
            series.add(name)
    if not sources and not wires:
        raise _malformed(
            function,
            f"it has no input; name an argument after a market column ({', '.join(MARKET_INPUTS)}) or wire one",
        )
    doc = inspect.getdoc(function) or ""
    returned = hints.get("return")
    outputs = tuple(getattr(returned, "_fields", ())) if kind == "indicator" else ()
    return Component(
        name=function.__name__, kind=kind, category="", function=function, sources=sources, wires=tuple(wires),
        parameters=parameters, outputs=outputs, series=frozenset(series), doc=doc,
    )  # fmt: skip


def _parameter(function: Callable[..., Any], name: str, default: object, annotation: object) -> Parameter:
    bounds: Range | None = None
    if get_origin(annotation) is typing.Annotated:
        annotation, *extras = get_args(annotation)
        bounds = next((extra for extra in extras if isinstance(extra, Range)), None)
    choices: tuple[Value, ...] = ()
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        annotation = type(choices[0])
    kind = type(default) if annotation is None else annotation
    if not isinstance(kind, type) or kind not in _TYPES:
        raise _malformed(
            function, f"the parameter '{name}' was of type {kind}; allowed are int, float, bool, str and Literal[...]"
        )
    if bounds is not None and kind not in (int, float):
        raise _malformed(function, f"the parameter '{name}' is a {kind.__name__}; only numbers have a Range")
    parameter = Parameter(name, typing.cast(Value, default), kind, bounds, choices)
    try:
        return replace(parameter, default=parameter.check(default))
    except ValueError:
        raise _malformed(
            function, f"the default of '{name}' was {default!r}; allowed is {parameter.allowed()}"
        ) from None


def _malformed(function: Callable[..., Any], fault: str) -> ComponentError:
    code = getattr(function, "__code__", None)
    path = code.co_filename if code else None
    where = f"{path}:{code.co_firstlineno}: " if code else ""
    return ComponentError(f"{where}component '{function.__name__}': {fault}.", path=path, key=function.__name__)
