"""Several instruments on real quotes at once, one of them in a third currency: the account worked out from the ticks alone."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sptrader.data.ticks import load_ticks
from sptrader.kernel import state as k
from sptrader.model.instrument import instrument
from sptrader.model.orders import Fill
from sptrader.runs.live import live_run, make_parts, work
from sptrader.runs.live_setting import make_live_setting
from sptrader.runs.orchestrator_desk import OrchestratorDesk
from sptrader.runs.tick_desk import TickDesk
from sptrader.runs.tick_feed import tick_facts
from sptrader.streams import keys
from sptrader.streams.codec import decode
from sptrader.streams.memory import MemoryStreams
from tests.busy import quick
from tests.runs.tick_ledger import TickLedger

FOLDER = Path(__file__).parents[2] / "../shared/data/ticks"
ROLES = ("feed", "worker", "execution", "orchestrator")


def real(symbol: str) -> pd.DataFrame:
    file = FOLDER / f"{symbol}-2025-03.parquet"
    if not file.exists():
        pytest.skip(f"no real quotes: {file} is missing")
    return load_ticks(file, symbol=symbol).loc["2025-03-20 13:00":"2025-03-20 13:44:59.999"]


def three() -> dict[str, pd.DataFrame]:
    """EURUSD and AUDUSD as they were quoted, and the EURAUD that both make at each quote of EURUSD."""
    euro, aussie = real("EURUSD"), real("AUDUSD")
    both = pd.merge_asof(euro[["bid", "ask"]], aussie[["bid", "ask"]], left_index=True, right_index=True).dropna()
    bid, ask = both["bid_x"] / both["ask_y"], both["ask_x"] / both["bid_y"]
    cross = pd.DataFrame({"bid": np.floor(bid * 1e5) / 1e5, "ask": np.ceil(ask * 1e5) / 1e5}).round(5)
    return {"EURUSD": euro, "AUDUSD": aussie, "EURAUD": cross}


@pytest.mark.parametrize(
    ("currency", "traded"),
    [
        ("USD", ("EURUSD", "AUDUSD", "EURAUD")),  # the cross wins and loses Australian dollars
        ("USD", ("EURAUD",)),  # and the other two only convert
        ("EUR", ("AUDUSD", "EURAUD")),  # US dollars become euros the other way round
    ],
)
def test_cash_and_equity_of_every_minute_are_what_the_ticks_say(
    currency: str, traded: tuple[str, ...], tmp_path: Path
) -> None:
    ticks = three()
    path = tmp_path / "quick.yaml"
    text = quick().replace("[EURUSD]", f"[{', '.join(traded)}]").replace("0.8 * atr", "3 * atr")
    path.write_text(text)
    facts = tick_facts(ticks, {symbol: instrument(symbol) for symbol in ticks}, "1m", "bid")
    live = make_live_setting(path, facts, cash=100_000, currency=currency)
    streams = MemoryStreams()
    made = make_parts(ROLES, streams, live, tmp_path / "session", ticks=ticks)
    assert work(made, stop=threading.Event())
    execution, orchestrator = made[2], made[3]
    assert isinstance(execution, TickDesk)
    assert isinstance(orchestrator, OrchestratorDesk)
    told = [decode(entry.fields) for entry in streams.history(keys.fills("paper"))]
    fills = [one for one in told if isinstance(one, Fill)]
    assert {one.symbol for one in fills} == set(traded)

    ledger = TickLedger(ticks, cash=100_000.0, currency=currency)
    marks = ledger.run(fills, slip=0.00001, per_lot=3.0)
    run = live_run(orchestrator, began_s=0.0)
    times_ns = pd.DatetimeIndex(run.equity["time"]).as_unit("ns").asi8
    expected = np.array([marks[int(time_ns)] for time_ns in times_ns])
    assert len(expected) == 45
    assert np.abs(expected[:, 0] - run.equity["cash"].to_numpy()).max() < 1e-6
    assert np.abs(expected[:, 1] - run.equity["equity"].to_numpy()).max() < 1e-6
    assert (np.abs(run.equity["unrealised"]) > 0.01).sum() > 5  # there was something to mark

    broker = execution.desk.broker  # type: ignore[union-attr]
    assert {one.symbol: float(one.quantity) for one in broker.positions()} == ledger.held
    assert broker.account_state().balance == pytest.approx(ledger.cash, abs=1e-6)
    assert orchestrator.session.state[k.CASH] == pytest.approx(broker.account_state().balance, abs=1e-9)
    for part in made:
        part.close()
