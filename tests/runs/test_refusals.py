"""Why did it not trade here? A refused order says so in the run's orders and in the bar's explanation."""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd
import pytest

import sptrader as sp
from sptrader.errors import RunError, StreamError
from sptrader.runs.run import Run
from sptrader.streams.embedded import find_server
from tests.busy import busy

MEANINGS = {
    "order_notional": "the order's notional was above the largest allowed",
    "price_collar": "the order's price was too far from the last price",
}


@pytest.fixture
def traded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    try:
        find_server()
    except StreamError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("SPTRADER_SESSIONS", str(tmp_path / "sessions"))

    def trade(live: str) -> Run:
        path = tmp_path / "busy.yaml"
        path.write_text(busy(live=live))
        return sp.live(path, sp.sample("EURUSD", "1h").iloc[:120], account="mine")

    return trade


@pytest.mark.parametrize(
    ("limit", "code", "kind"),
    [("max_order_notional: 1000", "order_notional", None), ("price_collar: 0.00001", "price_collar", "limit")],
)
def test_a_check_that_refused_an_order_stands_in_the_runs_orders_and_in_its_bars_explanation(
    traded, limit: str, code: str, kind: str | None, tmp_path: Path
) -> None:
    run = traded(f"live: {{{limit}}}")
    entries = run.orders[run.orders["parent"].eq("")]
    refused = entries[entries["status"] == "rejected"]
    assert len(refused) > 3
    assert set(refused["ended_by"]) == {code}
    if kind is not None:
        assert set(refused["type"]) == {kind}

    time = refused["created_at"].iloc[0] - pd.Timedelta("1h")  # the open of the bar at whose close it was decided
    said = run.explain(time)
    assert said.refused == (f"entry order refused: {code}: {MEANINGS[code]}",)
    assert MEANINGS[code] in str(said).splitlines()[1]
    assert html.escape(MEANINGS[code]) in said._repr_html_()
    assert said.to_dict()["refused"] == said.refused
    assert [one["ended_by"] for one in said.orders] == [code]

    kept = sp.load_run(run.save(tmp_path / "runs"))
    assert set(kept.orders.loc[kept.orders["status"] == "rejected", "ended_by"]) == {code}
    with pytest.raises(RunError, match=f"Of this bar it kept: EURUSD: entry order refused: {code}: {MEANINGS[code]}"):
        kept.explain(time)


def test_a_bar_without_a_refusal_says_nothing_of_one(traded) -> None:
    run = traded("live: {max_order_notional: 1e9}")
    assert "refused" not in run.provenance
    assert all(run.explain(time).refused == () for time in run.decisions["time"].iloc[:5])
    assert "rejected" not in set(run.orders["status"])
