"""A run's figures are asked for by name."""

import pytest

from sptrader.errors import RunError
from sptrader.runs.figures import FIGURES, benchmark, run_figure


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_can_be_drawn_and_says_of_what_it_is(run, name):
    figure = run_figure(run, name)

    assert len(figure.data) > 0
    assert figure.layout.title.text == "ma_crossover · EURUSD"


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_can_be_drawn_without_trades(run_without_trades, name):
    run_figure(run_without_trades, name)


def test_dashboard_of_one_instrument_shows_its_own_trades_only(run_of_two):
    names = [trace.name for trace in run_figure(run_of_two, symbol="GBPUSD").data]

    assert not any(name and "entry" in name for name in names)


def test_benchmark_begins_with_the_starting_cash(run_of_two):
    assert benchmark(run_of_two)[0] == run_of_two.config.cash


def test_unknown_figure_and_symbol_are_refused_with_the_nearest(run):
    with pytest.raises(RunError, match="figure was 'dashbord'; did you mean 'dashboard'"):
        run_figure(run, "dashbord")
    with pytest.raises(RunError, match="symbol was 'EURUSE'; did you mean 'EURUSD'"):
        run_figure(run, symbol="EURUSE")
