"""Execution: what is refused before it is sent and how that is told; what is unknown; what has lost its stop."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from sptrader.execution.faults import Faults
from sptrader.execution.safety import Limits
from sptrader.model.orders import Cancel, Fill, Order, OrderStatus, OrderUpdate
from sptrader.runs.orchestrator_desk import JOURNAL
from sptrader.runs.order_limits import OrderLimits
from sptrader.streams import keys
from sptrader.streams.codec import decode, encode
from sptrader.streams.journal_reader import JournalReader
from tests.runs.faulty import Together, setting, together


def told(desk: Together) -> list[Fill | OrderUpdate]:
    messages = [decode(entry.fields) for entry in desk.streams.history(keys.fills("paper"))]
    return [one for one in messages if isinstance(one, Fill | OrderUpdate)]


def orders(desk: Together) -> list[Order]:
    messages = [decode(entry.fields) for entry in desk.streams.history(keys.orders("paper"))]
    return [one for one in messages if isinstance(one, Order)]


def refused(desk: Together) -> list[OrderUpdate]:
    return [one for one in told(desk) if isinstance(one, OrderUpdate) and one.status is OrderStatus.REJECTED]


def test_limits_that_are_ample_change_nothing(tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 120)
    ample = OrderLimits(Limits(1e9, 0.5, 60.0, 10_000, 0.001))
    runs = [together(live, frames, tmp_path / name, limits=limits) for name, limits in (("off", None), ("on", ample))]
    for desk in runs:
        desk.run()
    off, on = (desk.orchestrator.session.outcome().books for desk in runs)
    assert len(off.fills) > 10
    for before, after in zip(off, on, strict=True):
        assert before.tobytes() == after.tobytes()
    assert refused(runs[1]) == []
    for desk in runs:
        desk.close()


def test_an_entry_over_the_largest_notional_is_refused_by_its_code_and_the_session_goes_on(tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 120, live="live: {max_order_notional: 1000}")
    desk = together(live, frames, tmp_path / "session")
    desk.run()
    entries = [one for one in orders(desk) if one.leg == "entry"]
    assert len(entries) > 5
    assert [(one.client_order_id, one.reason) for one in refused(desk)] == [
        (one.client_order_id, "order_notional") for one in entries
    ]
    with JournalReader(desk.folder / JOURNAL) as journal:
        rows = [json.loads(one.body) for one in journal.decisions()]
        kept = {one.order.client_order_id: (one.status, one.reason) for one in journal.orders()}
    assert [one["why"] for one in rows if one.get("what") == "order refused"] == [
        f"order {one.client_order_id}: order_notional: the order's notional was above the largest allowed"
        for one in entries
    ]
    assert {kept[one.client_order_id] for one in entries} == {(OrderStatus.REJECTED, "order_notional")}
    assert desk.execution.counters["refused"] == len(entries)
    assert desk.orchestrator.session.pages.n_fills == 0
    assert desk.orchestrator.session.writer.entries == {}
    gone = desk.orchestrator.session.outcome().books.orders
    assert len(gone) == 2 * len(entries)  # placed, and gone on the next bar
    desk.close()


def test_exits_pass_what_holds_entries_back(tmp_path: Path) -> None:
    live, frames = setting(
        tmp_path, 120, live="live: {orders_per_minute: 1, duplicate_window_s: 86400, price_collar: 1%}"
    )
    desk = together(live, frames, tmp_path / "session")
    desk.run()
    exits = {one.client_order_id for one in orders(desk) if one.leg == "exit"}
    assert exits
    assert not exits & {one.client_order_id for one in refused(desk)}
    desk.close()


def test_other_limits_after_a_restart_count_from_then_on(tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 200)
    desk = together(live, frames, tmp_path / "session", speed=1e9)
    while desk.execution.counters["instructions"] < 60:
        desk.steps(1)
    desk.close()
    n_before = len(told(desk))
    strict = OrderLimits(Limits(1.0, None, None, None, None))
    for limits in (strict, strict):  # and over another restart
        desk = together(live, frames, tmp_path / "session", limits=limits, streams=desk.streams)
        desk.steps(2)
        desk.close()
    desk = together(live, frames, tmp_path / "session", limits=strict, streams=desk.streams)
    desk.run()
    later = refused(desk)
    assert later
    assert {one.reason for one in later} <= {"order_notional"}
    assert len(told(desk)) > n_before
    assert not [one for one in told(desk)[n_before + 8 :] if isinstance(one, Fill) and one.leg == "entry"]
    desk.close()


def test_while_an_order_is_unknown_its_symbol_takes_no_new_risk_until_it_is_settled(tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 120)
    desk = together(live, frames, tmp_path / "session", faults=Faults(seed=3, lost_rate=1.0, lost_arrives_rate=1.0))
    while not any(isinstance(one, OrderUpdate) and one.status is OrderStatus.UNKNOWN for one in told(desk)):
        desk.execution.step(0)
        desk.feed.step(0)  # type: ignore[attr-defined]
        desk.worker.step(0)  # type: ignore[attr-defined]
        desk.orchestrator.step(0)
    assert desk.execution.desk is not None
    assert desk.execution.desk.engine.records
    desk.run()
    unknown = {one.client_order_id for one in told(desk) if isinstance(one, OrderUpdate) and one.status == "unknown"}
    settled = {one.client_order_id for one in told(desk) if not isinstance(one, OrderUpdate) or one.status != "unknown"}
    assert unknown <= settled
    assert desk.execution.desk.engine.unknown() == ()
    desk.close()


def test_a_position_whose_stop_is_gone_is_closed_after_a_while(tmp_path: Path) -> None:
    live, frames = setting(tmp_path, 300, live="live: {unprotected_after_s: 1800}")
    desk = together(live, frames, tmp_path / "session", speed=1e7)
    while desk.execution.desk is None or not desk.execution.desk.broker.positions():
        desk.steps(1)
    order_desk = desk.execution.desk
    stop = next(one for one in order_desk.broker.open_orders() if one.leg == "stop")
    order_desk.broker.cancel(
        Cancel(client_order_id=stop.client_order_id, symbol="EURUSD", reason="manual", time_ns=0, created_at=0)
    )
    for _ in range(200):
        desk.steps(1)
        closed = [one for one in told(desk) if isinstance(one, Fill) and one.client_order_id.startswith("kill-bare-")]
        if closed:
            break
    assert len(closed) == 1
    assert (closed[0].is_closing, closed[0].reason, closed[0].quantity) == (True, "manual", stop.quantity)
    assert pd.Timestamp(closed[0].time, tz="UTC") > pd.Timestamp("2017-01-01", tz="UTC")
    desk.close()


def test_paused_orders_on_their_way_are_refused_and_malformed_ones_buried(tmp_path: Path) -> None:
    from sptrader.model.messages import Command

    live, frames = setting(tmp_path, 120)
    desk = together(live, frames, tmp_path / "session", speed=1e9)
    while not orders(desk):
        desk.steps(1)
    command = Command(command_id="1", command="pause", by="ann", at_ns=0)
    desk.streams.add(keys.control("paper"), encode(command))
    desk.execution.step(0)
    from msgspec.structs import replace

    desk.streams.add(keys.orders("paper"), encode(replace(orders(desk)[0], client_order_id="late")))
    desk.streams.add(keys.orders("paper"), {"order": b"{"})
    desk.execution.step(0)
    assert refused(desk)[-1].client_order_id == "late"
    assert {one.reason for one in refused(desk)} == {"only_reducing"}
    assert desk.execution.counters["dead"] == 1
    desk.close()
