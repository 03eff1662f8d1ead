"""A live stream as the page's source: a session that runs elsewhere is watched, its bars so far are backtested, a server's traded."""

import threading
from pathlib import Path

import pytest

from sptrader.data.sample import sample
from sptrader.runs.feed import ReplayFeed
from sptrader.runs.live_process import SessionRequest, start_session
from sptrader.runs.watching import watched_session
from sptrader.streams.embedded import EmbeddedServer
from sptrader.streams.redis import RedisStreams
from sptrader.views.orchestrator import Orchestrator


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPTRADER_SESSIONS", str(tmp_path_factory.mktemp("known")))
        patch.delenv("REDIS_URL", raising=False)
        made = Orchestrator("ma_crossover", runs=tmp_path_factory.mktemp("page") / "runs")
        settle(made)
        yield made
        if made._live.session.is_alive:
            made._live.session.stop()
        made.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with EmbeddedServer(tmp_path_factory.mktemp("server")) as found:
        streams = RedisStreams(found.url)
        ReplayFeed(streams, {"EURUSD": sample("EURUSD", "1h").iloc[:600]}).step(0)
        yield found.url
        streams.close()


def settle(page):
    for _ in range(6):
        page._desk.wait()


def wait_for(happened, seconds=60):
    pause = threading.Event()
    for _ in range(seconds * 10):
        if happened():
            return
        pause.wait(0.1)
    raise AssertionError("it did not happen")


def choose(page, place):
    data = page._setup.data
    data._source.value = "stream"
    settle(page)
    data.stream._place.value = place
    settle(page)
    return data


def looked_again(page):
    stream = page._setup.data.stream
    stream.view.children[-1].click()
    settle(page)
    return [value for _, value in stream._place.options]


def test_an_address_is_asked_for_and_a_password_not_taken(page):
    data = choose(page, "other")
    assert "the address of the stream server is missing" in data._badge.value

    data.stream._url.value = "redis://me:secret@localhost:1/0"
    settle(page)
    assert "belongs in REDIS_URL" in data._badge.value


def test_a_server_that_does_not_answer_is_told_beside_the_choice(page):
    data = choose(page, "other")
    data.stream._url.value = "redis://127.0.0.1:1/0"
    settle(page)

    assert "sp-problem" in data._badge.value
    assert page._guard.view.value == ""


def test_a_server_s_bars_are_shown_with_age_and_badge_and_backtested(page, server):
    data = choose(page, "other")
    data.stream._url.value = server
    settle(page)
    assert "EURUSD 1h: last entry" in data._badge.value
    assert "512 1h bars of EURUSD" in data._badge.value

    page._setup.runner._start.click()
    wait_for(lambda: page.run is not None)
    settle(page)

    assert page._guard.view.value == ""
    assert len(page.run.bars["EURUSD"]) == 512


def test_a_paper_session_trades_the_server_s_stream(page, server):
    data = choose(page, "other")
    data.stream._url.value = server
    page._header._modes["paper"].click()
    page._header._yes.click()
    settle(page)
    controls = page._live.controls
    assert controls._pace.layout.display == "none"

    controls._start.click()
    settle(page)
    wait_for(lambda: page._live.session.follower and page._live.session.follower.seen.snapshot.get("n_bars") == 512)

    assert page._live.session.request.is_following
    page._live.session.stop()
    wait_for(lambda: not page._live.session.is_alive)
    wait_for(lambda: page._live.session.process is None)


def test_a_session_started_elsewhere_is_watched_and_told(page, tmp_path_factory):
    request = SessionRequest("ma_crossover", "paper", "elsewhere", symbols=("EURUSD",), speed="100000")
    other = start_session(request, tmp_path_factory.mktemp("other"))
    (other.folder / "request.json").unlink()  # as one that was started in a terminal
    data = page._setup.data
    wait_for(lambda: str(other.folder) in looked_again(page))
    choose(page, str(other.folder))
    wait_for(lambda: looked_again(page) and "the session began" in data._badge.value)
    assert page._live.controls._start.description == "Watch this session"

    page._live.controls._start.click()
    settle(page)
    wait_for(lambda: page._live.session.follower.seen.snapshot.get("last_ns"))
    page._live.controls._buttons["pause"].click()
    settle(page)
    assert "pause: acted" in page._live.controls._said.value

    again = Orchestrator("ma_crossover", runs=page._runs)  # as after a restart of the kernel
    settle(again)
    wait_for(lambda: again._live.session.follower and again._live.session.follower.seen.snapshot.get("is_paused"))
    assert (again._header.mode, again._live.session.is_foreign) == ("paper", True)
    assert again._live.session.process.folder == other.folder
    assert "on account <b>elsewhere</b> runs, started" in again._live.controls._told.value
    assert not again._header._stop.disabled
    again.close()

    page._live.session.stop()
    wait_for(lambda: "is over" in page._live.controls._told.value)
    assert page._guard.view.value == ""
    assert watched_session(page._runs) is None
    assert list((page._runs / ".sessions").glob("watched.json")) == []


BROKER = """
class Broker:
    def __init__(self, account): self.account = account
"""


def test_live_needs_no_server_named_where_one_was_chosen(page, server, tmp_path, monkeypatch):
    info = tmp_path / "made-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sptrader.brokers]\nmade = made_for_page:Broker\n")
    (tmp_path / "made_for_page.py").write_text(BROKER)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = (Path(__file__).parents[2] / "strategies" / "ma_crossover.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(
        text.replace("live: {mode: paper, broker: paper}", "live: {mode: live, broker: made, account: mine}")
    )
    page._setup.data._source.value = "own"
    page._desk.do(page._setup._read, str(path))
    settle(page)
    live = page._header._modes["live"]
    assert live.disabled
    assert "choose one as the source of data, or name it in REDIS_URL" in live.tooltip

    choose(page, "other").stream._url.value = server
    settle(page)
    assert not live.disabled

    page._setup.data._source.value = "own"
    settle(page)
    assert live.disabled
