"""Reconciliation: each way in which books and broker can differ, what the policy makes of it, and that nothing is overwritten."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sptrader.clock import ReplayClock
from sptrader.errors import BrokerError
from sptrader.execution.engine import Engine
from sptrader.execution.faults import Faults
from sptrader.execution.reconcile import Case, Expected, Policy, Reconciliation, gather, reconcile
from sptrader.execution.record import Record
from tests.execution.desk import START_NS, Desk, cancel, desk, order


def reconciled(
    here: Desk,
    records: dict[str, Record],
    *,
    policy: Policy | None = None,
    account: str = "demo",
    currency: str = "USD",
    **positions: int,
) -> Reconciliation:
    expected = Expected(account, currency, {s: Decimal(q) for s, q in positions.items()}, records)
    evidence = gather(here.broker, records, since_ns=0)
    return reconcile(expected, evidence, policy=policy or Policy(), symbols={"EURUSD"})


def cases(result: Reconciliation) -> dict[Case, str]:
    return {finding.case: finding.decision for finding in result.differences}


def bought(quantity: int = 1000, **fields: object) -> tuple[Desk, Engine]:
    """A desk with a position whose fill the engine has read."""
    here = desk()
    engine = Engine(here.broker, clock=here.clock)
    engine.send(engine.take(order("a", "buy", quantity, **fields)).to_send)
    here.quote("EURUSD", 1.1, 1.1)
    engine.poll()
    return here, engine


def test_what_agrees_is_the_same():
    here, engine = bought(bracket={"stop_distance": 0.01})
    result = reconciled(here, engine.records, EURUSD=1000)

    assert result.differences == ()
    assert (result.decision, result.blocked, result.adopted_fills) == ("adopt", frozenset(), ())


@pytest.mark.parametrize(
    ("expected", "case"),
    [
        (400, Case.BROKER_HAS_MORE),
        (1500, Case.BROKER_HAS_LESS),
        (-1000, Case.OPPOSITE),
        (0, Case.BROKER_HAS_MORE),
    ],
)
def test_positions_that_differ_halt(expected, case):
    here, engine = bought()

    result = reconciled(here, engine.records, EURUSD=expected)
    assert cases(result) == {case: "halt"}
    assert f"expected {expected}, the broker shows 1000" in result.differences[0].sentence


def test_a_flat_broker_and_a_foreign_position_halt():
    here, engine = bought(symbol="EURUSD")
    engine_records = dict(engine.records)
    here.broker.submit(order("f", "buy", 500, symbol="USDJPY"))
    here.quote("USDJPY", 110.0, 110.0)
    result = reconciled(here, engine_records, EURUSD=1000)
    assert Case.FOREIGN_POSITION in cases(result)

    flat = reconciled(desk(), {}, EURUSD=1000)
    assert cases(flat) == {Case.BROKER_FLAT: "halt"}


def test_a_missed_fill_that_the_history_proves_is_adopted():
    here = desk()
    engine = Engine(here.broker, clock=here.clock)
    engine.send(engine.take(order("a", "buy", 1000)).to_send)
    here.quote("EURUSD", 1.1, 1.1)  # its report is never read
    result = reconciled(here, engine.records)

    assert cases(result) == {Case.MISSED_FILL: "adopt", Case.MISSED_END: "adopt"}
    assert [fill.fill_id for fill in result.adopted_fills] == ["a/fill"]
    assert reconciled(here, engine.records, policy=Policy(missed_fill="halt")).adopted_fills == ()


def test_a_stop_that_was_filled_meanwhile_is_proven_with_its_sibling():
    here, engine = bought(bracket={"stop_distance": 0.01, "target_distance": 0.02})
    here.quote("EURUSD", 1.08, 1.08)
    result = reconciled(here, engine.records, EURUSD=1000)

    assert cases(result) == {Case.MISSED_FILL: "adopt", Case.MISSED_END: "adopt"}
    assert [(fill.leg, fill.quantity) for fill in result.adopted_fills] == [("stop", 1000)]


def test_fills_that_do_not_explain_the_position_are_not_adopted():
    here = desk()
    engine = Engine(here.broker, clock=here.clock)
    engine.send(engine.take(order("a", "buy", 1000)).to_send)
    here.quote("EURUSD", 1.1, 1.1)
    result = reconciled(here, engine.records, EURUSD=200)  # the books had 200 from nowhere

    assert cases(result)[Case.BROKER_HAS_MORE] == "halt"
    assert cases(result)[Case.UNPROVEN_FILL] == "halt"
    assert result.adopted_fills == ()


def test_fills_of_an_order_that_is_not_ours_are_no_proof():
    here, engine = bought()
    here.broker.submit(order("f", "buy", 500))
    here.quote("EURUSD", 1.1, 1.1)

    assert set(cases(reconciled(here, engine.records, EURUSD=1000))) == {Case.BROKER_HAS_MORE, Case.UNPROVEN_FILL}


def test_orders_that_are_too_many_or_missing_halt():
    here = desk()
    here.broker.submit(order("x", "buy", 1000, type="limit", limit_price="1.05"))
    assert cases(reconciled(here, {})) == {Case.EXTRA_ORDER: "halt"}

    engine = Engine(desk().broker, clock=ReplayClock(START_NS))
    engine.take(order("a", "buy", 1000))
    assert cases(reconciled(desk(), engine.records)) == {Case.MISSING_ORDER: "halt"}


def test_an_unknown_order_without_a_trace_is_what_was_known_already():
    here = desk(Faults(seed=1, lost_rate=1.0, lost_arrives_rate=0.0))
    engine = Engine(here.broker, clock=here.clock)
    engine.send(engine.take(order("a", "buy", 1000)).to_send)

    result = reconciled(here, engine.records)

    assert [one.client_order_id for one in engine.unknown()] == ["a"]
    assert cases(result) == {}
    assert any(
        "expected unknown, the broker shows no trace of it; as expected" in one.sentence for one in result.findings
    )


def test_an_order_that_ended_meanwhile_and_a_child_that_was_made_are_adopted():
    here = desk()
    engine = Engine(here.broker, clock=here.clock)
    engine.send(engine.take(order("a", "buy", 1000, type="limit", limit_price="1.05")).to_send)
    here.broker.cancel(cancel("a"))
    assert cases(reconciled(here, engine.records)) == {Case.MISSED_END: "adopt"}

    there = desk()
    other = Engine(there.broker, clock=there.clock)
    other.send(other.take(order("a", "buy", 1000, bracket={"stop_distance": 0.01})).to_send)
    there.quote("EURUSD", 1.1, 1.1)
    found = cases(reconciled(there, other.records))
    assert found == {Case.MISSED_FILL: "adopt", Case.MISSED_END: "adopt", Case.MISSED_CHILD: "adopt"}


def test_in_another_account_nothing_else_is_compared():
    here, engine = bought()

    assert cases(reconciled(here, engine.records, account="real")) == {Case.WRONG_ACCOUNT: "halt"}
    assert cases(reconciled(here, engine.records, currency="EUR")) == {Case.WRONG_CURRENCY: "halt"}


def test_a_policy_may_refuse_the_symbol_instead():
    here, engine = bought()
    result = reconciled(here, engine.records, policy=Policy(broker_has_more="refuse"), EURUSD=400)

    assert (result.decision, result.blocked) == ("refuse", {"EURUSD"})


@pytest.mark.parametrize("fields", [{"opposite": "ignore"}, {"wrong_account": "adopt"}, {"unproven_fill": "adopt"}])
def test_bad_policies_are_refused(fields):
    with pytest.raises(BrokerError, match="policy of"):
        Policy(**fields)
