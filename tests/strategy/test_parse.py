"""The parser: the grammar's trees, names checked, faults at their character, hostile text refused."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sptrader.strategy.parse import Scope, parse, parse_condition, parse_expression
from sptrader.strategy.tokens import ExpressionError
from sptrader.strategy.tree import (
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
    column_names,
)

SCOPE = Scope(
    parameters={"n": 3, "k": 2.5, "word": "sma", "flag": True, "low": -1.5},
    indicators=frozenset({"fast_ma", "slow_ma", "atr", "bb"}),
    signals=frozenset({"cross"}),
    has_position=True,
)
CLOSE, FAST, ATR = Column("close"), Column("fast_ma"), Column("atr")
TWO = Number(2.0, "2")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("close > fast_ma", Compare(">", CLOSE, FAST)),
        ("2 * atr", Arithmetic("*", TWO, ATR)),
        ("close - 2 * atr", Arithmetic("-", CLOSE, Arithmetic("*", TWO, ATR))),
        ("(close - 2) * atr", Arithmetic("*", Arithmetic("-", CLOSE, TWO), ATR)),
        ("close - atr - 2", Arithmetic("-", Arithmetic("-", CLOSE, ATR), TWO)),
        ("-close", Negative(CLOSE)),
        ("close > 2%", Compare(">", CLOSE, Number(0.02, "2%"))),
        ("close > 20 pips", Compare(">", CLOSE, Pips(Number(20.0, "20")))),
        ("close > $k", Compare(">", CLOSE, Number(2.5, "2.5"))),
        ("bb.upper", Column("bb.upper")),
        ("cross.strength > $k%", Compare(">", Column("cross.strength"), Number(0.025, "2.5%"))),
        ("position.bars >= 2", Compare(">=", PositionField("bars"), TWO)),
        ("prev(close, $n)", Function("prev", (CLOSE,), 3)),
        ("highest(close, 2)", Function("highest", (CLOSE,), 2)),
        ("max(close, atr, 2)", Function("max", (CLOSE, ATR, TWO))),
        ("abs(close)", Function("abs", (CLOSE,))),
        ("crosses_above(close, fast_ma)", Cross(True, CLOSE, FAST)),
        ("crosses_below(close, fast_ma) for 2 bars", Lasting(Cross(False, CLOSE, FAST), 2)),
        ("close > atr for 1 bar", Lasting(Compare(">", CLOSE, ATR), 1)),
        ("close > atr and fast_ma > 2 or close < 2", Any((
            All((Compare(">", CLOSE, ATR), Compare(">", FAST, TWO))), Compare("<", CLOSE, TWO)))),
        ("not close > atr", Not(Compare(">", CLOSE, ATR))),
        ("atr < close <= 2", All((Compare("<", ATR, CLOSE), Compare("<=", CLOSE, TWO)))),
        ("(close > atr for 2 bars) and close > 2", All((
            Lasting(Compare(">", CLOSE, ATR), 2), Compare(">", CLOSE, TWO)))),
    ],
)  # fmt: skip
def test_text_becomes_the_tree_it_says(text: str, tree: object) -> None:
    assert parse(text, SCOPE) == tree


@pytest.mark.parametrize(
    ("text", "told", "offset"),
    [
        ("close > slow_mx", "'slow_mx' is not known; did you mean 'slow_ma'?", 8),
        ("close > $fas", "parameter '$fas' is not declared", 8),
        ("close > $word", "parameter '$word' is 'sma'; a number is needed", 8),
        ("close = 2", "equality is written ==", 6),
        ("close > 2 && atr > 1", "write and", 10),
        ("close >", "a value was expected, the text ends", 7),
        ("close > > 2", "a value was expected, found '>'", 8),
        ("(close > 2", "')' was expected", 10),
        ("close 2", "'2' was not expected here", 6),
        ("hihgest(close, 3) > 1", "did you mean 'highest'?", 0),
        ("highest(close) > 1", "',' was expected", 13),
        ("highest(close, 0) > 1", "whole number of bars from 1", 15),
        ("highest(close, 2.5) > 1", "whole number of bars from 1", 15),
        ("highest(close, $k) > 1", "whole number of bars from 1", 15),
        ("highest(close, 99999) > 1", "from 1 to 10,000", 15),
        ("prev(close, atr) > 1", "needs a whole number of bars", 12),
        ("close > 2 for atr bars", "needs a whole number", 14),
        ("close > 2 for 3", "'bars' was expected", 15),
        ("cross > 2", "'cross' is a signal", 0),
        ("close.x > 2", "'close' has no outputs", 0),
        ("position.barz > 2", "did you mean 'bars'?", 0),
        ("position > 2", "'position.' is not known", 0),
        ("2 > 1 > (close > 3)", "needs numbers, but 'close > 3' is a condition", 8),
        ("not close", "needs conditions, but 'close' is a number", 4),
        ("close and atr", "needs conditions", 0),
        ("1e999 > close", "is too large", 0),
        ("close ** 2 > 1", "a value was expected, found '*'", 7),
        ("__import__('os')", "not part of an expression", 11),
        ("close.__class__ > 1", "has no outputs", 0),
        ("open(close)", "function 'open' is not known", 0),
        ("lambda: 1", "not part of an expression", 6),
        ("[close]", "not part of an expression", 0),
        ("close > 'x'", "not part of an expression", 8),
    ],
)
def test_mistakes_are_told_at_their_character(text: str, told: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_condition(text, SCOPE)

    assert told in raised.value.sentence
    assert raised.value.offset == offset


def test_a_number_is_no_condition_and_a_condition_no_number() -> None:
    with pytest.raises(ExpressionError, match="a condition is needed"):
        parse_condition("close", SCOPE)
    with pytest.raises(ExpressionError, match="a number is needed"):
        parse_expression("close > 1", SCOPE)


def test_the_position_is_unknown_outside_exits() -> None:
    with pytest.raises(ExpressionError, match="in the conditions of exits only"):
        parse_condition("position.bars > 2", Scope())


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "close" + ")" * 5000,
        "(" * 300 + "close" + ")" * 300,
        "-" * 380 + "close",
        "not " * 200 + "close > 1",
        "close" + " + close" * 190,
        "abs(" * 90 + "close" + ")" * 90,
        "close > " + "9" * 2000,
        "$" * 900,
        "close " * 160,
    ],
)
def test_hostile_expressions_are_refused_without_delay(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_condition(text, SCOPE)


@given(st.text(max_size=60) | st.text(alphabet="closeatr()+-*/<>=$n.,%123 ndfor", max_size=60))
def test_any_text_is_a_tree_or_a_fault(text: str) -> None:
    fault = None
    try:
        parse(text, SCOPE)
    except ExpressionError as error:
        fault = error
    assert fault is None or 0 <= fault.offset <= len(text)


NUMBERS = st.sampled_from([Number(2.0, "2"), Number(0.5, "0.5"), Number(0.03, "3%")])
ATOMS = NUMBERS | st.sampled_from(
    [CLOSE, ATR, Column("bb.upper"), Column("cross.strength"), PositionField("pnl"), Pips(TWO)]
)


def expressions() -> st.SearchStrategy[Expression]:
    def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        return (
            st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner)
            | st.builds(Negative, inner)
            | st.builds(Function, st.just("abs"), st.tuples(inner))
            | st.builds(Function, st.sampled_from(["min", "max"]), st.tuples(inner, inner))
            | st.builds(Function, st.sampled_from(["prev", "highest"]), st.tuples(inner), st.integers(1, 9))
        )

    return st.recursive(ATOMS, larger, max_leaves=6)


def conditions() -> st.SearchStrategy[Condition]:
    numbers = expressions()
    leaf: st.SearchStrategy[Condition] = st.builds(
        Compare, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers, numbers
    ) | st.builds(Cross, st.booleans(), numbers, numbers)

    def larger(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        terms = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return (
            st.builds(All, terms)
            | st.builds(Any, terms)
            | st.builds(Not, inner)
            | st.builds(Lasting, inner, st.integers(1, 9))
        )

    return st.recursive(leaf, larger, max_leaves=5)


@given(expressions() | conditions())
def test_a_tree_prints_as_the_text_that_makes_it(tree: Expression | Condition) -> None:
    assert parse(str(tree), SCOPE) == tree


@given(conditions())
def test_trees_travel_to_other_processes(tree: Condition) -> None:
    assert pickle.loads(pickle.dumps(tree)) == tree


def test_negative_parameters_print_so_that_they_can_be_read() -> None:
    assert str(parse("close - $low", SCOPE)) == "close - (-1.5)"


def test_column_names_are_those_read_each_once() -> None:
    tree = parse("close > bb.upper + 2 pips and close > prev(cross.strength, 2)", SCOPE)

    assert column_names(tree) == ("close", "bb.upper", "pip", "cross.strength")
