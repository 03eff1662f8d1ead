"""Signal worker: the strategy's components on every closed bar, over all bars since the first, onto the signals' stream.

When several bars wait they are computed at once: what a component says of a bar does not depend on later ones.
"""

from __future__ import annotations

from sptrader.errors import StreamError
from sptrader.model.messages import BarMessage, ColumnsMessage
from sptrader.model.ports import Streams
from sptrader.orchestrator.arriving import column_messages
from sptrader.orchestrator.columns import make_columns
from sptrader.orchestrator.tail import Tail
from sptrader.runs.bar_streams import BarStreams
from sptrader.runs.leftovers import began_after
from sptrader.runs.live_setting import LiveSetting
from sptrader.runs.part import Pulse
from sptrader.runs.worker_events import worker_events
from sptrader.streams import keys
from sptrader.streams.codec import decode, encode

BATCH = 1024  # bars of which the outputs are published in one round trip
_ALL = slice(0, None)
_ENDED = 2**62  # later than all bars


class SignalWorker:
    """Computes the components of one plan. A worker that is started again goes on behind what it has published."""

    role = "worker"

    def __init__(self, streams: Streams, live: LiveSetting) -> None:
        setting = live.setting
        self._streams, self._live = streams, live
        self._tail = Tail(setting.plan, setting.facts, setting.instruments, setting.currency, None)
        self._bars = BarStreams(streams, setting.facts, buries=True)
        self._waiting: dict[str, list[BarMessage]] = {symbol: [] for symbol in setting.facts}
        self._published = _published(streams, live.plan_id, began_after(streams, live.account))
        self._is_over = False
        self._pulse = Pulse(streams, live.account, self.role)
        self.counters: dict[str, int] = {"bars": 0, "published": 0, "events": 0, "duplicates": 0, "dead": 0}

    @property
    def is_over(self) -> bool:
        """Whether the bars have ended and all of them were published."""
        return self._is_over

    def step(self, block_ms: int) -> bool:
        """Compute and publish what has closed."""
        found = self._bars.read(block_ms)
        for bar in found:
            if not self._tail.add(bar):
                self.counters["duplicates"] += 1
                continue
            self.counters["bars"] += bar.kind == "bar"
            self._waiting[bar.symbol].append(bar)
        self.counters["dead"] = self._bars.dead
        if found:
            self._publish()
        self._pulse.beat(self.counters)
        return bool(found)

    def close(self) -> None:
        """Nothing is held open."""

    def _publish(self) -> None:
        entries = []
        for symbol, bars in self._waiting.items():
            last = self._published.get(symbol, -_ENDED)
            new = [bar for bar in bars if last < _ENDED and (bar.kind == "end" or bar.time_ns > last)]
            for message in self._messages(symbol, new):
                entries.append((keys.SIGNALS, encode(message)))
                events = worker_events(message, self._live)
                entries += [(keys.SIGNALS, encode(event)) for event in events]
                self.counters["events"] += len(events)
            bars.clear()
        for at in range(0, len(entries), BATCH):
            self._streams.add_many(entries[at : at + BATCH])
        self.counters["published"] += len(entries)
        self._is_over = self._tail.has_ended

    def _messages(self, symbol: str, bars: list[BarMessage]) -> list[ColumnsMessage]:
        plan_id, setting = self._live.plan_id, self._live.setting
        real = [bar for bar in bars if bar.kind == "bar"]
        made: dict[int, ColumnsMessage] = {}
        if real and symbol in setting.plan.symbols:
            frame = self._tail.frame(symbol, _ALL)
            columns = make_columns(setting.plan, frame, setting.instruments[symbol])
            first = len(frame) - len(real)
            rows = ((first + k, bar) for k, bar in enumerate(real))
            made = {m.bar.time_ns: m for m in column_messages(plan_id, setting.plan, columns, rows)}
        plain = ((bar, made.get(bar.time_ns) if bar.kind == "bar" else None) for bar in bars)
        return [found or ColumnsMessage(plan=plan_id, bar=bar) for bar, found in plain]


def _published(streams: Streams, plan_id: str, after: str) -> dict[str, int]:
    """Up to which bar of each instrument this plan's outputs are on the stream, behind an id."""
    last: dict[str, int] = {}
    for entry in streams.history(keys.SIGNALS, after=after):
        if "columns" in entry.fields:
            try:
                message = decode(entry.fields)
            except StreamError:
                continue  # the orchestrator buries it
            if isinstance(message, ColumnsMessage) and message.plan == plan_id:
                last[message.bar.symbol] = _ENDED if message.bar.kind == "end" else message.bar.time_ns
    return last
