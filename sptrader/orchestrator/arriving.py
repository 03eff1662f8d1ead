"""Arriving: the outputs of a strategy's components as they come, bar by bar, as the columns that rules read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from sptrader.errors import StreamError
from sptrader.model.instrument import Instrument
from sptrader.model.messages import BarMessage, ColumnsMessage, SignalValue
from sptrader.orchestrator.columns import Columns, indicator_columns, market_columns, signal_columns
from sptrader.orchestrator.pile import Pile, Place
from sptrader.strategy.expressions import SignalColumns
from sptrader.strategy.plan import Plan

NO_EVENT = -1.0


class Arriving:
    """The outputs so far, of all instruments. Their names are those of the first message; another set is an error.

    Outputs that were released lie in files of `place`; without one they are gone.
    """

    def __init__(self, instruments: Mapping[str, Instrument], place: Place | None = None) -> None:
        self._place = place
        self._instruments = instruments
        self._indicators: tuple[str, ...] = ()
        self._signals: dict[str, tuple[str, ...]] = {}
        self._types: dict[str, list[str]] = {}
        self._rows: dict[str, Pile[np.float64]] = {}

    def check(self, message: ColumnsMessage) -> None:
        """Raise `StreamError` for outputs of other names than those before."""
        if not self._rows:
            return
        outputs = {name: set(found.outputs) for name, found in message.signals.items()}
        if set(self._indicators) != set(message.indicators) or outputs != {n: set(o) for n, o in self._signals.items()}:
            raise StreamError(
                f"the outputs on a bar of {message.bar.symbol} were {', '.join((*message.indicators, *outputs))}; those "
                f"before were {', '.join((*self._indicators, *self._signals))}.",
                key="columns",
                value=message.bar.symbol,
            )

    def add(self, message: ColumnsMessage) -> None:
        """Take one bar's outputs, which came with the bar itself. Raises as `check`."""
        if not self._rows:
            self._indicators = tuple(message.indicators)
            self._signals = {name: tuple(found.outputs) for name, found in message.signals.items()}
            self._types = {name: [] for name in message.signals}
        self.check(message)
        values = [_number(message.indicators[name]) for name in self._indicators]
        for name in self._signals:
            values += self._signal(name, message.signals[name])
        if message.bar.symbol not in self._rows:
            self._rows[message.bar.symbol] = Pile(len(values), np.float64, self._place)
        self._rows[message.bar.symbol].append(values)

    def release(self, before: Mapping[str, int]) -> None:
        """Let the outputs on the bars before these rows leave memory, by symbol."""
        for symbol, held in self._rows.items():
            held.release(before.get(symbol, 0))

    def close(self) -> None:
        """Let go of the files."""
        for held in self._rows.values():
            held.close()

    def _signal(self, name: str, found: SignalValue) -> list[float]:
        code = NO_EVENT if found.type is None else float(self.code(name, found.type))
        return [code, _number(found.strength), *(_number(found.outputs[output]) for output in self._signals[name])]

    def code(self, signal: str, type_: str) -> int:
        """Return the number of an event's type, a new one where it has not been seen."""
        types = self._types[signal]
        if type_ not in types:
            types.append(type_)
        return types.index(type_)

    @property
    def signals(self) -> tuple[str, ...]:
        """The names of the signals."""
        return tuple(self._signals)

    def columns(self, symbol: str, frame: pd.DataFrame, rows: slice) -> Columns:
        """Return the columns of an instrument's bars `rows`, whose frame is `frame`, as `columns.make_columns` makes them."""
        columns = market_columns(frame, self._instruments[symbol])
        width = len(self._indicators) + sum(2 + len(outputs) for outputs in self._signals.values())
        held = self._rows.get(symbol)
        values = np.empty((0, width)) if held is None else held.part(rows.start, rows.stop)
        for k, name in enumerate(self._indicators):
            columns[name] = np.ascontiguousarray(values[:, k])
        k = len(self._indicators)
        for name, outputs in self._signals.items():
            columns[name] = SignalColumns(
                tuple(self._types[name]),
                values[:, k].astype(np.int8),
                np.ascontiguousarray(values[:, k + 1]),
                {output: np.ascontiguousarray(values[:, k + 2 + j]) for j, output in enumerate(outputs)},
            )
            k += 2 + len(outputs)
        return columns


def column_messages(
    plan_id: str, plan: Plan, columns: Columns, bars: Iterable[tuple[int, BarMessage]]
) -> Iterator[ColumnsMessage]:
    """Make the message of each of `bars`, which stand at these rows of `columns`."""
    indicators = indicator_columns(columns, plan)
    signals = signal_columns(columns)
    for row, bar in bars:
        yield ColumnsMessage(
            plan=plan_id,
            bar=bar,
            indicators={name: _told(values[row]) for name, values in indicators.items()},
            signals={name: _event(found, row) for name, found in signals.items()},
        )


def _event(found: SignalColumns, row: int) -> SignalValue:
    code = int(found.codes[row])
    return SignalValue(
        type=None if code < 0 else str(found.types[code]),
        strength=_told(found.strength[row]),
        outputs={name: _told(values[row]) for name, values in found.outputs.items()},
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _told(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
