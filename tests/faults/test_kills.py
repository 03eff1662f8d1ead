"""Parts and server killed at random instants, in every kind of session: what it leaves is what an undisturbed one leaves.

Twenty kills of a session on bars here and five of each other kind; with SPTRADER_FAULTS=1 two hundred, and sixty of each other
kind. Each is counted where the process that was killed was living until then.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.faults.session import IS_LONG, FaultySession, assert_at_exchange, assert_undisturbed
from tests.faults.worlds import ROLES, World

VICTIMS = (*ROLES, "server")
N_KILLS = 200 if IS_LONG else 20
N_KILLS_ELSEWHERE = 60 if IS_LONG else 5
A_SESSION = 20  # kills in one session at most


class RandomKills:
    """So many kills while a session goes on: who and when is by chance of `seed`, and no victim is hit while it is down."""

    def __init__(self, n: int, seconds: float, seed: int) -> None:
        chance = random.Random(seed)
        instants = sorted(chance.uniform(0.0, 0.9 * seconds) for _ in range(n))
        self.due = [(at, chance.choice(VICTIMS)) for at in instants]

    def __call__(self, session: FaultySession, passed: float) -> None:
        while self.due and self.due[0][0] <= passed:
            victim = self.due[0][1]
            if victim == "server":
                session.restart_server(kill=True)
            elif not session.kill(victim):
                return  # it is just being started again
            self.due.pop(0)


def killed(begin, expected, world: World, n: int, seed: int) -> Counter[str]:
    """Kill `n` living processes in a session, judge what it left, and return who was hit how often."""
    seconds = 0.3 + 0.12 * n
    session = begin(world=world, seconds=seconds)
    kills = RandomKills(n, seconds, seed)

    session.run(meanwhile=kills, most_s=300.0)

    assert not kills.due, f"seed {seed}"
    assert session.kills.total() == n, f"seed {seed}: {session.kills}"
    if (
        world.kind != "forgetful"
    ):  # what is unknown there waits for its proof, and the session does other things meanwhile
        assert_undisturbed(session, expected(world), has_lost="has lost" in session.said())
    if world.is_at_exchange:
        assert_at_exchange(session)
    session.close()
    return session.kills


def test_killed_at_random_instants_on_bars(begin, expected) -> None:
    hit: Counter[str] = Counter()
    for seed in range(N_KILLS // A_SESSION):
        hit += killed(begin, expected, World(bars=150), A_SESSION, seed)

    assert hit.total() == N_KILLS
    assert set(hit) == set(VICTIMS)


@pytest.mark.parametrize("kind", ["faulty", "quotes", "broker", "forgetful"])
@pytest.mark.parametrize("seed", range(-(-N_KILLS_ELSEWHERE // A_SESSION)))
def test_killed_at_random_instants_elsewhere(begin, expected, kind: str, seed: int) -> None:
    n = min(N_KILLS_ELSEWHERE, A_SESSION)
    killed(begin, expected, World(kind, bars=60 if kind == "quotes" else 100, seed=seed), n, seed)  # type: ignore[arg-type]
