"""The way of each decision from its signal to its fill, counted."""

import pandas as pd

from sptrader.plots.flow import flow_figure, order_flow, timeline_figure

TIMES = pd.date_range("2017-01-02", periods=6, freq="1h", tz="UTC")
DECISIONS = pd.DataFrame(
    {
        "time": TIMES[:4],
        "symbol": "EURUSD",
        "action": ["enter_long", "enter_short", "stay", "leave"],
        "outcome": ["ordered", "refused", "ignored", "ordered"],
        "reason": ["signal", "outside_hours", "conditions_not_met", "signal"],
        "decided_at": TIMES[1:5],
    }
)
SIGNALS = pd.DataFrame(
    {"time": TIMES[[0, 1]], "symbol": "EURUSD", "signal": "cross", "type": ["golden_cross", "death_cross"]}
)
ORDERS = pd.DataFrame(
    {
        "created_at": [TIMES[1], TIMES[1], TIMES[4]],
        "symbol": "EURUSD",
        "type": ["market", "stop_loss", "market"],
        "status": ["filled", "cancelled", "working"],
    }
)
FILLS = pd.DataFrame({"time": TIMES[[1]], "reason": ["signal"]})


def test_each_decision_is_followed_to_its_end():
    flow = order_flow(DECISIONS, SIGNALS, ORDERS)

    assert flow.paths == (
        ("golden cross", "enter long", "passed", "order filled", "opened"),
        ("death cross", "enter short", "refused: outside hours"),
        ("no event", "no action", "ignored: conditions not met"),
        ("no event", "leave", "passed", "order working"),
    )


def test_a_stop_or_a_link_gives_the_rows_that_passed_it():
    flow = order_flow(DECISIONS, SIGNALS, ORDERS)

    assert flow.rows("passed") == [0, 3]
    assert flow.rows("no event → leave") == [3]
    assert flow.rows("nothing") == []


def test_the_diagram_counts_every_decision_once_a_stage():
    sankey = flow_figure(order_flow(DECISIONS, SIGNALS, ORDERS)).data[0]

    firsts = [value for a, value in zip(sankey.link.customdata, sankey.link.value, strict=True) if "→ passed" in a]
    assert firsts == [1, 1]
    assert sum(sankey.link.value) == sum(len(path) - 1 for path in order_flow(DECISIONS, SIGNALS, ORDERS).paths)


def test_timeline_points_lead_back_to_their_decision():
    figure = timeline_figure(DECISIONS, SIGNALS, ORDERS, FILLS)

    rows = {trace.name: trace.customdata for trace in figure.data}
    assert list(rows["refused"]) == [1]
    assert list(rows["ignored"]) == [2]
    assert len(next(trace for trace in figure.data if trace.name == "order").x) == 2
