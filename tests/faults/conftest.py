"""One program that forks parts, for all tests of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sptrader.errors import StreamError
from sptrader.streams.embedded import find_server
from tests.faults.session import FaultySession, PartServer, expected_tables


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
def expected(parts: PartServer) -> Callable[[int], dict]:
    known: dict[int, dict] = {}

    def of(bars: int) -> dict:
        if bars not in known:
            known[bars] = expected_tables(parts.strategy, bars)
        return known[bars]

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
