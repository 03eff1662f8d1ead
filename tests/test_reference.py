"""The second engine itself: it agrees with every hand-worked case, and keeps the laws of accounts on generated ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.generators import cases
from tests.golden import CASES, differences
from tests.golden_form import Golden
from tests.reference import reference, run_case
from tests.reference_data import RefCase
from tests.reference_tally import tally

TINY = Decimal("1e-24")  # sums here have 28 digits
some = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("golden", CASES, ids=lambda golden: golden.name)
def test_agrees_with_the_case_worked_by_hand(golden: Golden) -> None:
    assert differences(golden, run_case(golden.case)) == []


def test_a_difference_from_a_hand_worked_case_is_seen() -> None:
    golden = CASES[0]
    dearer = replace(golden.case, rules=replace(golden.case.rules, fee_minimum=1.0))
    lines = differences(golden, run_case(dearer))
    assert lines[0] == "pnl of the trade closed on row 3: found 8.800, expected 10.80"
    assert len(lines) == 5  # and the equity of rows 1 to 4


def test_takes_its_parts_one_by_one() -> None:
    case = CASES[0].case
    assert reference(case.instruments, case.bars, case.signals, case.rules, case.cash) == run_case(case)


@some
@given(cases())
def test_books_balance_and_no_fill_flips_a_position(case: RefCase) -> None:
    found = run_case(case)
    held: dict[str, Decimal] = {}
    for fill in found.fills:
        before = held.get(fill.symbol, Decimal(0))
        if fill.reason in ("entry", "add"):
            assert before * fill.quantity >= 0
        else:
            assert before == -fill.quantity
        held[fill.symbol] = before + fill.quantity
    assert [held.get(i.symbol, Decimal(0)) for i in case.instruments] == found.positions
    if not any(found.positions):
        assert abs(found.cash[-1] - Decimal(repr(case.cash)) - sum(t.pnl for t in found.trades)) < TINY
        assert found.cash[-1] == found.equity[-1]


@some
@given(cases())
def test_a_longer_future_changes_nothing_before(case: RefCase) -> None:
    rules = replace(case.rules, close_at_end=False)
    rows = len(case.bars) // 2
    whole = run_case(replace(case, rules=rules))
    half = run_case(replace(case, rules=rules, bars=case.bars[:rows], signals=case.signals[:rows]))
    assert half.equity == whole.equity[:rows]
    assert [(f.t, f.symbol, f.quantity, f.price) for f in half.fills] == [
        (f.t, f.symbol, f.quantity, f.price) for f in whole.fills if f.t < rows
    ]
    assert half.decisions == [d for d in whole.decisions if d.t < rows]


@some
@given(cases())
def test_fills_without_slippage_are_inside_their_bar_and_on_the_steps(case: RefCase) -> None:
    rules = replace(case.rules, slippage_steps=0.0, slippage_range=0.0, slippage_impact=0.0)
    symbols = [i.symbol for i in case.instruments]
    for fill in run_case(replace(case, rules=rules)).fills:
        k = symbols.index(fill.symbol)
        bar = case.bars[fill.t][k]
        if bar.has_bar:
            prices = bar.ask if fill.quantity > 0 else bar.bid
            assert Decimal(repr(prices[2])) <= fill.price <= Decimal(repr(prices[1]))
        assert fill.price % Decimal(repr(case.instruments[k].price_step)) == 0


OFTEN = (
    *(f"cap: {cap}" for cap in ("margin", "margin_limit", "currency_exposure", "max_order_notional", "position_limit")),
    *(f"refused under the cap: {cap}" for cap in ("currency_exposure", "margin_limit", "margin")),
    *(f"refused: {reason}" for reason in ("correlation_limit", "max_positions", "price_unknown")),
    *(f"order: sell {kind} unlike buys, filled" for kind in ("market", "limit", "stop", "stop_limit")),
    *(f"order: {side} {kind}, expired" for side in ("buy", "sell") for kind in ("limit", "stop", "stop_limit")),
    *(f"entry by a {kind}: in {where}" for kind in ("limit", "stop") for where in ("none", "the first", "a later")),
    *(f"after an entry inside: {end}" for end in ("stop_loss", "stop_loss ambiguous", "take_profit", "trailing_stop")),
    "after an entry inside: nothing, undecided",
    "after an entry inside: take_profit ambiguous, undecided",
    *(f"after an entry through an open: {end}" for end in ("nothing", "stop_loss", "take_profit", "trailing_stop")),
    *(f"walk: {end}" for end in ("nothing", "stop_loss", "stop_loss at an open", "stop_loss of both")),
    *(f"walk: {end}" for end in ("take_profit", "take_profit at an open", "trailing_stop")),
)


def test_generated_cases_meet_each_limit_and_each_way_through_finer_bars() -> None:
    met: Counter[str] = Counter()

    @seed(7)
    @settings(max_examples=800, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(cases())
    def draw(case: RefCase) -> None:
        met.update(tally(case))

    draw()
    assert {word: met[word] for word in OFTEN if met[word] < 3} == {}
