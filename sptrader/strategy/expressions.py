"""Expressions: the value of every expression and the truth of every condition on every bar, as array operations.

Truth has three values. A comparison with nan is unknown; `all` is false where a term is false, else unknown where one is
unknown; `any` is true where a term is true, else unknown where one is unknown; the opposite of unknown is unknown.
A value at bar t is made of values up to t only. Inside, truths are 0 (false), 1 (unknown), 2 (true), for then `all` is the
lowest and `any` the highest; callers see 0, -1 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import StrategyError, did_you_mean
from sptrader.strategy.tree import (
    CONDITIONS,
    All,
    Any,
    Arithmetic,
    Column,
    Compare,
    Condition,
    Cross,
    Expression,
    Function,
    Lasting,
    Negative,
    Not,
    Number,
    Pips,
    PositionField,
    SignalTest,
    Tree,
    children,
)
from sptrader.strategy.windows import rolling_extreme

Floats = NDArray[np.float64]
Truths = NDArray[np.int8]

__all__ = [
    "All",
    "Any",
    "Arithmetic",
    "Column",
    "Columns",
    "Compare",
    "Condition",
    "Cross",
    "Expression",
    "Function",
    "Lasting",
    "Negative",
    "Not",
    "Number",
    "Pips",
    "PositionField",
    "SignalColumns",
    "SignalTest",
    "conditions_of",
    "distance",
    "history",
    "holds",
    "truth",
    "values",
]

_UNKNOWN, _TRUE = 1, 2


@dataclass(frozen=True)
class SignalColumns:
    """A signal as columns: `codes` int8 (n,) point into `types`, -1 without an event; `strength` float64 (n,), nan
    without an event; `outputs` name further float64 columns."""

    types: tuple[str, ...]
    codes: NDArray[np.int8]
    strength: Floats
    outputs: Mapping[str, Floats] = field(default_factory=dict)


Columns = Mapping[str, "Floats | SignalColumns | float"]


def values(expression: Expression, columns: Columns) -> Floats:
    """Return the value of `expression` on every bar, float64 (n,), nan where it is not defined.

    `columns` holds arrays of one length by name, signals as `SignalColumns`, and under `pip` the pip of the instrument
    (a float, price units) when the expression has pips.
    """
    with np.errstate(all="ignore"):
        result = _values(expression, columns)
    if isinstance(result, np.ndarray) and result.ndim:
        return result
    return np.full(_length(columns), result, dtype=np.float64)


Crossed = dict[tuple[Expression, Expression], tuple[Truths, Truths]]


def truth(condition: Condition, columns: Columns, crossed: Crossed | None = None) -> Truths:
    """Return the truth of `condition` on every bar, int8 (n,): 1 true, 0 false, -1 unknown. See `values` for `columns`.

    `crossed`, empty at first, takes the crossings of `columns` from one condition to the next: both ways are found at once.
    """
    from sptrader.strategy.crossings import known

    found = np.ascontiguousarray(_levels(condition, columns, {} if crossed is None else crossed))
    out = np.empty(len(found), np.int8)
    known(found, out)
    return out


def holds(condition: Condition, columns: Columns) -> bool:
    """Whether `condition` is true on the first bar; without compiled code, which loading a strategy does not wait for."""
    return bool(_levels(condition, columns, {})[0] == _TRUE)


def _levels(condition: Condition, columns: Columns, crossed: Crossed) -> Truths:
    with np.errstate(all="ignore"):
        result = _truth(condition, columns, crossed)
    return result if result.ndim else np.full(_length(columns), result, dtype=np.int8)


def conditions_of(condition: Condition) -> tuple[Condition, ...]:
    """Return the single tests `condition` is made of, in order; a test with `for n bars` is one of them."""
    found: list[Condition] = []
    waiting: list[Condition] = [condition]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (All, Any, Not)):
            waiting.extend(reversed([part for part in children(node) if isinstance(part, CONDITIONS)]))
        else:
            found.append(node)
    return tuple(found)


def distance(leaf: Condition, columns: Columns, t: int) -> float:
    """Return `left - right` of the test `leaf` at bar `t`: how far it is from changing its answer; nan for a signal."""
    while isinstance(leaf, (Lasting, Not)):
        leaf = leaf.term
    if not isinstance(leaf, (Compare, Cross)):
        return float("nan")
    return float(values(leaf.left, columns)[t] - values(leaf.right, columns)[t])


def history(tree: Tree, lookbacks: Mapping[str, int]) -> int:
    """Return how many bars before t the value at t needs; `lookbacks` says it of the columns, 0 when absent.

    An output (`bb.upper`) has its component's (`bb`).
    """
    if isinstance(tree, Column):
        return lookbacks.get(tree.name.split(".")[0], 0)
    if isinstance(tree, SignalTest):
        return lookbacks.get(tree.signal, 0)
    below = max((history(part, lookbacks) for part in children(tree)), default=0)
    if isinstance(tree, Function) and tree.window:
        return below + tree.window - (1 if tree.name in ("highest", "lowest") else 0)
    if isinstance(tree, Cross):
        return below + 1
    return below + tree.bars - 1 if isinstance(tree, Lasting) else below


def _length(columns: Columns) -> int:
    for column in columns.values():
        if isinstance(column, SignalColumns):
            return len(column.codes)
        if isinstance(column, np.ndarray) and column.ndim:
            return len(column)
    return 0


def _find(name: str, columns: Columns) -> Floats | float | None:
    found = columns.get(name)
    if found is not None and not isinstance(found, SignalColumns):
        return found
    head, _, output = name.partition(".")
    signal = columns.get(head)
    if isinstance(signal, SignalColumns) and output:
        return signal.strength if output == "strength" else signal.outputs.get(output)
    return None


def _column(name: str, columns: Columns) -> Floats | float:
    found = _find(name, columns)
    if found is not None:
        return found
    known = list(columns)
    for signal_name, signal in columns.items():
        if isinstance(signal, SignalColumns):
            known.remove(signal_name)
            known += [f"{signal_name}.strength", *(f"{signal_name}.{output}" for output in signal.outputs)]
    near = did_you_mean(name, known) or "."
    raise StrategyError(f"column '{name}' is not there{near} Columns: {', '.join(known)}.", key=name, value=name)


def _values(node: Expression, columns: Columns) -> Floats | float:
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Column):
        return _column(node.name, columns)
    if isinstance(node, Arithmetic):
        return _arithmetic(node.operator, _values(node.left, columns), _values(node.right, columns))
    if isinstance(node, Function):
        return _function(node, columns)
    if isinstance(node, Negative):
        return -_values(node.operand, columns)
    if isinstance(node, Pips):
        return node.count.value * cast(float, _column("pip", columns))
    raise StrategyError(f"'{node}' is known to the open position only; it may be compared in exits.", key=str(node))


def _arithmetic(operator: str, left: Floats | float, right: Floats | float) -> Floats | float:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    quotient: Floats | float = np.divide(left, right)
    if np.ndim(quotient) == 0:
        return quotient if right != 0.0 else float("nan")
    by_zero = np.equal(right, 0.0)
    if by_zero.any():
        quotient = np.where(by_zero, np.nan, quotient)
    return quotient


def _function(node: Function, columns: Columns) -> Floats | float:
    arguments = [_values(argument, columns) for argument in node.arguments]
    if node.name == "abs":
        return cast(Floats, np.abs(arguments[0]))
    if node.name in ("min", "max"):
        extreme = np.minimum if node.name == "min" else np.maximum
        result = arguments[0]
        for argument in arguments[1:]:
            result = extreme(result, argument)
        return result
    column = arguments[0]
    if not isinstance(column, np.ndarray) or column.ndim == 0:
        column = np.full(_length(columns), column, dtype=np.float64)
    result = np.full(len(column), np.nan)
    n = node.window
    if node.name in ("highest", "lowest"):
        result[n - 1 :] = rolling_extreme(column, n, is_highest=node.name == "highest")
    elif node.name == "prev":
        result[n:] = column[: max(len(column) - n, 0)]
    else:
        result[n:] = column[n:] - column[: max(len(column) - n, 0)]
    return result


def _truth(node: Condition, columns: Columns, crossed: Crossed) -> Truths:
    if isinstance(node, Compare):
        return _compare(node.operator, _values(node.left, columns), _values(node.right, columns))
    if isinstance(node, SignalTest):
        return _signal(node, columns)
    if isinstance(node, Cross):
        return _cross(node, columns, crossed)
    if isinstance(node, (All, Any)):
        combine = np.minimum if isinstance(node, All) else np.maximum
        result = _truth(node.terms[0], columns, crossed)
        for part in node.terms[1:]:
            result = combine(result, _truth(part, columns, crossed))
        return result
    if isinstance(node, Not):
        return cast(Truths, np.subtract(np.int8(2), _truth(node.term, columns, crossed)))
    term = _truth(node.term, columns, crossed)
    if term.ndim == 0:
        term = np.full(_length(columns), term, dtype=np.int8)
    if node.bars == 1:
        return term
    padded = np.concatenate([np.full(node.bars - 1, _UNKNOWN, dtype=np.int8), term])
    return rolling_extreme(padded, node.bars, is_highest=False)


_OPERATORS: dict[str, tuple[Callable[..., NDArray[np.bool_]], Callable[..., NDArray[np.bool_]]]] = {
    ">": (np.greater, np.less_equal),
    "<=": (np.less_equal, np.greater),
    "<": (np.less, np.greater_equal),
    ">=": (np.greater_equal, np.less),
}


def _sides(operator: str, left: Floats | float, right: Floats | float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where the comparison holds and where its opposite holds; with nan neither does."""
    if operator in _OPERATORS:
        is_so, is_not = _OPERATORS[operator]
        return np.asarray(is_so(left, right)), np.asarray(is_not(left, right))
    equal = np.asarray(np.equal(left, right))
    different = np.asarray(np.less(left, right) | np.greater(left, right))
    return (equal, different) if operator == "==" else (different, equal)


def _compare(operator: str, left: Floats | float, right: Floats | float) -> Truths:
    holds, fails = _sides(operator, left, right)
    result: Truths = holds.view(np.int8)
    np.subtract(result, fails.view(np.int8), out=result)  # 1 true, 0 unknown, -1 false: no mask of nans is needed
    return np.add(result, np.int8(1), out=result)


def _cross(node: Cross, columns: Columns, crossed: Crossed) -> Truths:
    sides = node.left, node.right
    found = crossed.get(sides)
    if found is None:
        from sptrader.strategy.crossings import crossings

        left, right = (_read_only(_values(side, columns), columns) for side in sides)
        found = crossed[sides] = np.empty(len(left), np.int8), np.empty(len(left), np.int8)
        crossings(left, right, *found)
    return found[0 if node.is_above else 1]


def _read_only(values: Floats | float, columns: Columns) -> Floats:
    """The values as compiled code is handed them: one kind of array, else it is compiled for each anew."""
    whole = np.asarray(values, np.float64)
    view = np.ascontiguousarray(whole if whole.ndim else np.full(_length(columns), whole)).view()
    view.flags.writeable = False
    return view


def _signal(node: SignalTest, columns: Columns) -> Truths:
    signal = columns.get(node.signal)
    if not isinstance(signal, SignalColumns):
        raise StrategyError(f"signal '{node.signal}' is not there; columns: {', '.join(columns)}.", key=node.signal)
    if not node.types:
        found = signal.codes >= 0
    else:
        wanted = [signal.types.index(name) for name in node.types if name in signal.types]
        found = np.zeros(len(signal.codes), dtype=np.bool_)
        for i, code in enumerate(wanted):
            found = signal.codes == code if i == 0 else found | (signal.codes == code)
    return found.view(np.int8) * np.int8(_TRUE)
