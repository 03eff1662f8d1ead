"""Exits: an exit condition as terms the kernel can follow, each of columns and of rules about the open position.

`position.*` is known only while the run goes on, so a comparison with it cannot be a column. The condition is spread
into a choice of terms (`any`) of one column condition and position rules (`all`); three-valued truth is a De Morgan
lattice, so this changes no answer.
"""

from __future__ import annotations

from itertools import product
from typing import Any, cast

from sptrader.strategy import tree
from sptrader.strategy.spec import ExitTerm, PositionRule
from sptrader.strategy.tree import (
    Arithmetic,
    Compare,
    Condition,
    Expression,
    Negative,
    Not,
    Number,
    PositionField,
    conjunction,
    has_position,
    walk,
)

MAX_TERMS = 64
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


class ExitError(ValueError):
    """An exit condition that cannot be followed while a position is open."""


def exit_terms(condition: Condition) -> tuple[ExitTerm, ...]:
    """Return `condition` as terms, any of which is a reason to leave; raise `ExitError` when it cannot be put so."""
    if not has_position(condition):
        return (ExitTerm(condition),)
    if isinstance(condition, tree.Any):
        found = tuple(term for part in condition.terms for term in exit_terms(part))
    elif isinstance(condition, tree.All):
        found = _all([exit_terms(part) for part in condition.terms])
    elif isinstance(condition, Not):
        return exit_terms(_opposite(condition.term))
    elif isinstance(condition, Compare):
        return _rules(condition)
    else:
        raise ExitError(f"'{condition}' cannot be followed: position.* may be compared, not counted or crossed")
    if len(found) > MAX_TERMS:
        raise ExitError(f"the condition spreads into more than {MAX_TERMS} cases; write fewer choices with position.*")
    return found


def _all(parts: list[tuple[ExitTerm, ...]]) -> tuple[ExitTerm, ...]:
    n_cases = 1
    for part in parts:
        n_cases *= len(part)
    if n_cases > MAX_TERMS:
        raise ExitError(f"the condition spreads into more than {MAX_TERMS} cases; write fewer choices with position.*")
    found = []
    for terms in product(*parts):
        conditions = tuple(term.condition for term in terms if term.condition is not None)
        rules = tuple(rule for term in terms for rule in term.rules)
        found.append(ExitTerm(conjunction(conditions) if conditions else None, rules))
    return tuple(found)


def _opposite(condition: Condition) -> Condition:
    """Push a `not` inwards, as far as there are positions below it."""
    if not has_position(condition):
        return Not(condition)
    if isinstance(condition, tree.Any):
        return tree.All(tuple(_opposite(part) for part in condition.terms))
    if isinstance(condition, tree.All):
        return tree.Any(tuple(_opposite(part) for part in condition.terms))
    if isinstance(condition, Not):
        return condition.term
    if isinstance(condition, Compare):
        return Compare(_OPPOSITE[condition.operator], condition.left, condition.right)
    raise ExitError(f"'not ({condition})' cannot be followed: position.* may be compared, not counted or crossed")


def _rules(condition: Compare) -> tuple[ExitTerm, ...]:
    left, right, operator = condition.left, condition.right, condition.operator
    n_facts = sum(isinstance(part, PositionField) for part in walk(condition))
    if n_facts != 1:
        raise ExitError(f"'{condition}' names position.* {n_facts} times; once in a comparison is allowed")
    if has_position(right):
        left, right, operator = right, left, _FLIPPED[operator]
    fact, operator, other = _alone(left, operator, right, condition)
    if fact.field != "bars" and isinstance(other, Number) and other.text.endswith("%"):
        raise ExitError(
            f"'{condition}': position.{fact.field} is in price units, not in percent; write it as a share of a price"
        )
    if operator == "==":
        return (ExitTerm(None, (_rule(fact, "<=", other), _rule(fact, ">=", other))),)
    if operator == "!=":
        return (ExitTerm(None, (_rule(fact, "<", other),)), ExitTerm(None, (_rule(fact, ">", other),)))
    return (ExitTerm(None, (_rule(fact, operator, other),)),)


def _rule(fact: PositionField, operator: str, other: Expression) -> PositionRule:
    return PositionRule(cast(Any, fact.field), cast(Any, operator), other)


def _alone(left: Expression, operator: str, right: Expression, whole: Compare) -> tuple[PositionField, str, Expression]:
    """Move everything but the position's fact to the right: `entry_price * 1.02 < close` to `entry_price < close / 1.02`."""
    while not isinstance(left, PositionField):
        if isinstance(left, Negative):
            left, operator, right = left.operand, _FLIPPED[operator], Negative(right)
            continue
        if not isinstance(left, Arithmetic):
            raise ExitError(f"'{whole}' cannot be solved for position.*; compare it by itself")
        in_left = has_position(left.left)
        fact, rest = (left.left, left.right) if in_left else (left.right, left.left)
        if left.operator == "+":
            left, right = fact, Arithmetic("-", right, rest)
        elif left.operator == "-" and in_left:
            left, right = fact, Arithmetic("+", right, rest)
        elif left.operator == "-":
            left, operator, right = fact, _FLIPPED[operator], Arithmetic("-", rest, right)
        elif left.operator == "*" or in_left:
            factor = rest.value if isinstance(rest, Number) else 0.0
            if isinstance(rest, Negative) and isinstance(rest.operand, Number):
                factor = -rest.operand.value
            if factor == 0.0:
                raise ExitError(f"'{whole}' cannot be solved for position.*; it may be multiplied by constants only")
            right = Arithmetic("/" if left.operator == "*" else "*", right, rest)
            left, operator = fact, _FLIPPED[operator] if factor < 0.0 else operator
        else:
            raise ExitError(f"'{whole}' cannot be solved for position.*; it may not be a divisor")
    return left, operator, right
