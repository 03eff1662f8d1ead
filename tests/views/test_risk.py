"""What a run held, by currency, and how its limits are shown."""

import numpy as np
import pandas as pd
import pytest

from sptrader.data.sample import sample
from sptrader.runs.backtest import backtest
from sptrader.runs.riskuse import LimitUse
from sptrader.views.risk import Risk, currency_notional, held_notional, use_html


@pytest.fixture(scope="module")
def run():
    return backtest("ma_crossover", sample("EURUSD", "1h").iloc[:1500])


def test_a_pair_s_notional_is_its_base_currency_s_and_the_account_s_own_is_left_out(run):
    held = held_notional(run)

    net = currency_notional(run, held)

    assert list(net.columns) == ["EUR"]
    np.testing.assert_array_equal(net["EUR"], held["EURUSD"])
    crossed = currency_notional(run, pd.DataFrame({"EURUSD": [100.0], "EURGBP": [-40.0]}))
    assert crossed.to_dict("list") == {"EUR": [60.0], "GBP": [40.0]}


def test_the_tab_tells_currencies_apart_only_where_that_says_more(run):
    tab = Risk()
    tab.show(run)

    assert tab._by_currency.layout.display == "none"
    assert "currency exposure" in tab._limits.value


@pytest.mark.parametrize(
    ("unit", "used", "bound", "word"),
    [
        ("fraction", 0.5, 0, "</span>"),
        ("fraction", 0.9, 0, "near"),
        ("count", 1.0, 0, "full"),
        ("fraction", 0.2, 3, "3 times"),
    ],
)
def test_a_bar_says_in_words_what_its_colour_means(unit, used, bound, word):
    told = use_html(LimitUse("max_drawdown", "equity below its highest", unit, used, 1.0, None, bound))

    assert word in told
    assert ("hit" in told) == bool(bound)
