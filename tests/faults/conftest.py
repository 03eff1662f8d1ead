"""One program that forks parts, for all tests of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sptrader.errors import StreamError
from sptrader.streams.embedded import find_server
from tests.faults.session import FaultySession, PartServer
from tests.faults.worlds import Undisturbed, World, undisturbed


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PartServer]:
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    server = PartServer(tmp_path_factory.mktemp("parts"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Callable[[World | int], Undisturbed]:
    """What an undisturbed session leaves, of a world or of so many bars on paper."""
    known: dict[World, Undisturbed] = {}

    def of(given: World | int) -> Undisturbed:
        world = given if isinstance(given, World) else World(bars=given)
        if world not in known:
            known[world] = undisturbed(world, tmp_path_factory.mktemp("undisturbed"))
        return known[world]

    return of


@pytest.fixture
def begin(parts: PartServer, tmp_path: Path) -> Iterator[Callable[..., FaultySession]]:
    """Make sessions that end with the test."""
    made: list[FaultySession] = []

    def make(**options) -> FaultySession:
        made.append(FaultySession(parts, tmp_path / str(len(made)), **options))
        return made[-1]

    yield make
    for session in made:
        session.close()
