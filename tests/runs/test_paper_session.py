"""A paper session held at a bar: what it trades is the backtest, and a signal from outside is decided on between two bars."""

import pandas as pd
import pandas.testing as pt
import pytest

import sptrader as sp
from sptrader.errors import RunError

START, END, MOMENT = "2017-01-20", "2017-02-17", "2017-02-09 10:00"
TABLES = ("trades", "orders", "fills", "equity", "decisions", "signals")


@pytest.fixture
def bars():
    return sp.sample("EURUSD", "1h").loc["2017-01-10":]


def test_bars_traded_in_pieces_give_the_backtest(bars):
    expected = sp.backtest("ma_crossover", bars, start=START, end=END)

    with sp.PaperSession("ma_crossover", bars, start=START, end=END) as session:
        half = session.advance(MOMENT).run.equity
        run = session.advance().run

    assert half["time"].iloc[-1] == pd.Timestamp(MOMENT, tz="UTC")
    assert run.config.mode == "paper"
    for name in TABLES:
        pt.assert_frame_equal(getattr(run, name), getattr(expected, name), check_exact=True)


def test_signal_of_another_program_is_decided_on_after_the_last_bar(bars):
    expected = sp.backtest("ma_crossover", bars, start=START, end=END)

    with sp.PaperSession("ma_crossover", bars, start=START, end=END) as session:
        session.advance(MOMENT)
        unknown = session.publish("news", "rate_cut")
        acted = session.publish("cross", "death_cross", strength=0.9)
        working, journal = session.snapshot["working"], session.journal
        run = session.advance().run

    assert (unknown["verdict"], unknown["why"]) == ("ignored", "the strategy has no signal 'news'")
    assert (acted["verdict"], acted["action"]) == ("acted", "enter_short")
    assert acted["bar"] == "2017-02-09 10:00"
    assert len(working) == 1
    assert journal.iloc[-1][["bar", "what", "verdict"]].tolist() == [
        pd.Timestamp(MOMENT, tz="UTC"),
        "cross death_cross",
        "acted",
    ]
    new = run.orders[~run.orders["client_order_id"].isin(expected.orders["client_order_id"])]
    # decided at the close of the bar of 10:00, filled at the next open
    assert new["created_at"].iloc[0] == pd.Timestamp("2017-02-09 11:00", tz="UTC")
    fill = run.fills[run.fills["client_order_id"] == new["client_order_id"].iloc[0]]
    assert fill["time"].iloc[0] == pd.Timestamp("2017-02-09 11:00", tz="UTC")


def test_nothing_is_known_before_the_first_bar(bars):
    with sp.PaperSession("ma_crossover", bars, start=START, end=END) as session:
        with pytest.raises(RunError, match="no bar has been traded yet"):
            session.publish("cross", "death_cross")
        with pytest.raises(RunError, match="no bar has been traded yet"):
            session.run  # noqa: B018
