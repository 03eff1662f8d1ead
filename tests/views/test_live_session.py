"""A paper session from the page, in a real process on a real server: started, watched, told, stopped, found again, ended."""

import threading
from types import SimpleNamespace

import pytest

from sptrader.errors import RunError
from sptrader.plots.flow import Flow
from sptrader.runs.jobs import BarsChoice, JobRequest
from sptrader.runs.live_follow import Heard, Ring, Seen
from sptrader.runs.live_process import SessionRequest, command
from sptrader.strategy.loader import load_strategy
from sptrader.views.live_session import LiveSession, not_available
from sptrader.views.live_session_tabs import bars_behind, live_flow
from sptrader.views.orchestrator import Orchestrator


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPTRADER_SESSIONS", str(tmp_path_factory.mktemp("known")))
        patch.delenv("REDIS_URL", raising=False)
        yield tmp_path_factory.mktemp("page") / "runs"


@pytest.fixture(scope="module")
def page(runs):
    made = Orchestrator("ma_crossover", runs=runs)
    settle(made)
    yield made
    if made._live.session.is_alive:
        made._live.session.stop()
    made.close()


def settle(page):
    """Wait until the desk has done what it was given and what that gave it."""
    for _ in range(4):
        page._desk.wait()


def wait_for(happened, seconds=30):
    pause = threading.Event()
    for _ in range(seconds * 20):
        if happened():
            return
        pause.wait(0.05)
    raise AssertionError("it did not happen")


def told(page):
    follower = page._live.session.follower
    return {} if follower is None else follower.seen.snapshot


def press(page, text):
    page._live.controls._buttons[text].click()
    settle(page)


def test_paper_is_offered_and_live_says_what_it_needs(page):
    assert not page._header._modes["paper"].disabled
    assert page._header._modes["live"].disabled
    assert "live.broker is 'paper'" in page._header._modes["live"].tooltip


def test_a_paper_session_trades_in_a_process_of_its_own_and_fills_the_tabs(page):
    page._header._modes["paper"].click()
    page._header._yes.click()
    page._live.controls._pace.value = "200"
    page._live.controls._start.click()
    settle(page)
    wait_for(lambda: told(page).get("n_fills", 0) > 0)
    for name in page._live.tabs:
        page._choice.value = name
        settle(page)
        page._live.tabs[name].look(page._live.session.follower)

    assert page._guard.view.value == ""
    assert "sp-light on" in page._header._light.value
    assert page._stored["Orders"].layout.display == "none"
    assert page._live.tabs["Orders"]._fills.view.table["total"] > 0
    history = page._live.tabs["Orders"]._history.view.table
    assert {"filled", "cancelled"} <= {row[history["columns"].index("status")] for row in history["rows"]}
    assert page._live.tabs["Signals"]._events.view.table["total"] > 0
    assert {row[0] for row in page._live.tabs["System"]._beats.view.table["rows"]} == {
        "worker",
        "execution",
        "orchestrator",
    }
    assert "n/a" not in page._live.tabs["Risk"]._uses.value
    assert page._live.tabs["Risk"]._instruments.view.table["rows"][0][0] == "EURUSD"
    assert page._live.tabs["Risk"]._currencies.view.table["rows"][0][0] == "EUR"


def test_only_one_session_runs_at_a_time(page):
    with pytest.raises(RunError, match="a session runs already on this page"):
        page._live.session.start(page._setup.request(), mode="paper", bars_a_second="2")


def test_a_command_is_answered(page):
    press(page, "pause")
    assert "pause: acted, no entries are made" in page._live.controls._said.value

    press(page, "resume")
    assert "resume: acted, trading is active" in page._live.controls._said.value


def test_a_limit_is_changed_after_a_question(page):
    risk = page._live.tabs["Risk"]
    risk._name.value = "max_drawdown"
    risk._value.value = 0.07
    risk._change.click()
    assert told(page)["limits"]["max_drawdown"] == 0.15

    risk._agreed()
    settle(page)

    wait_for(lambda: told(page)["limits"]["max_drawdown"] == 0.07)


def test_a_test_signal_reaches_the_session(page):
    signals = page._live.tabs["Signals"]
    signals.look(page._live.session.follower)
    assert signals._send.disabled
    signals._type.value = "golden_cross"
    signals._send.click()
    settle(page)

    notes = page._live.session.follower.seen.notes
    wait_for(lambda: any(note.get("what") == "cross golden_cross" for note in notes.all()))


def test_the_emergency_stop_closes_everything_and_a_new_page_finds_it_latched(page, runs):
    page._header._stop.click()

    wait_for(lambda: told(page).get("is_killed") and not told(page)["positions"] and not told(page)["working"])
    wait_for(lambda: "kill switch latched" in page._header._light.value)
    press(page, "resume")
    assert "resume: refused, the kill switch is latched" in page._live.controls._said.value

    again = Orchestrator("ma_crossover", runs=runs)
    settle(again)
    wait_for(lambda: told(again).get("is_killed"))
    assert again._header.mode == "paper"
    assert again._live.session.process.folder == page._live.session.process.folder
    again.close()


def test_a_session_that_was_ended_leaves_its_run(page):
    press(page, "stop")
    assert page._live.session.is_alive  # it asks first
    page._live.controls._agreed()
    settle(page)
    wait_for(lambda: page.run is not None)
    settle(page)

    assert page.run.config.mode == "paper"
    assert page._stored["Orders"].layout.display is None
    assert page._header._stop.disabled
    assert page._guard.view.value == ""


def test_a_session_that_cannot_begin_says_why(page):
    page._setup.form.set({"fast": 12})
    page._setup.data._end.value = "1999-01-01"
    settle(page)
    page._live.controls._start.click()
    settle(page)

    wait_for(lambda: page._guard.view.value != "")
    assert "sp-failure" in page._guard.view.value
    assert not page._live.session.is_alive


def test_what_is_asked_for_becomes_a_command(tmp_path):
    request = SessionRequest(
        strategy="a.yaml",
        mode="paper",
        account="demo",
        bars=BarsChoice(symbol="EURUSD", timeframe="1h", basis="bid", path="x.parquet"),
        params={"fast": 9},
        cash=5000.0,
        start="2017-01-02",
        speed="60",
    )

    said = " ".join(command(request, tmp_path / "s", tmp_path))

    assert said == (
        f"live a.yaml --mode paper --account demo --folder {tmp_path}/s --out {tmp_path} --json --param fast=9 --cash 5000.0 "
        "--start 2017-01-02 --speed 60 --replay x.parquet --symbol EURUSD --timeframe 1h --basis bid"
    )


def test_live_needs_a_stream_server(monkeypatch, tmp_path):
    monkeypatch.delenv("REDIS_URL", raising=False)
    strategy = load_strategy("ma_crossover")

    assert not_available(strategy)["paper"] == ""
    with pytest.raises(RunError, match=r"live\.broker is 'paper'"):
        LiveSession(tmp_path).start(JobRequest("ma_crossover"), mode="live", bars_a_second="")


def test_the_flow_follows_decisions_to_fills():
    seen = Seen()
    seen.signals.add(Heard(10, "EURUSD", "cross", "golden_cross", 1.0, "worker", 0.0))
    decided = {"time_ns": 10, "symbol": "EURUSD", "action": "enter_long", "outcome": "ordered", "reason": "signal"}
    refused = {
        "time_ns": 30,
        "symbol": "EURUSD",
        "action": "enter_long",
        "outcome": "refused",
        "reason": "outside_hours",
    }
    for note in (
        decided,
        refused,
        {"time_ns": 40, "symbol": "", "what": "pause by me", "verdict": "acted", "why": "x"},
    ):
        seen.notes.add(note)
    seen.fills.add(SimpleNamespace(symbol="EURUSD", time=20))

    assert live_flow(seen) == Flow(
        (
            ("golden cross", "enter long", "passed", "order filled"),
            ("no event", "enter long", "refused: outside hours"),
            ("pause by me", "acted"),
        )
    )


def test_bars_that_are_not_booked_are_counted_as_lag():
    seen = Seen(bars={"EURUSD": Ring(10)}, snapshot={"last_ns": 20 * 10**9})
    for second in (10.0, 20.0, 30.0, 40.0):
        seen.bars["EURUSD"].add((second, 1.0, 1.0, 1.0, 1.0))

    assert bars_behind(seen) == 2
