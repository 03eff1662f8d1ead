"""The modes ask first, live is armed by the account's name, and the light tells whether a session lives."""

import pytest

from sptrader.views.desk import Desk
from sptrader.views.guard import Guard
from sptrader.views.header import Header
from sptrader.views.live import LiveState, LiveWatch


@pytest.fixture
def heard():
    return []


@pytest.fixture
def header(heard):
    made = Header(changed=lambda mode, account: heard.append((mode, account)), stop=lambda: heard.append("stop"))
    made.offer({}, account="ib-1")
    return made


def test_modes_that_are_not_there_say_why():
    header = Header(changed=print, stop=print)

    assert header._modes["paper"].disabled
    assert header._modes["paper"].tooltip == "no live session can be started from here"
    assert header._stop.disabled


def test_a_mode_changes_only_when_it_is_confirmed(header, heard):
    header._modes["paper"].click()
    assert (header.mode, heard) == ("backtest", [])
    assert "Switch to paper?" in header._question.value

    header._yes.click()

    assert (header.mode, heard) == ("paper", [("paper", "")])


def test_live_needs_the_name_of_the_account(header, heard):
    header._modes["live"].click()
    assert header._yes.disabled

    header._account.value = "ib-2"
    assert header._yes.disabled
    header._account.value = "ib-1"
    header._yes.click()

    assert heard == [("live", "ib-1")]


class Port:
    """A session that says what it is told to."""

    def __init__(self):
        self.said = None
        self.stopped = 0

    def state(self):
        return self.said

    def stop(self):
        self.stopped += 1


def test_the_light_follows_the_session_and_the_stop_goes_straight_to_it(header):
    port = Port()
    watch = LiveWatch(Desk(Guard()), header, port)
    watch.look()
    assert header._stop.disabled

    port.said = LiveState("demo", "paper", 0.4, {})
    watch.look()
    assert 'class="sp-light on"' in header._light.value
    assert not header._stop.disabled

    port.said = LiveState("demo", "paper", 12.0, {})
    watch.look()
    assert "no word for 12 s" in header._light.value
    watch.stop()
    assert port.stopped == 1
