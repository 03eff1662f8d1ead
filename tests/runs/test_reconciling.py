"""A session's books beside its broker: the same after every restart, and each difference named and journalled."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from sptrader.execution.reconcile import Case, Evidence, Policy, Reconciliation
from sptrader.model.orders import BrokerPosition
from sptrader.runs.orchestrator_desk import JOURNAL
from sptrader.runs.reconciling import expected_of, reconciled, shown
from sptrader.streams.journal_reader import JournalReader
from tests.runs.faulty import Together, setting, together


class Kept:
    """The decisions that were written."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, str]] = []

    def add_decision(self, time_ns: int, symbol: str, body: bytes) -> None:
        self.bodies.append(json.loads(body))


def evidence_of(desk: Together) -> Evidence:
    with JournalReader(desk.folder / JOURNAL) as journal:
        found = desk.execution.evidence(expected_of(desk.orchestrator.session, journal).records)
    assert found is not None
    return found


def compared(desk: Together, evidence: Evidence, policy: Policy | None = None) -> tuple[Reconciliation, Kept]:
    kept = Kept()
    with JournalReader(desk.folder / JOURNAL) as journal:
        found = reconciled(
            desk.orchestrator.session,
            journal,
            evidence,
            policy or Policy(),
            step=kept,
            at_ns=0,  # type: ignore[arg-type]
        )
    return found, kept


@pytest.fixture
def desk(tmp_path: Path) -> Together:
    """A session that was cut off while it held something, and started again."""
    live, frames = setting(tmp_path, 300)
    cut = together(live, frames, tmp_path / "session", speed=1e7)
    while cut.execution.desk is None or not cut.orchestrator.session.held():
        cut.steps(1)
    cut.close()
    made = together(live, frames, tmp_path / "session", streams=cut.streams, speed=1e7)
    made.orchestrator.step(0)
    yield made
    made.close()


def test_a_restart_on_paper_finds_all_as_it_was(desk: Together) -> None:
    found, kept = compared(desk, evidence_of(desk))
    assert found.decision == "adopt"
    assert found.differences == ()
    assert shown(found) == []
    assert {one["case"] for one in kept.bodies} == {"same"}
    assert len(kept.bodies) >= 4  # account, currency, the position and its children


def test_a_missed_fill_of_the_brokers_history_is_adopted_once(desk: Together) -> None:
    evidence = evidence_of(desk)
    known = evidence.fills[-1]
    extra = known.__class__(
        **{**{f: getattr(known, f) for f in known.__struct_fields__}, "fill_id": "missed", "quantity": Decimal(1000)}
    )
    signed = Decimal(1000) if extra.side == "buy" else Decimal(-1000)
    positions = tuple(
        BrokerPosition(symbol=p.symbol, quantity=p.quantity + signed, average_price=p.average_price)
        for p in evidence.positions
    )
    history = dict(evidence.history)
    before = history[known.client_order_id]
    history[known.client_order_id] = before.__class__(
        **{**{f: getattr(before, f) for f in before.__struct_fields__}, "filled": before.filled + 1000}
    )
    found, _ = compared(desk, replace(evidence, positions=positions, history=history, fills=(*evidence.fills, extra)))
    assert [one.case for one in found.differences] == [Case.MISSED_FILL]
    assert found.adopted_fills == (extra,)


@pytest.mark.parametrize(
    ("factor", "case"),
    [(0, "broker_flat"), (-1, "opposite"), (2, "broker_has_more"), (Decimal("0.5"), "broker_has_less")],
)
def test_what_no_fill_explains_halts_and_is_not_overwritten(factor: int, case: str, desk: Together) -> None:
    evidence, before = evidence_of(desk), desk.orchestrator.session.held()
    positions = tuple(
        BrokerPosition(symbol=p.symbol, quantity=p.quantity * factor, average_price=p.average_price)
        for p in evidence.positions
    )
    found, kept = compared(desk, replace(evidence, positions=positions))
    assert found.decision == "halt"
    assert [one["case"] for one in kept.bodies if one["case"] != "same"] == [case]
    assert found.adopted_fills == ()
    assert desk.orchestrator.session.held() == before
    refused, _ = compared(desk, replace(evidence, positions=positions), Policy(**{case: "refuse"}))
    assert refused.blocked == {"EURUSD"}
