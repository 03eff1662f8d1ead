"""The tree: expressions (numbers per bar) and conditions (truths per bar) as immutable data that prints back as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

POSITION_FIELDS = ("bars", "pnl", "mfe", "mae", "entry_price")
NUMBER_FUNCTIONS = {"prev": 2, "highest": 2, "lowest": 2, "change": 2, "abs": 1, "min": 2, "max": 2}
WINDOW_FUNCTIONS = ("prev", "highest", "lowest", "change")
TRUTH_FUNCTIONS = ("crosses_above", "crosses_below")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")

_SUM, _PRODUCT, _SIGN, _ATOM = 1, 2, 3, 4
_ANY, _ALL, _NOT, _FOR, _LEAF = 1, 2, 3, 0, 4


@dataclass(frozen=True)
class Number:
    """A constant; `text` is how it was written, as in `2%`, whose `value` is 0.02."""

    value: float
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Column:
    """A column by name: `close`, `fast_ma`, `bb.upper`, `cross.strength`."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Pips:
    """So many pips of the instrument, in price units."""

    count: Number

    def __str__(self) -> str:
        return f"{self.count} pips"


@dataclass(frozen=True)
class PositionField:
    """A fact about the open position: `position.bars`, `position.pnl`, ...; known to the kernel only."""

    field: str

    def __str__(self) -> str:
        return f"position.{self.field}"


@dataclass(frozen=True)
class Negative:
    """The operand with its sign changed."""

    operand: Expression

    def __str__(self) -> str:
        return f"-{_wrapped(self.operand, _ATOM)}"


@dataclass(frozen=True)
class Arithmetic:
    """`left operator right`, where the operator is one of `+ - * /`; a division by zero is nan."""

    operator: str
    left: Expression
    right: Expression

    def __str__(self) -> str:
        level = _SUM if self.operator in "+-" else _PRODUCT
        return f"{_wrapped(self.left, level)} {self.operator} {_wrapped(self.right, level + 1)}"


@dataclass(frozen=True)
class Function:
    """A function of the list: `prev highest lowest change` take a window in bars, `abs min max` only expressions."""

    name: str
    arguments: tuple[Expression, ...]
    window: int = 0

    def __str__(self) -> str:
        window = (str(self.window),) if self.name in WINDOW_FUNCTIONS else ()
        return f"{self.name}({', '.join((*map(str, self.arguments), *window))})"


Expression = Number | Column | Pips | PositionField | Negative | Arithmetic | Function


@dataclass(frozen=True)
class Compare:
    """A comparison; unknown where a side is nan."""

    operator: str
    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True)
class Cross:
    """`left` is above (below) `right` now and was not one bar before; unknown unless all four are known."""

    is_above: bool
    left: Expression
    right: Expression

    def __str__(self) -> str:
        return f"{'crosses_above' if self.is_above else 'crosses_below'}({self.left}, {self.right})"


@dataclass(frozen=True)
class SignalTest:
    """The signal has an event on the bar, of one of `types` (of any type when there are none); never unknown."""

    signal: str
    types: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.signal} is {' or '.join(self.types)}" if self.types else f"{self.signal} has an event"


@dataclass(frozen=True)
class All:
    """All of `terms`: false where one is false, else unknown where one is unknown."""

    terms: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(_grouped(term, _ALL + 1) for term in self.terms)


@dataclass(frozen=True)
class Any:
    """Any of `terms`: true where one is true, else unknown where one is unknown."""

    terms: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(_grouped(term, _ANY + 1) for term in self.terms)


@dataclass(frozen=True)
class Not:
    """The opposite of `term`; unknown stays unknown."""

    term: Condition

    def __str__(self) -> str:
        return f"not {_grouped(self.term, _NOT)}"


@dataclass(frozen=True)
class Lasting:
    """`term` holds on this bar and the `bars - 1` before it; bars before the data are unknown."""

    term: Condition
    bars: int

    def __str__(self) -> str:
        return f"{_grouped(self.term, _FOR + 1)} for {self.bars} bars"


Condition = Compare | Cross | SignalTest | All | Any | Not | Lasting
Tree = Expression | Condition

CONDITIONS = (Compare, Cross, SignalTest, All, Any, Not, Lasting)


def children(node: Tree) -> tuple[Tree, ...]:
    """Return the parts `node` is made of, in order."""
    if isinstance(node, (Arithmetic, Compare, Cross)):
        return (node.left, node.right)
    if isinstance(node, Function):
        return node.arguments
    if isinstance(node, (All, Any)):
        return node.terms
    if isinstance(node, (Not, Lasting)):
        return (node.term,)
    if isinstance(node, Negative):
        return (node.operand,)
    if isinstance(node, Pips):
        return (node.count,)
    return ()


def walk(node: Tree) -> Iterator[Tree]:
    """Yield `node` and all below it, parents first, in order."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))


def depth(node: Tree) -> int:
    """Return the number of levels of `node`."""
    deepest, waiting = 0, [(node, 1)]
    while waiting:
        current, level = waiting.pop()
        deepest = max(deepest, level)
        waiting.extend((child, level + 1) for child in children(current))
    return deepest


def has_position(node: Tree) -> bool:
    """Whether a `position.*` stands anywhere in `node`."""
    return any(isinstance(part, PositionField) for part in walk(node))


def column_names(node: Tree) -> tuple[str, ...]:
    """Return the columns `node` reads, each once, in order; a signal under its name, pips as `pip`."""
    names: dict[str, None] = {}
    for part in walk(node):
        if isinstance(part, Column):
            names[part.name] = None
        elif isinstance(part, SignalTest):
            names[part.signal] = None
        elif isinstance(part, Pips):
            names["pip"] = None
    return tuple(names)


def conjunction(terms: tuple[Condition, ...]) -> Condition:
    """Return the condition that all of `terms` hold: the term itself when it is one, terms of terms in one row."""
    row = tuple(part for term in terms for part in (term.terms if isinstance(term, All) else (term,)))
    return row[0] if len(row) == 1 else All(row)


def _wrapped(node: Expression, level: int) -> str:
    if isinstance(node, Arithmetic):
        own = _SUM if node.operator in "+-" else _PRODUCT
    else:
        own = _SIGN if isinstance(node, Negative) else _ATOM
    return f"({node})" if own < level else str(node)


def _grouped(node: Condition, level: int) -> str:
    own = {Any: _ANY, All: _ALL, Not: _NOT, Lasting: _FOR}.get(type(node), _LEAF)
    return f"({node})" if own < level else str(node)
