"""Values and truths: equal to a slow, obvious evaluator on every bar, and never looking ahead."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sptrader.errors import StrategyError
from sptrader.strategy.expressions import SignalColumns, conditions_of, distance, history, truth, values
from sptrader.strategy.parse import Scope, parse_condition, parse_expression
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
    SignalTest,
)
from sptrader.strategy.windows import rolling_extreme

NAN = float("nan")
SCOPE = Scope(indicators=frozenset({"a", "b"}), signals=frozenset({"cross"}))


def columns_of(rows: int, *, a: list[float], b: list[float], codes: list[int]) -> dict[str, object]:
    strength = np.array([NAN if c < 0 else 0.25 * (c + 1) for c in codes])
    signal = SignalColumns(("up", "down"), np.array(codes, np.int8), strength, {"gap": np.array(a)})
    return {"close": np.arange(rows, dtype=float), "a": np.array(a), "b": np.array(b), "cross": signal, "pip": 0.5}


# --- the slow evaluator: one bar at a time, three-valued by its definition, None is unknown --------------------------


def slow_value(node: Expression, columns: dict, t: int) -> float:
    if t < 0:
        return NAN
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Column):
        if "." in node.name:
            signal, output = columns[node.name.split(".")[0]], node.name.split(".")[1]
            return float((signal.strength if output == "strength" else signal.outputs[output])[t])
        return float(columns[node.name][t])
    if isinstance(node, Pips):
        return node.count.value * columns["pip"]
    if isinstance(node, Negative):
        return -slow_value(node.operand, columns, t)
    if isinstance(node, Arithmetic):
        left, right = slow_value(node.left, columns, t), slow_value(node.right, columns, t)
        if node.operator == "/":
            return NAN if right == 0 else left / right
        return {"+": left + right, "-": left - right, "*": left * right}[node.operator]
    assert isinstance(node, Function)
    if node.name == "prev":
        return slow_value(node.arguments[0], columns, t - node.window)
    if node.name == "change":
        return slow_value(node.arguments[0], columns, t) - slow_value(node.arguments[0], columns, t - node.window)
    if node.name in ("highest", "lowest"):
        window = [slow_value(node.arguments[0], columns, s) for s in range(t - node.window + 1, t + 1)]
        return NAN if any(math.isnan(x) for x in window) else (max if node.name == "highest" else min)(window)
    given = [slow_value(argument, columns, t) for argument in node.arguments]
    if any(math.isnan(x) for x in given):
        return NAN
    return {"abs": lambda x: abs(x[0]), "min": min, "max": max}[node.name](given)


def slow_compare(operator: str, left: float, right: float) -> bool | None:
    if math.isnan(left) or math.isnan(right):
        return None
    return {
        "<": left < right, "<=": left <= right, ">": left > right,
        ">=": left >= right, "==": left == right, "!=": left != right,
    }[operator]  # fmt: skip


def slow_all(terms: list[bool | None]) -> bool | None:
    return False if False in terms else None if None in terms else True


def slow_truth(node: Condition, columns: dict, t: int) -> bool | None:
    if t < 0:
        return None
    if isinstance(node, Compare):
        return slow_compare(node.operator, slow_value(node.left, columns, t), slow_value(node.right, columns, t))
    if isinstance(node, Cross):
        four = [slow_value(side, columns, s) for s in (t, t - 1) for side in (node.left, node.right)]
        if any(math.isnan(x) for x in four):
            return None
        now, before = (
            (four[0] > four[1], four[2] <= four[3]) if node.is_above else (four[0] < four[1], four[2] >= four[3])
        )
        return now and before
    if isinstance(node, SignalTest):
        code = int(columns[node.signal].codes[t])
        return code >= 0 and (not node.types or columns[node.signal].types[code] in node.types)
    if isinstance(node, All):
        return slow_all([slow_truth(term, columns, t) for term in node.terms])
    if isinstance(node, Any):
        terms = [slow_truth(term, columns, t) for term in node.terms]
        return True if True in terms else None if None in terms else False
    if isinstance(node, Not):
        inner = slow_truth(node.term, columns, t)
        return None if inner is None else not inner
    return slow_all([slow_truth(node.term, columns, s) for s in range(t - node.bars + 1, t + 1)])


PUBLIC = {True: 1, False: 0, None: -1}

# --- generated conditions and columns --------------------------------------------------------------------------------

PRICE = st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.0, NAN])
NAMES = st.sampled_from(["a", "b", "close", "cross.strength", "cross.gap"]).map(Column)
ATOMS = NAMES | st.sampled_from([Number(0.0, "0"), Number(1.0, "1"), Number(2.0, "2"), Pips(Number(2.0, "2"))])
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner)
        | st.builds(Negative, inner)
        | st.builds(Function, st.just("abs"), st.tuples(inner))
        | st.builds(Function, st.sampled_from(["min", "max"]), st.tuples(inner, inner))
        | st.builds(
            Function, st.sampled_from(["prev", "change", "highest", "lowest"]), st.tuples(inner), st.integers(1, 6)
        )
    ),
    max_leaves=4,
)
TESTS: st.SearchStrategy[Condition] = (
    st.builds(Compare, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), EXPRESSIONS, EXPRESSIONS)
    | st.builds(Cross, st.booleans(), EXPRESSIONS, EXPRESSIONS)
    | st.builds(SignalTest, st.just("cross"), st.sampled_from([(), ("up",), ("down",), ("up", "down"), ("no",)]))
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    TESTS,
    lambda inner: (
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(Any, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(Not, inner)
        | st.builds(Lasting, inner, st.integers(1, 7))
    ),
    max_leaves=5,
)


@st.composite
def column_sets(draw: st.DrawFn) -> dict[str, object]:
    n = draw(st.integers(1, 12))
    a, b = (draw(st.lists(PRICE, min_size=n, max_size=n)) for _ in range(2))
    return columns_of(n, a=a, b=b, codes=draw(st.lists(st.integers(-1, 1), min_size=n, max_size=n)))


def prefix(columns: dict, n: int) -> dict:
    def cut(column: object) -> object:
        if isinstance(column, SignalColumns):
            outputs = {name: output[:n] for name, output in column.outputs.items()}
            return SignalColumns(column.types, column.codes[:n], column.strength[:n], outputs)
        return column[:n] if isinstance(column, np.ndarray) else column

    return {name: cut(column) for name, column in columns.items()}


@settings(max_examples=400, deadline=None)  # the first truth loads compiled code
@given(CONDITIONS, column_sets())
def test_truth_equals_the_slow_evaluator_on_every_bar(condition: Condition, columns: dict) -> None:
    n = len(columns["close"])

    assert truth(condition, columns).tolist() == [PUBLIC[slow_truth(condition, columns, t)] for t in range(n)]


@settings(max_examples=400, deadline=None)  # the first truth loads compiled code
@given(EXPRESSIONS, column_sets())
def test_values_equal_the_slow_evaluator_on_every_bar(expression: Expression, columns: dict) -> None:
    found = values(expression, columns)

    np.testing.assert_array_equal(found, [slow_value(expression, columns, t) for t in range(len(columns["close"]))])
    assert found.dtype == np.float64


@settings(deadline=None)
@given(CONDITIONS, EXPRESSIONS, column_sets())
def test_every_prefix_of_the_bars_gives_the_prefix_of_the_result(
    condition: Condition, expression: Expression, columns: dict
) -> None:
    whole, numbers = truth(condition, columns), values(expression, columns)

    for n in range(1, len(whole) + 1):
        part = prefix(columns, n)
        assert truth(condition, part).tolist() == whole[:n].tolist()
        np.testing.assert_array_equal(values(expression, part), numbers[:n])


@settings(deadline=None)
@given(CONDITIONS, column_sets())
def test_no_more_history_is_needed_than_is_said(condition: Condition, columns: dict) -> None:
    whole, needed = truth(condition, columns), history(condition, {})

    for t in range(needed, len(whole)):
        part = {
            name: SignalColumns(
                c.types, c.codes[t - needed :], c.strength[t - needed :], {"gap": c.outputs["gap"][t - needed :]}
            )
            if isinstance(c, SignalColumns)
            else c[t - needed :]
            if isinstance(c, np.ndarray)
            else c
            for name, c in columns.items()
        }
        assert truth(condition, part)[needed] == whole[t]


def test_the_three_valued_tables_are_those_of_kleene() -> None:
    # every pair of (false, unknown, true): 0 > 1, nan > 1, 2 > 1
    sides = {False: 0.0, None: NAN, True: 2.0}
    pairs = list(itertools.product(sides, sides))
    columns = {"a": np.array([sides[p] for p, _ in pairs]), "b": np.array([sides[q] for _, q in pairs])}
    p, q = (Compare(">", Column(name), Number(1.0, "1")) for name in "ab")

    both, either, neither = truth(All((p, q)), columns), truth(Any((p, q)), columns), truth(Not(p), columns)

    assert both.tolist() == [0, 0, 0, 0, -1, -1, 0, -1, 1]
    assert either.tolist() == [0, -1, 1, -1, -1, 1, 1, 1, 1]
    assert neither.tolist() == [1, 1, 1, -1, -1, -1, 0, 0, 0]


def test_a_cross_needs_all_four_values() -> None:
    columns = {"a": np.array([NAN, 3.0, 1.0, 2.0, 3.0]), "b": np.array([2.0, 2.0, 2.0, 2.0, 2.0])}

    found = truth(parse_condition("crosses_above(a, b)", SCOPE), columns)

    # bar 0 has none before it, bar 1 has a nan before it, 2 is below, 3 touches, 4 is above after a touch
    assert found.tolist() == [-1, -1, 0, 0, 1]


def test_lasting_counts_this_bar_and_does_not_guess_what_was_before_the_data() -> None:
    columns = {"a": np.array([1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])}

    found = truth(parse_condition("a > 0 for 3 bars", SCOPE), columns)

    assert found.tolist() == [-1, -1, 1, 0, 0, 0, 1]


def test_a_division_by_zero_is_not_defined() -> None:
    columns = {"a": np.array([1.0, 0.0, 4.0]), "b": np.array([0.0, 0.0, 2.0])}

    np.testing.assert_array_equal(values(parse_expression("a / b", SCOPE), columns), [NAN, NAN, 2.0])
    np.testing.assert_array_equal(values(parse_expression("1 / 0", SCOPE), columns), [NAN, NAN, NAN])


def test_highest_includes_this_bar_and_change_is_a_difference() -> None:
    columns = {"a": np.array([1.0, 5.0, 2.0, 3.0])}

    np.testing.assert_array_equal(values(parse_expression("highest(a, 2)", SCOPE), columns), [NAN, 5.0, 5.0, 3.0])
    np.testing.assert_array_equal(values(parse_expression("change(a, 2)", SCOPE), columns), [NAN, NAN, 1.0, -2.0])
    np.testing.assert_array_equal(values(parse_expression("prev(a, 9)", SCOPE), columns), [NAN] * 4)


def test_the_single_tests_of_a_condition_come_in_order_with_their_distance() -> None:
    columns = columns_of(2, a=[1.0, 5.0], b=[2.0, 2.0], codes=[-1, 0])
    condition = All((Any((SignalTest("cross", ("up",)), Not(Compare(">", Column("a"), Column("b"))))), Lasting(
        Compare("<", Column("a"), Number(7.0, "7")), 2)))  # fmt: skip

    leaves = conditions_of(condition)

    assert [str(leaf) for leaf in leaves] == ["cross is up", "a > b", "a < 7 for 2 bars"]
    assert [distance(leaf, columns, 1) for leaf in leaves[1:]] == [3.0, -2.0]
    assert math.isnan(distance(leaves[0], columns, 1))


def test_history_adds_what_components_and_windows_look_back() -> None:
    condition = parse_condition("crosses_above(prev(a, 3), highest(b, 5)) for 2 bars", SCOPE)

    # the window of b: 10 + 4; of a: 20 + 3; one more for the cross, one more for the second bar
    assert history(condition, {"a": 20, "b": 10}) == 25


def test_a_missing_column_is_named_with_the_nearest() -> None:
    with pytest.raises(StrategyError, match=r"column 'cross\.stength' is not there; did you mean 'cross\.strength'\?"):
        values(Column("cross.stength"), columns_of(1, a=[1.0], b=[1.0], codes=[0]))
    with pytest.raises(StrategyError, match="signal 'other' is not there"):
        truth(SignalTest("other"), {"a": np.zeros(1)})


@given(st.lists(PRICE, max_size=30), st.integers(1, 12), st.booleans())
def test_a_rolling_extreme_is_that_of_each_window(numbers: list[float], n: int, is_highest: bool) -> None:
    column = np.array(numbers, dtype=float)
    windows = [column[i : i + n] for i in range(len(column) - n + 1)]

    found = rolling_extreme(column, n, is_highest=is_highest)

    np.testing.assert_array_equal(found, [w.max() if is_highest else w.min() for w in windows])
