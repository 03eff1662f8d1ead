"""Bid and ask of a bar: from quotes, from a basis and a spread, on the step."""

import numpy as np
import pytest

import sptrader as sp
from sptrader.errors import DataError
from sptrader.model.bars import SIDED_COLUMNS, bars_facts
from sptrader.model.instrument import instrument
from sptrader.orchestrator.prices import step_fraction, two_sided_prices
from sptrader.strategy.plan import Distance
from tests.orchestrator.tiny import FLAT, bars, rules

EURUSD = instrument("EURUSD")
TWO_PIPS = Distance("pips", 2.0)


def sides(frame, spread=None):
    found = two_sided_prices(frame, bars_facts(frame), EURUSD, spread)
    return found.price[0, 3], found.price[0, 7]


@pytest.mark.parametrize(
    ("basis", "bid", "ask"),
    [("bid", 1.1, 1.1002), ("ask", 1.0998, 1.1), ("mid", 1.0999, 1.1001), ("last", 1.0999, 1.1001)],
)
def test_basis_says_which_side_the_prices_are_of(basis, bid, ask):
    assert sides(bars([FLAT], basis=basis), TWO_PIPS) == (bid, ask)


def test_data_spread_comes_before_the_strategys():
    assert sides(bars([FLAT], basis="bid", spread=0.0005), TWO_PIPS) == (1.1, 1.1005)


def test_ask_is_rounded_up_and_bid_down_unless_on_a_step_to_a_millionth():
    # 1.100004 +- 0.00005: bid 1.099954 -> 1.09995, ask 1.100054 -> 1.10006
    assert sides(bars([1.100004]), Distance("pips", 1.0)) == (1.09995, 1.10006)
    assert sides(bars([1.1 + 4e-12]), Distance("pips", 0.0)) == (1.1, 1.1)


def test_spread_as_a_price_and_as_a_fraction_of_the_close():
    assert sides(bars([FLAT], basis="bid"), Distance("price", 0.0003)) == (1.1, 1.1003)
    assert sides(bars([FLAT], basis="bid"), Distance("fraction", 0.001)) == (1.1, 1.1011)


def test_explicit_sides_are_taken_as_they_are_and_are_not_modelled():
    frame = bars([FLAT] * 2)
    for n, name in enumerate(SIDED_COLUMNS):
        frame[name] = 1.0 + n / 1000
    found = two_sided_prices(frame, bars_facts(frame), EURUSD, TWO_PIPS)

    assert found.price[1].tolist() == [1.0 + n / 1000 for n in range(8)]
    assert (
        found.is_modelled,
        two_sided_prices(bars([FLAT]), bars_facts(bars([FLAT])), EURUSD, TWO_PIPS).is_modelled,
    ) == (
        False,
        True,
    )


def test_run_on_modelled_spread_says_so_and_one_on_quotes_does_not():
    frame = bars([FLAT] * 3)
    assert any("spread: modelled" in warning for warning in sp.backtest(rules(), frame).warnings)
    for name in SIDED_COLUMNS:
        frame[name] = frame[name.split("_")[1]] + (0.0001 if name.startswith("ask") else 0.0)
    run = sp.backtest(rules(execution=None), frame)
    assert not any("spread" in warning for warning in run.warnings)


def test_neither_spread_is_an_error_that_says_what_to_write():
    with pytest.raises(
        DataError, match=r"EURUSD: the bars have no spread column and the strategy says no execution.spread"
    ):
        sp.backtest(rules(execution=None), bars([FLAT] * 3))


def test_steps_are_whole_numbers():
    assert step_fraction(EURUSD.price_step) == (1.0, 100_000.0)
    assert step_fraction(instrument("USDJPY").price_step) == (1.0, 1_000.0)


def test_prices_stay_floats_nearest_to_their_decimals():
    values = np.round(np.linspace(1.0, 1.2, 20_001), 5)
    found = two_sided_prices(bars([*values]), bars_facts(bars([FLAT])), EURUSD, Distance("pips", 0.0)).price
    assert (found[:, 0] == values).all()
    assert (found[:, 4] == values).all()
