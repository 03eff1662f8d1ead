"""The list of strategies: a filter narrows what is listed and chooses nothing."""

import pytest

from sptrader.views.strategies import StrategyList


@pytest.fixture
def listed():
    chosen = []
    made = StrategyList(chosen.append)
    made.refresh()
    made.choose("ma_crossover")
    return made, chosen


def test_a_filter_leaves_what_was_chosen_chosen(listed):
    made, chosen = listed
    path = made.path

    made._filter.value = "boll"

    assert made._list.options == ("bollinger_limit",)
    assert made._list.value is None
    assert made.path == path
    assert len(chosen) == 1
    made._filter.value = ""
    assert made._list.value == "ma_crossover"
    assert len(chosen) == 1


def test_what_the_filter_lists_can_be_chosen(listed):
    made, chosen = listed

    made._filter.value = "boll"
    made._list.value = "bollinger_limit"

    assert made.path == chosen[-1]
    assert made.path.endswith("bollinger_limit.yaml")


def test_a_choice_that_the_filter_hides_takes_the_filter_away(listed):
    made, _ = listed
    made._filter.value = "boll"

    made.choose("donchian_breakout")

    assert made._filter.value == ""
    assert made._list.value == "donchian_breakout"


def test_looking_again_reads_the_chosen_file_again(listed):
    made, chosen = listed

    made.refresh()

    assert chosen == [made.path, made.path]
