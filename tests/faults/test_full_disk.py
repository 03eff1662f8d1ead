"""A disk that is full, a real file system: parts say so and stop, nothing is traded, and all goes on once there is room."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sptrader.model.ids import PAPER
from sptrader.streams import keys
from sptrader.streams.redis import RedisStreams
from tests.faults.session import FaultySession, assert_undisturbed

BARS = 150


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a file system can be mounted by root only")
    place = tmp_path / "0"  # where the first session goes
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> None:
    """Leave no byte free."""
    with (place / "filler").open("wb", buffering=0) as file:
        for size in (65_536, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue  # no room for so many


def n_traded(session: FaultySession) -> int:
    """How much stands on the streams of orders and fills."""
    streams = RedisStreams(session.server.url)
    try:
        return streams.length(keys.orders(PAPER)) + streams.length(keys.fills(PAPER))
    finally:
        streams.close()


def test_a_full_disk_stops_trading_and_it_goes_on_once_there_is_room(
    begin, expected, disk: Path, tmp_path: Path
) -> None:
    session = begin(bars=BARS, seconds=2.0, server_folder=tmp_path / "server")
    traded: list[int] = []

    def meanwhile(session: FaultySession, passed: float) -> None:
        if passed > 0.6 and not (disk / "filler").exists() and not traded:
            fill(disk)
        elif not traded and session.stops["orchestrator"] > 2:
            traded.append(n_traded(session))  # execution has done what it was told before
        elif len(traded) == 1 and session.stops["orchestrator"] > 6:
            traded.append(n_traded(session))
            (disk / "filler").unlink()

    session.run(meanwhile=meanwhile)

    assert not session.kills
    assert len(traded) == 2
    assert traded[0] == traded[1] > 0
    assert "orchestrator: RunError: Journal" in session.said()
    assert "Traceback" not in session.said()
    assert_undisturbed(session, expected(BARS))
