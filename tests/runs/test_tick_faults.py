"""A paper broker on quotes that does wrong on purpose: the same from the same seed, counted right, part of the run's id."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from sptrader.execution.faults import Faults
from sptrader.kernel import state as k
from sptrader.model.orders import Fill, OrderUpdate
from sptrader.runs.live import live_run, make_parts, work
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.run import Run
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.memory import MemoryStreams
from tests.runs.made_ticks import Row, traded
from tests.runs.tick_ledger import TickLedger
from tests.runs.ticks_session import ROLES, close, desks, hours, setting

ALL = Faults(
    seed=3, latency_bars=1, reject_rate=0.2, partial_rate=0.5, lost_rate=0.2, duplicate_rate=0.3, delay_rate=0.2
)


@pytest.fixture(scope="module")
def ticks() -> dict[str, pd.DataFrame]:
    return {"EURUSD": hours(last="2025-03-20 13:49:59.999")}


@dataclass
class Left:
    """What a session leaves: what execution told, the broker's fills and balance, the orchestrator, the run."""

    told: list[object]
    fills: list[Fill]
    balance: float
    orchestrator: OrchestratorDesk
    run: Run


def session(folder: Path, ticks: dict[str, pd.DataFrame], faults: Faults, *, cut: int = 0) -> Left:
    """Trade with faults, and start everything again after `cut` rounds."""
    folder.mkdir()
    streams, live = MemoryStreams(), setting(folder, ticks)
    made = make_parts(ROLES, streams, live, folder / "session", ticks=ticks, faults=faults, speed=2e5 if cut else 1e18)
    for _ in range(cut):
        for part in made:
            part.step(0)
    if cut:
        close(made)
        made = make_parts(ROLES, streams, live, folder / "session", ticks=ticks, faults=faults)
    assert work(made, stop=threading.Event())
    run = live_run(made[3], began_s=0.0, faults=faults)  # type: ignore[arg-type]
    execution, _ = desks(made)
    account = execution.desk.broker  # type: ignore[union-attr]
    fills, balance = account.fills(since_ns=0), account.account_state().balance
    close(made)
    return Left(told(streams), fills, balance, desks(made)[1], run)


def told(streams: MemoryStreams) -> list[object]:
    """What execution told; what may have gone out twice over a restart counts once where that is all that differs."""
    return [decode(entry.fields) for entry in streams.history(keys.fills("paper"))]


def test_the_seed_decides_and_is_part_of_the_runs_id(ticks: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    one = session(tmp_path / "one", ticks, ALL)
    two = session(tmp_path / "two", ticks, ALL)
    other = session(tmp_path / "other", ticks, replace(ALL, seed=4))
    plain = session(tmp_path / "plain", ticks, Faults())

    assert one.told == two.told
    assert one.told != other.told
    assert one.run.id == two.run.id
    assert len({one.run.id, other.run.id, plain.run.id}) == 3
    assert one.run.provenance["execution"]["fills"] == "quotes"
    assert one.run.provenance["execution"]["faults"]["reject_rate"] == 0.2
    pd.testing.assert_frame_equal(one.run.equity, two.run.equity, check_exact=True)


def test_a_restart_in_the_middle_of_faults_changes_nothing(ticks: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    whole = session(tmp_path / "whole", ticks, ALL)
    cut = session(tmp_path / "cut", ticks, ALL, cut=60)
    assert list(dict.fromkeys(cut.told)) == list(dict.fromkeys(whole.told))
    assert cut.run.id == whole.run.id
    pd.testing.assert_frame_equal(cut.run.fills, whole.run.fills, check_exact=True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_books_venue_and_ticks_agree_through_faults(ticks: dict[str, pd.DataFrame], tmp_path: Path, seed: int) -> None:
    faults = Faults(seed=seed, latency_bars=1, reject_rate=0.2, partial_rate=0.5, lost_rate=0.2, duplicate_rate=0.3)
    left = session(tmp_path / "session", ticks, faults)
    ledger = TickLedger(ticks, cash=100_000.0, currency="USD")
    ledger.run(left.fills, slip=0.00001, per_lot=3.0)

    reasons = Counter(one.reason for one in left.told if isinstance(one, OrderUpdate))
    parts = Counter(one.client_order_id for one in left.fills)
    assert reasons["rejected_by_venue"] > 0
    assert max(parts.values()) == 2
    assert left.balance == pytest.approx(ledger.cash, abs=1e-6)
    books = left.orchestrator.session
    assert books.state[k.CASH] == pytest.approx(ledger.cash, abs=1e-6)
    assert {symbol: float(quantity) for symbol, quantity in books.held().items()} == ledger.held
    assert left.orchestrator.counters["cash_drifts"] == 0


ASKS = {"entry": "{long: {when: close == 1.1}}", "exit": "{long: {when: close == 1.2}}"}
QUOTES: list[Row] = [
    ("2017-03-08 10:00:10", 1.1, 1.1002),  # the bar that asks
    ("2017-03-08 10:01:05", 1.15, 1.1502),
    ("2017-03-08 10:01:40", 1.16, 1.1602),
    ("2017-03-08 10:02:05", 1.17, 1.1702),
    ("2017-03-08 10:03:05", 1.17, 1.1702),
]


def test_an_order_that_is_a_bar_late_meets_the_quotes_after_the_next_bar(tmp_path: Path) -> None:
    assert traded(tmp_path / "a", QUOTES, **ASKS).told() == [("03-08 10:01:05", "buy", "signal", 1.1502)]
    late = traded(tmp_path / "b", QUOTES, faults=Faults(latency_bars=1), **ASKS)
    assert late.told() == [("03-08 10:02:05", "buy", "signal", 1.1702)]


def test_an_entry_in_two_parts_takes_two_quotes_and_is_one_position(tmp_path: Path) -> None:
    done = traded(
        tmp_path,
        QUOTES,
        faults=Faults(partial_rate=1.0, partial_fraction=0.25),
        **ASKS,
        sizing="{method: units, value: 10000}",
    )
    assert [(one.quantity, float(one.price)) for one in done.fills] == [(2500, 1.1502), (7500, 1.1602)]
    (position,) = done.execution.desk.broker.positions()  # type: ignore[union-attr]
    # (2,500 x 1.1502 + 7,500 x 1.1602) / 10,000
    assert (position.quantity, position.average_price) == (10_000, 1.1577)
    assert done.orchestrator.session.held() == {"EURUSD": 10_000}


def test_a_venue_that_rejects_everything_fills_nothing_and_the_session_asks_again(tmp_path: Path) -> None:
    quotes = [(f"2017-03-08 10:0{n}:10", 1.1, 1.1002) for n in range(4)]
    done = traded(tmp_path, quotes, faults=Faults(reject_rate=1.0), **ASKS)
    assert done.fills == []
    assert [one.reason for one in done.updates] == ["rejected_by_venue"] * 4
