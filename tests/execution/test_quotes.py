"""The quote venue: at which quote an order fills, what it costs and what it leaves; numbers by hand."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from sptrader.errors import BrokerError, DataError
from sptrader.execution.quotes import QuoteState, QuoteVenue
from sptrader.execution.valuation import Costs
from sptrader.model.orders import Fill
from tests.execution.desk import INSTRUMENTS, START_NS, amend, cancel, desk, order, words


def test_market_order_fills_at_the_next_quote_and_slips_two_steps():
    here = desk(costs=Costs(fee_fraction=Decimal("0.00002"), slippage_steps=Decimal(2)))
    here.quote("EURUSD", 1.1, 1.1002)
    here.broker.submit(order("a", "buy", 10_000))
    here.quote("EURUSD", 1.2, 1.2002)

    assert words(here.told()) == ["a accepted", "a buy 10000 @ 1.20022"]
    # 10,000 x 1.20022 x 0.00002 = 0.240044 dollars
    assert here.venue.state.holdings.cash == Decimal("99999.759956")


def test_limit_and_target_do_not_slip_and_get_the_better_quote():
    here = desk(costs=Costs(slippage_steps=Decimal(5)))
    bracket = {"target_distance": 0.01}
    here.broker.submit(order("a", "buy", 10_000, type="limit", limit_price="1.1", bracket=bracket))
    here.quote("EURUSD", 1.0989, 1.0991)
    here.quote("EURUSD", 1.1095, 1.1097)

    assert words(here.told()) == [
        "a accepted",
        "a buy 10000 @ 1.09910",
        "a/target/1 accepted",
        "a/target/1 sell 10000 @ 1.10950",
    ]


def test_a_win_in_yen_becomes_dollars_at_the_fill():
    # long 100,000 USDJPY 150 -> 151: 100,000 yen / 151 = 662.25 dollars
    here = desk()
    here.broker.submit(order("a", "buy", 100_000, symbol="USDJPY"))
    here.quote("USDJPY", 150.0, 150.0)
    here.broker.submit(order("b", "sell", 100_000, symbol="USDJPY", leg="exit"))
    here.quote("USDJPY", 151.0, 151.0)

    assert here.broker.account_state().balance == pytest.approx(100_662.25, abs=0.005)
    assert here.broker.positions() == []


def test_margin_is_tied_up_and_what_it_does_not_cover_is_rejected():
    # 100,000 EURUSD at 1.10 with 30:1: 3,666.67; a hundred times that is more than the account
    here = desk()
    here.broker.submit(order("a", "buy", 100_000))
    here.broker.submit(order("b", "buy", 10_000_000))
    here.quote("EURUSD", 1.1, 1.1)

    assert here.broker.account_state().used_margin == pytest.approx(3_666.67, abs=0.005)
    assert words(here.told())[-1] == "b rejected margin_at_fill"


def test_an_add_tightens_the_stop_and_never_loosens_it():
    here = desk()
    here.broker.submit(order("a", "buy", 1000, bracket={"stop_distance": 0.005}))
    here.quote("EURUSD", 1.1, 1.1)  # stop 1.0950
    here.broker.submit(order("b", "buy", 1000, bracket={"stop_distance": 0.02}))
    here.quote("EURUSD", 1.101, 1.101)  # its own would be 1.0810

    (stop,) = here.broker.open_orders()
    assert (stop.stop_price, stop.quantity, stop.parent) == (Decimal("1.095"), 2000, "a")
    assert "a/stop/1 cancelled replaced" in words(here.told())


def test_stop_gapped_through_fills_at_the_quote():
    here = desk()
    here.broker.submit(order("a", "sell", 1000, bracket={"stop_fraction": 0.01}))
    here.quote("EURUSD", 1.1, 1.1)  # stop 1.1110
    here.quote("EURUSD", 1.1200, 1.1201)

    assert words(here.told())[-1] == "a/stop/1 buy 1000 @ 1.12010"


def test_trailing_stop_moves_only_with_completed_bars():
    here = desk()
    here.broker.submit(order("a", "buy", 1000, bracket={"trail_distance": 0.01}))
    here.quote("EURUSD", 1.10, 1.10)
    here.quote("EURUSD", 1.12, 1.12, is_closed=False)
    here.quote("EURUSD", 1.105, 1.105, is_closed=False)  # 1.11 counts from the bar's end on
    assert here.broker.positions() != []

    here.pass_bar()
    here.quote("EURUSD", 1.109, 1.109, is_closed=False)
    assert here.broker.positions() == []


def test_entry_of_the_other_side_waits_for_the_close():
    here = desk()
    here.broker.submit(order("a", "buy", 1000))
    here.quote("EURUSD", 1.1, 1.1)
    here.broker.submit(order("c", "sell", 1000, is_reversal=True))
    here.quote("EURUSD", 1.1, 1.1)
    assert [p.quantity for p in here.broker.positions()] == [1000]

    here.broker.submit(order("b", "sell", 1000, leg="exit", is_reversal=True))
    here.quote("EURUSD", 1.1, 1.1)
    assert [p.quantity for p in here.broker.positions()] == [-1000]


def test_an_add_ends_with_its_position():
    here = desk()
    here.broker.submit(order("a", "buy", 1000))
    here.quote("EURUSD", 1.1, 1.1)
    here.broker.submit(order("b", "buy", 1000, type="limit", limit_price="1.05"))
    here.broker.submit(order("x", "sell", 1000, leg="exit"))
    here.quote("EURUSD", 1.1, 1.1)

    assert words(here.told())[-1] == "b cancelled cancelled_by_exit"


def test_a_smaller_exit_leaves_smaller_children():
    here = desk()
    here.broker.submit(order("a", "buy", 1000, bracket={"stop_distance": 0.01}))
    here.quote("EURUSD", 1.1, 1.1)
    here.broker.submit(order("x", "sell", 400, leg="exit"))
    here.quote("EURUSD", 1.1, 1.1)

    (stop,) = here.broker.open_orders()
    assert (stop.client_order_id, stop.quantity) == ("a/stop/2", 600)


def test_entry_expires_after_its_bars_and_a_day_order_with_its_session():
    here = desk()
    here.broker.submit(order("a", "buy", 1000, type="limit", limit_price="1.05", expires_bars=2))
    here.broker.submit(order("b", "buy", 1000, type="limit", limit_price="1.05", time_in_force="day"))
    here.broker.submit(order("c", "buy", 1000, type="limit", limit_price="1.05", time_in_force="ioc"))
    for _ in range(13):  # 10:00 to 22:00 UTC, where the session ends
        here.quote("EURUSD", 1.1, 1.1)

    ends = {
        one.client_order_id: (one.time - START_NS) // 3_600_000_000_000 for one in here.told() if hasattr(one, "status")
    }
    assert ends == {"a": 2, "b": 13, "c": 1}


def test_a_child_can_be_moved_and_taken_off():
    here = desk()
    here.broker.submit(order("a", "buy", 1000, bracket={"stop_distance": 0.01, "target_distance": 0.01}))
    here.quote("EURUSD", 1.1, 1.1)
    here.broker.amend(amend("a/stop/1", stop_price="1.0990"))
    here.broker.cancel(cancel("a/target/1"))
    here.quote("EURUSD", 1.12, 1.12)
    here.quote("EURUSD", 1.0990, 1.0990)

    assert words(here.told())[-1] == "a/stop/1 sell 1000 @ 1.09900"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "limit", "limit_price": "1.100001"}, "off_step"),
        ({"type": "limit"}, "order_invalid"),
        ({"limit_price": "1.1"}, "order_invalid"),
        ({"type": "stop", "stop_price": "NaN"}, "order_invalid"),
        ({"bracket": {"stop_distance": float("nan")}}, "distance_unknown"),
        ({"leg": "exit"}, "no_position"),
    ],
)
def test_what_the_instrument_does_not_allow_is_rejected(fields, reason):
    here = desk()
    here.broker.submit(order("a", "buy", 1000, **fields))

    assert words(here.told()) == [f"a rejected {reason}"]


@pytest.mark.parametrize(
    ("bid", "ask"), [(float("nan"), 1.1), (1.1, float("inf")), (1.2, 1.1), (0.0, 1.1), (1e-7, 1.1)]
)
def test_bad_quotes_stop_at_the_door(bid, ask):
    with pytest.raises(DataError, match="bid"):
        desk().venue.add_quote("EURUSD", bid=bid, ask=ask, time_ns=START_NS)


def test_an_older_quote_is_refused():
    here = desk()
    here.quote("EURUSD", 1.1, 1.1)

    with pytest.raises(DataError, match="older"):
        here.venue.add_quote("EURUSD", bid=1.1, ask=1.1, time_ns=START_NS)


def test_bad_configuration_is_refused():
    with pytest.raises(BrokerError, match="cash was NaN"):
        QuoteVenue("demo", "USD", cash=Decimal("NaN"), instruments={})
    with pytest.raises(BrokerError, match="slippage_steps"):
        Costs(slippage_steps=Decimal(-1))


def test_the_state_is_plain_data_from_which_the_venue_goes_on():
    here = desk()
    here.broker.submit(order("a", "buy", 1000, bracket={"stop_distance": 0.01}))
    here.quote("EURUSD", 1.1, 1.1)
    state = msgspec.json.decode(msgspec.json.encode(here.venue.state), type=QuoteState)
    again = QuoteVenue("demo", "USD", cash=Decimal(1), instruments=INSTRUMENTS, state=state)
    again.add_quote("EURUSD", bid=1.08, ask=1.08, time_ns=here.venue.state.time_ns + 1)

    fills = [one for one in again.meet(here.venue.state.time_ns + 1, is_closed=True) if isinstance(one, Fill)]
    assert words(fills) == ["a/stop/1 sell 1000 @ 1.08000"]
    assert again.account_state().balance == 99_980.0  # 1000 x 0.02 lost
