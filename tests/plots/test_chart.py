"""A figure shown in a notebook is its data and nothing else."""

import pickle

from IPython.core.interactiveshell import InteractiveShell

import sptrader as sp
from sptrader.plots.display import PLOTLY_MIME


def test_notebook_stores_the_data_of_a_figure_and_no_script():
    bars = sp.sample("EURUSD", "1h").iloc[:500]
    figure = sp.backtest("ma_crossover", bars, start="2017-01-10", end="2017-01-31").plot("equity")

    shown, _ = InteractiveShell.instance().display_formatter.format(figure)

    assert set(shown) == {"text/plain", PLOTLY_MIME}
    assert shown["text/plain"] == "ma_crossover · EURUSD"
    assert shown[PLOTLY_MIME]["config"]["showSendToCloud"] is False
    assert shown[PLOTLY_MIME]["layout"]["height"] == figure.layout.height
    assert pickle.loads(pickle.dumps(figure)).layout == figure.layout
