"""The journal: a step is in it whole or not at all, whatever ends the process."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from sptrader.errors import RunError
from sptrader.model.messages import Command
from sptrader.model.orders import Decided, Fill, Order, OrderStatus
from sptrader.model.ports import Entry
from sptrader.streams.journal import Journal
from sptrader.streams.journal_reader import JournalReader
from sptrader.streams.journal_tables import Identity

PROJECT = Path(__file__).parents[2]
IDENTITY = Identity(account="paper-1", mode="paper", strategy="ma", version="1.0.0", plan="abc")
ENTRY = Entry("signals:live", "5-0", {"signal": b"{}"})
ORDER = Order(
    client_order_id="o1",
    symbol="EURUSD",
    side="buy",
    quantity=Decimal("20000"),
    type="market",
    time_in_force="gtc",
    leg="entry",
    reason="golden_cross",
    time_ns=1,
    created_at=2,
)
FILL = Fill(
    fill_id="f1",
    client_order_id="o1",
    symbol="EURUSD",
    side="buy",
    quantity=Decimal("20000"),
    price=Decimal("1.10000"),
    fee=0.1,
    time=3,
    leg="entry",
    reason="entry_signal",
    is_closing=False,
)

# Steps without end: step n writes n into every table; each is told only after it was committed.
WRITER = """
import sys
from sptrader.streams.journal import Journal
from sptrader.streams.journal_tables import Identity
from sptrader.model.orders import Decided
from sptrader.model.ports import Entry
journal = Journal(sys.argv[1], Identity("paper-1", "paper", "ma", "1.0.0", "abc"), synchronous=sys.argv[2])
n = int(journal.state("session") or b"0")
print("ready", flush=True)
while True:
    n += 1
    with journal.transaction() as step:
        step.add_input(Entry("signals:live", f"{n}-0", {"signal": b"x" * 200}))
        step.add_decision(n, "EURUSD", b"y" * 100)
        step.send("orders:paper-1", str(n), Decided(time_ns=n))
        step.count("read")
        step.put_state("session", str(n).encode())
    print(n, flush=True)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path):
    with Journal(path, IDENTITY) as journal:
        yield journal


def write(journal, n, size=0):
    with journal.transaction() as step:
        step.add_input(Entry("signals:live", f"{n}-0", {"signal": b"x" * size}))
        step.send("orders:paper-1", str(n), Decided(time_ns=n))
        step.count("read")
        step.put_state("session", str(n).encode())


def assert_consistent(journal, n):
    """Check that exactly the steps 1 to n are in every table."""
    assert [int(found.entry.id.split("-")[0]) for found in journal.inputs()] == list(range(1, n + 1))
    assert [int(found.key) for found in journal.outbox()] == list(range(1, n + 1))
    assert journal.counters() == ({"read": n} if n else {})
    assert journal.state("session") == (str(n).encode() if n else None)
    assert journal.last_ids() == ({"signals:live": f"{n}-0"} if n else {})


def test_what_one_step_writes_is_read_back(journal):
    command = Command(command_id="c1", command="pause", by="me", at_ns=4)
    with journal.transaction() as step:
        assert step.add_input(ENTRY) == 1
        step.add_decision(1, "EURUSD", b"why")
        step.put_order(ORDER, OrderStatus.SUBMITTED, at_ns=2)
        step.add_fill(FILL)
        step.send("orders:paper-1", "o1", ORDER)
        step.add_command(command)
        step.put_state("session", b"\x00\xff")
        step.add_dead_letter(Entry("control:a", "6-0", {"x": b"\xff"}), "not JSON", at_ns=7)
        step.count("read", 2)

    assert [found.entry for found in journal.inputs()] == [ENTRY]
    assert journal.last_ids() == {"signals:live": "5-0", "control:a": "6-0"}
    assert journal.decisions() == [(1, 1, "EURUSD", b"why")]
    assert journal.orders() == [(ORDER, OrderStatus.SUBMITTED, Decimal(0), "", 2)]
    assert journal.fills() == [FILL]
    assert [(sent.stream, sent.key, sent.status) for sent in journal.unsent()] == [("orders:paper-1", "o1", "pending")]
    assert list(journal.unsent()[0].fields) == ["order"]
    assert journal.commands() == [command]
    assert journal.state("session") == b"\x00\xff"
    assert journal.dead_letters()[0].entry == Entry("control:a", "6-0", {"x": b"\xff"})
    assert journal.dead_letters()[0].reason == "not JSON"
    assert journal.counters() == {"read": 2}


def test_an_order_stands_as_it_was_written_last(journal):
    amended = msgspec.structs.replace(ORDER, quantity=Decimal("10000"))
    with journal.transaction() as step:
        step.put_order(ORDER, OrderStatus.SUBMITTED, at_ns=2)
    with journal.transaction() as step:
        step.put_order(amended, OrderStatus.PARTIALLY_FILLED, at_ns=3, filled=Decimal("0.10"), reason="entry_signal")

    found = journal.order("o1")
    assert found == (amended, OrderStatus.PARTIALLY_FILLED, Decimal("0.1"), "entry_signal", 3)
    assert str(found.filled) == "0.10"
    assert journal.order("o2") is None


def test_a_repeated_fill_command_or_message_is_written_once(journal):
    command = Command(command_id="c1", command="kill", by="me", at_ns=4)
    with journal.transaction() as step:
        first = (step.add_fill(FILL), step.add_command(command), step.send("orders:a", "o1", ORDER))
    with journal.transaction() as step:
        again = (step.add_fill(FILL), step.add_command(command), step.send("orders:a", "o1", ORDER))
        elsewhere = step.send("orders:b", "o1", ORDER)

    assert (first, again, elsewhere) == ((True, True, True), (False, False, False), True)
    assert (len(journal.fills()), len(journal.commands()), len(journal.outbox())) == (1, 1, 2)
    assert journal.fill("f1") == FILL
    assert journal.fill("f2") is None


def test_another_message_under_the_same_key_is_refused(journal):
    with journal.transaction() as step:
        step.send("orders:a", "o1", ORDER)

    def send_another():
        with journal.transaction() as step:
            step.count("read")
            step.send("orders:a", "o1", msgspec.structs.replace(ORDER, side="sell"))

    with pytest.raises(RunError, match="a key names one message"):
        send_another()

    assert journal.counters() == {}


def test_the_outbox_keeps_what_may_not_have_arrived(path):
    with Journal(path, IDENTITY) as journal:
        with journal.transaction() as step:
            for n in range(1, 5):
                step.send("orders:a", str(n), Decided(time_ns=n))
        with journal.transaction() as step:
            step.mark_sending([1, 2])
        with journal.transaction() as step:
            step.mark_sent(1, "9-0")

    with Journal(path, IDENTITY) as journal:
        assert [(sent.key, sent.status) for sent in journal.unsent()] == [
            ("2", "sending"),
            ("3", "pending"),
            ("4", "pending"),
        ]
        assert journal.outbox()[0].stream_id == "9-0"


def test_an_error_in_a_step_leaves_nothing_of_it(journal):
    write(journal, 1)

    def fail():
        with journal.transaction() as step:
            step.put_state("session", b"2")
            step.send("orders:paper-1", "2", Decided(time_ns=2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert_consistent(journal, 1)
    write(journal, 2)
    assert_consistent(journal, 2)


def test_a_step_ends_with_its_transaction(journal):
    with journal.transaction() as step:
        step.count("read")

    with pytest.raises(RunError, match="has ended"):
        step.count("read")
    assert journal.counters() == {"read": 1}


def test_a_step_within_a_step_is_refused_and_the_outer_goes_on(journal):
    with journal.transaction() as step:
        with pytest.raises(RunError, match="being written already"):
            write(journal, 1)
        step.count("read")

    assert journal.counters() == {"read": 1}


def test_a_second_writer_is_refused_with_the_firsts_process(path, journal):
    with pytest.raises(RunError, match=f"process {os.getpid()}"):
        Journal(path, IDENTITY)
    child = subprocess.run(
        [sys.executable, "-c", WRITER, str(path), "NORMAL"], capture_output=True, text=True, cwd=PROJECT, check=False
    )

    assert f"written by process {os.getpid()}" in child.stderr
    write(journal, 1)


def test_a_closed_journal_is_free(path):
    for n in (1, 2):
        with Journal(path, IDENTITY) as journal:
            write(journal, n)

    with JournalReader(path) as reader:
        assert_consistent(reader, 2)


def test_readers_see_whole_steps_while_it_is_written(path, journal):
    write(journal, 1)
    with JournalReader(path) as reader, journal.transaction() as step:
        step.count("read")
        assert_consistent(reader, 1)
    with JournalReader(path) as reader:
        assert reader.counters() == {"read": 2}
        assert reader.meta()["account"] == "paper-1"


def test_a_reader_cannot_write(path, journal):
    with JournalReader(path) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM meta")


@pytest.mark.parametrize("key", ["strategy", "version", "plan"])
def test_another_strategys_journal_is_adopted_only_on_purpose(path, key):
    Journal(path, IDENTITY).close()
    other = replace(IDENTITY, **{key: "other"})
    with pytest.raises(RunError, match=f"made by {key} '{getattr(IDENTITY, key)}' and not 'other'.*Adopt"):
        Journal(path, other)
    with Journal(path, other, adopt=True) as journal:
        assert journal.meta()[key] == "other"
        assert journal.meta()["adopted.1"] == "strategy ma, version 1.0.0, plan abc"
    Journal(path, other).close()


@pytest.mark.parametrize("key", ["account", "mode"])
def test_another_accounts_journal_is_never_opened(path, key):
    Journal(path, IDENTITY).close()
    with pytest.raises(RunError, match=f"is of {key}"):
        Journal(path, replace(IDENTITY, **{key: "other"}), adopt=True)


def test_another_schema_is_refused(path):
    Journal(path, IDENTITY).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    database.close()
    for opened in (lambda: Journal(path, IDENTITY, adopt=True), lambda: JournalReader(path)):
        with pytest.raises(RunError, match="schema 99"):
            opened()


def test_what_is_no_journal_is_refused(path, tmp_path):
    path.write_bytes(b"no database at all" * 100)
    for opened in (lambda: Journal(path, IDENTITY), lambda: JournalReader(path)):
        with pytest.raises(RunError, match="not a database"):
            opened()
    with sqlite3.connect(tmp_path / "other.db") as database:
        database.execute("CREATE TABLE x (y)")
    database.close()
    with pytest.raises(RunError, match="no journal"):
        Journal(tmp_path / "other.db", IDENTITY)
    with pytest.raises(RunError, match="no such file"):
        JournalReader(tmp_path / "none.db")


def test_a_damaged_journal_is_refused(path):
    with Journal(path, IDENTITY) as journal:
        for n in range(1, 300):
            write(journal, n, size=500)
    whole = path.read_bytes()
    path.write_bytes(whole[:20_000] + bytes(20_000) + whole[40_000:])

    with pytest.raises(RunError):
        Journal(path, IDENTITY)


def test_what_was_brought_into_the_main_file_is_written_over_in_the_wal(path, journal):
    wal = path.with_name(path.name + "-wal")
    for n in range(1, 61):
        write(journal, n, size=3_000)
        if n % 10 == 0:
            journal.checkpoint()
    kept = wal.stat().st_size
    for n in range(61, 121):
        write(journal, n, size=3_000)

    assert_consistent(journal, 120)
    assert wal.stat().st_size > 2 * kept  # sixty steps without it need several times the room of ten


def test_only_the_owner_may_read_it(path, journal):
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("synchronous", "expected"), [("NORMAL", 1), ("FULL", 2)])
def test_the_disk_is_waited_for_as_asked(path, synchronous, expected):
    with Journal(path, IDENTITY, synchronous=synchronous) as journal:
        assert journal._connection.execute("PRAGMA synchronous").fetchone()[0] == expected
        assert journal._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_full_disk_leaves_whole_steps_and_goes_on_when_there_is_room(path, journal):
    limit = journal._connection.execute("PRAGMA page_count").fetchone()[0] + 20
    journal._connection.execute(f"PRAGMA max_page_count = {limit}")
    n = 0
    with pytest.raises(RunError, match="full") as full:  # noqa: PT012 - the step at which it is full is not known before
        while n < 1_000:
            write(journal, n + 1, size=3_000)
            n += 1

    assert full.value.is_failure
    assert 3 <= n < 1_000
    assert_consistent(journal, n)
    journal._connection.execute("PRAGMA max_page_count = 100000")
    write(journal, n + 1, size=3_000)
    assert_consistent(journal, n + 1)


LIMITED = """
import resource, signal, sys
from sptrader.errors import RunError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
source = sys.stdin.read().replace("print(n, flush=True)", "committed = n")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
scope = {}
try:
    exec(source, scope)
except RunError as error:
    first = error
try:
    with scope["journal"].transaction() as step:
        step.count("read")
except RunError as error:
    print(scope["committed"], first.is_failure, "open it anew" in str(error))
"""


def test_a_failing_disk_stops_the_journal_with_whole_steps(path):
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), "NORMAL"],
        input=WRITER,
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=True,
    )
    committed, *said = child.stdout.split()[1:]

    assert said == ["True", "True"]
    assert int(committed) > 10
    with Journal(path, IDENTITY) as journal:
        assert_consistent(journal, int(committed))
        write(journal, int(committed) + 1)


@pytest.mark.parametrize("synchronous", ["NORMAL", "FULL"])
def test_killed_at_any_instant_whole_steps_are_there(path, synchronous):
    rounds = 100 if os.environ.get("SPTRADER_FAULTS") else 4
    chance = random.Random(7)
    done = 0
    for _ in range(rounds):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), synchronous], stdout=subprocess.PIPE, text=True, cwd=PROJECT
        )
        assert child.stdout.readline() == "ready\n"
        threading.Timer(chance.uniform(0.0, 0.05), child.send_signal, [signal.SIGKILL]).start()
        told = child.stdout.read().split("\n")
        child.wait()
        child.stdout.close()
        told_last = max((int(line) for line in told[:-1]), default=done)
        with JournalReader(path) as reader:
            done = int(reader.state("session") or b"0")
            assert_consistent(reader, done)
        assert done >= told_last
    assert done > 0
