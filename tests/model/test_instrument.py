from __future__ import annotations

from decimal import Decimal

import pytest

from sptrader.errors import DataError
from sptrader.model.instrument import CURRENCIES, declare, instrument, is_fx_pair

CRYPTO = {
    "quote": "USD",
    "price_step": "0.01",
    "lot_step": "0.0001",
    "min_quantity": "0.001",
    "margin_rate": 1,
    "session": "24/7",
}


def test_a_pair_of_major_currencies_is_known():
    pair = instrument("EURUSD")

    assert (pair.base, pair.quote, pair.session) == ("EUR", "USD", "fx")
    assert pair.price_step == Decimal("0.00001")
    assert pair.pip == Decimal("0.0001")
    assert pair.lot_step == pair.min_quantity == 1
    assert abs(pair.margin_rate * 30 - 1) < Decimal("1e-20")


def test_yen_quotes_have_steps_a_hundred_times_larger():
    assert instrument("USDJPY").price_step == Decimal("0.001")
    assert instrument("USDJPY").pip == Decimal("0.01")


def test_every_pair_of_two_majors_is_a_pair_and_nothing_else_is():
    assert all(is_fx_pair(a + b) == (a != b) for a in CURRENCIES for b in CURRENCIES)
    assert not is_fx_pair("EURXXX")
    assert not is_fx_pair("EUR/USD")


def test_triple_night_follows_settlement():
    assert instrument("EURUSD").triple_day == 2  # Wednesday
    assert instrument("USDCAD").triple_day == 3  # Thursday: it settles a day sooner


def test_a_share_of_the_samples_is_known():
    share = instrument("AAPL")

    assert (share.price_step, share.min_quantity, share.margin_rate) == (Decimal("0.01"), 1, 1)
    assert share.session == "XNYS"


def test_unknown_symbol_names_the_nearest():
    with pytest.raises(DataError, match="did you mean 'EURUSD'"):
        instrument("EURUSDT")


def test_unknown_symbol_without_a_near_one_reads_as_two_sentences():
    with pytest.raises(DataError, match=r"'@@@' is not known\. Known are"):
        instrument("@@@")


def test_a_declared_instrument_comes_first():
    mine = declare("EURUSD", {"price_step": "0.0001"})

    assert instrument("EURUSD", {"EURUSD": mine}).price_step == Decimal("0.0001")
    assert mine.lot_step == 1  # what is known need not be repeated


def test_a_new_instrument_needs_all_its_facts():
    assert declare("BTCUSD", CRYPTO).contract_size == 1
    with pytest.raises(DataError, match="lacks session"):
        declare("BTCUSD", {k: v for k, v in CRYPTO.items() if k != "session"})


@pytest.mark.parametrize("value", [0, -1, "NaN", "Infinity", "a lot"])
def test_a_step_that_is_no_positive_number_is_refused(value):
    with pytest.raises(DataError, match="price_step was"):
        declare("BTCUSD", {**CRYPTO, "price_step": value})


@pytest.mark.parametrize("value", [0, -0.5])
def test_a_margin_rate_that_ties_nothing_up_is_refused(value):
    with pytest.raises(DataError, match=r"margin_rate was .*; allowed is a number above 0"):
        declare("BTCUSD", {**CRYPTO, "margin_rate": value})


def test_an_unknown_fact_is_refused():
    with pytest.raises(DataError, match="did you mean 'lot_step'"):
        declare("BTCUSD", {**CRYPTO, "lotstep": 1})


def test_a_triple_day_that_is_no_weekday_is_refused():
    with pytest.raises(DataError, match="triple_day was 7"):
        declare("EURUSD", {"triple_day": 7})
