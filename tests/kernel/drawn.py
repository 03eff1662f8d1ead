"""Drawn cases for tests that need many at once, and the eight sets of rules that run on one market."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, seed, settings

from tests.generators import cases, make_case
from tests.reference_data import RefCase, RefRules, RefSignals

PLAIN = RefRules(stop_kind="price", target_kind="price", sizing="risk", size_value=0.0007)
EIGHT = (
    PLAIN,
    replace(
        PLAIN,
        stop_kind="none",
        target_kind="none",
        trail_kind="price",
        sizing="volatility",
        size_value=0.0009,
        correlation_limit=0.4719,
    ),
    replace(PLAIN, order_kind="limit", intrabar="optimistic", expires_bars=3, fee_per_lot=3.5, short_order_kind="stop"),
    replace(PLAIN, order_kind="stop", intrabar="finer", time_in_force="day", slippage_steps=1.0, slippage_impact=0.003),
    replace(
        PLAIN,
        order_kind="stop_limit",
        pyramiding=3,
        cooldown_bars=2,
        sizing="units",
        size_value=3000.0,
        short_time_in_force="ioc",
    ),
    replace(
        PLAIN,
        reverse=True,
        sizing="percent",
        size_value=23.3,
        fee_fraction=0.0011,
        slippage_range=0.07,
        currency_exposure=1.87,
    ),
    replace(
        PLAIN,
        max_holding=3,
        max_positions=1,
        one_entry_per_session=True,
        sizing="notional",
        size_value=5003.7,
        intrabar="finer",
    ),
    replace(
        PLAIN, max_drawdown=0.0043, daily_loss_limit=0.00029, position_limit=1.53, fee_minimum=0.13, margin_limit=0.0313
    ),
)


def drawn_cases(number: int, *, seed_: int) -> list[RefCase]:
    """Draw `number` cases, always the same ones."""
    found: list[RefCase] = []

    @seed(seed_)
    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(cases() | cases(strained=True))
    def draw(case: RefCase) -> None:
        found.append(case)

    draw()
    return found


def eight_on_one_market(seed_: int) -> list[RefCase]:
    """Eight runs of 200 rows on one market of three instruments; the signals of each are those of another stretch.

    Finer bars and correlations belong to the market: all eight have the same.
    """
    every = replace(PLAIN, trail_kind="price", intrabar="finer", correlation_limit=0.4719)
    case = make_case(seed_, 200, (0, 1, 2), every, 100_003.71, wild=False, financed=True, busy=0.25)
    rows = len(case.signals)

    def moved(steps: int) -> list[list[RefSignals]]:
        signals = [case.signals[(t + steps) % rows] for t in range(rows)]
        return [
            [replace(s, filter_code=None, correlation=own.correlation) for s, own in zip(row, here, strict=True)]
            for row, here in zip(signals, case.signals, strict=True)
        ]

    return [replace(case, rules=rules, signals=moved(j)) for j, rules in enumerate(EIGHT)]
