"""A session's books beside its broker: the same after every restart, each other difference named, journalled and acted on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from sptrader.execution.reconcile import Policy
from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.model.messages import Command
from sptrader.model.orders import BrokerAccount, BrokerPosition, Fill, OpenOrder, Order, OrderStatus
from sptrader.model.ports import Broker
from sptrader.runs.orchestrator_desk import JOURNAL, OrchestratorDesk
from sptrader.streams import keys
from sptrader.streams.codec import decode, encode
from sptrader.streams.journal_reader import JournalReader
from tests.runs.faulty import Together, setting, together


class Other:
    """A broker that shows something else than the one behind it, which goes on working."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.account = broker.account_state()
        self.held = list(broker.positions())
        self.working = list(broker.open_orders())
        self.more_fills: list[Fill] = []
        self.known: dict[str, OpenOrder | None] = {}

    def account_state(self) -> BrokerAccount:
        return self.account

    def positions(self) -> list[BrokerPosition]:
        return self.held

    def open_orders(self) -> list[OpenOrder]:
        return self.working

    def fills(self, *, since_ns: int) -> list[Fill]:
        return [*self.broker.fills(since_ns=since_ns), *self.more_fills]

    def find_order(self, client_order_id: str) -> OpenOrder | None:
        return self.known[client_order_id] if client_order_id in self.known else self.broker.find_order(client_order_id)

    def times(self, factor: str) -> None:
        self.held = [replace(one, quantity=one.quantity * Decimal(factor)) for one in self.held]


Change = Callable[[Other], None]


@pytest.fixture
def cut(tmp_path: Path) -> Together:
    """A session that was cut off while it held something."""
    live, frames = setting(tmp_path, 300)
    desk = together(live, frames, tmp_path / "session", speed=1e7)
    while desk.execution.desk is None or not desk.orchestrator.session.held():
        desk.steps(1)
    desk.close()
    return desk


@pytest.fixture
def again(cut: Together) -> Iterator[Callable[..., Together]]:
    """Starts the session again, with a broker that shows something else and a policy, until its books were compared."""
    made: list[Together] = []

    def start(change: Change | None = None, policy: Policy | None = None) -> Together:
        for one in made:
            one.close()
        desk = together(cut.live, cut.frames, cut.folder, streams=cut.streams, speed=1e7)
        made[:] = [desk]
        desk.orchestrator.close()
        desk.orchestrator = OrchestratorDesk(cut.streams, cut.live, cut.folder, policy=policy)
        own = desk.execution.desk
        assert own is not None
        if change is not None:
            other = Other(own.broker)
            change(other)
            own.broker = other  # type: ignore[assignment]
        while desk.orchestrator.reconciled is None or desk.orchestrator.is_waiting:
            desk.execution.step(0)
            desk.orchestrator.step(0)
        if change is not None:
            own.broker = other.broker
        return desk

    yield start
    for one in made:
        one.close()


def restarted(desk: Together) -> OrchestratorDesk:
    """The orchestrator as it comes back from its journal."""
    desk.orchestrator.close()
    desk.orchestrator = OrchestratorDesk(desk.streams, desk.live, desk.folder)
    return desk.orchestrator


def cases(desk: Together) -> list[tuple[str, str]]:
    """The differences as the journal has them."""
    with JournalReader(desk.folder / JOURNAL) as journal:
        bodies = [json.loads(one.body) for one in journal.decisions()]
    found = [one for one in bodies if one.get("what") == "reconciliation"]
    assert found
    return [(one["case"], one["decision"]) for one in found if one["case"] != "same"]


def snapshot(desk: Together) -> dict[str, object]:
    desk.orchestrator._show(is_due=True)
    body = json.loads(desk.streams.get(keys.state("paper")) or b"{}")
    found: dict[str, object] = body["reconciliation"]
    return found


def entries(desk: Together) -> int:
    messages = [decode(entry.fields) for entry in desk.streams.history(keys.orders("paper"))]
    return sum(isinstance(one, Order) and one.leg == "entry" for one in messages)


def the_position(other: Other) -> BrokerPosition:
    (found,) = other.held
    return found


def foreign(other: Other) -> None:
    other.held.append(BrokerPosition(symbol="USDJPY", quantity=Decimal(5), average_price=110.0))


def extra_order(other: Other) -> None:
    other.working.append(replace(other.working[0], client_order_id="somebody", parent=""))


def missing_order(other: Other) -> None:
    gone = other.working.pop()
    other.known[gone.client_order_id] = None


def missed_end(other: Other) -> None:
    gone = other.working.pop()
    other.known[gone.client_order_id] = replace(gone, status=OrderStatus.CANCELLED)


def wrong_account(other: Other) -> None:
    other.account = replace(other.account, account="another")


def wrong_currency(other: Other) -> None:
    other.account = replace(other.account, currency="JPY")


DIFFERENCES: list[tuple[str, Change]] = [
    ("broker_has_more", lambda other: other.times("2")),
    ("broker_has_less", lambda other: other.times("0.5")),
    ("opposite", lambda other: other.times("-1")),
    ("broker_flat", lambda other: other.held.clear()),
    ("foreign_position", foreign),
    ("extra_order", extra_order),
    ("missing_order", missing_order),
    ("wrong_account", wrong_account),
    ("wrong_currency", wrong_currency),
]


def test_a_restart_on_paper_finds_all_as_it_was(again: Callable[..., Together]) -> None:
    desk = again()
    assert cases(desk) == []
    found = desk.orchestrator.reconciled
    assert found is not None
    assert (found.decision, found.reports, found.blocked) == ("adopt", (), ())
    assert snapshot(desk) == {"decision": "adopt", "differences": [], "blocked": []}


def test_nothing_is_booked_before_the_books_were_compared(cut: Together) -> None:
    desk = together(cut.live, cut.frames, cut.folder, streams=cut.streams)
    done = desk.orchestrator.session.done
    for _ in range(20):
        for part in (desk.feed, desk.worker, desk.orchestrator):
            part.step(0)  # type: ignore[attr-defined]
    assert desk.orchestrator.session.done == done
    assert snapshot(desk)["decision"] == "waiting"
    desk.run()
    assert desk.orchestrator.session.is_over
    desk.close()


@pytest.mark.parametrize(("case", "change"), DIFFERENCES, ids=[case for case, _ in DIFFERENCES])
def test_a_difference_halts_all_entries_until_a_person_resumes(
    case: str, change: Change, again: Callable[..., Together]
) -> None:
    desk = again(change)
    session = desk.orchestrator.session
    assert (case, "halt") in cases(desk)
    assert session.is_paused
    assert session.state[k.TRADING] == k.HALTED
    assert snapshot(desk)["decision"] == "halt"
    before = entries(desk)
    desk.steps(60)
    assert entries(desk) == before
    command = Command(command_id="go", command="resume", by="ann", at_ns=1)
    desk.streams.add(keys.control("paper"), encode(command))
    desk.run()
    assert entries(desk) > before
    assert session.state[k.TRADING] == k.ACTIVE


@pytest.mark.parametrize("case", ["broker_has_more", "broker_has_less", "opposite", "broker_flat"])
def test_a_refused_difference_holds_back_entries_of_its_instrument_alone(
    case: str, again: Callable[..., Together]
) -> None:
    desk = again(dict(DIFFERENCES)[case], Policy(**{case: "refuse"}))
    session = desk.orchestrator.session
    assert cases(desk) == [(case, "refuse")]
    assert session.blocked == {"EURUSD"}
    assert session.state[k.TRADING] == k.ACTIVE
    before = entries(desk)
    desk.steps(60)
    assert entries(desk) == before
    desk.streams.add(keys.control("paper"), encode(Command(command_id="go", command="resume", by="ann", at_ns=1)))
    desk.run()
    assert entries(desk) > before


def test_another_account_that_is_refused_holds_back_the_entries_of_all_instruments(
    again: Callable[..., Together],
) -> None:
    desk = again(wrong_account, Policy(wrong_account="refuse"))
    assert cases(desk) == [("wrong_account", "refuse")]
    assert desk.orchestrator.session.blocked == {"EURUSD"}
    before = entries(desk)
    desk.steps(60)
    assert entries(desk) == before


@pytest.mark.parametrize(
    ("case", "factor"), [("broker_has_more", 2), ("broker_has_less", "0.5"), ("opposite", -1), ("broker_flat", 0)]
)
def test_an_adopted_position_is_booked_as_the_broker_has_it(
    case: str, factor: float, again: Callable[..., Together]
) -> None:
    before: list[Decimal] = []
    held: list[Decimal] = []

    def change(other: Other) -> None:
        before.append(the_position(other).quantity)
        other.times(str(factor))
        if not factor:
            other.held.clear()
        held.append(Decimal(0) if not factor else the_position(other).quantity)

    desk = again(change, Policy(**{case: "adopt"}))
    assert cases(desk) == [(case, "adopt")]
    session = desk.orchestrator.session
    found = desk.orchestrator.reconciled
    assert found is not None
    signed = [one.quantity if one.side == "buy" else -one.quantity for one in found.reports if isinstance(one, Fill)]
    was = before[0]
    assert was + sum(signed) == held[0]
    assert len(signed) == (2 if case == "opposite" else 1)
    n_bars = session.done
    while session.done == n_bars:
        desk.steps(1)
    adopted = {abs(float(one)) for one in signed}
    assert adopted <= {abs(float(row[m.F_QUANTITY])) for row in session.outcome().books.fills}
    state = session.state.tobytes()
    assert restarted(desk).session.state.tobytes() == state


def test_a_fill_that_the_brokers_history_proves_is_booked_once_with_the_next_bar(
    again: Callable[..., Together],
) -> None:
    added: list[Fill] = []

    def change(other: Other) -> None:
        known = other.broker.fills(since_ns=0)[-1]
        entry = other.broker.find_order(known.client_order_id)
        assert entry is not None
        extra = replace(known, fill_id="missed", quantity=Decimal(1000))
        added.append(extra)
        other.more_fills.append(extra)
        signed = Decimal(1000) if extra.side == "buy" else Decimal(-1000)
        other.held = [replace(one, quantity=one.quantity + signed) for one in other.held]
        other.known[known.client_order_id] = replace(entry, filled=entry.filled + 1000)

    desk = again(change)
    assert cases(desk) == [("missed_fill", "adopt")]
    session = desk.orchestrator.session
    n_bars = session.done
    desk.streams.add(keys.fills("paper"), encode(added[0]))  # and it comes by itself, late
    while session.done == n_bars:
        desk.steps(1)
    with JournalReader(desk.folder / JOURNAL) as journal:
        assert [one.fill_id for one in journal.fills()].count("missed") == 1
    quantities = [abs(float(row[m.F_QUANTITY])) for row in session.outcome().books.fills]
    assert quantities.count(1000.0) == 1
    state = session.state.tobytes()
    assert restarted(desk).session.state.tobytes() == state


def test_an_order_that_ended_unseen_is_known_to_have_ended(again: Callable[..., Together]) -> None:
    desk = again(missed_end)
    assert cases(desk) == [("missed_end", "adopt")]
    assert not desk.orchestrator.session.is_paused
    desk.run()


def test_what_was_found_stands_after_another_restart(again: Callable[..., Together]) -> None:
    first = again(lambda other: other.times("2"))
    state = first.orchestrator.session.state.tobytes()
    second = restarted(first)
    assert second.session.state.tobytes() == state
    assert second.session.is_paused
