"""Every TA-Lib function as an indicator, `talib.RSI`, with the metadata of TA-Lib's own abstract interface.

Inputs have the names TA-Lib gives them: `price` reads close, `price0` and `price1` high and low, `prices` are the
market columns themselves; each may be rewired (`{type: talib.SMA, price: some_indicator}`). Outputs are float64 under
TA-Lib's own names, a lone one without; whole numbers (candlestick patterns, indices) become floats with nan in the
warm-up. A nan after the first value may stay in the results from there on, as in TA-Lib itself.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from sptrader.components.contract import Component, Parameter, Range, Value
from sptrader.errors import ComponentError, did_you_mean
from sptrader.model.bars import MARKET_COLUMNS

PREFIX = "talib."
_PATH_DEPENDENT = "Output is path-dependent"
_UNSTABLE = "Function has an unstable period"
# Outputs that are positions counted from the first bar; TA-Lib does not flag them.
_POSITIONS = frozenset({"MAXINDEX", "MININDEX", "MINMAXINDEX"})
# Bars until the first value's weight is below 1e-9, per bar of period. Averages of weight 2/(n+1): (1-2/(n+1))^11n,
# up to three of them in a row: 18. Wilder's of weight 1/n: 21, more where a difference or a ratio of two of them
# enlarges it.
_BARS_OF_EMA = 18
_BARS_OF_WILDER = 32
# fmt: off
_WILDER = frozenset({
    "ADX", "ADXR", "ATR", "CMO", "DX", "KC", "KDJ", "MINUS_DI", "MINUS_DM", "NATR", "PLUS_DI", "PLUS_DM", "RMA", "RSI",
    "RVI", "STOCHRSI", "SUPERTREND",
})
_EMA = frozenset({
    "ADOSC", "CVI", "DEMA", "EFI", "EMA", "ERI", "MACD", "MACDFIX", "MASSI", "SMI", "T3", "TEMA", "TRIX", "TSI", "ZLEMA",
})
# fmt: on
_FIXED_PERIODS = {"MACDFIX": 12 + 26}  # periods that are no parameters
# The Hilbert transform's filters have fixed weights; measured 400 bars.
_BARS_OF_HILBERT = 600
# Kaufman's average moves by (2/31)^2 at the least and (2/3)^2 at most; measured 445 bars at period 30.
_BARS_OF_KAUFMAN = 1_000
_BARS_OF_HEIKIN = 60  # its open halves the past on each bar
_SIMPLE_TYPES = frozenset({0, 2, 5, 9, 10})  # SMA, WMA, TRIMA, HMA, none: windows, no memory beyond
_OWN_TYPE, _KAMA_TYPE, _MAMA_TYPE, _WILDER_TYPE = 11, 6, 7, 13
# Two bounds that limit each other: each is probed with the other out of its way.
_OUT_OF_THE_WAY = {"minperiod": {"maxperiod": 100_000}, "maxperiod": {"minperiod": 1}}
_LEAST_INT, _LEAST_FLOAT = -(2**31) + 1, -3e37  # one and an order above the values that mean "default"


@lru_cache(maxsize=1)
def talib_names() -> tuple[str, ...]:
    """Return the names of all TA-Lib functions as components, sorted."""
    return tuple(sorted(PREFIX + name for name in _talib().get_functions()))


@lru_cache(maxsize=256)
def talib_component(name: str) -> Component:
    """Return the component of the TA-Lib function `name` (`talib.RSI`); raise `ComponentError` when there is none."""
    if name not in talib_names():
        near = did_you_mean(name.upper().replace(PREFIX.upper(), PREFIX), talib_names()) or "."
        raise ComponentError(
            f"TA-Lib has no function '{name}'{near} It has {len(talib_names())} functions.", value=name
        )
    bare = name.removeprefix(PREFIX)
    info = _settings(bare).info
    sources, wires = _inputs(info["input_names"])
    parameters = {key: _parameter(bare, key, default) for key, default in info["parameters"].items()}
    outputs = tuple(info["output_names"])
    flags = info["function_flags"] or []
    return Component(
        name=name,
        kind="indicator",
        category=info["group"].removesuffix(" Indicators").removesuffix(" Functions").lower(),
        function=_function(bare, tuple(_ordered(info["input_names"])), outputs),
        sources=sources,
        wires=wires,
        parameters=parameters,
        outputs=outputs if len(outputs) > 1 else (),
        is_path_dependent=_PATH_DEPENDENT in flags or bare in _POSITIONS,
        lookback_rule=_lookback_rule(bare, tuple(parameters), _UNSTABLE in flags),
        doc=f"{info['display_name']} ({info['group']}) of TA-Lib {_library_version()}.",
        source_hash=hashlib.sha256(f"{_talib().__version__} {_library_version()} {bare}".encode()).hexdigest(),
    )


def _talib() -> Any:
    import talib

    return talib


def _settings(bare: str, values: Mapping[str, Value] | None = None) -> Any:
    """TA-Lib's own description of a function, with `values` set; it tells names, defaults and the lookback."""
    from talib import abstract

    settings = vars(abstract)["Function"](bare)
    settings.set_parameters(dict(values or {}))
    return settings


def _library_version() -> str:
    return str(_talib().__ta_version__.decode().split()[0])


def _ordered(input_names: Mapping[str, str | list[str]]) -> list[tuple[str, str]]:
    """The arguments in TA-Lib's order, each with the market column it reads by default, or '' when it has none."""
    result = []
    for name, source in input_names.items():
        if isinstance(source, list):
            result += [(column, column) for column in source]
        else:
            result.append((name, source if source in MARKET_COLUMNS else ""))
    return result


def _inputs(input_names: Mapping[str, str | list[str]]) -> tuple[dict[str, str], tuple[str, ...]]:
    ordered = _ordered(input_names)
    return {name: source for name, source in ordered if source}, tuple(name for name, source in ordered if not source)


def _function(bare: str, arguments: tuple[tuple[str, str], ...], outputs: tuple[str, ...]) -> Callable[..., Any]:
    call = getattr(_talib(), bare)
    names = tuple(name for name, _ in arguments)

    def function(**given: Any) -> Any:
        columns = [given.pop(name) for name in names]
        values = call(*columns, **given)
        values = values if isinstance(values, tuple) else (values,)
        if any(value.dtype != np.float64 for value in values):
            warm_up = _first_known(columns) + _settings(bare, given).lookback
            values = tuple(_as_floats(value, warm_up) for value in values)
        return values[0] if len(outputs) == 1 else dict(zip(outputs, values, strict=True))

    function.__name__ = function.__qualname__ = bare
    return function


def _first_known(columns: list[Any]) -> int:
    """The first bar on which all columns are known; their length when there is none."""
    known = ~np.isnan(columns[0])
    for column in columns[1:]:
        known &= ~np.isnan(column)
    return int(np.argmax(known)) if known.any() else len(known)


def _as_floats(values: Any, warm_up: int) -> Any:
    result = values.astype(np.float64)
    result[:warm_up] = np.nan
    return result


def _lookback_rule(bare: str, names: tuple[str, ...], is_unstable: bool) -> Callable[..., int]:
    def rule(**values: Value) -> int:
        defined = _settings(bare, values).lookback
        if defined < 0:
            raise ComponentError(f"TA-Lib refused {values} for {bare}.", key=bare, value=str(values))
        return int(defined) + _settling(bare, values, is_unstable)

    rule.__signature__ = _signature(names)  # type: ignore[attr-defined]
    return rule


def _settling(bare: str, values: Mapping[str, Value], is_unstable: bool) -> int:
    """Bars beyond the first value until the value no longer depends on where the data begins, to 1e-9 relative."""
    periods = sum(int(v) for name, v in values.items() if isinstance(v, int) and "matype" not in name)
    periods += _FIXED_PERIODS.get(bare, 0)
    types = {int(v) for name, v in values.items() if "matype" in name} - _SIMPLE_TYPES
    bars = 0
    if bare.startswith("HT_"):
        bars = _BARS_OF_HILBERT
    elif bare == "MAMA":
        bars = _BARS_OF_HILBERT + math.ceil(42 / float(values["slowlimit"]))  # FAMA moves by half of the slow limit
    elif bare == "KAMA":
        bars = _BARS_OF_KAUFMAN + 10 * periods
    elif bare == "HA":
        bars = _BARS_OF_HEIKIN
    elif bare in _WILDER:
        bars = _BARS_OF_WILDER * periods
    elif bare in _EMA or is_unstable:
        bars = (_BARS_OF_EMA if bare in _EMA else _BARS_OF_WILDER) * periods
    if types:
        own = {_WILDER_TYPE, _OWN_TYPE} & types
        bars = max(bars, (_BARS_OF_WILDER if own else _BARS_OF_EMA) * periods)
        bars += (_BARS_OF_KAUFMAN + 10 * periods) * (_KAMA_TYPE in types) + 2 * _BARS_OF_HILBERT * (_MAMA_TYPE in types)
    return bars


def _signature(names: tuple[str, ...]) -> inspect.Signature:
    return inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names])


def _parameter(bare: str, name: str, default: int | float) -> Parameter:
    is_allowed = _probe(bare, name)
    if isinstance(default, int):
        low, high = _last_allowed(is_allowed, default, _LEAST_INT), _last_allowed(is_allowed, default, 2**31 - 1)
        return Parameter(name, default, int, Range(low, high))
    rank = _rank(default)

    def is_rank_allowed(rank: int) -> bool:
        return is_allowed(_float_of(rank))

    low_rank = _last_allowed(is_rank_allowed, rank, _rank(_LEAST_FLOAT))
    high_rank = _last_allowed(is_rank_allowed, rank, _rank(-_LEAST_FLOAT))
    return Parameter(name, default, float, Range(_float_of(low_rank), _float_of(high_rank)))


def _probe(bare: str, name: str) -> Callable[[int | float], bool]:
    """TA-Lib's Python interface does not tell the bounds, but its lookback is -1 outside them."""
    settings = _settings(bare, _OUT_OF_THE_WAY.get(name))

    def is_allowed(value: int | float) -> bool:
        settings.set_parameters({name: value})
        return bool(settings.lookback >= 0)

    return is_allowed


def _last_allowed(is_allowed: Callable[[int], bool], inside: int, outside: int) -> int:
    """The last allowed number on the way from `inside`, which is allowed, to `outside`, both possible, by halving."""
    if is_allowed(outside):
        return outside
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if is_allowed(middle) else (inside, middle)
    return inside


def _rank(value: float) -> int:
    """The place of a float in the order of all floats."""
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _float_of(rank: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<q", abs(rank)))[0]
    return value if rank >= 0 else -value
