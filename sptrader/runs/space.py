"""Space: which combinations of parameter values there are, each with a number, without a list of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import prod

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import RunError, did_you_mean
from sptrader.strategy.document import Scalar, scalar_value
from sptrader.strategy.expressions import truth
from sptrader.strategy.parse import Scope, parse_condition
from sptrader.strategy.strategy import Strategy
from sptrader.strategy.tokens import ExpressionError
from sptrader.strategy.tree import Condition

Ints = NDArray[np.int64]

SYMBOL, TIMEFRAME = "symbol", "timeframe"
MAX_VALUES = 100_000  # of one parameter
MAX_SIZE = 2**53
_BLOCK = 1 << 16
_RANGE = ("min", "max", "step")


@dataclass(frozen=True)
class Space:
    """The combinations of `values`, one tuple for each of `names`, that meet `constraints`.

    Combinations are numbered as an odometer counts: the last name changes fastest. A number that breaks a constraint is
    skipped, so that a number always means the same values. `fixed` are the strategy's parameters that do not vary.
    """

    names: tuple[str, ...]
    values: tuple[tuple[Scalar, ...], ...]
    fixed: Mapping[str, Scalar]
    constraints: tuple[Condition, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each name has."""
        return tuple(len(values) for values in self.values)

    @property
    def size(self) -> int:
        """How many combinations there are, those that break a constraint among them."""
        return prod(self.shape)

    def combination(self, number: int) -> dict[str, Scalar]:
        """Return the values of the combination `number`, by name."""
        found: dict[str, Scalar] = {}
        for name, own in zip(
            reversed(self.names), reversed(self.values), strict=True
        ):  # np.unravel_index takes 20 times as long
            number, place = divmod(number, len(own))
            found[name] = own[place]
        return dict(reversed(found.items()))

    def alike(self, numbers: Ints, number: int, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return which of `numbers` have the values of the combination `number` for those of `names` that vary."""
        is_alike = np.ones(len(numbers), np.bool_)
        for name, places in self._places(numbers):
            if name in names:
                is_alike &= places == self.values[self.names.index(name)].index(self.combination(number)[name])
        return is_alike

    def firsts(self, numbers: Ints, names: Sequence[str]) -> Ints:
        """Return the first of `numbers` for each of the different values of those of `names` that vary."""
        chosen = [places for name, places in self._places(numbers) if name in names]
        if not chosen:
            return numbers[:1]
        return numbers[np.sort(np.unique(np.column_stack(chosen), axis=0, return_index=True)[1])]

    def _places(self, numbers: Ints) -> Iterator[tuple[str, Ints]]:
        """The place of each number's value among a name's values, name by name."""
        if self.names:
            yield from zip(self.names, np.unravel_index(numbers, self.shape), strict=True)

    def number(self, values: Mapping[str, Scalar]) -> int:
        """Return the number of the combination with these values, one of the space's own for each name."""
        places = [own.index(values[name]) for name, own in zip(self.names, self.values, strict=True)]
        return int(np.ravel_multi_index(places, self.shape)) if places else 0

    def allowed(self, numbers: Ints) -> Ints:
        """Return those of `numbers` that meet the constraints."""
        if not self.constraints or not len(numbers):
            return numbers
        places = np.unravel_index(numbers, self.shape)
        columns = {n: np.full(len(numbers), float(v)) for n, v in self.fixed.items() if not isinstance(v, str)}
        for name, own, place in zip(self.names, self.values, places, strict=True):
            if not isinstance(own[0], str):
                columns[name] = np.array(own, np.float64)[place]
        is_allowed = np.ones(len(numbers), np.bool_)
        for constraint in self.constraints:
            is_allowed &= truth(constraint, columns) == 1
        return numbers[is_allowed]

    def every(self) -> Iterator[Ints]:
        """Yield the numbers of all allowed combinations, in order, in blocks."""
        for first in range(0, self.size, _BLOCK):
            found = self.allowed(np.arange(first, min(first + _BLOCK, self.size), dtype=np.int64))
            if len(found):
                yield found

    def some(self, n: int, seed: int) -> Ints:
        """Return `n` different allowed numbers drawn at random, in order; all of them where there are not more.

        The same `seed` draws the same ones.
        """
        if self.size <= _BLOCK * 16:
            found = np.concatenate([np.empty(0, np.int64), *self.every()])
            drawn = np.random.default_rng(seed).permutation(len(found))[:n]
            return np.sort(found[drawn])
        rng = np.random.default_rng(seed)
        kept: dict[int, None] = {}
        for _ in range(1000):
            for number in self.allowed(rng.integers(0, self.size, _BLOCK)).tolist():
                kept[number] = None
                if len(kept) == n:
                    return np.sort(np.array(list(kept), np.int64))
        return np.sort(np.array(list(kept), np.int64))


def make_space(
    strategy: Strategy,
    space: Mapping[str, object] | None,
    *,
    params: Mapping[str, object] | None = None,
    constraints: Sequence[str] = (),
    symbols: Sequence[str] | None = None,
    timeframes: Sequence[str] | None = None,
) -> Space:
    """Check what shall vary and return its space; None takes the strategy's own `optimize` section.

    The values of a parameter are any iterable, `{"min": 20, "max": 200, "step": 20}` (both ends included), or a single
    value. `params` stay as given, `constraints` (`"fast < slow"`) come on top of the strategy's. Several `symbols` and
    `timeframes` vary first. Raises `RunError` for unknown names, values out of bounds, and a space with nothing in it.
    """
    given = strategy.space if space is None else space
    if not given and not symbols and not timeframes:
        raise RunError(
            f"there is nothing to vary: give space={{'name': values}}, or an optimize section in {strategy.source_path}. "
            f"Its parameters: {', '.join(strategy.parameters) or 'none'}.",
            key="space",
        )
    fixed = dict(params or {})
    twice = [name for name in given if name in fixed]
    if twice:
        raise RunError(f"'{twice[0]}' is in the space and in params; it can vary or be fixed.", key=twice[0])
    dimensions: dict[str, tuple[Scalar, ...]] = {}
    if symbols is not None:
        dimensions[SYMBOL] = _words(SYMBOL, symbols)
    if timeframes is not None:
        dimensions[TIMEFRAME] = _words(TIMEFRAME, timeframes)
    for name, values in given.items():
        dimensions[name] = _values(strategy, name, values)
    defaults = {name: parameter.default for name, parameter in strategy.parameters.items()}
    checked = {name: strategy.parameters[name].check(v) for name, v in fixed.items() if name in strategy.parameters}
    unknown = [name for name in fixed if name not in strategy.parameters]
    if unknown:
        raise _unknown(strategy, unknown[0])
    found = Space(
        names=tuple(dimensions),
        values=tuple(dimensions.values()),
        fixed={name: value for name, value in {**defaults, **checked}.items() if name not in dimensions},
        constraints=(*strategy.constraints, *(_constraint(strategy, text) for text in constraints)),
    )
    if found.size > MAX_SIZE:
        raise RunError(f"the space has {found.size:.2g} combinations; allowed are {MAX_SIZE:.2g}.", key="space")
    if next(found.every(), None) is None:
        told = " and ".join(str(c) for c in found.constraints)
        raise RunError(f"none of the {found.size:,} combinations meets the constraints ({told}).", key="constraints")
    return found


def read_values(text: str) -> tuple[Scalar, ...] | dict[str, object]:
    """Read values as the command line has them: `50,100`, or `5:50:5` (both ends included, step 1 where it is left out)."""
    parts = text.split(":")
    if len(parts) in (2, 3) and "," not in text:
        numbers = [scalar_value(part.strip()) for part in (*parts, "1")[:3]]
        if any(isinstance(number, (str, bool)) or number is None for number in numbers):
            raise RunError(
                f"the range was '{text}'; allowed is first:last:step, as in 5:50:5.", key="space", value=text
            )
        return dict(zip(_RANGE, numbers, strict=True))
    found = [scalar_value(part.strip()) for part in text.split(",")]
    if any(value is None for value in found):
        raise RunError(f"the values were '{text}'; allowed are 5,8,12 or 5:50:5.", key="space", value=text)
    return tuple(value for value in found if value is not None)


def _values(strategy: Strategy, name: str, given: object) -> tuple[Scalar, ...]:
    if name not in strategy.parameters:
        raise _unknown(strategy, name)
    if isinstance(given, Mapping):
        listed: Iterable[object] = _range(name, given)
    elif isinstance(given, Iterable) and not isinstance(given, str):
        listed = given
    else:
        listed = (given,)
    found = dict.fromkeys(strategy.parameters[name].check(value) for value in listed)
    if not found:
        raise RunError(f"the values of '{name}' were empty; give at least one.", key=name)
    if len(found) > MAX_VALUES:
        raise RunError(f"'{name}' had {len(found):,} values; allowed are {MAX_VALUES:,}.", key=name)
    return tuple(found)


def _range(name: str, given: Mapping[str, object]) -> tuple[Scalar, ...]:
    """Return min, min + step, ... up to max, exact in decimals."""
    for key in given:
        if key not in _RANGE:
            raise RunError(
                f"the range of '{name}' had '{key}'{did_you_mean(key, _RANGE)}; allowed are min, max, step.", key=name
            )
    try:
        low, high, step = (Decimal(str(given[key])) for key in _RANGE)
    except (InvalidOperation, KeyError) as error:
        raise RunError(
            f"the range of '{name}' was {dict(given)}; expected numbers as in {{'min': 20, 'max': 200, 'step': 20}}.",
            key=name,
        ) from error
    if not (step > 0 and low <= high and (high - low) / step < MAX_VALUES):
        raise RunError(
            f"the range of '{name}' was {low} to {high} by {step}; allowed is first <= last, a step above 0 and at most "
            f"{MAX_VALUES:,} values.",
            key=name,
        )
    numbers = [low + k * step for k in range(int((high - low) / step) + 1)]
    is_whole = all(number == number.to_integral_value() for number in numbers)
    return tuple(int(number) if is_whole else float(number) for number in numbers)


def _words(name: str, given: Sequence[str]) -> tuple[Scalar, ...]:
    listed = (given,) if isinstance(given, str) else tuple(dict.fromkeys(given))
    if not listed:
        raise RunError(f"{name}s was empty; give at least one, or leave it out.", key=f"{name}s")
    return listed


def _constraint(strategy: Strategy, text: str) -> Condition:
    numbers = frozenset(name for name, p in strategy.parameters.items() if p.type is not str)
    try:
        return parse_condition(text.replace("$", ""), Scope(columns=numbers))
    except ExpressionError as error:
        raise RunError(
            f"the constraint '{text}' cannot be read: {str(error).rstrip('.')}. It is a condition over parameters such as fast < slow; "
            f"parameters: {', '.join(sorted(numbers))}.",
            key="constraints",
            value=text,
        ) from error


def _unknown(strategy: Strategy, name: str) -> RunError:
    near = did_you_mean(name, strategy.parameters) or "."
    return RunError(
        f"parameter '{name}' is not declared by the strategy{near} Its parameters: "
        f"{', '.join(strategy.parameters) or 'none'}.",
        key=name,
    )
