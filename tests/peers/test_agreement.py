"""Agreement with programs that others wrote: the same trades at the same prices, the same money at the end.

The answers are made by those programs; each answer file says how.
"""

import json

import numpy as np
import pytest

import sptrader as sp
from tests.peers.cases import ANSWERS, BACKTESTING, PRICE_STEP, VECTORBT, case_bars, has_shared_bars

CENT = 0.005
CASES = [("backtesting", case) for case in BACKTESTING] + [("vectorbt", case) for case in VECTORBT]


@pytest.mark.parametrize(("program", "case"), CASES, ids=[f"{program}: {case.name}" for program, case in CASES])
def test_trades_prices_and_final_equity_are_those_of(program, case, tmp_path):
    if not has_shared_bars(case):
        pytest.skip("the minutes of ../shared/data are not here")
    answer = json.loads((ANSWERS / f"{program}.json").read_text())["cases"][case.name]
    expected = {name: np.asarray(values) for name, values in answer["trades"].items()}
    bars = case_bars(case, json.loads((ANSWERS / "goog_daily.json").read_text()))
    path = tmp_path / "crossings.yaml"
    path.write_text(case.strategy())
    loaded = sp.load_bars(bars, case.timeframe, symbol=case.data, basis="mid", session=case.session)
    run = sp.backtest(path, loaded)
    trades = run.trades

    assert len(trades) == len(expected["pnl"]) > 20
    np.testing.assert_array_equal(bars.index.get_indexer(trades.entry_time), expected["entry_bar"])
    np.testing.assert_array_equal(bars.index.get_indexer(trades.exit_time), expected["exit_bar"])
    signed = np.where(trades.side == "long", trades.quantity, -trades.quantity)
    np.testing.assert_array_equal(signed, expected["quantity"])
    np.testing.assert_allclose(trades.entry_price, expected["entry_price"], rtol=0, atol=1.01 * PRICE_STEP)
    np.testing.assert_allclose(trades.exit_price, expected["exit_price"], rtol=0, atol=1.01 * PRICE_STEP)
    np.testing.assert_allclose(trades.pnl, expected["pnl"], rtol=0, atol=CENT)
    assert run.metrics["final_equity"] == pytest.approx(answer["final_equity"], rel=0, abs=CENT)
