"""SignalPublisher: what another program publishes reaches the session on its server, and what none could read is not sent."""

import pytest

import sptrader as sp
from sptrader.errors import RunError, StreamError
from sptrader.runs.sessions import registered
from sptrader.streams.embedded import find_server

AT = "2017-01-11T00:00:00Z"


@pytest.fixture(scope="module")
def session():
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    with sp.PaperSession("ma_crossover", sp.sample("EURUSD", "1h").iloc[:150], cash=100_000, currency="USD") as made:
        yield made.advance("2017-01-09")


def test_a_published_signal_acts_once_and_prices_decide_nothing(session):
    before = session.snapshot["counters"]
    with sp.SignalPublisher(session.url) as publisher:
        ids = [
            publisher.publish("cross", "golden_cross", symbol="EURUSD", strength=0.8, timestamp=AT) for _ in range(2)
        ]
        ids.append(publisher.publish("cross", "golden_cross", symbol="GBPUSD"))
        ids.append(publisher.publish_prices({"EURUSD": 1.05}))
    session.advance("2017-01-09")
    after = session.snapshot["counters"]

    assert ids == sorted(ids, key=lambda id: tuple(map(int, id.split("-"))))
    assert after["read"] - before["read"] == 4
    assert after["dead"] == 0
    assert after["read"] == after["acted"] + after["ignored"] + after["refused"]
    answers = session.journal.query("what == 'cross golden_cross'")
    assert list(answers["why"])[-1] == "GBPUSD is not traded here"
    assert len(answers) == 2  # the one sent twice is answered once


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"strength": 2.0}, "0 to 1"),
        ({"symbol": ""}, "symbol"),
        ({"timestamp": "2017-01-11T00:00:00"}, "with its zone"),
    ],
)
def test_what_no_session_could_read_is_not_sent(session, wrong, match):
    given = {"symbol": "EURUSD", "timestamp": AT} | wrong
    with sp.SignalPublisher(session.url) as publisher, pytest.raises(StreamError, match=match):
        publisher.publish("cross", "golden_cross", **given)


def test_the_server_is_the_environments_else_that_of_the_session_here(session, tmp_path, monkeypatch):
    monkeypatch.setenv("SPTRADER_SESSIONS", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(RunError, match="no session of any account is known here"):
        sp.SignalPublisher()
    named = {"mode": "paper", "strategy": "s", "url": session.url, "is_private": True}
    with registered(account="a", folder=tmp_path, roles=("all",), **named), sp.SignalPublisher() as publisher:
        publisher.publish_prices({"EURUSD": 1.05})
    monkeypatch.setenv("REDIS_URL", session.url)
    with sp.SignalPublisher() as publisher:
        publisher.publish_prices({"EURUSD": 1.05})
