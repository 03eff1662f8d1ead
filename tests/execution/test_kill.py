"""The kill switch: flat through the broker alone, latched until a person opens it."""

from __future__ import annotations

import pytest

from sptrader.errors import BrokerError, RunError
from sptrader.execution.faults import Faults
from sptrader.execution.kill import KillLatch, kill
from sptrader.execution.paper import PaperBroker
from tests.execution.desk import INSTRUMENTS, Desk, desk, order


def trading(faults: Faults | None = None) -> Desk:
    """Long EURUSD with a stop and an entry that works, short USDJPY."""
    here = desk()
    here.broker.submit(order("a", "buy", 1000, bracket={"stop_distance": 0.01}))
    here.broker.submit(order("b", "sell", 1000, symbol="USDJPY"))
    here.quote("EURUSD", 1.1, 1.1)
    here.quote("USDJPY", 110.0, 110.0)
    here.broker.submit(order("c", "buy", 1000, type="limit", limit_price="1.05"))
    if faults is not None:
        here.broker = PaperBroker(here.venue, instruments=INSTRUMENTS, faults=faults, state=here.broker.state)
    return here


def test_all_orders_are_cancelled_and_all_positions_closed(tmp_path):
    here, latch = trading(), KillLatch(tmp_path)
    report = kill(here.broker, latch, by="ann", reason="test", clock=here.clock)

    assert set(report.cancelled) == {"a/stop/1", "c"}
    assert [(one.symbol, one.side, one.quantity, one.leg) for one in report.flattening] == [
        ("EURUSD", "sell", 1000, "exit"),
        ("USDJPY", "buy", 1000, "exit"),
    ]
    assert not report.is_flat
    here.quote("EURUSD", 1.1, 1.1)
    here.quote("USDJPY", 110.0, 110.0)
    again = kill(here.broker, latch, by="ann", reason="test", clock=here.clock)
    assert (again.is_flat, again.flattening, again.failures) == (True, (), ())


def test_a_second_round_sends_nothing_twice(tmp_path):
    here, latch = trading(), KillLatch(tmp_path)
    first = kill(here.broker, latch, by="ann", reason="test", clock=here.clock)
    here.clock.advance_to(here.clock.now_ns() + 1)
    second = kill(here.broker, KillLatch(tmp_path), by="bob", reason="again", clock=here.clock)

    assert (second.cancelled, second.flattening) == ((), ())
    assert len(first.flattening) == 2


def test_rounds_lead_to_flat_through_lost_answers_and_refusals(tmp_path):
    here, latch = trading(Faults(seed=3, lost_rate=0.5, reject_rate=0.5, latency_bars=1)), KillLatch(tmp_path)
    for _ in range(40):
        report = kill(here.broker, latch, by="ann", reason="test", clock=here.clock)
        here.quote("EURUSD", 1.1, 1.1)
        here.quote("USDJPY", 110.0, 110.0)

    assert report.is_flat
    assert here.broker.positions() == []


def test_one_that_fails_does_not_keep_the_others(tmp_path):
    here = trading()
    real = here.broker

    class Broken(PaperBroker):
        def cancel(self, cancel):  # type: ignore[no-untyped-def]
            raise BrokerError("no cancels today")

        def open_orders(self):  # type: ignore[no-untyped-def]
            return real.open_orders()

    here.broker = Broken(here.venue, instruments=INSTRUMENTS, state=real.state)
    report = kill(here.broker, KillLatch(tmp_path), by="ann", reason="test", clock=here.clock)

    assert len(report.flattening) == 2
    assert any("no cancels today" in failure for failure in report.failures)
    assert not report.is_flat


def test_the_latch_stays_until_a_person_opens_it(tmp_path):
    latch = KillLatch(tmp_path)
    assert latch.latched() is None
    first = latch.latch(by="ann", reason="test", at_ns=5)
    assert latch.latch(by="bob", reason="other", at_ns=6) == first
    assert KillLatch(tmp_path).latched() == first

    with pytest.raises(RunError, match="name of the person"):
        latch.unlatch(by="")
    assert latch.unlatch(by="ann") == first
    assert latch.latched() is None
    with pytest.raises(RunError, match="not latched"):
        latch.unlatch(by="ann")


def test_a_latch_that_cannot_be_read_is_latched(tmp_path):
    (tmp_path / "killed.json").write_text("{")

    assert "cannot be read" in KillLatch(tmp_path).latched().reason


def test_without_a_folder_it_flattens_all_the_same(tmp_path):
    here = trading()
    report = kill(here.broker, KillLatch(tmp_path / "gone"), by="ann", reason="test", clock=here.clock)

    assert len(report.flattening) == 2
    assert "could not be latched" in report.failures[0]
