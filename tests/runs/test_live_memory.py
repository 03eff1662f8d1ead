"""What a session holds in memory does not grow with it, and what left memory is the same when it is asked for."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import msgspec
import numpy as np
import pytest

from sptrader.execution import paper
from sptrader.execution.faults import Faults
from sptrader.model import shelf
from sptrader.orchestrator import instructions, pages, pile, session
from sptrader.runs import bars_to_meet, order_desk
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.streams import keys
from sptrader.streams.memory import MemoryStreams
from tests.runs.faulty import Together, setting, together

FAULTS = Faults(reject_rate=0.05, partial_rate=0.3, duplicate_rate=0.3, delay_rate=0.3, delay_bars=2, lost_rate=0.2)
_STOP = (type, ModuleType, FunctionType, MemoryStreams, sqlite3.Connection)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of a few rows and orders in place of a thousand."""
    for place in (pile, pages, session, bars_to_meet):
        monkeypatch.setattr(place, "BLOCK", 8)
    for place in (shelf, paper, order_desk):
        monkeypatch.setattr(place, "KEPT_ENDED", 4)
    monkeypatch.setattr(instructions, "MOST_LEFT", 4)


def signal(desk: Together, k: int) -> None:
    """Publish event `k` of another program: an entry is asked for, or its opposite, which takes it back."""
    body = {
        "timestamp": (desk.orchestrator.session.last_ns or 0) + k,
        "signal_name": "cross",
        "signal_type": "death_cross" if k % 2 else "golden_cross",
        "strength": 1.0,
        "metadata": {"symbol": "EURUSD"},
    }
    desk.streams.add(keys.SIGNALS, {"signal": msgspec.json.encode(body)})
    settle(desk)


def settle(desk: Together) -> None:
    parts = (desk.feed, desk.worker, desk.execution, desk.orchestrator)
    while sum(part.step(0) for part in parts):  # type: ignore[attr-defined]
        pass


def n_objects(*roots: object) -> int:
    """Return how many objects are reachable, but for programs, streams and journals."""
    gc.collect()
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, _STOP):
            seen.add(id(one))
            waiting += gc.get_referents(one)
    return len(seen)


def held(desk: Together) -> dict[str, int]:
    """Return the lengths of all that could grow."""
    broker, inner = desk.execution._broker, desk.execution.desk
    assert broker is not None
    assert inner is not None
    orchestrator = desk.orchestrator
    return {
        "rows": orchestrator.session.n_held,
        "orders in the books": orchestrator.session.writer.n_held,
        "reports": orchestrator._reports.n_held,
        "records": len(inner.engine.records),
        "known orders": len(broker.state.known),
        "fills": len(broker.state.fills),
        "attempts": len(broker.state.attempts),
        "bars to meet": desk.execution.bars.n_held,
    }


def books_of(desk: OrchestratorDesk) -> Iterator[bytes]:
    return (np.asarray(one).tobytes() for one in desk.session.outcome().books)


def test_signals_by_the_hundred_leave_as_many_objects_as_before(small: None, tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 60)
    desk = together(live, frames, tmp_path / "session")
    settle(desk)
    counts, lengths = [], []
    for k in range(900):
        signal(desk, k)
        if k in (299, 599, 899):
            counts.append(n_objects(desk.execution, desk.orchestrator._reports, desk.orchestrator.session))
            lengths.append(held(desk))
    assert desk.orchestrator.counters["read"] >= 900
    assert len(desk.orchestrator._journal.orders()) >= 450
    assert max(max(one.values()) for one in lengths) < 40
    assert abs(counts[2] - counts[1]) < 60
    desk.close()


def test_bars_by_the_hundred_leave_as_many_objects_as_before(small: None, tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 500)
    desk = together(live, frames, tmp_path / "session", faults=FAULTS)
    desk.run()
    assert desk.orchestrator.session.pages.n_fills > 50
    lengths = held(desk)
    keep = desk.orchestrator.session.tail.keep
    assert keep is not None
    assert lengths.pop("bars to meet") <= keep + 2 * 8
    assert lengths.pop("rows") <= keep + 7 * 8
    assert max(lengths.values()) < 20, lengths
    desk.close()


def test_what_left_memory_is_in_the_tables_byte_for_byte(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, frames = setting(tmp_path, 300)
    desk = together(live, frames, tmp_path / "small", faults=FAULTS)
    desk.run()
    released = list(books_of(desk.orchestrator))
    found = desk.execution.evidence([one.order.client_order_id for one in desk.orchestrator._journal.orders()])
    monkeypatch.undo()
    whole = together(live, frames, tmp_path / "whole", faults=FAULTS)
    whole.run()
    assert whole.orchestrator.session.tail.n_held == 300
    assert released == list(books_of(whole.orchestrator))
    assert found == whole.execution.evidence(
        [one.order.client_order_id for one in whole.orchestrator._journal.orders()]
    )
    for one in (desk, whole):
        one.close()


def test_a_restarted_session_knows_what_had_left_memory(small: None, tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 300)
    desk = together(live, frames, tmp_path / "session", faults=FAULTS)
    desk.steps(170)
    began = desk.orchestrator.session.done
    assert 100 < began < 300
    reports = [entry.fields for entry in desk.streams.history(keys.fills("paper"))]
    orders = [entry.fields for entry in desk.streams.history(keys.orders("paper"))]
    desk.close()
    again = together(live, frames, tmp_path / "session", faults=FAULTS, streams=desk.streams)
    assert max(value for name, value in held(again).items() if name not in ("rows", "bars to meet")) < 40
    for fields in reports:  # everything once more
        again.streams.add(keys.fills("paper"), fields)
    for fields in orders:
        again.streams.add(keys.orders("paper"), fields)
    again.run()
    whole = together(live, frames, tmp_path / "whole", faults=FAULTS)
    whole.run()
    assert list(books_of(again.orchestrator)) == list(books_of(whole.orchestrator))
    assert again.orchestrator._journal.fills() == whole.orchestrator._journal.fills()
    for one in (again, whole):
        one.close()
