"""Exits: conditions with position.* become terms of columns and rules that give the same answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader.strategy.exits import ExitError, exit_terms
from sptrader.strategy.expressions import truth, values
from sptrader.strategy.parse import Scope, parse_condition
from sptrader.strategy.spec import ExitTerm
from sptrader.strategy.tree import (
    All,
    Any,
    Arithmetic,
    Column,
    Compare,
    Condition,
    Negative,
    Not,
    Number,
    PositionField,
)

SCOPE = Scope(indicators=frozenset({"atr"}), has_position=True)
NAN = float("nan")


def terms(text: str) -> list[str]:
    found = exit_terms(parse_condition(text, SCOPE))
    return [" & ".join(str(part) for part in (term.condition, *term.rules) if part is not None) for term in found]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("close < atr", ["close < atr"]),
        ("position.bars > 10", ["position.bars > 10"]),
        ("10 < position.bars", ["position.bars > 10"]),
        ("position.bars > 10 and close < atr", ["close < atr & position.bars > 10"]),
        ("position.bars > 10 or close < atr", ["position.bars > 10", "close < atr"]),
        ("not (position.bars > 10 and close < atr)", ["position.bars <= 10", "not close < atr"]),
        ("not (not position.pnl < -2 * atr)", ["position.pnl < -2 * atr"]),
        ("(position.bars > 1 or close > 1) and (position.pnl > 2 or atr > 2)", [
            "position.bars > 1 & position.pnl > 2", "atr > 2 & position.bars > 1",
            "close > 1 & position.pnl > 2", "close > 1 and atr > 2"]),
        ("position.bars == 5", ["position.bars <= 5 & position.bars >= 5"]),
        ("position.bars != 5", ["position.bars < 5", "position.bars > 5"]),
        ("close > position.entry_price", ["position.entry_price < close"]),
        ("close > position.entry_price + 2 * atr", ["position.entry_price < close - 2 * atr"]),
        ("close - position.entry_price > atr", ["position.entry_price < close - atr"]),
        ("position.entry_price * 1.02 < close", ["position.entry_price < close / 1.02"]),
        ("-2 * position.mae < atr", ["position.mae > atr / -2"]),
        ("position.mfe / 2 > atr", ["position.mfe > atr * 2"]),
        ("-position.pnl > atr", ["position.pnl < -atr"]),
    ],
)  # fmt: skip
def test_a_condition_is_spread_into_terms(text: str, told: list[str]) -> None:
    assert terms(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("position.bars > 2 for 3 bars", "may be compared, not counted"),
        ("not (position.bars > 2 for 3 bars)", "may be compared, not counted"),
        ("crosses_above(position.pnl, atr)", "may be compared, not counted or crossed"),
        ("position.pnl > position.mae", "names position.* 2 times"),
        ("position.pnl * atr > 2", "multiplied by constants only"),
        ("position.pnl * 0 > 2", "multiplied by constants only"),
        ("2 / position.pnl > 2", "may not be a divisor"),
        ("abs(position.pnl) > 2", "compare it by itself"),
        ("position.pnl < -1 and position.pnl > 2%", "in price units, not in percent"),
        (" and ".join(["(position.bars > 1 or position.pnl > 2)"] * 7), "more than 64 cases"),
    ],
)
def test_what_the_kernel_cannot_follow_is_refused(text: str, told: str) -> None:
    with pytest.raises(ExitError, match="^.*" + told.replace("*", r"\*").replace(".", r"\.")):
        exit_terms(parse_condition(text, SCOPE))


def test_choices_are_limited_as_well() -> None:
    rule = parse_condition("position.bars > 1", SCOPE)

    assert len(exit_terms(Any((rule,) * 64))) == 64
    with pytest.raises(ExitError, match="more than 64 cases"):
        exit_terms(Any((rule,) * 65))


# --- the terms answer as the condition does --------------------------------------------------------------------------

FACT = st.sampled_from(["bars", "pnl", "entry_price"]).map(PositionField)
NUMBER = st.sampled_from(
    [Number(1.0, "1"), Number(2.0, "2"), Negative(Number(2.0, "2")), Column("close"), Column("atr")]
)
CONSTANT = st.sampled_from([Number(2.0, "2"), Negative(Number(2.0, "2")), Number(0.5, "0.5")])
MOVED = st.recursive(
    FACT,
    lambda inner: (
        st.builds(Arithmetic, st.sampled_from("+-"), inner, NUMBER)
        | st.builds(Arithmetic, st.sampled_from("+-"), NUMBER, inner)
        | st.builds(Arithmetic, st.sampled_from("*/"), inner, CONSTANT)
        | st.builds(Negative, inner)
    ),
    max_leaves=3,
)
OPERATOR = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
LEAF: st.SearchStrategy[Condition] = (
    st.builds(Compare, OPERATOR, MOVED, NUMBER)
    | st.builds(Compare, OPERATOR, NUMBER, MOVED)
    | st.builds(Compare, OPERATOR, NUMBER, NUMBER)
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAF,
    lambda inner: (
        st.builds(All, st.lists(inner, min_size=1, max_size=2).map(tuple))
        | st.builds(Any, st.lists(inner, min_size=1, max_size=2).map(tuple))
        | st.builds(Not, inner)
    ),
    max_leaves=4,
)


def with_position(node: object, facts: dict[str, float]) -> object:
    """The condition with the position's facts as columns."""
    if isinstance(node, PositionField):
        return Column(f"position_{node.field}")
    if isinstance(node, (Arithmetic, Compare)):
        return type(node)(node.operator, with_position(node.left, facts), with_position(node.right, facts))
    if isinstance(node, (All, Any)):
        return type(node)(tuple(with_position(term, facts) for term in node.terms))
    if isinstance(node, Not):
        return Not(with_position(node.term, facts))
    return Negative(with_position(node.operand, facts)) if isinstance(node, Negative) else node


def follows(found: tuple[ExitTerm, ...], columns: dict[str, np.ndarray], facts: dict[str, float]) -> bool:
    """What a kernel does: any term whose condition and rules all hold."""
    holds = {"<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}
    return any(
        (term.condition is None or truth(term.condition, columns)[0] == 1)
        and all(holds[rule.op](facts[rule.field], values(rule.right, columns)[0]) for rule in term.rules)
        for term in found
    )


# Halves and doubles of small whole numbers: moving terms about is exact.
SMALL = st.sampled_from([-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0])


@settings(max_examples=300, deadline=None)  # the first truth loads compiled code
@given(CONDITIONS, SMALL | st.just(NAN), SMALL, st.tuples(SMALL, SMALL, SMALL))
def test_the_terms_answer_as_the_whole_condition(
    condition: Condition, close: float, atr: float, known: tuple[float, float, float]
) -> None:
    facts = dict(zip(("bars", "pnl", "entry_price"), known, strict=True))
    columns = {"close": np.array([close]), "atr": np.array([atr])}
    whole = {**columns, **{f"position_{name}": np.array([value]) for name, value in facts.items()}}

    found = exit_terms(condition)

    assert follows(found, columns, facts) == (truth(with_position(condition, facts), whole)[0] == 1)
    assert not any(math.isnan(value) for value in facts.values())
