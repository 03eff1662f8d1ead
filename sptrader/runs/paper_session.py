"""Paper session: paper trading over recorded bars, held at any bar, with signals of other programs between them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from sptrader.clock import LiveClock
from sptrader.data.load import cut
from sptrader.errors import RunError
from sptrader.model.ids import PAPER
from sptrader.model.messages import Event
from sptrader.model.period import TimeLike, period_ns, time_text
from sptrader.runs.feed import BATCH, ReplayFeed
from sptrader.runs.live import connected, facts_of, live_run, make_parts
from sptrader.runs.live_setting import make_live_setting
from sptrader.runs.orchestrator_desk import JOURNAL, OrchestratorDesk
from sptrader.runs.part import Part
from sptrader.runs.prepare import Bars, prepare
from sptrader.runs.run import Run
from sptrader.runs.snapshot import snapshot
from sptrader.runs.trials import data_of
from sptrader.strategy.strategy import Strategy
from sptrader.streams import keys
from sptrader.streams.codec import encode
from sptrader.streams.journal_reader import JournalReader


class PaperSession:
    """A session of feed, signal worker, execution and orchestrator over a private stream server, moved on by its user.

    `advance(time)` publishes the bars that open up to a time (UTC) and lets the parts trade them; without a time, all that
    are left, and the end. `publish` sends a signal as any other program may, after the bars so far. `run` is what was traded,
    `snapshot` how it stands. Without signals the run is that of `sp.backtest`. A `with` statement, or `close`, ends the
    server; the session's files are then gone.
    """

    def __init__(
        self,
        strategy: Strategy | str | Path,
        bars: Bars = None,
        *,
        params: Mapping[str, object] | None = None,
        cash: float | None = None,
        currency: str | None = None,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
    ) -> None:
        """Start the server and the parts; the arguments are those of `sp.backtest`."""
        self._began_s = LiveClock().elapsed_s()
        self._ready = ready = prepare(strategy, bars, params=params, cash=cash, currency=currency, start=start, end=end)
        frames = {symbol: cut(frame, None, ready.end_ns) for symbol, frame in ready.frames.items()}
        self._setting = make_live_setting(
            ready.strategy,
            facts_of(frames),
            symbols=ready.plan.symbols,
            params=dict(ready.plan.parameters),
            cash=ready.cash,
            currency=ready.currency,
            start=None if ready.start_ns is None else time_text(ready.start_ns),
            account=PAPER,
        )
        self._open = ExitStack()
        try:
            self._folder = folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="paper-")))
            self._streams, self.url = self._open.enter_context(connected(None, folder))
            self._feed = _HeldFeed(self._streams, frames)
            parts = make_parts(("worker", "execution", "orchestrator"), self._streams, self._setting, folder)
            for part in parts:
                self._open.callback(part.close)
        except BaseException:
            self._open.close()
            raise
        self._parts: tuple[Part, ...] = (self._feed, *parts)
        self._desk = next(part for part in parts if isinstance(part, OrchestratorDesk))

    def advance(self, until: TimeLike | None = None) -> Self:
        """Trade the bars that open up to `until`, a bare date being its whole day; all that are left without."""
        self._feed.hold_after(period_ns(None, until)[1])
        self._settle()
        return self

    def publish(
        self, signal_name: str, signal_type: str, *, symbol: str | None = None, strength: float = 1.0, **outputs: float
    ) -> dict[str, Any]:
        """Publish a signal on the server's stream, dated at the close of the last bar; return what became of it.

        `symbol` is the strategy's first without. The answer has the `bar` it fell on, `verdict` (`acted`, `ignored` or
        `refused`), `why`, and the `action` that was decided.
        """
        last_ns = self._desk.session.last_ns
        if last_ns is None:
            raise RunError("no bar has been traded yet; a signal is dated by the last one.", key="signal")
        event = Event(
            timestamp=last_ns + self._desk.session.timeframe_ns,
            signal_name=signal_name,
            signal_type=signal_type,
            strength=strength,
            metadata={"symbol": symbol or self._ready.plan.symbols[0], **outputs},
        )
        self._streams.add(keys.SIGNALS, encode(event))
        self._settle()
        answers = [note for note in self._desk.recent if note.get("what") == f"{signal_name} {signal_type}"]
        answer = dict(answers[-1]) if answers else {"verdict": "ignored", "why": "it was not understood, or came twice"}
        answer.pop("time_ns", None)
        return {"bar": time_text(last_ns)[:16], **answer}

    @property
    def run(self) -> Run:
        """What was traded so far; a strategy with `close_at_end` is closed out by asking. Raises `RunError` before the first bar."""
        if self._desk.session.last_ns is None:
            raise RunError("no bar has been traded yet.", key="bars")
        end = "" if self._ready.end_ns is None else time_text(self._ready.end_ns)
        ready = self._ready
        return live_run(self._desk, began_s=self._began_s, end=end, warnings=ready.notes, trials_of=data_of(ready))

    @property
    def snapshot(self) -> dict[str, Any]:
        """How the session stands, as its server shows it to viewers: account, positions, working entries, limits, counters."""
        desk, at_ns = self._desk, LiveClock().now_ns()
        return snapshot(desk.session, desk.live, dict(desk.counters), desk.recent, at_ns=at_ns)

    @property
    def journal(self) -> pd.DataFrame:
        """The decisions, and the answers to signals, as the orchestrator's journal on disk holds them, oldest first."""
        with JournalReader(self._folder / JOURNAL) as journal:
            rows = [(pd.Timestamp(one.time_ns, tz="UTC"), json.loads(one.body)) for one in journal.decisions()]
        return pd.DataFrame([{"bar": bar, **body} for bar, body in rows])

    def close(self) -> None:
        """End the parts and the server."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _settle(self) -> None:
        """Let the parts work until every published bar is booked and none has anything to do."""
        while True:
            worked = [part.step(0) for part in self._parts]
            if not any(worked) and self._desk.session.done >= self._feed.n_published:
                return


class _HeldFeed(ReplayFeed):
    """A feed that publishes no bar that opens after a time."""

    n_published = 0

    def hold_after(self, time_ns: int | None) -> None:
        """Publish up to `time_ns`, all bars without."""
        known = self._times
        self._until = len(known) if time_ns is None else int((known <= time_ns).sum())

    def step(self, block_ms: int) -> bool:
        """Publish what is due."""
        worked = super().step(block_ms)
        self.n_published = self._at
        return worked

    def _due(self) -> int:
        return max(self._at, min(self._until, self._at + BATCH))
