"""What does not belong on a stream is kept with its reason and counted; the session goes on as if it had not been."""

from __future__ import annotations

import random
import threading
from decimal import Decimal
from pathlib import Path

import msgspec
import pandas as pd
import pytest

import sptrader as sp
from sptrader.kernel import state as k
from sptrader.model.bars import times_ns
from sptrader.model.ids import PAPER
from sptrader.model.messages import BarMessage, ColumnsMessage, Command, SignalValue
from sptrader.model.orders import Cancel, Decided, Fill, Matched, Order, OrderStatus, OrderUpdate
from sptrader.runs.live import facts_of, live_run, make_parts, work
from sptrader.runs.live_setting import LiveSetting, make_live_setting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.paper_session import _HeldFeed
from sptrader.runs.worker_events import is_of_worker, worker_events
from sptrader.streams import keys
from sptrader.streams.codec import decode, encode
from sptrader.streams.deadletters import decode_dead_letter
from sptrader.streams.journal_reader import JournalReader
from sptrader.streams.memory import MemoryServer, MemoryStreams
from tests.busy import busy
from tests.faults.worlds import World, undisturbed

BARS = 120
ROLES = ["feed", "worker", "execution", "orchestrator"]
FUTURE_NS = 4_000_000_000 * 10**9
FILL = Fill(
    fill_id="x:0", client_order_id="x", symbol="EURUSD", side="buy", quantity=Decimal(1000), price=Decimal("1.05"), fee=0.0,
    time=0, leg="entry", reason="signal", is_closing=False,
)  # fmt: skip
ORDER = Order(
    client_order_id="x", symbol="GBPUSD", side="buy", quantity=Decimal(1000), type="market", time_in_force="gtc",
    leg="entry", reason="signal", time_ns=0, created_at=0,
)  # fmt: skip
UPDATE = OrderUpdate(
    update_id="x:rejected", client_order_id="x", symbol="EURUSD", status=OrderStatus.REJECTED, reason="", time=0
)
BAR = BarMessage(symbol="EURUSD", timeframe="1h", time_ns=0, open=1.0, high=1.0, low=1.0, close=1.0)
NOT_JSON = [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 5000, b'"' + b"x" * 70_000 + b'"', b'{"timestamp": 1}']
HOSTILE = {
    keys.SIGNALS: [
        *({"signal": body} for body in NOT_JSON),
        {"": b""}, {"signal": b"{}", "columns": b"{}"}, {"sygnal": b"{}"}, {"price_update": b'{"EURUSD": -1}'},
        {"signal": b'{"timestamp": 1, "signal_name": "cross", "signal_type": "golden_cross", "strength": 7, "metadata": '
                   b'{"symbol": "EURUSD"}}'},
        {"columns": b'{"message": "columns", "version": 99, "plan": "p"}'},
        {"signal": b'{"timestamp": 1' + b"0" * 400 + b', "signal_name": "cross", "signal_type": "golden_cross", '
                   b'"strength": 1, "metadata": {"symbol": "EURUSD"}}'},
        {"signal": b'{"timestamp": 1, "signal_name": "cross", "signal_type": "golden_cross", "strength": 1, '
                   b'"metadata": {"symbol": "EURUSD", "gap": 1' + b"0" * 400 + b"}}"},
        encode(FILL), encode(BAR), encode(ORDER), encode(Matched(time_ns=0)),
    ],
    keys.fills(PAPER): [
        *({"report": body} for body in NOT_JSON),
        encode(FILL), encode(UPDATE), encode(ORDER), encode(Decided(time_ns=0)),
        encode(msgspec.structs.replace(FILL, symbol="GBPUSD", fill_id="y")),
    ],
    keys.orders(PAPER): [
        *({"order": body} for body in NOT_JSON), encode(FILL), encode(BAR), {"order": b'{"message": "order"}'},
    ],
    keys.bars("EURUSD", "1h"): [
        *({"bar": body} for body in NOT_JSON), encode(FILL), encode(msgspec.structs.replace(BAR, symbol="GBPUSD")),
        encode(msgspec.structs.replace(BAR, timeframe="1m")),
    ],
    keys.control(PAPER): [
        *({"command": body} for body in NOT_JSON), {"command": b'{"message": "command", "command": "rob"}'}, encode(FILL),
    ],
}  # fmt: skip


@pytest.fixture
def live(tmp_path: Path) -> LiveSetting:
    path = tmp_path / "busy.yaml"
    path.write_text(busy())
    return make_live_setting(path, facts_of(frames()), cash=100_000, currency="USD", max_age_s=7200)


def frames(bars: int = BARS) -> dict[str, pd.DataFrame]:
    return {"EURUSD": sp.sample("EURUSD", "1h").iloc[:bars]}


@pytest.fixture
def session_of(live):
    """Make the parts of a session of so many bars; they are closed with the test."""
    made = []

    def make(server: MemoryServer, folder: Path, bars: int = BARS):
        made.extend(found := make_parts(ROLES, MemoryStreams(server), live, folder, frames=frames(bars)))
        return found

    yield make
    for part in made:
        part.close()


@pytest.fixture
def at_the_end_of(session_of):
    """Make a session that has booked so many bars and waits for what comes."""

    def make(bars: int, server: MemoryServer, folder: Path) -> OrchestratorDesk:
        parts = session_of(server, folder, bars)
        for _ in range(3 * bars):
            for part in parts:
                part.step(0)
        desk = parts[-1]
        assert desk.session.done == bars
        return desk

    return make


def assert_as_undisturbed(desk, folder: Path) -> None:
    run = live_run(desk, began_s=0.0)
    tables = undisturbed(World(bars=BARS), folder).tables
    for name, table in tables.items():
        pd.testing.assert_frame_equal(getattr(run, name), table, check_exact=True)
    assert len(tables) == 6


def test_hostile_messages_change_nothing_and_are_kept_with_their_reason(session_of, tmp_path: Path) -> None:
    server = MemoryServer()
    streams = MemoryStreams(server)
    chance = random.Random(5)
    waiting = [(stream, fields) for stream, all_ in HOSTILE.items() for fields in all_]
    chance.shuffle(waiting)
    for one in [
        one for one in waiting if one[0].startswith("bars")
    ]:  # which the worker reads no longer than to their end
        streams.add(*one)
        waiting.remove(one)

    def disturb() -> None:
        for _ in range(min(2, len(waiting))):
            streams.add(*waiting.pop())

    parts = session_of(server, tmp_path / "run")
    disturb()
    assert work(parts, stop=threading.Event(), progress=disturb) or not waiting
    while waiting:
        disturb()
    work(parts, stop=threading.Event())
    desk = parts[-1]

    assert_as_undisturbed(desk, tmp_path)
    counted = desk.counters
    assert counted["dead"] == len(HOSTILE[keys.SIGNALS])
    assert counted["dead_elsewhere"] == len(HOSTILE[keys.fills(PAPER)]) + len(HOSTILE[keys.control(PAPER)])
    assert counted["read"] == counted["acted"] + counted["ignored"] + counted["refused"] + counted["dead"]
    assert parts[2].counters["dead"] == len(HOSTILE[keys.orders(PAPER)])
    for stream, all_ in HOSTILE.items():
        letters = [decode_dead_letter(entry.fields) for entry in streams.history(keys.deadletter(stream))]
        assert len(letters) == len(all_)
        assert all(letter.reason.strip() for letter in letters)
        assert {tuple(letter.entry.fields) for letter in letters} == {tuple(fields) for fields in all_}
    for part in parts:
        part.close()
    with JournalReader(tmp_path / "run" / "session.sqlite") as journal:
        assert len(journal.dead_letters()) == counted["dead"] + counted["dead_elsewhere"]


def test_a_session_that_met_hostile_messages_can_be_started_again(session_of, tmp_path: Path) -> None:
    server = MemoryServer()
    streams = MemoryStreams(server)
    parts = session_of(server, tmp_path / "run")
    for stream, all_ in HOSTILE.items():
        for fields in all_:
            streams.add(stream, fields)
    for part in parts:
        part.step(0)
        part.step(0)
    counted = dict(parts[-1].counters)
    for part in parts:
        part.close()
    n_buried = streams.length(keys.deadletter(keys.bars("EURUSD", "1h")))
    assert n_buried == len(HOSTILE[keys.bars("EURUSD", "1h")])

    again = session_of(server, tmp_path / "run")
    assert dict(again[-1].counters) == counted
    work(again, stop=threading.Event())

    assert streams.length(keys.deadletter(keys.bars("EURUSD", "1h"))) == n_buried  # read again, buried once
    assert_as_undisturbed(again[-1], tmp_path)


def test_duplicates_of_everything_change_nothing(session_of, tmp_path: Path) -> None:
    server = MemoryServer()
    streams = MemoryStreams(server)
    parts = session_of(server, tmp_path / "run")
    after = dict.fromkeys((keys.SIGNALS, keys.fills(PAPER), keys.orders(PAPER), keys.bars("EURUSD", "1h")), "0")

    def again() -> None:
        for name, last in after.items():
            new = streams.history(name, after=last)[:3]
            for entry in new:
                after[name] = streams.add(name, entry.fields)

    work(parts, stop=threading.Event(), progress=again)

    assert_as_undisturbed(parts[-1], tmp_path)


def test_bars_that_were_never_and_bars_already_decided_do_not_move_the_session(session_of, tmp_path: Path) -> None:
    server = MemoryServer()
    streams = MemoryStreams(server)
    parts = session_of(server, tmp_path / "run")

    def lie() -> None:
        streams.add(keys.fills(PAPER), encode(Matched(time_ns=FUTURE_NS)))
        streams.add(keys.fills(PAPER), encode(Matched(time_ns=parts[-1].session.last_ns or 0)))
        streams.add(keys.orders(PAPER), encode(Decided(time_ns=FUTURE_NS)))
        streams.add(keys.orders(PAPER), encode(ORDER))
        streams.add(
            keys.orders(PAPER),
            encode(Cancel(client_order_id="x", symbol="EURUSD", reason="", time_ns=0, created_at=0)),
        )

    rounds = iter(range(60))
    work(parts, stop=threading.Event(), progress=lambda: lie() if next(rounds, None) is not None else None)

    assert_as_undisturbed(parts[-1], tmp_path)


def test_outputs_of_another_plan_and_prices_are_passed_over(session_of, tmp_path: Path) -> None:
    server = MemoryServer()
    streams = MemoryStreams(server)
    streams.add(keys.SIGNALS, encode(ColumnsMessage(plan="another", bar=BAR)))
    streams.add(keys.SIGNALS, {"price_update": b'{"EURUSD": 1.05}'})
    parts = session_of(server, tmp_path / "run")

    work(parts, stop=threading.Event())

    assert parts[-1].counters["ignored"] >= 2
    assert_as_undisturbed(parts[-1], tmp_path)


def event(time_ns: int, type_: str = "golden_cross", symbol: str = "EURUSD", name: str = "cross") -> dict[str, bytes]:
    """The original's message, as redis-cli sends it."""
    return {
        "signal": msgspec.json.encode(
            {
                "timestamp": time_ns,
                "signal_name": name,
                "signal_type": type_,
                "strength": 0.5,
                "metadata": {"symbol": symbol},
            }
        )
    }


def bars_with(live: LiveSetting, *, is_held: bool) -> int:
    """A number of bars after which a position is held for some more, or nothing is held and nothing works."""
    run = sp.backtest(live.strategy, frames()["EURUSD"], cash=100_000, currency="USD")
    times, trades = run.equity["time"], run.trades
    for n in range(40, BARS - 3):
        begin, end = times.iloc[n - 4 if not is_held else n - 1], times.iloc[n + 1]
        if is_held and ((trades["entry_time"] <= begin) & (trades["exit_time"] > end)).any():
            return n
        is_empty = not ((trades["entry_time"] <= end) & (trades["exit_time"] >= begin)).any()
        if not is_held and is_empty and not run.orders["created_at"].between(begin, end).any():
            return n
    raise AssertionError("there are no such bars")


def test_an_event_of_another_program_leads_to_an_order_and_its_repetition_to_none(
    live, at_the_end_of, tmp_path: Path
) -> None:
    server = MemoryServer()
    desk = at_the_end_of(bars_with(live, is_held=False), server, tmp_path / "run")
    streams, counted = MemoryStreams(server), dict(desk.counters)
    before = streams.length(keys.orders(PAPER))
    closed_ns = desk.session.last_ns + desk.session.timeframe_ns

    streams.add(keys.SIGNALS, event(closed_ns))
    streams.add(keys.SIGNALS, event(closed_ns))
    streams.add(keys.SIGNALS, event(closed_ns, symbol="GBPUSD"))
    streams.add(keys.SIGNALS, event(closed_ns, name="moon"))
    streams.add(keys.SIGNALS, event(closed_ns, type_="never_heard_of"))
    desk.step(0)

    assert desk.counters["acted"] == counted["acted"] + 1
    assert desk.counters["ignored"] == counted["ignored"] + 4
    assert streams.length(keys.orders(PAPER)) == before + 1


def test_only_the_workers_own_events_are_passed_over(live, at_the_end_of, tmp_path: Path) -> None:
    server = MemoryServer()
    desk = at_the_end_of(bars_with(live, is_held=False), server, tmp_path / "run")
    streams, counted = MemoryStreams(server), dict(desk.counters)
    closed_ns = desk.session.last_ns + desk.session.timeframe_ns
    told = [decode(entry.fields) for entry in streams.history(keys.SIGNALS) if "signal" in entry.fields]
    assert counted["passed_over"] == len(told) > 0
    assert all(is_of_worker(one) for one in told)

    # what a worker said, once more, and of another account's session
    last = told[-1]
    streams.add(keys.SIGNALS, encode(last))
    bar = BarMessage(symbol="EURUSD", timeframe="1h", time_ns=closed_ns, open=1.0, high=1.0, low=1.0, close=1.0)
    columns = ColumnsMessage(plan="p", bar=bar, signals={"cross": SignalValue(type="golden_cross", strength=1.0)})
    other = make_live_setting(live.strategy, facts_of(frames()), cash=100_000, currency="USD", account="other")
    streams.add(keys.SIGNALS, encode(worker_events(columns, other)[0]))
    desk.step(0)
    assert desk.counters["passed_over"] == counted["passed_over"] + 2
    assert desk.counters["ignored"] == counted["ignored"] + 2

    # another program's, which uses the word, or the mark of another event
    for metadata in ({"source": "worker"}, {**last.metadata}):
        body = msgspec.structs.replace(
            last, timestamp=closed_ns, signal_type="golden_cross", metadata={"symbol": "EURUSD", **metadata}
        )
        streams.add(keys.SIGNALS, encode(body))
    desk.step(0)
    assert desk.counters["passed_over"] == counted["passed_over"] + 2
    assert desk.counters["acted"] == counted["acted"] + 1  # the second one finds an entry at work
    assert desk.counters["read"] == sum(desk.counters[name] for name in ("acted", "ignored", "refused", "dead"))


def test_a_stale_or_future_event_enters_nothing(live, at_the_end_of, tmp_path: Path) -> None:
    server = MemoryServer()
    desk = at_the_end_of(bars_with(live, is_held=False), server, tmp_path / "run")
    streams, counted = MemoryStreams(server), dict(desk.counters)
    before = streams.length(keys.orders(PAPER))
    closed_ns = desk.session.last_ns + desk.session.timeframe_ns

    streams.add(keys.SIGNALS, event(closed_ns - 7201 * 10**9))
    streams.add(keys.SIGNALS, event(closed_ns + 7201 * 10**9))
    desk.step(0)

    assert desk.counters["refused"] == counted["refused"] + 2
    assert streams.length(keys.orders(PAPER)) == before


def test_a_stale_event_still_closes_a_position(live, at_the_end_of, tmp_path: Path) -> None:
    server = MemoryServer()
    desk = at_the_end_of(bars_with(live, is_held=True), server, tmp_path / "run")
    streams = MemoryStreams(server)
    before = streams.length(keys.orders(PAPER))

    is_long = desk.session.state[k.block(0, 1) + k.QUANTITY] > 0.0
    streams.add(keys.SIGNALS, event(desk.session.last_ns - 7201 * 10**9, "death_cross" if is_long else "golden_cross"))
    desk.step(0)

    assert streams.length(keys.orders(PAPER)) == before + 1
    assert b'"leg":"exit"' in streams.history(keys.orders(PAPER))[-1].fields["order"]


def test_commands_are_kept_and_hold_after_a_restart(live, at_the_end_of, tmp_path: Path) -> None:
    server = MemoryServer()
    n = bars_with(live, is_held=False)
    desk = at_the_end_of(n, server, tmp_path / "run")
    streams = MemoryStreams(server)
    told = [("c0", "set_limit", "max_positions", 3.0), ("c1", "pause", "", None), ("c1", "pause", "", None)]
    for id, word, name, value in told:
        streams.add(
            keys.control(PAPER), encode(Command(command_id=id, command=word, by="ann", at_ns=0, name=name, value=value))
        )
    desk.step(0)
    state = desk.session.state.tobytes()
    desk.close()

    again = OrchestratorDesk(MemoryStreams(server), live, tmp_path / "run")
    assert again.session.is_paused
    assert again.session.state.tobytes() == state
    before = streams.length(keys.orders(PAPER))
    streams.add(keys.SIGNALS, event(again.session.last_ns + again.session.timeframe_ns))
    again.step(0)
    assert streams.length(keys.orders(PAPER)) == before
    again.close()
    with JournalReader(tmp_path / "run" / "session.sqlite") as journal:
        assert [command.command for command in journal.commands()] == ["set_limit", "pause"]


def test_an_event_enters_nothing_before_the_broker_was_asked(live, tmp_path: Path) -> None:
    server, bars = MemoryServer(), bars_with(live, is_held=False)
    streams = MemoryStreams(server)
    feed = _HeldFeed(streams, frames())
    feed.hold_after(int(times_ns(frames()["EURUSD"])[bars - 1]))
    parts = [feed, *make_parts(ROLES[1:], streams, live, tmp_path / "run")]
    while any(part.step(0) for part in parts):
        pass
    last = parts[-1].session
    assert last.done == bars
    for part in parts:
        part.close()
    streams.add(keys.SIGNALS, event(last.last_ns + last.timeframe_ns))
    before = streams.length(keys.orders(PAPER))

    desk = OrchestratorDesk(MemoryStreams(server), live, tmp_path / "run")
    desk.step(0)

    assert desk.is_waiting
    assert [entry.fields for entry in streams.history(keys.orders(PAPER))[before:] if "order" in entry.fields] == []
    assert desk.counters["refused"] == parts[-1].counters["refused"] + 1
    desk.close()
