"""Sections show a run in a notebook as data that any front end can draw, and leave its numbers for programs."""

import json

import pytest

from sptrader.errors import RunError
from sptrader.runs.sections import METRICS_MIME, PLOTLY_MIME, SECTIONS, section, sections


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_is_valid_notebook_output(run, name):
    bundle = section(run, name)._repr_mimebundle_()

    assert ("text/html" in bundle) != (PLOTLY_MIME in bundle)
    assert "NaN" not in json.dumps(bundle)
    assert bundle["text/plain"]


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_can_be_made_of_a_run_without_trades(run_without_trades, name):
    assert section(run_without_trades, name)._repr_mimebundle_()


def test_summary_carries_the_metrics_and_undefined_ones_are_null(run_without_trades):
    data = section(run_without_trades, "summary")._repr_mimebundle_()[METRICS_MIME]

    assert data["run"] == run_without_trades.id
    assert data["metrics"]["final_equity"] == 10_000.0
    assert data["metrics"]["profit_factor"] is None
    assert data["title"] == "ma_crossover 1.0.0 · EURUSD · 2017-01-02 to 2017-03-31"


def test_price_is_drawn_for_each_instrument_with_its_own_trades(run_of_two):
    shown = [part for part in sections(run_of_two) if part.name == "price"]

    assert [part.title for part in shown] == ["Price and trades: EURUSD", "Price and trades: GBPUSD"]
    assert any("entry" in trace.name for trace in shown[0].figure.data)
    assert not any("entry" in trace.name for trace in shown[1].figure.data)


def test_refusals_are_counted_by_reason(run):
    html = section(run, "decisions").html

    assert html.index("margin") < html.index("max_positions")
    assert '<td class="n">2</td>' in html
    assert "2 of 6 decisions became orders." in html


def test_unknown_section_and_symbol_are_refused_with_the_nearest(run):
    with pytest.raises(RunError, match="section was 'prise'; did you mean 'price'"):
        section(run, "prise")
    with pytest.raises(RunError, match="symbol was 'EURUSE'; did you mean 'EURUSD'"):
        section(run, "price", symbol="EURUSE")
