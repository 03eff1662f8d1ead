"""A heatmap shows the best of what shares a cell, and stays readable for any number of values."""

import numpy as np
import pandas as pd

from sptrader.plots.sweep import MOST_CELLS, heatmap_figure, parallel_figure


def grid(n_fast, n_slow):
    fast, slow = np.meshgrid(np.arange(n_fast), 100 + np.arange(n_slow))
    table = pd.DataFrame({"fast": fast.ravel(), "slow": slow.ravel()})
    return table.assign(sharpe=0.001 * table["fast"] - 0.002 * table["slow"])


def test_cells_are_the_best_of_what_does_not_have_an_axis():
    table = pd.concat([grid(3, 2), grid(3, 2).assign(sharpe=5.0).iloc[[4]]])

    cells = heatmap_figure(table, "fast", "slow", "sharpe").data[0]

    assert (list(cells.x), list(cells.y)) == (["0", "1", "2"], ["100", "101"])
    assert cells.z[1][1] == 5.0
    assert cells.z[0][2] == 0.002 - 0.2


def test_a_combination_that_was_not_tried_is_an_empty_cell_and_words_are_in_their_order():
    table = pd.DataFrame({"symbol": ["B", "A"], "on": [True, False], "sharpe": [1.0, 2.0]})

    cells = heatmap_figure(table, "symbol", "on", "sharpe").data[0]

    assert (list(cells.x), list(cells.y)) == (["A", "B"], ["False", "True"])
    np.testing.assert_array_equal(np.array(cells.z, float), [[2.0, np.nan], [np.nan, 1.0]])


def test_neighbours_share_a_cell_where_there_are_too_many():
    cells = heatmap_figure(grid(450, 3), "fast", "slow", "sharpe").data[0]

    assert len(cells.x) == 150 <= MOST_CELLS  # 450 values, three a cell
    assert (cells.x[0], cells.x[-1]) == ("0 to 2", "447 to 449")
    assert cells.z[0][0] == 0.002 - 0.2  # the best of fast 0, 1, 2 at slow 100
    assert len(cells.y) == 3


def test_lines_have_ticks_at_the_values_and_no_colour_of_the_paper():
    lines = parallel_figure(grid(4, 40), ["fast", "slow"], "sharpe").data[0]
    fast, slow, sharpe = lines.dimensions

    assert list(fast.tickvals) == [0.0, 1.0, 2.0, 3.0]
    assert slow.tickvals is None  # too many to stand below each other
    assert list(sharpe.tickvals) == []
    assert lines.line.colorbar.title.text == "sharpe"
    assert lines.line.cmid is None  # all are losses


def test_neither_gain_nor_loss_is_in_the_middle_of_the_colours():
    table = grid(3, 2).assign(sharpe=[-2.0, -1.0, 0.0, 1.0, 0.5, 0.1])

    lines, cells = (
        parallel_figure(table, ["fast", "slow"], "sharpe").data[0],
        heatmap_figure(table, "fast", "slow", "sharpe").data[0],
    )

    assert (lines.line.cmid, cells.zmid) == (0.0, 0.0)
    assert lines.line.colorscale[1][1] != cells.colorscale[1][1]
