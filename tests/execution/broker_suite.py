"""What every broker must do, whoever it is: the suite that each adapter's tests inherit.

An adapter's test class derives from `BrokerSuite` and has a fixture `stage` that gives a `Stage`: a fresh broker whose prices
the test can move. Orders are in EURUSD, small, and the account is flat at the beginning.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Protocol

import pytest

from sptrader.errors import BrokerError, BrokerTimeout
from sptrader.execution.lifecycle import Anomaly, Life, after
from sptrader.model.orders import Cancel, Fill, Order, OrderStatus, OrderUpdate, Report
from sptrader.model.ports import Broker
from tests.execution.desk import amend, cancel, order

S = OrderStatus


class Stage(Protocol):
    """A broker whose market a test moves."""

    @property
    def broker(self) -> Broker: ...

    def quote(self, symbol: str, bid: float, ask: float) -> None: ...


def surely(broker: Broker, message: Order | Cancel) -> None:
    """Send until the broker answers, which it may not at once; ids make that harmless."""
    for _ in range(50):
        try:
            broker.submit(message) if isinstance(message, Order) else broker.cancel(message)
        except BrokerTimeout:
            continue
        return
    raise AssertionError("the broker never answered")


class Story:
    """All reports of a test, and what they make of each order."""

    def __init__(self, stage: Stage, *orders: Order) -> None:
        self.stage = stage
        self.lives = {one.client_order_id: Life(quantity=one.quantity) for one in orders}
        self.sides = {one.client_order_id: one.side for one in orders}
        self.parents: dict[str, str] = {}
        self.odd: Counter[Anomaly | None] = Counter()
        self.reports: list[Report] = []
        for one in orders:
            surely(stage.broker, one)

    def read(self) -> None:
        for report in self.stage.broker.reports():
            self.reports.append(report)
            if not isinstance(report, Fill | OrderUpdate):
                continue
            if isinstance(report, OrderUpdate) and report.made is not None:
                made = report.made
                self.lives.setdefault(made.client_order_id, Life(quantity=made.quantity))
                self.sides[made.client_order_id], self.parents[made.client_order_id] = made.side, made.parent
            self.lives[report.client_order_id], anomaly = after(self.lives[report.client_order_id], report)
            self.odd[anomaly] += 1

    def quote(self, bid: float, ask: float) -> None:
        self.stage.quote("EURUSD", bid, ask)
        self.read()

    def calm(self, bid: float = 1.1, ask: float = 1.1002) -> None:
        """Let pass what is under way: bars at one price."""
        for _ in range(8):
            self.quote(bid, ask)

    def status(self, order_id: str) -> OrderStatus:
        return self.lives[order_id].status

    def children(self, parent: str) -> set[str]:
        return {key for key, one in self.parents.items() if one == parent}

    def agree(self) -> None:
        """The broker's evidence says the same as its reports, which were all told by now."""
        broker, held = self.stage.broker, Decimal(0)
        for order_id, life in self.lives.items():
            found = broker.find_order(order_id)
            assert found is not None
            assert (found.status, found.filled, found.quantity) == (life.status, life.filled, life.quantity)
            assert life.filled == sum(fill.quantity for fill in life.fills) <= life.quantity
            assert found.side == self.sides[order_id]
            held += life.filled if found.side == "buy" else -life.filled
        assert {one.client_order_id for one in broker.open_orders()} == {
            key for key, life in self.lives.items() if not life.status.is_final
        }
        assert sum((p.quantity for p in broker.positions()), Decimal(0)) == held
        told = {fill.fill_id: fill for life in self.lives.values() for fill in life.fills}
        history = broker.fills(since_ns=0)
        assert len(history) == len({fill.fill_id for fill in history})
        assert {fill.fill_id: fill for fill in history} == told
        state = broker.account_state()
        assert state.account == broker.account
        assert (state.used_margin == 0.0) == (held == 0)
        if held == 0:
            assert state.equity == pytest.approx(state.balance)
        assert set(self.odd) <= {None, Anomaly.DUPLICATE, Anomaly.LATE, Anomaly.AFTER_END}


class BrokerSuite:
    """The laws. Each works on a fresh `stage`."""

    def test_begins_flat(self, stage: Stage) -> None:
        state = stage.broker.account_state()

        assert (stage.broker.open_orders(), stage.broker.positions()) == ([], [])
        assert stage.broker.find_order("never-sent") is None
        assert state.account == stage.broker.account
        assert state.balance == state.equity > 0.0

    def test_market_order_is_filled_at_the_next_prices(self, stage: Stage) -> None:
        story = Story(stage, order("a", "buy", 10_000))
        story.calm()

        assert story.status("a") is S.FILLED
        assert [p.quantity for p in stage.broker.positions()] == [Decimal(10_000)]
        story.agree()

    def test_the_same_order_again_does_no_harm(self, stage: Stage) -> None:
        one = order("a", "buy", 10_000)
        story = Story(stage, one)
        if stage.broker.remembers_ids:
            surely(stage.broker, one)
            story.calm()
            surely(stage.broker, one)
        story.calm()

        assert story.lives["a"].filled == 10_000
        story.agree()

    def test_limit_waits_for_its_price(self, stage: Stage) -> None:
        story = Story(stage, order("a", "buy", 10_000, type="limit", limit_price="1.09"))
        story.calm()
        assert story.status("a") is S.ACCEPTED
        story.agree()

        story.calm(1.0890, 1.0892)
        assert story.status("a") is S.FILLED
        assert all(fill.price <= Decimal("1.09") for fill in story.lives["a"].fills)
        story.agree()

    def test_stop_waits_for_its_price(self, stage: Stage) -> None:
        story = Story(stage, order("a", "sell", 10_000, type="stop", stop_price="1.09"))
        story.calm()
        assert story.status("a") is S.ACCEPTED

        story.calm(1.0890, 1.0892)
        assert story.status("a") is S.FILLED
        story.agree()

    def test_cancel_is_idempotent(self, stage: Stage) -> None:
        story = Story(stage, order("a", "buy", 10_000, type="limit", limit_price="1.05"))
        story.calm()
        for _ in range(3):
            surely(stage.broker, cancel("a"))
        story.calm()
        surely(stage.broker, cancel("a"))
        surely(stage.broker, cancel("never-sent"))
        story.calm()
        story.calm(1.04, 1.0402)

        assert story.status("a") is S.CANCELLED
        assert story.lives["a"].filled == 0
        story.agree()

    def test_cancel_comes_too_late_for_a_filled_order(self, stage: Stage) -> None:
        story = Story(stage, order("a", "buy", 10_000))
        story.calm()
        surely(stage.broker, cancel("a"))
        story.calm()

        assert story.status("a") is S.FILLED
        story.agree()

    def test_of_stop_and_target_one_at_most_is_filled(self, stage: Stage) -> None:
        story = Story(stage, order("a", "buy", 10_000, bracket={"stop_distance": 0.01, "target_distance": 0.01}))
        story.calm()
        assert len({key for key in story.children("a") if not story.status(key).is_final}) == 2
        story.agree()

        story.calm(1.1150, 1.1152)
        story.calm(1.0850, 1.0852)
        ends = Counter(story.status(key) for key in story.children("a"))
        assert ends[S.FILLED] == 1
        assert set(ends) == {S.FILLED, S.CANCELLED}
        assert stage.broker.positions() == []
        story.agree()

    def test_trailing_stop_follows_and_never_goes_back(self, stage: Stage) -> None:
        story = Story(stage, order("a", "buy", 10_000, bracket={"trail_distance": 0.005}))
        story.calm()
        story.calm(1.1100, 1.1102)  # best 1.1100: the stop is at 1.1050
        story.calm(1.1060, 1.1062)
        assert stage.broker.positions() != []

        story.calm(1.1050, 1.1052)
        assert stage.broker.positions() == []
        story.agree()

    def test_an_exit_closes_and_takes_the_children_with_it(self, stage: Stage) -> None:
        story = Story(stage, order("a", "buy", 10_000, bracket={"stop_distance": 0.02}))
        story.calm()
        surely(stage.broker, order("b", "sell", 10_000, leg="exit"))
        story.lives["b"], story.sides["b"] = Life(quantity=Decimal(10_000)), "sell"
        story.calm()

        assert stage.broker.positions() == []
        assert stage.broker.open_orders() == []
        story.agree()

    def test_an_exit_never_opens_or_turns_a_position(self, stage: Stage) -> None:
        story = Story(stage, order("a", "sell", 10_000, leg="exit"))
        story.calm()
        assert stage.broker.positions() == []

        surely(stage.broker, order("b", "buy", 10_000))
        closing = order("c", "sell", 30_000, leg="exit")
        story.lives |= {"b": Life(quantity=Decimal(10_000)), "c": Life(quantity=Decimal(30_000))}
        story.sides |= {"b": "buy", "c": "sell"}
        story.calm()
        surely(stage.broker, closing)
        story.calm()

        assert stage.broker.positions() == []
        assert story.lives["c"].filled <= 10_000
        assert story.status("c").is_final
        story.agree()

    def test_an_order_beyond_the_margin_is_refused(self, stage: Stage) -> None:
        story = Story(stage, order("a", "buy", 2_000_000_000))
        story.calm()

        assert story.status("a") in (S.REJECTED, S.CANCELLED)
        assert stage.broker.positions() == []
        story.agree()

    def test_an_order_off_the_steps_is_refused(self, stage: Stage) -> None:
        odd = order("a", "buy", 10_000, type="limit", limit_price="1.123456789")
        try:
            story = Story(stage, odd)
        except BrokerError:
            assert stage.broker.find_order("a") is None
            return
        story.calm()
        assert story.status("a") is S.REJECTED
        story.agree()

    def test_an_amendment_is_confirmed_and_counts(self, stage: Stage) -> None:
        story = Story(stage, order("a", "buy", 10_000, type="limit", limit_price="1.05"))
        story.calm()
        for _ in range(50):
            try:
                stage.broker.amend(amend("a", limit_price="1.11", quantity=8_000))
                break
            except BrokerTimeout:
                continue
        story.calm()

        assert story.lives["a"].filled == 8_000
        assert story.status("a") is S.FILLED
        story.agree()
