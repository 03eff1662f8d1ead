"""Whatever a paper broker does wrong: session, venue and a slow ledger of the fills agree, and no position is ever made up.

Thirty seeds here; a thousand with SPTRADER_FAULTS=1.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

import sptrader as sp
from sptrader.errors import RunError
from sptrader.execution.faults import Faults
from sptrader.kernel import market as m
from sptrader.kernel import state as k
from sptrader.runs.live import live_run, make_parts
from sptrader.runs.orchestrator_desk import JOURNAL
from sptrader.streams.journal_reader import JournalReader
from sptrader.streams.memory import MemoryStreams
from tests.runs.faulty import Together, setting, together

N_SEEDS = 1_000 if os.environ.get("SPTRADER_FAULTS") else 30
N_CHUNKS = 5
CASH = 100_000


def faults_of(seed: int) -> Faults:
    random = Random(seed)
    return Faults(
        seed=seed,
        latency_bars=random.choice((0, 0, 1, 2)),
        reject_rate=random.choice((0.0, 0.1)),
        partial_rate=random.choice((0.0, 0.5)),
        partial_fraction=random.choice((0.3, 0.5, 0.9)),
        lost_rate=random.choice((0.0, 0.2)),
        lost_arrives_rate=random.choice((0.0, 0.5, 1.0)),
        duplicate_rate=random.choice((0.0, 0.3)),
        delay_rate=random.choice((0.0, 0.3)),
        delay_bars=random.choice((1, 2, 3)),
    )


def ledger(rows: Iterable[tuple[float, float, float]]) -> tuple[Fraction, Fraction]:
    """What is held after fills of (signed quantity, price, fee), and the cash with every purchase taken off: paid in USD."""
    held, cash = Fraction(0), Fraction(CASH)
    for quantity, price, fee in rows:
        before, held = held, held + Fraction(quantity)
        assert before * held >= 0, "a fill turned a position around"
        cash -= Fraction(quantity) * Fraction(price) + Fraction(fee)
    return held, cash


def assert_agreed(desk: Together) -> int:
    """Compare venue, session and both ledgers, and return how many fills there were."""
    order_desk, session = desk.execution.desk, desk.orchestrator.session
    assert order_desk is not None
    broker = order_desk.broker
    fills = broker.fills(since_ns=0)
    held, cash = ledger(
        (float(one.quantity) * (1 if one.side == "buy" else -1), float(one.price), one.fee) for one in fills
    )
    positions = broker.positions()
    assert [float(p.quantity) for p in positions] == ([float(held)] if held else [])
    paid = sum(float(p.quantity) * p.average_price for p in positions)
    assert broker.account_state().balance - paid == pytest.approx(float(cash), abs=1e-4)

    booked = session.pages.books().fills
    own_held, own_cash = ledger(booked[:, [m.F_QUANTITY, m.F_PRICE, m.F_FEE]])
    p = session.state[k.block(0, 1) :]
    assert p[k.QUANTITY] == float(own_held)
    assert session.state[k.CASH] - p[k.AVERAGE] * p[k.QUANTITY] == pytest.approx(float(own_cash), abs=1e-4)
    assert session.state[k.N_OPEN] == float(own_held != 0)
    assert session.state[k.RESERVED_MARGIN] == pytest.approx(p[k.ORDER_MARGIN])
    assert not [name for name, n in desk.orchestrator.counters.items() if name.startswith("dead") and n]
    with JournalReader(desk.folder / JOURNAL) as journal:
        told = {fill.fill_id for fill in journal.fills()}
    assert told <= {fill.fill_id for fill in fills}
    assert len(booked) == len(told) - len(session.waiting)  # each once
    if len(booked) == len(fills):
        assert (own_held, float(own_cash)) == (held, pytest.approx(float(cash), abs=1e-4))
    return len(fills)


@pytest.mark.parametrize("chunk", range(N_CHUNKS))
def test_session_venue_and_ledger_agree_whatever_goes_wrong(chunk: int, tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 120)
    n_fills = 0
    for seed in range(chunk, N_SEEDS, N_CHUNKS):
        desk = together(live, frames, tmp_path / str(seed), faults=faults_of(seed))
        desk.run()
        try:
            n_fills += assert_agreed(desk)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        finally:
            desk.close()
    assert n_fills > N_SEEDS // N_CHUNKS * 5


def test_a_restart_in_the_middle_of_faults_changes_nothing(tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 120)
    faults = Faults(seed=5, latency_bars=1, partial_rate=0.5, lost_rate=0.2, duplicate_rate=0.3, delay_rate=0.3)
    whole = together(live, frames, tmp_path / "whole", faults=faults)
    whole.run()

    cut = together(live, frames, tmp_path / "cut", faults=faults, speed=1e9)
    while cut.execution.counters["instructions"] < 60:
        cut.steps(1)
    cut.close()
    cut = together(live, frames, tmp_path / "cut", faults=faults, streams=cut.streams)
    cut.run()

    assert cut.orchestrator.session.state.tobytes() == whole.orchestrator.session.state.tobytes()
    assert assert_agreed(cut) == assert_agreed(whole) > 10
    for one in (cut, whole):
        one.close()


def test_fills_that_bars_do_not_allow_are_a_warning_of_the_run_that_a_faulty_session_leaves(tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 120)
    faults = Faults(seed=1, partial_rate=0.4, delay_rate=0.3, delay_bars=2)
    desk = together(live, frames, tmp_path / "session", faults=faults)
    desk.run()
    with pytest.raises(RunError, match="the fill audit failed"):
        live_run(desk.orchestrator, began_s=0.0)  # as if all had been filled by the bars' rules
    run = live_run(desk.orchestrator, began_s=0.0, faults=faults)
    desk.close()

    assert run.audit.violations == ()
    assert any("lies outside its bar" in one for one in run.audit.odd)
    assert any("these bars do not allow" in one for one in run.warnings)
    again = sp.load_run(run.save(tmp_path / "runs"))
    assert (again.audit, again.warnings) == (run.audit, run.warnings)


class Died(BaseException):
    """The process ended here."""


class Deadly(MemoryStreams):
    """Streams whose sender dies before what its journal holds is sent, and the next time right after."""

    is_armed = False
    n_deaths = 0

    def add_many(
        self, entries: Sequence[tuple[str, Mapping[str, bytes | str]]], *, most: int | None = None
    ) -> list[str]:
        if not self.is_armed:
            return super().add_many(entries, most=most)
        self.is_armed = False
        self.n_deaths += 1
        if self.n_deaths % 2 == 0:
            super().add_many(entries, most=most)
        raise Died


@pytest.mark.parametrize("seed", range(1_000, 1_000 + N_SEEDS // 15))
@pytest.mark.parametrize("is_killed_inside", [False, True])
def test_killed_at_every_step_a_session_with_faults_is_the_undisturbed_one(
    is_killed_inside: bool, seed: int, tmp_path: Path
) -> None:
    live, frames = setting(tmp_path, 40)
    faults = Faults(
        seed=seed, latency_bars=1, partial_rate=0.5, lost_rate=0.2, duplicate_rate=0.3, delay_rate=0.5, delay_bars=2
    )
    whole = together(live, frames, tmp_path / "whole", faults=faults)
    whole.run()

    streams = Deadly()
    cut = together(live, frames, tmp_path / "cut", faults=faults, streams=streams)
    n_kills = 0
    while not (cut.orchestrator.is_over and cut.execution.is_over):
        for part in (cut.feed, cut.worker):
            part.step(0)  # type: ignore[attr-defined]
        for role in ("execution", "orchestrator"):
            part, streams.is_armed = getattr(cut, role), is_killed_inside
            try:
                is_killed = part.step(0) and not is_killed_inside
            except Died:
                is_killed = True
            streams.is_armed = False
            if is_killed:
                n_kills += 1
                part.close()
                setattr(cut, role, make_parts([role], streams, live, cut.folder, faults=faults)[0])

    assert n_kills > 50
    made, expected = (one.orchestrator.session for one in (cut, whole))
    assert made.state.tobytes() == expected.state.tobytes()
    for mine, other in zip(made.outcome().books, expected.outcome().books, strict=True):
        assert mine.tobytes() == other.tobytes()
    assert assert_agreed(cut) == assert_agreed(whole) > 1
    with JournalReader(cut.folder / JOURNAL) as journal:
        found = [json.loads(one.body) for one in journal.decisions()]
    assert [one["case"] for one in found if one.get("what") == "reconciliation" and one["case"] != "same"] == []
    for one in (cut, whole):
        one.close()
