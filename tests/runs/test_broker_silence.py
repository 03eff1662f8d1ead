"""A broker that does not answer, at the start or later: nothing is traded blind, and nothing is lost or repeated after."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sptrader.runs.broker_desk import BrokerDesk
from sptrader.runs.broker_line import Backoff
from sptrader.runs.kill_switch import pull_kill_switch
from sptrader.runs.live import work
from sptrader.streams.memory import MemoryStreams
from tests.runs.broker_session import Session
from tests.runs.exchange import Exchange
from tests.runs.faulty import setting


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    live, frames = setting(tmp_path, 60)
    made = Session(live, frames, tmp_path / "session", Exchange())
    yield made
    made.desk.close()
    made.orchestrator.close()


def test_a_desk_whose_broker_does_not_answer_at_the_start_asks_again_and_trades_nothing_until_it_does(
    tmp_path: Path,
) -> None:
    live, frames = setting(tmp_path, 60)
    exchange = Exchange()
    exchange.is_down = True
    session = Session(live, frames, tmp_path / "session", exchange)
    for _ in range(50):
        session.step()
        threading.Event().wait(0.001)

    assert exchange.n_asked_in_vain > 2
    assert (session.n_matched(), len(session.orders()), session.orchestrator.session.done) == (0, 0, 0)
    assert session.note().startswith("the broker does not answer, nothing is traded (")
    assert session.note().endswith("attempts): no route to the exchange.")

    exchange.is_down = False
    session.run(lambda: session.orchestrator.is_over)
    assert len(session.fills()) > 5
    assert session.note() == ""
    session.assert_consistent()
    session.desk.close()
    session.orchestrator.close()


def test_a_broker_that_falls_silent_stops_the_bars_and_the_books_are_compared_before_they_go_on(
    session: Session,
) -> None:
    session.run(lambda: bool(session.exchange.positions()))
    assert session.orchestrator.reconciled is None
    session.exchange.is_down = True
    session.step()
    n_matched, n_orders = session.n_matched(), len(session.orders())
    for _ in range(20):
        session.step()
    assert (session.n_matched(), len(session.orders())) == (n_matched, n_orders)
    assert "does not answer" in session.note()

    session.exchange.is_down = False
    session.run(lambda: session.orchestrator.is_over)
    found = session.orchestrator.reconciled
    assert found is not None
    assert (found.decision, found.blocked) == ("adopt", ())
    session.assert_consistent()


def test_a_restart_while_the_broker_is_silent_is_not_blind(session: Session) -> None:
    session.run(lambda: bool(session.exchange.open_orders()))
    session.exchange.is_down = True
    session.restart()
    n_matched, n_orders = session.n_matched(), len(session.orders())
    for _ in range(20):
        session.step()
    assert (session.n_matched(), len(session.orders())) == (n_matched, n_orders)

    session.exchange.is_down = False
    session.run(lambda: session.orchestrator.is_over)
    session.assert_consistent()


def test_a_kill_that_was_pulled_while_the_broker_is_silent_flattens_once_it_answers(session: Session) -> None:
    session.run(lambda: bool(session.exchange.positions()))
    session.exchange.is_down = True
    session.step()
    pull_kill_switch("paper", by="ann", reason="test", folder=session.folder)
    session.step()
    assert session.desk.desk.latched is not None
    session.exchange.is_down = False
    session.run(lambda: not session.exchange.positions() and not session.exchange.open_orders())
    assert "kill switch latched" in session.note()


def test_a_desk_that_waits_for_its_broker_can_be_stopped(tmp_path: Path) -> None:
    live, _ = setting(tmp_path, 60)
    exchange = Exchange()
    exchange.is_down = True
    desk = BrokerDesk(MemoryStreams(), live, tmp_path, exchange, backoff=Backoff(3_600.0, 3_600.0))
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    assert work([desk], stop=stop) is False  # and not after an hour
    timer.join()
    assert exchange.n_asked_in_vain == 1
    desk.close()
