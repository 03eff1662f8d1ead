"""The desk does what it is given in turn, on its own thread, and outlives what fails."""

import threading

import pytest

from sptrader.views.desk import Desk
from sptrader.views.guard import Guard


@pytest.fixture
def desk():
    made = Desk(Guard())
    made.start()
    yield made
    made.close()


def test_work_is_done_in_turn_on_another_thread(desk):
    done = []
    for number in range(3):
        desk.do(lambda number=number: done.append((number, threading.current_thread().name)))
    desk.wait()

    assert done == [(0, "sptrader page"), (1, "sptrader page"), (2, "sptrader page")]


def test_failed_work_is_shown_and_the_next_is_done(desk):
    done = []
    desk.do(lambda: 1 / 0)
    desk.do(done.append, 1)
    desk.wait()

    assert done == [1]
    assert "ZeroDivisionError" in desk.guard.view.value


def test_of_work_with_one_name_only_the_last_is_done(desk):
    done, held = [], threading.Event()
    desk.do(held.wait)
    for number in range(5):
        desk.do_latest("slider", done.append, number)
    desk.do_latest("other", done.append, "x")
    held.set()
    desk.wait()

    assert done == [4, "x"]


def test_looks_go_on_between_work(desk):
    looked = threading.Event()

    desk.every(looked.set)

    assert looked.wait(10)
