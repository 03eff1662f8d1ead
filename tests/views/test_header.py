"""The modes ask first, live is armed by the account's name."""

import pytest

from sptrader.views.header import Header


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


def test_a_mode_that_is_entered_is_not_asked_for(header, heard):
    header.enter("paper")

    assert (header.mode, heard) == ("paper", [])
    assert "mod-active" in header._modes["paper"]._dom_classes
