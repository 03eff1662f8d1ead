"""A session on paper whose broker does wrong on purpose, all in one process over streams in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import sptrader as sp
from sptrader.execution.faults import Faults
from sptrader.model.ports import Streams
from sptrader.runs.execution_desk import ExecutionDesk
from sptrader.runs.live import facts_of, make_parts, work
from sptrader.runs.live_setting import LiveSetting, make_live_setting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.order_limits import OrderLimits
from sptrader.streams.memory import MemoryStreams
from tests.busy import busy


@dataclass
class Together:
    """All parts of a session, its streams and what it trades."""

    live: LiveSetting
    streams: Streams
    folder: Path
    frames: dict[str, pd.DataFrame]
    execution: ExecutionDesk
    orchestrator: OrchestratorDesk
    feed: object
    worker: object

    def steps(self, n: int) -> None:
        """Let every part take up to `n` steps, in turn."""
        for _ in range(n):
            for part in (self.feed, self.worker, self.execution, self.orchestrator):
                part.step(0)  # type: ignore[attr-defined]

    def run(self) -> None:
        parts = [self.feed, self.worker, self.execution, self.orchestrator]
        assert work(parts, stop=threading.Event())  # type: ignore[arg-type]

    def close(self) -> None:
        self.execution.close()
        self.orchestrator.close()


def setting(
    folder: Path, n_bars: int, *, execution: str = "", live: str = ""
) -> tuple[LiveSetting, dict[str, pd.DataFrame]]:
    """Put a session of the busy strategy together, on the first bars of the sample."""
    path = folder / "busy.yaml"
    path.write_text(busy(execution=execution, live=live))
    frames = {"EURUSD": sp.sample("EURUSD", "1h").iloc[:n_bars]}
    return make_live_setting(path, facts_of(frames), cash=100_000, currency="USD"), frames


def together(
    live: LiveSetting,
    frames: dict[str, pd.DataFrame],
    folder: Path,
    *,
    faults: Faults | None = None,
    limits: OrderLimits | None = None,
    streams: Streams | None = None,
    speed: float = float("inf"),
) -> Together:
    streams = streams or MemoryStreams()
    roles = ("feed", "worker", "execution", "orchestrator")
    made = make_parts(roles, streams, live, folder, frames=frames, faults=faults, limits=limits, speed=speed)
    feed, worker, execution, orchestrator = made
    assert isinstance(execution, ExecutionDesk)
    assert isinstance(orchestrator, OrchestratorDesk)
    return Together(live, streams, folder, frames, execution, orchestrator, feed, worker)
