import numpy as np
import pytest

from sptrader.kernel import market as m
from sptrader.orchestrator.tables import closed_trades


def fill(**fields):
    row = np.zeros(m.FILL_COLUMNS)
    row[m.F_RATE] = 1.0
    for name, value in fields.items():
        row[getattr(m, f"F_{name.upper()}")] = value
    return row


def test_only_fills_that_reduce_a_position_close_and_entry_costs_are_shared():
    fills = np.stack(
        [
            fill(quantity=10.0, price=100.0, fee=1.0),
            fill(
                quantity=-4.0, held_quantity=10.0, price=105.0, raw=105.5, average=100.0, fee=0.5, half=0.25, held=3.0,
                entry_fees=1.0, entry_spread=5.0, entry_slippage=2.0, financed=-10.0,
            ),
            fill(quantity=-6.0, held_quantity=6.0, price=99.0, raw=99.0, average=100.0, rate=2.0, held=7.0),
        ]
    )  # fmt: skip

    found = closed_trades(fills)

    assert found.rows.tolist() == [1, 2]
    assert (found.way.tolist(), found.quantity.tolist(), found.held.tolist()) == ([1.0, 1.0], [4.0, 6.0], [3.0, 7.0])
    # the first: 4 x 5 = 20 realised; 4/10 of the entry's costs: fees 0.5 + 0.4, financing -4, spread 2 + 4 x 0.25,
    # slippage 0.8 + 4 x 0.5; the second: -6 at a rate of 2
    assert found.pnl.tolist() == pytest.approx([20.0 - 0.9 - 4.0, -12.0])
    assert (found.fees[0], found.financing[0]) == (0.9, -4.0)
    assert (found.spread[0], found.slippage[0]) == (3.0, 2.8)
    assert found.gross[0] == pytest.approx(20.0 + 3.0 + 2.8)


def test_a_short_that_is_bought_back_has_way_minus_one():
    found = closed_trades(fill(quantity=3.0, held_quantity=-3.0, price=90.0, raw=90.0, average=100.0)[None, :])

    assert (found.way[0], found.pnl[0]) == (-1.0, 30.0)


def test_no_fills_make_no_trades():
    assert len(closed_trades(np.empty((0, m.FILL_COLUMNS))).pnl) == 0
