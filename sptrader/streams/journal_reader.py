"""Reading a session's journal, also while the session writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, cast
from urllib.parse import quote

import msgspec

from sptrader.errors import RunError
from sptrader.model.messages import Command
from sptrader.model.orders import Fill, Order, OrderStatus
from sptrader.model.ports import Entry
from sptrader.streams.codec import decode_body
from sptrader.streams.deadletters import DeadLetter, decode_dead_letter
from sptrader.streams.journal_tables import SCHEMA

_PAGE = 1_000  # rows read at once where there may be many


class Input(NamedTuple):
    """An entry that was acted on, as it came."""

    seq: int
    entry: Entry


class Outgoing(NamedTuple):
    """What is to be sent: `fields` to `stream`, known there by `key`; `status` is pending, sending or sent."""

    seq: int
    stream: str
    key: str
    fields: dict[str, bytes]
    status: str
    stream_id: str


class JournalledOrder(NamedTuple):
    """An order and how it stands."""

    order: Order
    status: OrderStatus
    filled: Decimal
    reason: str
    updated_ns: int


class JournalledDecision(NamedTuple):
    """What was concluded on one bar for one instrument; `body` is the orchestrator's own."""

    seq: int
    time_ns: int
    symbol: str
    body: bytes


class JournalReader:
    """A journal opened for reading only; the session may write it at the same time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()
        if not self.path.is_file():
            raise RunError(f"{self.path} is no journal: there is no such file.", path=self.path)
        with told(self.path, "be read"):
            self._connection = sqlite3.connect(
                f"file:{quote(str(self.path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
            )
            try:
                self._check_schema()
            except BaseException:
                self._connection.close()
                raise

    def meta(self) -> dict[str, str]:
        """Return what the journal is and for whom."""
        return dict(self._rows("SELECT key, value FROM meta"))

    def last_ids(self) -> dict[str, str]:
        """Return per stream the last entry whose outcome is in the journal."""
        return dict(self._rows("SELECT stream, id FROM last_ids"))

    def state(self, name: str) -> bytes | None:
        """Return a state blob; None before it was first written."""
        row = next(iter(self._rows("SELECT body FROM state WHERE name = ?", name)), None)
        return None if row is None else cast(bytes, row[0])

    def states(self, prefix: str) -> dict[str, bytes]:
        """Return the state blobs whose names begin with `prefix`, by name."""
        return dict(self._rows("SELECT name, body FROM state WHERE substr(name, 1, ?) = ?", len(prefix), prefix))

    def inputs(self, *, after: int = 0) -> list[Input]:
        """Return the entries that were acted on, in that order, from behind the sequence number `after`."""
        rows = self._rows("SELECT seq, stream, stream_id, field, body FROM inputs WHERE seq > ? ORDER BY seq", after)
        return [Input(seq, Entry(stream, id, {field: body})) for seq, stream, id, field, body in rows]

    def each_input(self) -> Iterator[Input]:
        """Return the entries that were acted on, in that order, without holding all of them."""
        query = "SELECT seq, stream, stream_id, field, body FROM inputs WHERE seq > ? ORDER BY seq LIMIT ?"
        after = 0
        while rows := self._rows(query, after, _PAGE):
            for after, stream, id, field, body in rows:
                yield Input(after, Entry(stream, id, {field: body}))

    def symbol_of(self, client_order_id: str) -> str | None:
        """Return the symbol of an order; None when it is not in the journal."""
        rows = self._rows("SELECT symbol FROM orders WHERE client_order_id = ?", client_order_id)
        return None if not rows else str(rows[0][0])

    def shelved(self, kind: str, key: str) -> bytes | None:
        """Return what lies on the shelf; None where nothing does."""
        rows = self._rows("SELECT body FROM shelf WHERE kind = ? AND key = ?", kind, key)
        return None if not rows else cast(bytes, rows[0][0])

    def each_shelved(self, kind: str) -> Iterator[bytes]:
        """Return all of a kind that lies on the shelf, by its keys, without holding all of it."""
        query, after = "SELECT key, body FROM shelf WHERE kind = ? AND key > ? ORDER BY key LIMIT ?", ""
        while rows := self._rows(query, kind, after, _PAGE):
            yield from (body for _, body in rows)
            after = rows[-1][0]

    def unsent(self, *, after: int = 0) -> list[Outgoing]:
        """Return what is pending, or was being sent when the process ended, in the order of its making, from behind a sequence
        number."""
        return self._outbox("WHERE status <> 'sent' AND seq > ? ORDER BY seq", after)

    def last_sent(self, *, most: int = 10_000) -> list[Outgoing]:
        """Return the last messages that have arrived, the newest first."""
        return self._outbox("WHERE status = 'sent' AND stream_id <> '' ORDER BY seq DESC LIMIT ?", most)

    def outbox(self) -> list[Outgoing]:
        """Return all that was ever to be sent."""
        return self._outbox("ORDER BY seq")

    def order(self, client_order_id: str) -> JournalledOrder | None:
        """Return an order and how it stands; None when it is not in the journal."""
        return next(iter(self._orders("WHERE client_order_id = ?", client_order_id)), None)

    def orders(self) -> list[JournalledOrder]:
        """Return all orders, in the order of their making."""
        return self._orders("ORDER BY rowid")

    def fills(self, *, after: int = 0) -> list[Fill]:
        """Return all executions as they were booked, or those behind a sequence number."""
        rows = self._rows("SELECT body FROM fills WHERE seq > ? ORDER BY seq", after)
        return [cast(Fill, decode_body("report", body)) for (body,) in rows]

    def fill(self, fill_id: str) -> Fill | None:
        """Return an execution by its id; None when it was not booked."""
        rows = self._rows("SELECT body FROM fills WHERE fill_id = ?", fill_id)
        return next((cast(Fill, decode_body("report", body)) for (body,) in rows), None)

    def decisions(self, *, after: int = 0) -> list[JournalledDecision]:
        """Return what was concluded, from behind the sequence number `after`."""
        rows = self._rows("SELECT seq, time_ns, symbol, body FROM decisions WHERE seq > ? ORDER BY seq", after)
        return [JournalledDecision(*row) for row in rows]

    def commands(self) -> list[Command]:
        """Return what people said."""
        return [
            cast(Command, decode_body("command", body))
            for (body,) in self._rows("SELECT body FROM commands ORDER BY seq")
        ]

    def dead_letters(self) -> list[DeadLetter]:
        """Return what was not understood."""
        rows = self._rows("SELECT fields FROM dead_letters ORDER BY seq")
        return [decode_dead_letter(msgspec.msgpack.decode(fields, type=dict[str, bytes])) for (fields,) in rows]

    def counters(self) -> dict[str, int]:
        """Return the counters by name."""
        return dict(self._rows("SELECT name, value FROM counters"))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, query: str, *values: object) -> list[Any]:
        with told(self.path, "be read"):
            return self._connection.execute(query, values).fetchall()

    def _outbox(self, rest: str, *values: object) -> list[Outgoing]:
        rows = self._rows(f"SELECT seq, stream, key, field, body, status, stream_id FROM outbox {rest}", *values)
        return [Outgoing(seq, stream, key, {field: body}, *state) for seq, stream, key, field, body, *state in rows]

    def _orders(self, rest: str, *values: object) -> list[JournalledOrder]:
        rows = self._rows(f"SELECT body, status, filled, reason, updated_ns FROM orders {rest}", *values)
        return [
            JournalledOrder(cast(Order, decode_body("order", body)), OrderStatus(status), Decimal(filled), reason, ns)
            for body, status, filled, reason, ns in rows
        ]

    def _check_schema(self) -> None:
        has_meta = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
        schema = (
            self._connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() if has_meta else None
        )
        if schema is None:
            raise RunError(f"{self.path} is a database, and no journal.", path=self.path)
        if schema[0] != str(SCHEMA):
            raise RunError(
                f"{self.path} is a journal of schema {schema[0]}; this program reads and writes schema {SCHEMA}. Finish its session "
                "with the program that made it.",
                path=self.path,
                key="schema",
                value=schema[0],
            )


@contextmanager
def told(path: Path, what: str) -> Iterator[None]:
    """Say an error of the database as `RunError`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", "")
        raise RunError(
            f"Journal {path} could not {what}: {error} ({code}).", path=path, value=code, is_failure=True
        ) from error
