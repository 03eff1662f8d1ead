"""The journal of one session: everything of one step is written at once, before anything is acknowledged or sent.

SQLite in WAL mode. `NORMAL` survives the death of the process, `FULL` that of the machine too, at ten times the cost.
What follows from it:

    read an entry → step → transaction (inputs, decisions, orders, outbox, state, last ids) → acknowledge, send → mark sent

A process that dies before the transaction reads the entry again; one that dies after it finds what is `unsent`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Literal, cast

import msgspec

from sptrader.errors import RunError
from sptrader.model.messages import Command
from sptrader.model.orders import Fill, Order, OrderStatus, OrderUpdate
from sptrader.model.ports import Entry
from sptrader.streams.codec import Message, decode_body, encode_body, field_of
from sptrader.streams.deadletters import encode_dead_letter
from sptrader.streams.journal_reader import JournalReader, told
from sptrader.streams.journal_tables import ADOPTABLE, FIXED, SCHEMA, TABLES, Identity
from sptrader.streams.lockfile import HeldBy, lock

Synchronous = Literal["NORMAL", "FULL"]
_MOST_PAGES_BEHIND = 8_000  # 32 MB; then a transaction waits for the disk, unless `checkpoint` was called before
_PRIMARY = 0xFF  # the lower byte of an extended error code
# After these nobody knows what of a step reached the disk; after any other error SQLite has taken it back whole.
_DOUBTFUL = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN)


class Journal(JournalReader):
    """A journal opened for writing: one process, one thread at a time.

    It is made when there is none. Refused with `RunError`: a journal another process writes, another schema's, account's or
    mode's, and, unless `adopt`, that of another strategy, version or plan.
    """

    def __init__(
        self, path: str | Path, identity: Identity, *, synchronous: Synchronous = "NORMAL", adopt: bool = False
    ) -> None:
        self.path = Path(path).resolve()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._is_broken = False
        self._step: Step | None = None
        self._turn = threading.RLock()
        try:
            self._lock = lock(self.path.with_name(self.path.name + ".lock"))
        except HeldBy as holder:
            raise RunError(
                f"Journal {self.path} is being written by process {holder.pid}; one session writes a journal.",
                path=self.path,
                key="pid",
                value=holder.pid,
            ) from None
        try:
            with told(self.path, "be opened"):
                self._open(identity, synchronous, adopt)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self) -> Iterator[Step]:
        """Give the writer of one step: all that it writes is there after the block, or after an error nothing of it.

        Raises `RunError` with `is_failure` when the disk is full or fails. After a failing disk nothing can be said of the
        last step until the journal is opened anew, so until then it refuses more.
        """
        with self._turn:
            if self._is_broken:
                raise RunError(
                    f"Journal {self.path} failed while it was written; open it anew to see what is in it.",
                    path=self.path,
                    is_failure=True,
                )
            if self._connection.in_transaction:
                raise RunError(f"Journal {self.path}: a step is being written already; one step is one transaction.")
            step = self._step = Step(self._connection.execute, self.path)
            with told(self.path, "be written"):
                try:
                    self._connection.execute("BEGIN IMMEDIATE")
                    yield step
                    self._connection.execute("COMMIT")
                except BaseException as error:
                    self._roll_back(error)
                    raise
                finally:
                    step.end()

    @property
    def step(self) -> Step:
        """The step that is being written, or the last one, which refuses."""
        if self._step is None:
            raise RunError(f"Journal {self.path}: nothing is being written; begin a transaction.", is_failure=True)
        return self._step

    def checkpoint(self) -> None:
        """Bring what was committed into the main file, which waits for the disk: for a moment in which nothing is to be done."""
        with self._turn, told(self.path, "be written"):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Let go of the file and of its lock."""
        if hasattr(self, "_connection"):
            self._connection.close()
        self._lock.close()

    def _open(self, identity: Identity, synchronous: Synchronous, adopt: bool) -> None:
        self._connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        os.chmod(self.path, 0o600)  # orders and positions are nobody else's business
        run = self._connection.execute
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA synchronous = {synchronous}")
        run("PRAGMA fullfsync = ON")  # macOS: what FULL promises, its plain fsync does not do
        run(f"PRAGMA wal_autocheckpoint = {_MOST_PAGES_BEHIND}")
        run(f"PRAGMA journal_size_limit = {64 * 2**20}")
        run("PRAGMA trusted_schema = OFF")
        if run("SELECT 1 FROM sqlite_master").fetchone() is None:
            told_once = {"schema": str(SCHEMA), **asdict(identity)}
            run("BEGIN IMMEDIATE")
            for statement in TABLES.split(";\n"):
                run(statement)
            self._connection.executemany("INSERT INTO meta VALUES (?, ?)", told_once.items())
            run("COMMIT")
        self._check_schema()
        fault = run("PRAGMA quick_check(1)").fetchone()[0]
        if fault != "ok":
            raise RunError(f"Journal {self.path} is damaged: {fault}.", path=self.path, is_failure=True)
        self._check_identity(identity, adopt)

    def _check_identity(self, identity: Identity, adopt: bool) -> None:
        meta, wanted = self.meta(), asdict(identity)
        for key in FIXED:
            if meta.get(key) != wanted[key]:
                raise RunError(
                    f"Journal {self.path} is of {key} '{meta.get(key)}', the session's is '{wanted[key]}'; a journal stays with its {key}.",
                    path=self.path,
                    key=key,
                    value=meta.get(key),
                )
        changed = [key for key in ADOPTABLE if meta.get(key) != wanted[key]]
        if not changed:
            return
        if not adopt:
            said = ", ".join(f"{key} '{meta.get(key)}' and not '{wanted[key]}'" for key in changed)
            raise RunError(
                f"Journal {self.path} was made by {said}; its positions and orders are that one's. Adopt it on purpose, or start "
                "a new session.",
                path=self.path,
                key=changed[0],
                value=meta.get(changed[0]),
            )
        last = max((int(key.partition(".")[2]) for key in meta if key.startswith("adopted.")), default=0)
        before = ", ".join(f"{key} {meta.get(key)}" for key in ADOPTABLE)
        new = [(key, wanted[key]) for key in ADOPTABLE] + [(f"adopted.{last + 1}", before)]
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", new)

    def _roll_back(self, error: BaseException) -> None:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
        self._is_broken = code in _DOUBTFUL
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class Step:
    """Writes what belongs to one step, inside of `Journal.transaction`."""

    def __init__(self, run: Callable[..., sqlite3.Cursor], path: Path) -> None:
        self._run = run
        self._path = path

    def end(self) -> None:
        """Write nothing more: outside of its transaction each line would stand alone."""
        self._run = self._refuse

    def add_input(self, entry: Entry) -> int:
        """Keep an entry of one field that is acted on, move its stream's last id to it, and return its sequence number."""
        ((field, body),) = entry.fields.items()
        self.set_last_id(entry.stream, entry.id)
        cursor = self._run(
            "INSERT INTO inputs (stream, stream_id, field, body) VALUES (?, ?, ?, ?)",
            (entry.stream, entry.id, field, body),
        )
        return cursor.lastrowid or 0

    def set_last_id(self, stream: str, id: str) -> None:
        """Say that the outcome of all entries up to `id` is in the journal."""
        self._run("INSERT INTO last_ids VALUES (?, ?) ON CONFLICT DO UPDATE SET id = excluded.id", (stream, id))

    def add_decision(self, time_ns: int, symbol: str, body: bytes) -> None:
        """Keep what was concluded on the bar that opened at `time_ns`."""
        self._run("INSERT INTO decisions (time_ns, symbol, body) VALUES (?, ?, ?)", (time_ns, symbol, body))

    def put_order(
        self, order: Order, status: OrderStatus, *, at_ns: int, filled: Decimal = Decimal(0), reason: str = ""
    ) -> None:
        """Write an order and how it stands."""
        self._run(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET status = excluded.status, "
            "filled = excluded.filled, reason = excluded.reason, updated_ns = excluded.updated_ns, body = excluded.body",
            (order.client_order_id, order.symbol, status.value, str(filled), reason, at_ns, encode_body(order)),
        )

    def add_fill(self, fill: Fill) -> bool:
        """Keep an execution; False when it is known already, and nothing is written."""
        return self._is_new(
            "INSERT OR IGNORE INTO fills (fill_id, client_order_id, body) VALUES (?, ?, ?)",
            (fill.fill_id, fill.client_order_id, encode_body(fill)),
        )

    def send(
        self, stream: str, key: str, message: Message, *, status: Literal["pending", "sending"] = "pending"
    ) -> bool:
        """Put a message into the outbox; False when the stream was given this one under `key` before.

        Raises `RunError` when it was given another one under the same key.
        """
        body = encode_body(message)
        if self._is_new(
            "INSERT OR IGNORE INTO outbox (stream, key, field, body, status) VALUES (?, ?, ?, ?, ?)",
            (stream, key, field_of(message), body, status),
        ):
            return True
        before = self._run("SELECT body FROM outbox WHERE stream = ? AND key = ?", (stream, key)).fetchone()[0]
        if before != body:
            raise RunError(
                f"Journal {self._path}: '{key}' for '{stream}' was {before.decode()} before and is {body.decode()} now; a key "
                "names one message.",
                path=self._path,
                key=key,
                is_failure=True,
            )
        return False

    def put_report(self, report: Fill | OrderUpdate) -> bool:
        """Write how the order of a report stands after it, unless it has ended; False for an order that is not here."""
        order_id = report.client_order_id
        row = self._run("SELECT status, filled, body FROM orders WHERE client_order_id = ?", (order_id,)).fetchone()
        if row is None or OrderStatus(row[0]).is_final:
            return row is not None
        filled = Decimal(row[1])
        if isinstance(report, Fill):
            filled += report.quantity
            is_whole = filled >= cast(Order, decode_body("order", row[2])).quantity
            status = OrderStatus.FILLED if is_whole else OrderStatus.PARTIALLY_FILLED
        else:
            status = report.status
        self._run(
            "UPDATE orders SET status = ?, filled = ?, reason = ?, updated_ns = ? WHERE client_order_id = ?",
            (status.value, str(filled), report.reason, report.time, order_id),
        )
        return True

    def has_order(self, client_order_id: str) -> bool:
        """Whether an order is here."""
        found = self._run("SELECT 1 FROM orders WHERE client_order_id = ?", (client_order_id,)).fetchone()
        return found is not None

    def send_first(self, stream: str, key: str, make: Callable[[], Message]) -> None:
        """Put the message that `make` makes into the outbox, unless one was put there under `key` before: that stands."""
        if self._run("SELECT 1 FROM outbox WHERE stream = ? AND key = ?", (stream, key)).fetchone() is None:
            self.send(stream, key, make())

    def is_first(self, kind: str, key: str, body: bytes = b"") -> bool:
        """Put something on the shelf; False when there is something under its key, which stays."""
        return self._is_new("INSERT OR IGNORE INTO shelf VALUES (?, ?, ?)", (kind, key, body))

    def shelve(self, kind: str, key: str, body: bytes) -> None:
        """Put something on the shelf, over what was there."""
        self._run(
            "INSERT INTO shelf VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body", (kind, key, body)
        )

    def clear_shelf(self) -> None:
        """Take everything off the shelf: the inputs are folded anew."""
        self._run("DELETE FROM shelf")

    def mark_sending(self, seqs: Iterable[int]) -> None:
        """Say that these messages are going out: from now until they are `sent`, whether they arrived is unknown."""
        for seq in seqs:
            self._run("UPDATE outbox SET status = 'sending' WHERE seq = ?", (seq,))

    def mark_sent(self, seq: int, stream_id: str = "") -> None:
        """Say that a message has arrived, as entry `stream_id`."""
        self._run("UPDATE outbox SET status = 'sent', stream_id = ? WHERE seq = ?", (stream_id, seq))

    def add_command(self, command: Command) -> bool:
        """Keep what a person said; False when it is known already, and nothing is written."""
        return self._is_new(
            "INSERT OR IGNORE INTO commands (command_id, at_ns, body) VALUES (?, ?, ?)",
            (command.command_id, command.at_ns, encode_body(command)),
        )

    def put_state(self, name: str, body: bytes) -> None:
        """Write a state blob over the one before."""
        self._run("INSERT INTO state VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body", (name, body))

    def add_dead_letter(self, entry: Entry, reason: str, *, at_ns: int) -> None:
        """Keep an entry that was not understood, and move its stream's last id to it."""
        self.set_last_id(entry.stream, entry.id)
        fields = encode_dead_letter(entry, reason, at_ns=at_ns)
        self._run(
            "INSERT INTO dead_letters (stream, stream_id, reason, at_ns, fields) VALUES (?, ?, ?, ?, ?)",
            (entry.stream, entry.id, fields["reason"].decode(), at_ns, msgspec.msgpack.encode(fields)),
        )

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        self._run(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value", (name, by)
        )

    def _refuse(self, *statement: object) -> sqlite3.Cursor:
        raise RunError(f"Journal {self._path}: the transaction of this step has ended; begin another.", is_failure=True)

    def _is_new(self, statement: str, values: tuple[object, ...]) -> bool:
        return self._run(statement, values).rowcount == 1
