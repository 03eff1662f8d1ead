"""Fills at the next quotes: real ticks through feed, worker, execution and orchestrator; every fill looked up in the ticks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sptrader.errors import RunError
from sptrader.model.orders import Fill, Matched, Order, OrderUpdate
from sptrader.model.ports import Streams
from sptrader.runs.live import connected, live_run, make_parts
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.memory import MemoryStreams
from tests.busy import quick
from tests.runs.ticks_session import close, desks, hours, parts, run, setting

MINUTE_NS = 60 * 10**9


@pytest.fixture(scope="module", params=["memory", "server"])
def streams(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    if request.param == "memory":
        yield MemoryStreams()
        return
    with connected(None, tmp_path_factory.mktemp("server")) as (found, _):
        yield found


@pytest.fixture(scope="module")
def ticks() -> dict[str, pd.DataFrame]:
    return {"EURUSD": hours()}


def told(streams: Streams) -> list[Fill | OrderUpdate | Matched]:
    found = [decode(entry.fields) for entry in streams.history(keys.fills("paper"))]
    return [one for one in found if isinstance(one, Fill | OrderUpdate | Matched)]


def fills(streams: Streams) -> list[Fill]:
    return [one for one in told(streams) if isinstance(one, Fill)]


@pytest.fixture(scope="module")
def session(
    streams: Streams, ticks: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple]:
    folder = tmp_path_factory.mktemp("session")
    live = setting(folder, ticks)
    made = parts(streams, live, folder / "session", ticks)
    run(made)
    yield (streams, ticks["EURUSD"], made)
    close(made)


def test_every_fill_is_on_a_quote_of_its_side_at_or_after_its_instruction(session) -> None:
    streams, ticks, _ = session
    sent = [decode(entry.fields) for entry in streams.history(keys.orders("paper"))]
    asked_ns = {one.client_order_id: one.created_at for one in sent if isinstance(one, Order)}
    made_ns = {one.client_order_id: one.time for one in told(streams) if isinstance(one, OrderUpdate) and one.made}
    times_ns = ticks.index.asi8
    done = fills(streams)
    assert len(done) > 10
    for fill in done:
        at = times_ns == fill.time
        side = ticks["ask" if fill.side == "buy" else "bid"].to_numpy()[at]
        assert fill.raw_price in side
        spreads = (ticks["ask"].to_numpy()[at] - ticks["bid"].to_numpy()[at]) / 2
        assert np.min(np.abs(spreads - fill.half_spread)) < 1e-9
        assert fill.time >= asked_ns.get(fill.client_order_id, made_ns.get(fill.client_order_id))
        worse = float(fill.price) - fill.raw_price if fill.side == "buy" else fill.raw_price - float(fill.price)
        limit = next(
            (one.type == "limit" for one in sent if getattr(one, "client_order_id", "") == fill.client_order_id), False
        )
        # 0.1 pips on market orders and stops, nothing on limits and targets
        assert worse == pytest.approx(0.0 if limit or fill.leg == "target" else 0.00001, abs=1e-9)


def test_a_market_order_takes_the_first_quote_at_or_after_the_bars_end(session) -> None:
    streams, ticks, _ = session
    done = {one.client_order_id: one for one in fills(streams)}
    sent = [decode(entry.fields) for entry in streams.history(keys.orders("paper"))]
    market = [o for o in sent if isinstance(o, Order) and o.type == "market" and o.client_order_id in done]
    assert len(market) > 3
    times_ns = ticks.index.asi8
    for order in market:
        assert order.created_at % MINUTE_NS == 0
        assert done[order.client_order_id].time == times_ns[np.searchsorted(times_ns, order.created_at)]


def test_a_stop_is_taken_between_two_bars_at_a_quote_beyond_it(session) -> None:
    streams, _, _ = session
    levels = {
        one.client_order_id: one.made.stop_price
        for one in told(streams)
        if isinstance(one, OrderUpdate) and one.made is not None and one.made.leg == "stop"
    }
    stopped = [one for one in fills(streams) if one.leg == "stop"]
    assert stopped
    for fill in stopped:
        level = float(levels[fill.client_order_id])
        assert fill.raw_price <= level if fill.side == "sell" else fill.raw_price >= level
    assert any(fill.time % MINUTE_NS > 10**9 for fill in stopped)


def test_session_and_venue_agree_and_the_runs_audit_holds_inside_the_bars_of_both_sides(session) -> None:
    streams, _, made = session
    execution, orchestrator = desks(made)
    assert execution.desk is not None
    broker = execution.desk.broker
    result = live_run(orchestrator, began_s=0.0)  # raises where a fill lies outside its bar
    assert len(result.trades) > 5
    assert len(result.fills) == len(fills(streams)) == result.audit.n_fills
    held = {one.symbol: one.quantity for one in broker.positions()}
    assert orchestrator.session.held() == held
    from sptrader.kernel import state as k

    assert abs(orchestrator.session.state[k.CASH] - broker.account_state().balance) < 1e-9 * 100_000
    own = [float(one.price) for one in fills(streams)]
    assert result.fills["price"].to_list() == own


@pytest.mark.parametrize("n_steps", [1, 40, 150])
def test_a_restart_in_the_middle_gives_the_same_fills(
    session, ticks: dict[str, pd.DataFrame], tmp_path: Path, n_steps: int
) -> None:
    other, _, _ = session
    if not isinstance(other, MemoryStreams):
        pytest.skip("once, in memory")
    streams = MemoryStreams()
    live = setting(tmp_path, ticks)
    made = parts(streams, live, tmp_path / "session", ticks, speed=200_000.0)
    for _ in range(n_steps):
        for part in made:
            part.step(0)
    close(made)
    made = parts(streams, live, tmp_path / "session", ticks)
    run(made)
    close(made)
    # what may have gone out goes again after a restart; readers take it once
    assert list(dict.fromkeys(told(streams))) == told(other)
    feed = [keys.ticks("EURUSD"), keys.bars("EURUSD", "1m")]
    for name in feed:
        assert [one.fields for one in streams.history(name)] == [one.fields for one in other.history(name)]


def test_slippage_by_range_goes_by_the_minute_that_was_complete(ticks: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    part = {"EURUSD": ticks["EURUSD"].loc[:"2025-03-20 13:39:59.999"]}
    streams, live = MemoryStreams(), setting(tmp_path, part, text=quick(slippage="10% of range"))
    made = parts(streams, live, tmp_path / "session", part)
    run(made)
    close(made)
    quotes = part["EURUSD"]
    slipped = [one for one in fills(streams) if float(one.price) != one.raw_price]
    assert len(slipped) > 4
    for fill in slipped:
        minute = fill.time // MINUTE_NS * MINUTE_NS
        before = quotes[quotes.index.asi8 < minute]
        last = before[before.index.asi8 >= before.index.asi8[-1] // MINUTE_NS * MINUTE_NS]
        side = last["ask" if fill.side == "buy" else "bid"]
        slip = 0.1 * (side.max() - side.min())
        worse = (float(fill.price) - fill.raw_price) * (1 if fill.side == "buy" else -1)
        assert slip - 1e-9 <= worse < slip + 0.00001 + 1e-9  # rounded against the trader


def test_a_session_on_quotes_is_not_gone_on_with_on_bars(ticks: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    live, streams = setting(tmp_path, ticks), MemoryStreams()
    close(parts(streams, live, tmp_path / "session", ticks))
    with pytest.raises(RunError, match="on quotes"):
        make_parts(["execution"], streams, live, tmp_path / "session", fills="bars")
