"""What the quote venue makes of other currencies and of slippage by the last bar; numbers by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sptrader.execution.quotes import QuoteVenue
from sptrader.execution.valuation import Costs, LastBar
from sptrader.model.instrument import fx_pair
from sptrader.model.orders import Fill, NightCharge, Report
from tests.execution.desk import HOUR_NS, START_NS, order

EURGBP = {"EURGBP": fx_pair("EURGBP")}


def venue(currency: str, *others: str, costs: Costs | None = None) -> QuoteVenue:
    pairs = {symbol: fx_pair(symbol) for symbol in others}
    return QuoteVenue("demo", currency, cash=Decimal(100_000), instruments=EURGBP, costs=costs, pairs=pairs)


def show(here: QuoteVenue, n: int, **quotes: tuple[float, float]) -> list[Report]:
    """Show quotes of hour `n`, those of other pairs before the traded one's."""
    time_ns = START_NS + n * HOUR_NS
    for symbol, (bid, ask) in sorted(quotes.items(), key=lambda one: one[0] == "EURGBP"):
        here.add_quote(symbol, bid=bid, ask=ask, time_ns=time_ns)
    return here.meet(time_ns, is_closed=False)


def the_fill(reports: list[Report]) -> Fill:
    (fill,) = (one for one in reports if isinstance(one, Fill))
    return fill


@pytest.mark.parametrize(
    ("currency", "pair", "quote", "rate", "gained"),
    [
        # 10,000 x (0.8600 - 0.8500) = 100 pounds
        ("USD", "GBPUSD", (1.2499, 1.2501), 1.25, 125.0),
        ("CHF", "CHFGBP", (0.7999, 0.8001), 1.25, 125.0),  # 100 / 0.8000, the other way round
    ],
)
def test_pounds_become_the_accounts_currency_at_the_mid_of_the_last_quote(currency, pair, quote, rate, gained):
    here = venue(currency, pair)
    here.place(order("a", "buy", 10_000, symbol="EURGBP"))
    show(here, 1, **{"EURGBP": (0.8498, 0.85), pair: (quote[0] * 0.9, quote[1] * 0.9)})
    here.place(order("b", "sell", 10_000, symbol="EURGBP", leg="exit"))
    fill = the_fill(show(here, 2, **{"EURGBP": (0.86, 0.8602), pair: quote}))

    assert fill.rate == pytest.approx(rate, rel=1e-9)
    assert here.account_state().balance == pytest.approx(100_000 + gained, abs=0.001)


def test_two_pairs_convert_where_none_does_directly():
    # 100 pounds are 125 dollars, and 125 x 0.90 = 112.50 francs
    here = venue("CHF", "GBPUSD", "USDCHF")
    here.place(order("a", "buy", 10_000, symbol="EURGBP"))
    show(here, 1, EURGBP=(0.85, 0.85), GBPUSD=(1.25, 1.25), USDCHF=(0.9, 0.9))
    here.place(order("b", "sell", 10_000, symbol="EURGBP", leg="exit"))
    fill = the_fill(show(here, 2, EURGBP=(0.86, 0.86)))

    assert fill.rate == 1.125
    assert here.account_state().balance == 100_112.5


def test_an_entry_is_rejected_while_a_pair_on_the_way_has_no_quote():
    here = venue("CHF", "GBPUSD", "USDCHF")
    here.place(order("a", "buy", 10_000, symbol="EURGBP"))
    told = show(here, 1, EURGBP=(0.85, 0.85), GBPUSD=(1.25, 1.25))

    assert [one.reason for one in told] == ["rate_unknown"]  # type: ignore[union-attr]


def test_a_pair_that_holds_the_accounts_currency_reports_no_rate():
    here = venue("GBP")
    here.place(order("a", "buy", 10_000, symbol="EURGBP"))
    assert the_fill(show(here, 1, EURGBP=(0.85, 0.85))).rate is None


@pytest.mark.parametrize(
    ("costs", "bought", "sold"),
    [
        # a tenth of the last bar's range on the side traded: 0.0030 of ask, 0.0020 of bid
        (Costs(slippage_range=Decimal("0.1")), "0.8503", "0.8596"),
        # 10,000 of 40,000 is a quarter: 0.016 x price / 16 is a thousandth of the price, rounded against the trader
        (Costs(slippage_impact=Decimal("0.016")), "0.85085", "0.85894"),
        (Costs(slippage_steps=Decimal(3)), "0.85003", "0.85977"),
    ],
)
def test_slippage_goes_by_the_last_complete_bar(costs, bought, sold):
    here = venue("GBP", costs=costs)
    here.add_bar("EURGBP", LastBar(Decimal("0.0020"), Decimal("0.0030"), Decimal(40_000)))
    here.place(order("a", "buy", 10_000, symbol="EURGBP"))
    assert the_fill(show(here, 1, EURGBP=(0.8498, 0.85))).price == Decimal(bought)
    here.place(order("b", "sell", 10_000, symbol="EURGBP", leg="exit"))
    assert the_fill(show(here, 2, EURGBP=(0.8598, 0.86))).price == Decimal(sold)


def test_an_unknown_volume_is_all_the_orders_own():
    # a share of 1: 0.001 x 0.85 = 0.00085
    here = venue("GBP", costs=Costs(slippage_impact=Decimal("0.001")))
    here.add_bar("EURGBP", LastBar(Decimal(0), Decimal(0), None))
    here.place(order("a", "buy", 10_000, symbol="EURGBP"))
    assert the_fill(show(here, 1, EURGBP=(0.8498, 0.85))).price == Decimal("0.85085")


def test_a_night_is_charged_at_the_first_quote_after_it_on_what_was_held():
    # 10,000 x 0.85 (the mid before the night) x -0.0003 = -2.55 pounds, 1.25 dollars each: -3.1875
    asked: list[tuple[str, int, int]] = []

    def nights(symbol: str, since_ns: int, until_ns: int) -> tuple[Decimal, Decimal] | None:
        asked.append((symbol, since_ns, until_ns))
        return (Decimal("-0.0003"), Decimal("0.0001")) if until_ns == START_NS + 2 * HOUR_NS else None

    pairs = {"GBPUSD": fx_pair("GBPUSD")}
    here = QuoteVenue("demo", "USD", cash=Decimal(100_000), instruments=EURGBP, pairs=pairs, nights=nights)
    here.place(order("a", "buy", 10_000, symbol="EURGBP"))
    show(here, 1, EURGBP=(0.8499, 0.8501), GBPUSD=(1.2, 1.2))
    here.place(order("b", "sell", 10_000, symbol="EURGBP", leg="exit"))
    charge, sold = show(here, 2, EURGBP=(0.86, 0.8602), GBPUSD=(1.25, 1.25))[:2]

    assert isinstance(charge, NightCharge)
    assert (charge.symbol, charge.amount, charge.time) == ("EURGBP", -3.1875, START_NS + 2 * HOUR_NS)
    assert isinstance(sold, Fill)  # the night comes before the orders that meet the quote
    # 10,000 x (0.86 - 0.8501) x 1.25 = 123.75
    assert here.account_state().balance == pytest.approx(100_000 + 123.75 - 3.1875)
    assert asked == [("EURGBP", START_NS + HOUR_NS, START_NS + 2 * HOUR_NS)]  # nothing is asked while nothing is held
