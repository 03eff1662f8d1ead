"""The paper broker: what its faults do to a schedule, and that none change nothing."""

from __future__ import annotations

import msgspec
import pytest

from sptrader.errors import BrokerError, BrokerTimeout
from sptrader.execution.faults import Faults, draw
from sptrader.execution.paper import PaperBroker, PaperState
from sptrader.model.orders import Matched
from tests.execution.desk import INSTRUMENTS, amend, cancel, desk, order, words


def test_without_faults_the_venues_reports_pass_as_they_are():
    plain, here = desk(), desk()
    one = order("a", "buy", 1000, bracket={"stop_distance": 0.01, "target_distance": 0.02})
    told = list(plain.venue.place(one))
    here.broker.submit(one)
    for price in (1.1, 1.11, 1.13):
        plain.venue.add_quote("EURUSD", bid=price, ask=price, time_ns=plain.n_bars)
        here.venue.add_quote("EURUSD", bid=price, ask=price, time_ns=plain.n_bars)
        told += plain.venue.meet(plain.n_bars, is_closed=True)
        told.append(Matched(time_ns=plain.n_bars, balance=float(plain.venue.state.holdings.cash)))
        here.broker.meet(plain.n_bars)
        plain.n_bars += 1

    assert here.told() == told


def test_an_order_one_bar_late_misses_the_next_bar():
    here = desk(Faults(latency_bars=1))
    here.broker.submit(order("a", "buy", 1000))
    here.quote("EURUSD", 1.1, 1.1)
    assert words(here.told()) == ["a accepted"]
    here.quote("EURUSD", 1.2, 1.2)

    assert words(here.told())[-1] == "a buy 1000 @ 1.20000"


def test_an_entry_in_two_parts_ends_as_one_order():
    here = desk(Faults(partial_rate=1.0, partial_fraction=0.3))
    here.broker.submit(order("a", "buy", 1000, bracket={"stop_distance": 0.01}))
    here.quote("EURUSD", 1.1, 1.1)
    assert here.broker.find_order("a").status == "partially_filled"
    here.quote("EURUSD", 1.11, 1.11)

    assert [w for w in words(here.told()) if w.startswith("a ")] == [
        "a accepted",
        "a buy 300 @ 1.10000",
        "a buy 700 @ 1.11000",
    ]
    assert [(one.leg, one.quantity, one.parent) for one in here.broker.open_orders()] == [("stop", 1000, "a")]


def test_the_rest_is_cancelled_when_the_position_is_gone():
    here = desk(Faults(partial_rate=1.0))
    one = order("a", "buy", 1000, type="limit", limit_price="1.1", bracket={"target_distance": 0.01})
    here.broker.submit(one)
    here.quote("EURUSD", 1.1, 1.1)
    here.quote("EURUSD", 1.12, 1.12)

    assert here.broker.positions() == []
    found = here.broker.find_order("a")
    assert (found.status, found.filled) == ("cancelled", 500)
    assert words(here.told())[-1] == "a cancelled cancelled_by_exit"


def test_a_lost_answer_leaves_the_order_there_or_not():
    there, gone = desk(Faults(lost_rate=1.0, lost_arrives_rate=1.0)), desk(Faults(lost_rate=1.0, lost_arrives_rate=0.0))
    for here in (there, gone):
        with pytest.raises(BrokerTimeout, match="'a'"):
            here.broker.submit(order("a", "buy", 1000))

    assert there.broker.find_order("a") is not None
    assert gone.broker.find_order("a") is None


def test_a_late_fill_follows_the_cancel_of_its_order():
    # seeds are tried until the fill is late and the cancel is not
    for seed in range(50):
        here = desk(Faults(seed=seed, partial_rate=1.0, delay_rate=0.5, delay_bars=2))
        here.broker.submit(order("a", "buy", 1000, type="limit", limit_price="1.1"))
        here.quote("EURUSD", 1.1, 1.1)
        here.broker.cancel(cancel("a"))
        first = words(here.told())
        here.pass_bar()
        here.pass_bar()
        if "a cancelled manual" in first and "a buy 500 @ 1.10000" not in first:
            assert "a buy 500 @ 1.10000" in words(here.told())
            return
    raise AssertionError("no seed had it")


def test_what_happens_depends_on_the_seed_and_the_key_only():
    assert draw(1, "a") == draw(1, "a")
    assert len({draw(seed, key) for seed in range(10) for key in "abc"}) == 30
    # 10,000 draws of 0.3: 3,000, deviation 46
    assert abs(sum(draw(0, n) < 0.3 for n in range(10_000)) - 3000) < 250


def test_the_state_is_plain_data():
    here = desk(Faults(partial_rate=1.0, delay_rate=0.5))
    here.broker.submit(order("a", "buy", 1000, bracket={"stop_distance": 0.01}))
    here.quote("EURUSD", 1.1, 1.1)
    state = msgspec.json.decode(msgspec.json.encode(here.broker.state), type=PaperState)
    again = PaperBroker(here.venue, instruments=INSTRUMENTS, state=state)

    assert again.open_orders() == here.broker.open_orders()
    assert again.reports() == here.told()


@pytest.mark.parametrize(
    "fields",
    [
        {"reject_rate": 1.5},
        {"lost_rate": float("nan")},
        {"latency_bars": -1},
        {"partial_fraction": 1.0},
        {"delay_rate": 0.1, "delay_bars": 0},
    ],
)
def test_bad_faults_are_refused_by_name(fields):
    with pytest.raises(BrokerError, match=r"_(rate|bars|fraction) was"):
        Faults(**fields)


def test_an_unknown_symbol_is_refused():
    with pytest.raises(BrokerError, match="'EURCHF' is not traded here"):
        desk().broker.submit(order("a", "buy", 1000, symbol="EURCHF"))


def test_an_amended_quantity_is_that_of_both_parts():
    # 500 of 1000 are filled; 800 in all leaves 300
    here = desk(Faults(partial_rate=1.0))
    here.broker.submit(order("a", "buy", 1000, type="limit", limit_price="1.1"))
    here.quote("EURUSD", 1.1, 1.1)
    here.broker.amend(amend("a", quantity=800))
    here.quote("EURUSD", 1.1, 1.1)

    assert here.broker.find_order("a").quantity == 800
    assert words(here.told())[-1] == "a buy 300 @ 1.10000"
