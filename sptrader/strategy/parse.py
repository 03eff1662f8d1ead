"""The parser: expression text to a tree of allowed nodes, with every name checked; nothing is ever evaluated.

condition   := any_of [ "for" WHOLE ("bar" | "bars") ]
any_of      := all_of { "or" all_of }
all_of      := opposite { "and" opposite }
opposite    := "not" opposite | comparison
comparison  := sum { ("<" | "<=" | ">" | ">=" | "==" | "!=") sum }         a < b < c means a < b and b < c
sum         := product { ("+" | "-") product }
product     := unary { ("*" | "/") unary }
unary       := "-" unary | "+" unary | atom
atom        := NUMBER ["%" | "pips"] | $parameter ["%" | "pips"] | name [ "." name ] | name "(" sum { "," sum } ")"
             | "(" condition ")"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import NoReturn

from sptrader.errors import did_you_mean
from sptrader.model.bars import MARKET_COLUMNS
from sptrader.strategy.document import Scalar, hundredth
from sptrader.strategy.tokens import ExpressionError, Token, tokens
from sptrader.strategy.tree import (
    COMPARISONS,
    CONDITIONS,
    NUMBER_FUNCTIONS,
    POSITION_FIELDS,
    TRUTH_FUNCTIONS,
    WINDOW_FUNCTIONS,
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
    Tree,
    conjunction,
    depth,
)

MAX_WINDOW = 10_000
MAX_DEPTH = 60
_MAX_NESTING = 25
_WORDS = ("and", "or", "not", "for")
RESERVED = frozenset(
    (
        *_WORDS,
        *NUMBER_FUNCTIONS,
        *TRUTH_FUNCTIONS,
        *MARKET_COLUMNS,
        "position",
        "bar",
        "bars",
        "pip",
        "pips",
        "true",
        "false",
    )
)


@dataclass(frozen=True)
class Scope:
    """What an expression may name: parameters with their values, columns, indicators, signals and the position."""

    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    columns: Set[str] = frozenset(MARKET_COLUMNS)
    indicators: Set[str] = frozenset()
    signals: Set[str] = frozenset()
    has_position: bool = False

    def names(self) -> tuple[str, ...]:
        """Return every name that may start an expression's atom."""
        position = ("position",) if self.has_position else ()
        return (*sorted(self.columns), *sorted(self.indicators), *sorted(self.signals), *position)


def parse_expression(text: str, scope: Scope) -> Expression:
    """Return the numbers per bar that `text` describes; raise `ExpressionError` for a condition or a mistake."""
    tree = parse(text, scope)
    if isinstance(tree, CONDITIONS):
        raise ExpressionError(f"'{text}' is a condition; a number is needed here.", 0)
    return tree


def parse_condition(text: str, scope: Scope) -> Condition:
    """Return the truth per bar that `text` describes; raise `ExpressionError` for a number or a mistake."""
    tree = parse(text, scope)
    if not isinstance(tree, CONDITIONS):
        raise ExpressionError(f"'{text}' is a number; a condition is needed here, such as '{text} > 0'.", 0)
    return tree


def parse(text: str, scope: Scope) -> Tree:
    """Return the tree of `text`; raise `ExpressionError` where it is wrong."""
    parser = _Parser(tokens(text), scope)
    tree = parser.condition()
    if parser.now.kind != "end":
        parser.fail(f"'{parser.now.text}' was not expected here")
    if depth(tree) > MAX_DEPTH:
        raise ExpressionError(f"the expression is nested more than {MAX_DEPTH} deep.", 0)
    return tree


class _Parser:
    """Reads tokens from the left; each method reads one rule of the grammar above."""

    def __init__(self, found: tuple[Token, ...], scope: Scope) -> None:
        self.found = found
        self.scope = scope
        self.at = 0
        self.nesting = 0

    @property
    def now(self) -> Token:
        return self.found[self.at]

    def fail(self, sentence: str, token: Token | None = None) -> NoReturn:
        raise ExpressionError(f"{sentence}.", (token or self.now).offset)

    def took(self, *texts: str) -> str:
        """Step over the token when its text is one of `texts` and return it, else return nothing."""
        if self.now.kind in ("sign", "name") and self.now.text in texts:
            self.at += 1
            return self.found[self.at - 1].text
        return ""

    def expect(self, text: str) -> None:
        if not self.took(text):
            self.fail(f"'{text}' was expected" + (f", found '{self.now.text}'" if self.now.text else ", the text ends"))

    def condition(self) -> Tree:
        start = self.now
        tree = self.any_of()
        if not self.took("for"):
            return tree
        bars = self.window("for")
        if not self.took("bars", "bar"):
            self.fail("'bars' was expected after the number, as in 'for 2 bars'")
        return Lasting(self.truth(tree, start, "for"), bars)

    def any_of(self) -> Tree:
        start = self.now
        tree = self.all_of()
        if self.now.text != "or":
            return tree
        terms = [self.truth(tree, start, "or")]
        while self.took("or"):
            start = self.now
            terms.append(self.truth(self.all_of(), start, "or"))
        return Any(tuple(terms))

    def all_of(self) -> Tree:
        start = self.now
        tree = self.opposite()
        if self.now.text != "and":
            return tree
        terms = [self.truth(tree, start, "and")]
        while self.took("and"):
            start = self.now
            terms.append(self.truth(self.opposite(), start, "and"))
        return All(tuple(terms))

    def opposite(self) -> Tree:
        if not self.took("not"):
            return self.comparison()
        self.enter()
        start = self.now
        tree = Not(self.truth(self.opposite(), start, "not"))
        self.nesting -= 1
        return tree

    def comparison(self) -> Tree:
        start = self.now
        tree = self.sum()
        terms: list[Condition] = []
        while operator := self.took(*COMPARISONS):
            left = self.number(tree, start, operator)
            start = self.now
            tree = self.sum()
            terms.append(Compare(operator, left, self.number(tree, start, operator)))
        return conjunction(tuple(terms)) if terms else tree

    def sum(self) -> Tree:
        return self.chain(self.product, "+", "-")

    def product(self) -> Tree:
        return self.chain(self.unary, "*", "/")

    def chain(self, read: Callable[[], Tree], *operators: str) -> Tree:
        start = self.now
        tree = read()
        while operator := self.took(*operators):
            left = self.number(tree, start, operator)
            after = self.now
            tree = Arithmetic(operator, left, self.number(read(), after, operator))
        return tree

    def unary(self) -> Tree:
        sign = self.took("-", "+")
        if not sign:
            return self.atom()
        self.enter()
        start = self.now
        operand = self.number(self.unary(), start, sign)
        self.nesting -= 1
        return Negative(operand) if sign == "-" else operand

    def atom(self) -> Tree:
        token = self.now
        if self.took("("):
            self.enter()
            tree = self.condition()
            self.nesting -= 1
            self.expect(")")
            return tree
        if token.kind in ("number", "parameter"):
            self.at += 1
            return self.amount(self.constant(token))
        if token.kind == "name":
            self.at += 1
            return self.named(token)
        self.fail(
            f"a value was expected, found '{token.text}'" if token.text else "a value was expected, the text ends"
        )

    def amount(self, number: Number) -> Expression:
        if self.took("%"):
            return Number(hundredth(number.value), f"{number.text}%")
        return Pips(number) if self.took("pips", "pip") else number

    def constant(self, token: Token) -> Number:
        if token.kind == "number":
            value = float(token.text)
            if value == float("inf"):
                self.fail(f"{token.text} is too large", token)
            return Number(value, token.text)
        name = token.text[1:]
        if name not in self.scope.parameters:
            near = did_you_mean(name, self.scope.parameters)
            known = ", ".join(self.scope.parameters) or "none"
            self.fail(f"parameter '${name}' is not declared{near or '.'} Declared: {known}", token)
        given = self.scope.parameters[name]
        if isinstance(given, (bool, str)):
            self.fail(f"parameter '${name}' is {given!r}; a number is needed here", token)
        text = repr(float(given))
        text = text.removesuffix(".0")
        return Number(float(given), f"({text})" if given < 0 else text)

    def named(self, token: Token) -> Tree:
        name = token.text
        if name in _WORDS:
            self.fail(f"a value was expected, found '{name}'", token)
        if self.took("("):
            return self.call(token)
        output = ""
        if self.took("."):
            if self.now.kind != "name":
                self.fail("the name of an output was expected after '.'")
            output = self.now.text
            self.at += 1
        if name == "position":
            return self.position(token, output)
        if not output and (name in self.scope.columns or name in self.scope.indicators):
            return Column(name)
        if output and (name in self.scope.indicators or name in self.scope.signals):
            return Column(f"{name}.{output}")
        if name in self.scope.signals:
            self.fail(
                f"'{name}' is a signal; test it with {{signal: {name}, type: ...}} or name an output ({name}.strength)",
                token,
            )
        if name in self.scope.columns:
            self.fail(f"'{name}' has no outputs; write {name} alone", token)
        near = did_you_mean(name, (*self.scope.names(), *NUMBER_FUNCTIONS, *TRUTH_FUNCTIONS))
        self.fail(f"'{name}' is not known{near or '.'} Known: {', '.join(self.scope.names())}", token)

    def position(self, token: Token, output: str) -> Expression:
        if output not in POSITION_FIELDS:
            near = did_you_mean(output, POSITION_FIELDS) if output else ""
            self.fail(f"'position.{output}' is not known{near or '.'} Known: {', '.join(POSITION_FIELDS)}", token)
        if not self.scope.has_position:
            self.fail("position.* may be used in the conditions of exits only", token)
        return PositionField(output)

    def call(self, token: Token) -> Tree:
        name = token.text
        known = (*NUMBER_FUNCTIONS, *TRUTH_FUNCTIONS)
        if name not in known:
            self.fail(
                f"function '{name}' is not known{did_you_mean(name, known) or '.'} Known: {', '.join(known)}", token
            )
        self.enter()
        has_window = name in WINDOW_FUNCTIONS
        n_expressions = 1 if has_window else NUMBER_FUNCTIONS.get(name, 2)
        arguments = []
        for i in range(n_expressions):
            if i:
                self.expect(",")
            start = self.now
            arguments.append(self.number(self.sum(), start, name))
        window = 0
        if has_window:
            self.expect(",")
            window = self.window(name)
        while name in ("min", "max") and self.took(","):
            start = self.now
            arguments.append(self.number(self.sum(), start, name))
        self.expect(")")
        self.nesting -= 1
        if name in TRUTH_FUNCTIONS:
            return Cross(name == "crosses_above", arguments[0], arguments[1])
        return Function(name, tuple(arguments), window)

    def window(self, what: str) -> int:
        token = self.now
        if token.kind not in ("number", "parameter"):
            self.fail(f"{what} needs a whole number of bars, found '{token.text}'")
        self.at += 1
        value = self.constant(token).value
        if not value.is_integer() or not 1 <= value <= MAX_WINDOW:
            self.fail(
                f"{what} was given {token.text}; allowed is a whole number of bars from 1 to {MAX_WINDOW:,}", token
            )
        return int(value)

    def enter(self) -> None:
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            self.fail(f"the expression is nested more than {_MAX_NESTING} deep")

    def number(self, tree: Tree, start: Token, what: str) -> Expression:
        if isinstance(tree, CONDITIONS):
            self.fail(f"'{what}' needs numbers, but '{tree}' is a condition", start)
        return tree

    def truth(self, tree: Tree, start: Token, what: str) -> Condition:
        if not isinstance(tree, CONDITIONS):
            self.fail(f"'{what}' needs conditions, but '{tree}' is a number", start)
        return tree
