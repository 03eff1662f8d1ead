"""The grid shows a frame as text and tells which row of it was picked."""

import numpy as np
import pandas as pd

from sptrader.views.grid import MAX_ROWS, Grid


def test_cells_are_written_by_their_kind():
    grid = Grid()
    frame = pd.DataFrame(
        {
            "time": pd.DatetimeIndex(["2017-01-02 03:04:05", None], tz="UTC"),
            "entry_price": [1.05, 2.0],
            "pnl": [-1234.5, np.nan],
            "return": [0.0125, -0.5],
            "ambiguous": [True, False],
        }
    )

    grid.show(frame, signed=("pnl",), percent=("return",))

    assert grid.table["columns"] == ["time", "entry price", "pnl", "return", "ambiguous"]
    assert grid.table["rows"] == [
        ["2017-01-02 03:04", "1.05", "-1,234.50", "1.25%", "True"],
        ["", "2.00", "", "-50.00%", "False"],
    ]
    assert grid.table["kinds"] == ["", "n", "n s", "n", ""]


def test_a_pick_names_the_row_of_the_whole_frame():
    picked = []
    grid = Grid(on_pick=picked.append)
    grid.show(pd.DataFrame({"a": range(MAX_ROWS + 5)}))

    grid._heard(None, {"kind": "pick", "row": 2}, [])

    assert picked == [7]
    assert grid.table["total"] == MAX_ROWS + 5
    grid.point(9)
    assert grid.picked == 4
