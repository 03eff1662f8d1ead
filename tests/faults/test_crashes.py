"""Parts killed at every step they take: what the session leaves is what an undisturbed one leaves."""

from __future__ import annotations

import pytest

from tests.faults.session import IS_LONG, assert_undisturbed
from tests.faults.worlds import ROLES

BARS = 150
STEPS = {
    "orchestrator": [
        ("made_group", 1), ("read", 3), ("in_step", 9), ("filled", 2), ("decided", 4), ("journalled", 4), ("sent", 3),
        ("unacknowledged", 3), ("acknowledged", 2), ("unpublished", 2), ("published", 2),
    ],
    "execution": [
        ("made_group", 1), ("read", 4), ("in_step", 9), ("accepted", 2), ("filled", 2), ("journalled", 4), ("sent", 3),
        ("unacknowledged", 3), ("acknowledged", 2), ("unpublished", 2), ("published", 2),
    ],
    "worker": [("unpublished", 1), ("published", 1), ("unpublished", 3), ("published", 4)],
    "feed": [("unpublished", 1), ("published", 2), ("unpublished", 3), ("published", 5)],
}  # fmt: skip


def test_a_session_without_faults_is_the_backtest(begin, expected) -> None:
    session = begin(bars=BARS, seconds=0.3)

    session.run()

    assert len(expected(BARS).tables["trades"]) >= 10
    assert not session.kills
    assert not session.stops
    assert_undisturbed(session, expected(BARS))


def test_each_part_killed_at_each_of_its_steps(begin, expected) -> None:
    session = begin(bars=BARS)

    session.run(STEPS)

    assert session.kills == {role: len(steps) for role, steps in STEPS.items()}
    assert_undisturbed(session, expected(BARS))


@pytest.mark.skipif(
    not IS_LONG, reason="SPTRADER_FAULTS=1 kills one part after the other at each step in a session by itself"
)
@pytest.mark.parametrize("role", ROLES)
def test_one_part_killed_at_one_step_early_and_late(begin, expected, role: str) -> None:
    early = [[(point, count) for point, _ in STEPS[role]] for count in (1, 7)]  # at one step after the other
    late = [[(point, 40)] for point, _ in STEPS[role]]
    for steps in early + late:
        session = begin(bars=BARS, seconds=0.5)
        session.run({role: steps})
        assert_undisturbed(session, expected(BARS))
        session.close()
