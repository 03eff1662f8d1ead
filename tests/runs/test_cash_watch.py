"""A balance at the broker that the books do not explain: told, and no entries until a person resumes."""

from __future__ import annotations

from pathlib import Path

from sptrader.kernel import state as k
from sptrader.model.messages import Command
from sptrader.runs.cash_watch import CashWatch
from sptrader.runs.execution_desk import ExecutionDesk
from sptrader.runs.live import make_parts
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.strategy.spec import Live
from sptrader.streams import keys
from sptrader.streams.codec import encode
from tests.runs.faulty import Together, setting, together


def started(folder: Path, *, n_bars: int = 300, live: str = "") -> Together:
    setting_, frames = setting(folder, n_bars, live=live)
    return together(setting_, frames, folder / "session", speed=3600.0 * 500)


def taken_unseen(execution: ExecutionDesk, amount: float) -> None:
    """What a broker books without a word: the account's balance changes, and no report says why."""
    execution._venue.state[k.CASH] -= amount


def until(here: Together, n: int) -> None:
    while here.orchestrator.session.done < n:
        here.steps(1)


def drifts(here: Together) -> list[dict[str, object]]:
    return [one for one in here.orchestrator.recent if one.get("what") == "balance"]


def resume(here: Together) -> None:
    command = Command(command_id="settled", command="resume", by="anna", at_ns=1)
    here.streams.add(keys.control("paper"), encode(command))


def test_a_drift_is_told_and_halts_entries_until_a_person_resumes(tmp_path: Path) -> None:
    here = started(tmp_path)
    until(here, 60)
    assert drifts(here) == []
    taken_unseen(here.execution, 5.0)
    until(here, 64)

    (told,) = drifts(here)
    assert (told["verdict"], here.orchestrator.counters["cash_drifts"]) == ("acted", 1)
    assert "-5.00 that no report explains; no entries are made" in str(told["why"])
    session = here.orchestrator.session
    assert (session.state[k.TRADING], session.is_paused) == (k.HALTED, True)
    assert session.state[k.block(0, 1) + k.SIDE] == 0.0  # no entry works any more
    until(here, 120)
    n_halted = here.execution.counters["fills"]

    resume(here)
    here.run()
    assert here.execution.counters["fills"] > n_halted + 5  # and what was told is not told again
    assert len(drifts(here)) == 1
    here.close()


def test_another_drift_after_the_first_is_told_again(tmp_path: Path) -> None:
    here = started(tmp_path, live="live: {on_cash_drift: alert, cash_tolerance: 0.5}")
    until(here, 60)
    taken_unseen(here.execution, 0.4)
    until(here, 80)
    assert drifts(here) == []
    taken_unseen(here.execution, 4.6)
    until(here, 100)
    taken_unseen(here.execution, -2.0)
    here.run()

    assert [str(one["why"]).split(": ")[1].split(" ")[0] for one in drifts(here)] == ["-5.00", "-3.00"]
    assert {one["verdict"] for one in drifts(here)} == {"ignored"}
    assert here.orchestrator.session.state[k.TRADING] == k.ACTIVE
    here.close()


def test_a_restart_stands_where_it_halted(tmp_path: Path) -> None:
    here = started(tmp_path)
    until(here, 60)
    taken_unseen(here.execution, 5.0)
    until(here, 70)
    state = here.orchestrator.session.state.tobytes()
    done = here.orchestrator.session.done
    here.close()

    (again,) = make_parts(["orchestrator"], here.streams, here.live, tmp_path / "session")
    assert isinstance(again, OrchestratorDesk)
    assert again.session.done == done
    assert again.session.state.tobytes() == state
    assert again.counters["cash_drifts"] == 1
    again.close()


def test_a_difference_that_is_gone_at_the_next_bar_is_none(tmp_path: Path) -> None:
    here = started(tmp_path)
    until(here, 60)
    session, watch = here.orchestrator.session, CashWatch(Live(), mode="paper")
    cash = float(session.state[k.CASH])

    assert watch.see(session, cash + 5.0) is None  # a fill that is on its way
    assert watch.see(session, cash) is None
    assert watch.see(session, cash + 5.0) is None
    assert watch.see(session, None) is None
    assert watch.see(session, cash + 5.0) is not None
    here.close()


def test_of_a_real_account_only_changes_count(tmp_path: Path) -> None:
    here = started(tmp_path)
    until(here, 60)
    session, watch = here.orchestrator.session, CashWatch(Live(on_cash_drift="alert"), mode="live")
    cash = float(session.state[k.CASH])

    assert [watch.see(session, cash + 25_000.0) for _ in range(3)] == [None] * 3
    assert watch.see(session, cash + 24_990.0) is None
    assert watch.see(session, cash + 24_990.0) is not None
    here.close()
