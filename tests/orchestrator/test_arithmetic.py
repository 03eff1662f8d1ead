"""Every sizing method and every limit, with its reason, and the arithmetic that explains the order made."""

import pytest

import sptrader as sp
from tests.orchestrator.tiny import FLAT, SIDES, bars, hour, rules, run_of

STOP = f"{{{SIDES}, stop_loss: 50 pips}}"
# the close moves by 10, -20 and 30 pips: sample standard deviation of the changes 0.00251661...
MOVING = [1.1000, 1.1010, 1.0990, 1.1020, 1.1020, 1.1020]


def first_order(run):
    return run.orders["quantity"].iloc[0]


@pytest.mark.parametrize(
    ("sizing", "units", "formula"),
    [
        ("{method: units, value: 1234}", 1_234, "1,234"),
        ("{method: notional, value: 11000}", 10_000, "11,000.00 / (1.1 x 1)"),
        ("{method: percent, value: 50%}", 4_545, "10,000.00 x 0.5 / (1.1 x 1)"),  # 5,000 / 1.10 = 4,545.45
        ("{method: risk, value: 1%}", 20_000, "10,000.00 x 0.01 / (0.005 x 1)"),
        ("{method: volatility, value: 1%, column: 10 pips}", 100_000, "10,000.00 x 0.01 / (0.001 x 1)"),
        # half of the Kelly bet 0.6 - 0.4 / 1 = 0.2: 10 % of equity, 1,000 / 1.10 = 909.09
        ("{method: kelly, value: 50%, win_rate: 60%, payoff: 1, cap: 100%}", 909, "10,000.00 x 0.1 / (1.1 x 1)"),
        ("{method: kelly, value: 50%, win_rate: 60%, payoff: 1, cap: 5%}", 454, "10,000.00 x 0.05 / (1.1 x 1)"),
    ],
)
def test_each_method_gives_its_units_and_says_how(sizing, units, formula):
    run = run_of([FLAT] * 3, [1], sizing=sizing, exit=STOP)

    told = run.explain(hour(0)).sizing
    assert first_order(run) == units
    assert (told.units, told.formula, told.cap) == (units, formula, "")
    assert told.lines()[0] == (f"{told.method} gave", f"{told.wanted:,.2f} units = {formula}")


def test_volatility_is_the_sample_deviation_of_the_last_changes():
    # changes 0.0010, -0.0020, 0.0030: mean 0.0006667, deviation 0.0025166; 100 / 0.0025166 = 39,735.97
    run = run_of(MOVING, [0, 0, 0, 1], sizing="{method: volatility, value: 1%, lookback: 3 bars}")

    assert first_order(run) == 39_735
    assert run.explain(hour(3)).sizing.units == 39_735


def test_size_is_unknown_while_the_volatility_is():
    run = run_of(MOVING, [0, 1], sizing="{method: volatility, value: 1%, lookback: 3 bars}")

    assert run.decisions[["outcome", "reason"]].values.tolist()[0] == ["refused", "size_unknown"]


def test_risk_is_measured_on_the_side_that_will_be_traded():
    # 1 % of the ask 1.1002 is 0.011002: 100 / 0.011002 = 9,089.25; of the bid for a short: 100 / 0.011 = 9,090.9
    sections = {"sizing": "{method: risk, value: 1%}", "exit": f"{{{SIDES}, stop_loss: 1%}}"}
    for asked, units in ((1, 9_089), (2, 9_090)):
        frame = bars([FLAT] * 3, [asked], basis="bid")
        assert first_order(run_of([], frame=frame, execution="{spread: 2 pips}", **sections)) == units


def test_risk_can_be_that_of_a_trailing_stop():
    exits = f"{{{SIDES}, trailing_stop: 50 pips}}"
    assert first_order(run_of([FLAT] * 3, [1], sizing="{method: risk, value: 1%}", exit=exits)) == 20_000


@pytest.mark.parametrize(
    ("risk", "units", "cap", "low"),
    [
        ("{position_limit: 100%}", 9_090, "position_limit", "position limit"),  # 10,000 / 1.10
        ("{max_order_notional: 5500}", 5_000, "order_notional", "largest order notional"),
        ("{}", 272_727, "free_margin", "free margin"),  # 10,000 x 30 / 1.10
        ("{position_limit: 100%, max_order_notional: 5500}", 5_000, "order_notional", "largest order notional"),
        ("{position_limit: 40%, max_order_notional: 5500}", 3_636, "position_limit", "position limit"),
    ],
)
def test_lowest_limit_binds_and_is_named(risk, units, cap, low):
    run = run_of([FLAT] * 3, [1], sizing="{method: units, value: 1000000}", risk=risk)

    told = run.explain(hour(0)).sizing
    assert (first_order(run), run.decisions["cap"].iloc[0]) == (units, cap)
    assert (told.units, told.cap) == (units, cap)
    assert (
        "bound by",
        f"units gave 1,000,000 units, {low} allows {min(x.units for x in told.limits):,.0f}",
    ) in told.lines()


def test_what_is_left_below_the_smallest_quantity_is_refused():
    run = run_of([FLAT] * 3, [1], sizing="{method: notional, value: 1}")

    assert run.decisions[["outcome", "reason"]].values.tolist()[0] == ["refused", "below_minimum"]
    told = run.explain(hour(0))
    assert told.sizing.units == 0.0
    assert [c.name for c in told.checks if not c.is_passed] == ["smallest quantity"]


def test_lots_are_exact_decimals():
    facts = "{quote: USD, price_step: 0.01, lot_step: 0.1, min_quantity: 0.1, margin_rate: 1, session: 24/7}"
    market = f"{{symbols: [COIN], timeframe: 1h, instruments: {{COIN: {facts}}}}}"
    frame = bars([3.0] * 3, [1], symbol="COIN")
    frame.attrs["sptrader.session"] = "24/7"
    run = run_of([], frame=frame, market=market, sizing="{method: notional, value: 2.1}")

    assert first_order(run) == 0.7  # 2.1 / 3 = 0.7000000000000001 or 0.6999999999999999: seven tenths either way
    assert run.explain(hour(0)).sizing.units == 0.7


def test_add_may_only_fill_what_the_position_left_of_the_limit():
    # the limit 20,000 / 1.10 = 18,181.8 less the 15,000 held
    run = run_of(
        [FLAT] * 5,
        [1, 0, 1],
        sizing="{method: units, value: 15000}",
        risk="{position_limit: 200%}",
        execution="{spread: 0, pyramiding: 1}",
    )

    assert run.orders["quantity"].tolist() == [15_000, 3_181]
    assert run.explain(hour(2)).sizing.units == 3_181


def test_replacing_order_may_use_the_margin_of_the_one_it_replaces():
    # 200,000 need 7,333 of the 10,000; the opposite limit order takes the place of the first and needs as much
    order = "{spread: 0, order: {type: limit, price: 'close - 500 pips'}}"
    run = run_of([FLAT] * 4, [1, 2], sizing="{method: units, value: 200000}", execution=order)

    assert run.orders[["side", "quantity", "status"]].values.tolist()[0] == ["buy", 200_000, "cancelled"]
    told = run.explain(hour(1)).sizing
    assert {x.name: x.units for x in told.limits}["free margin"] == pytest.approx(10_000 * 30 / 1.1)


def test_entries_of_one_bar_share_margin_and_each_explanation_sees_its_own_turn():
    # both ask for 200,000: the first takes 7,333.33 of the 10,000, what is left allows 2,666.67 x 30 / 1.25 = 64,000
    frames = {"EURUSD": bars([FLAT] * 3, [1]), "GBPUSD": bars([1.25] * 3, [1], symbol="GBPUSD")}
    both = rules(market="{symbols: [EURUSD, GBPUSD], timeframe: 1h}", sizing="{method: units, value: 200000}")
    run = sp.backtest(both, frames)

    assert run.orders[["symbol", "quantity"]].values.tolist() == [["EURUSD", 200_000], ["GBPUSD", 64_000]]
    first, second = run.explain(hour(0), "EURUSD"), run.explain(hour(0), "GBPUSD")
    assert {x.name: x.units for x in first.sizing.limits}["free margin"] == pytest.approx(10_000 * 30 / 1.1)
    assert (first.sizing.units, first.sizing.cap) == (200_000, "")
    assert (second.sizing.units, second.sizing.cap) == (64_000, "free_margin")


def test_strongest_entry_takes_the_only_slot():
    frames = {
        "EURUSD": bars([FLAT] * 4, [1, 0, 0, 0]),
        "GBPUSD": bars([1.25] * 4, [1, 0, 0, 0], symbol="GBPUSD"),
    }
    both = rules(market="{symbols: [EURUSD, GBPUSD], timeframe: 1h}", risk="{max_positions: 1}")
    run = sp.backtest(both, frames)

    refused = run.decisions[run.decisions["outcome"] == "refused"]
    assert refused[["symbol", "reason"]].values.tolist() == [["GBPUSD", "no_free_slot"]]
    slot = {check.name: check for check in run.explain(hour(0), "GBPUSD").checks}["free slot"]
    assert (slot.is_passed, slot.detail) == (False, "1 of 1 taken")
    slot = {check.name: check for check in run.explain(hour(0), "EURUSD").checks}["free slot"]
    assert (slot.is_passed, slot.detail) == (True, "0 of 1 taken")
