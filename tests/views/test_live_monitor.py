"""What a monitor sees of a real session on a real server: its bars, fills and equity, read without taking part."""

import threading
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from sptrader.data.sample import sample
from sptrader.model.messages import Event
from sptrader.model.orders import OrderStatus
from sptrader.runs.live import facts_of, live_run, make_parts, work
from sptrader.runs.live_follow import MOST_ROWS, Follower, Ring
from sptrader.runs.live_orders import LiveOrder
from sptrader.runs.live_setting import make_live_setting
from sptrader.streams import keys
from sptrader.streams.codec import encode
from sptrader.streams.embedded import EmbeddedServer
from sptrader.streams.redis import RedisStreams
from sptrader.views.guard import Guard
from sptrader.views.live_feed import LiveFeed
from sptrader.views.live_monitor import LiveMonitor, LiveTables
from sptrader.views.live_monitor_chart import LiveChart, standing
from sptrader.views.live_monitor_tables import decisions_table, fills_table, orders_table

N_BARS = 400


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    """A session that has traded all of its bars; its server lives on."""
    root = tmp_path_factory.mktemp("session")
    frames = {"EURUSD": sample("EURUSD", "1h").iloc[:N_BARS]}
    live = make_live_setting("ma_crossover", facts_of(frames), cash=100_000, currency="USD")
    with EmbeddedServer(root / "server") as server:
        streams = RedisStreams(server.url)
        parts = make_parts(["feed", "worker", "execution", "orchestrator"], streams, live, root, frames=frames)
        work(parts, stop=threading.Event())
        run = live_run(parts[-1], began_s=0.0)
        yield SimpleNamespace(url=server.url, streams=streams, run=run, bars=frames["EURUSD"], live=live)
        for part in parts:
            part.close()
        streams.close()


@pytest.fixture
def follower(traded):
    made = Follower("paper", redis_url=traded.url)
    assert made.look()
    yield made
    made.close()


def test_what_is_seen_is_what_the_session_made(traded, follower):
    seen = follower.seen

    bars = np.array(seen.bars["EURUSD"].all())
    assert (bars[:, 1:] == traded.bars[["open", "high", "low", "close"]].to_numpy()).all()
    assert (bars[:, 0] == traded.bars.index.as_unit("s").asi8).all()
    assert [f.client_order_id for f in seen.fills.all()] == list(traded.run.fills["client_order_id"])
    assert seen.equity.last[1] == traded.run.equity["equity"].iloc[-1]
    assert len(fills_table(seen)) == min(50, len(traded.run.fills))
    assert seen.signals.total == len(traded.run.signals)
    assert len(seen.columns.all()) == N_BARS


def test_every_order_has_the_end_that_the_run_s_own_table_says(traded, follower):
    shown = orders_table(follower.seen.orders.newest()).set_index("client_order_id").sort_index()
    kept = traded.run.orders.set_index("client_order_id").sort_index()

    assert list(shown.index) == list(kept.index)
    assert {"filled", "cancelled"} <= set(shown["status"])
    assert list(shown["status"]) == list(kept["status"])
    assert list(shown["placed"]) == list(kept["created_at"])
    assert [*shown["quantity"]] == [*kept["quantity"]]
    assert set(shown["order"]) == {"entry market", "stop", "target", "trail"}
    assert len(follower.seen.orders.working()) == (kept["status"] == "working").sum()
    assert orders_table([LiveOrder("a", "EURUSD")])["why"].tolist() == [""]  # nothing is said of one that works
    assert set(shown.loc[shown["status"] == "cancelled", "why"]) == {
        "its sibling was filled or the position was closed"
    }


def test_what_is_filled_of_an_order_stands_beside_its_status():
    part = LiveOrder("a", "EURUSD", "entry", "buy", "limit", Decimal(10), Decimal(4), status=OrderStatus.CANCELLED)

    row = orders_table([part]).iloc[0]

    assert (row["order"], row["quantity"], row["status"]) == ("entry limit", 10.0, "cancelled, 4 filled")


def test_an_order_that_was_refused_says_why():
    collar = LiveOrder("a", "EURUSD", status=OrderStatus.REJECTED, why="price_collar")
    words = LiveOrder("b", "EURUSD", status=OrderStatus.REJECTED, why="no_money at all")

    assert orders_table([collar, words])["why"].tolist() == [
        "price_collar: the order's price was too far from the last price",
        "no_money at all",
    ]


def test_looking_again_finds_nothing_twice(follower):
    before = [(ring.total) for ring in (follower.seen.fills, follower.seen.signals, follower.seen.notes)]

    follower.look()

    assert [ring.total for ring in (follower.seen.fills, follower.seen.signals, follower.seen.notes)] == before


def test_reading_leaves_no_trace_on_the_server(traded):
    names = traded.streams.keys("*")
    pending = traded.streams.pending("orchestrator:paper", keys.SIGNALS)

    follower = Follower("paper", redis_url=traded.url)
    follower.look()
    follower.close()

    assert traded.streams.keys("*") == names
    assert traded.streams.pending("orchestrator:paper", keys.SIGNALS) == pending


def test_signals_of_others_are_counted_and_kept_bounded(traded, follower):
    before = follower.seen.signals.total
    event = Event(timestamp=1, signal_name="x", signal_type="y", strength=0.5, metadata={"symbol": "EURUSD"})

    traded.streams.add_many([(keys.SIGNALS, encode(event))] * 1500)
    follower.look()

    assert follower.seen.signals.total == before + 1500
    assert len(follower.seen.signals.all()) == MOST_ROWS
    assert follower.seen.signals.last.source == "elsewhere"
    assert follower.signals_a_second() > 100


def test_a_ring_tells_what_is_new_and_forgets_the_oldest():
    ring = Ring(3)
    for number in range(5):
        ring.add(number)

    assert ring.all() == [2, 3, 4]
    assert ring.since(4) == [4]
    assert ring.since(0) == [2, 3, 4]
    assert ring.since(5) == []


def test_a_server_that_goes_and_comes_back_is_found_again(tmp_path):
    server = EmbeddedServer(tmp_path / "server")
    url = server.url
    follower = Follower("paper", redis_url=url)
    assert follower.look()

    server.stop()
    assert not follower.look()
    assert not follower.is_connected
    assert "cannot be reached" in follower.problem

    server = EmbeddedServer(tmp_path / "server")
    wait_for(follower.look)
    assert follower.problem == ""
    follower.close()
    server.stop()


def test_a_session_that_is_not_there_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_SESSIONS", str(tmp_path))
    follower = Follower("demo")

    assert not follower.look()

    assert "no session of account 'demo'" in follower.problem
    assert standing(follower)["light"] == "off"


class Sent(LiveChart):
    """A chart that keeps what it would send to its views."""

    def __init__(self):
        self.sent = []
        super().__init__()

    def send(self, content, buffers=None):
        self.sent.append((content, [np.frombuffer(b) for b in buffers]))


def test_a_chart_sends_all_then_what_is_new_and_all_again_when_asked(traded, follower):
    chart = Sent()
    chart.show(follower)
    content, (bars, marks, equity) = chart.sent[-1]
    assert content["k"] == "all"
    assert len(bars) == 5 * N_BARS
    assert len(marks) == 6 * len(traded.run.fills)
    assert equity[-1] == traded.run.equity["equity"].iloc[-1]

    chart.show(follower)
    assert len(chart.sent) == 1  # nothing is new

    chart._heard(chart, {"k": "hello"}, [])
    chart.show(follower)
    content, (again, _, _) = chart.sent[-1]
    assert (content["k"], content["seq"]) == ("all", 2)
    assert (again == bars).all()


def test_the_light_says_that_the_bars_have_ended(follower):
    told = standing(follower)

    assert told["light"] == "off"
    assert told["text"] == "paper: ma_crossover on EURUSD 1h, its bars have ended"


def test_decisions_are_those_of_the_session(traded, follower):
    table = decisions_table(follower.seen)

    ordered = traded.run.decisions[traded.run.decisions["outcome"] == "ordered"]
    assert list(table["time"][table["outcome"] == "ordered"]) == list(ordered["time"][::-1])


def test_a_monitor_shows_the_session_from_its_own_thread(traded):
    monitor = LiveMonitor(traded.url)
    wait_for(lambda: monitor._tables._all[3].view.table["rows"])

    assert monitor._tables._all[3].view.table["total"] == min(50, len(traded.run.fills))
    assert monitor._guard.view.value == ""
    monitor.close()
    assert not monitor._feed._thread.is_alive()


def test_tables_are_sent_only_when_they_have_changed(follower):
    tables = LiveTables()
    tables.look(follower)
    sent = []
    tables._all[0].view.observe(lambda change: sent.append(change), names="table")
    tables._next_s = 0.0

    tables.look(follower)

    assert sent == []


def test_a_listener_that_fails_is_shown_and_the_feed_goes_on(follower):
    guard, looked = Guard(), threading.Event()
    feed = LiveFeed(guard, follower)
    feed.every(lambda _: 1 / 0)
    feed.every(lambda _: looked.set())
    feed.start()

    assert looked.wait(10)
    assert "ZeroDivisionError" in guard.view.value
    feed.close()


def wait_for(happened, seconds=20):
    pause = threading.Event()
    for _ in range(seconds * 20):
        if happened():
            return
        pause.wait(0.05)
    raise AssertionError("it did not happen")
