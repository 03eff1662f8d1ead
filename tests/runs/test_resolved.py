"""An unknown order: its instrument takes no new risk until a person who looked at the broker says what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from sptrader.errors import BrokerTimeout, RunError
from sptrader.execution.paper import PaperBroker
from sptrader.kernel import market as m
from sptrader.model.orders import Order
from sptrader.runs.control import Fate, tell
from sptrader.streams.journal_reader import JournalReader
from tests.execution.desk import order
from tests.runs.broker_session import Session
from tests.runs.exchange import Exchange
from tests.runs.faulty import setting


class Lost(Exchange):
    """An exchange to which entries get lost; until they may no more be on their way, only a person who looks can tell."""

    loses = True

    def submit(self, order: Order) -> None:
        if self.loses and order.leg == "entry":
            self.sent[order.client_order_id] += 1
            raise BrokerTimeout("no answer")
        super().submit(order)


@pytest.fixture
def doubtful(tmp_path: Path) -> Iterator[tuple[Session, str]]:
    """A session with one unknown entry, and its id."""
    live, frames = setting(tmp_path, 120)
    made = Session(live, frames, tmp_path / "session", Lost(remembers_ids=False))
    made.run(lambda: bool(made.desk.desk.engine.unknown()))
    (unknown,) = made.desk.desk.engine.unknown()
    yield made, unknown.client_order_id
    made.desk.close()
    made.orchestrator.close()


def answer(session: Session, order_id: str, fate: Fate, *, by: str = "ann") -> tuple[str, str]:
    """Say what became of an order, as `live-control resolve` does; return verdict and why, as the session shows them."""
    before = len(session.orchestrator.recent)
    tell(session.streams, "paper", "resolve", by=by, name=order_id, fate=fate)
    for _ in range(10):
        session.desk.step(0)
        session.orchestrator.step(0)
        found = [one for one in session.orchestrator.recent[before:] if one.get("what") == f"resolve by {by}"]
        if found:
            return str(found[-1]["verdict"]), str(found[-1]["why"])
    raise AssertionError("nobody answered")


def test_until_an_unknown_order_is_resolved_its_instrument_takes_no_new_risk_over_restarts_too(
    doubtful: tuple[Session, str],
) -> None:
    session, order_id = doubtful
    lost = session.exchange
    assert isinstance(lost, Lost)
    lost.loses = False
    assert f"unknown, and to be resolved: {order_id} (EURUSD)" in session.note()
    assert session.send(order("risk", "buy", 1000)) == [("rejected", "order_unknown")]
    session.restart()
    assert session.send(order("risk2", "buy", 1000)) == [("rejected", "order_unknown")]
    assert sum(lost.sent.values()) == 1

    assert answer(session, order_id, Fate("rejected")) == ("acted", f"order '{order_id}' is rejected, says ann")
    assert "resolved" not in session.note()
    session.restart()
    assert session.send(order("risk3", "buy", 1000)) == [("accepted", "")]
    assert lost.sent["risk3"] == 1
    with JournalReader(session.folder / "execution.sqlite") as journal:
        assert [(one.command, one.name, one.status, one.by) for one in journal.commands()] == [
            ("resolve", order_id, "rejected", "ann")
        ]


def test_what_a_person_saw_filled_is_booked_at_the_price_that_was_seen(doubtful: tuple[Session, str]) -> None:
    session, order_id = doubtful
    record = session.desk.desk.engine.record(order_id)
    assert record is not None
    bought = record.life.quantity if record.side == "buy" else -record.life.quantity
    assert answer(session, order_id, Fate("filled", price=Decimal("1.07"))) == (
        "acted",
        f"order '{order_id}' is filled, says ann",
    )
    session.run(lambda: session.orchestrator.session.held() == {"EURUSD": bought})
    books = session.orchestrator.session.outcome().books
    assert (float(books.fills[0, m.F_QUANTITY]), float(books.fills[0, m.F_PRICE])) == (float(bought), 1.07)


def test_a_word_on_an_order_that_is_not_unknown_or_that_the_broker_contradicts_is_refused_readably(
    doubtful: tuple[Session, str],
) -> None:
    session, order_id = doubtful
    assert answer(session, "nosuch", Fate("cancelled")) == (
        "refused",
        f"order 'nosuch' is not known here; only an order in state unknown can be resolved. Unknown are: {order_id} (EURUSD).",
    )
    record = session.desk.desk.engine.record(order_id)
    assert record is not None
    assert record.order is not None
    PaperBroker.submit(session.exchange, record.order)  # now the exchange shows it
    verdict, why = answer(session, order_id, Fate("cancelled"), by="bob")
    assert verdict == "refused"
    assert "the broker shows" in why or "only an order in state unknown" in why
    assert answer(session, order_id, Fate("cancelled"), by="eve")[0] == "refused"


def test_a_fate_that_is_misspelt_or_says_too_much_is_refused_before_it_is_sent() -> None:
    with pytest.raises(RunError, match="--as was 'canceled'; did you mean 'cancelled'"):
        Fate("canceled")
    with pytest.raises(RunError, match="needs the price"):
        Fate("filled")
    with pytest.raises(RunError, match="are for --as filled; it was rejected"):
        Fate("rejected", price=Decimal(1))
    with pytest.raises(RunError, match="--quantity was -1"):
        Fate("filled", price=Decimal(1), quantity=Decimal(-1))
