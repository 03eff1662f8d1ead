"""Finer bars and ticks decide where a bar alone cannot, worked by hand through a run; what contradicts the bars is told."""

from pathlib import Path

import pandas as pd
import pytest

import sptrader as sp
from sptrader.data.ticks import load_ticks
from sptrader.errors import DataError, RunError
from sptrader.model.bars import SIDED_COLUMNS, with_facts
from tests.orchestrator.tiny import FLAT, SIDES, bars, hour, rules

TICKS = Path(__file__).parents[2] / "../shared/data/ticks/EURUSD-2025-03.parquet"
BRACKET = f"{{{SIDES}, stop_loss: 50 pips, take_profit: 100 pips}}"
FINER = "{spread: 0, intrabar: finer}"
LIMITED = "{spread: 0, intrabar: finer, order: {type: limit, price: close - 20 pips}}"
ROWS = [FLAT, FLAT, (1.1000, 1.1110, 1.0940, 1.1050), FLAT]  # bar 2 reaches the stop 1.0950 and the target 1.1100
UP, DOWN = (1.1000, 1.1110, 1.1000, 1.1105), (1.1105, 1.1105, 1.0940, 1.1050)


def minutes(*rows, start="2017-03-06 12:00", **more):
    """One-minute bars inside bar 2."""
    return bars(list(rows), start=start, timeframe="1m", **more)


def ticks(*quotes, symbol="EURUSD"):
    """Ticks of (time, bid, ask)."""
    index = pd.DatetimeIndex([pd.Timestamp(f"2017-03-06 {time}", tz="UTC") for time, _, _ in quotes], name="time")
    frame = pd.DataFrame([quote[1:] for quote in quotes], columns=["bid", "ask"], index=index.as_unit("ns"))
    return with_facts(frame, {"symbol": symbol}) if symbol else frame


def run_with(finer, rows=ROWS, *, frame=None, asked=(0, 1), **sections):
    known = {"exit": BRACKET, "execution": FINER, **sections}
    return sp.backtest(rules(**known), bars(rows, asked) if frame is None else frame, finer=finer)


def only_trade(run):
    (trade,) = run.trades.itertuples()
    return trade.exit_price, trade.exit_reason, trade.ambiguous, round(trade.pnl, 9)


def test_minutes_decide_which_of_stop_and_target_is_first():
    # bought at 1.1000 on bar 2's open: the target 1.1100 is 100 pips x 1,000 = 10.00, the stop 1.0950 -5.00. Alone the bar
    # takes the stop and does not know.
    assert only_trade(run_with(minutes(UP, DOWN))) == (1.1100, "take_profit", False, 10.0)
    falling = minutes((1.1000, 1.1000, 1.0940, 1.0945), (1.0945, 1.1110, 1.0945, 1.1050))
    assert only_trade(run_with(falling)) == (1.0950, "stop_loss", False, -5.0)
    both = minutes((1.1000, 1.1110, 1.0940, 1.1050))
    assert only_trade(run_with(both)) == (1.0950, "stop_loss", True, -5.0)
    elsewhere = minutes((1.1, 1.1, 1.1, 1.1), start="2017-03-06 13:05")  # none inside bar 2
    assert only_trade(run_with(elsewhere)) == (1.0950, "stop_loss", True, -5.0)


def test_minutes_tell_what_came_after_an_entry_inside_the_bar():
    # limit 1.0980 in bar 1, stop 1.0930, target 1.1000. The bar reaches the target and closes below it: alone it cannot
    # know whether that came after the entry, and the position stays open.
    rows = [FLAT, (1.0990, 1.1010, 1.0975, 1.0985), (1.0985, 1.0985, 1.0985, 1.0985)]
    down = (1.0990, 1.0990, 1.0975, 1.0980)
    exits = f"{{{SIDES}, stop_loss: 50 pips, take_profit: 20 pips}}"

    def made(*inside):
        given = minutes(*inside, start="2017-03-06 11:00")
        return run_with(given, rows, asked=[1], exit=exits, execution=LIMITED)

    after = made(down, (1.0980, 1.1010, 1.0980, 1.0985))  # 20 pips x 1,000
    assert only_trade(after) == (1.1000, "take_profit", False, 2.0)
    before = made((1.0990, 1.1010, 1.0990, 1.0990), down, (1.0980, 1.0985, 1.0980, 1.0985))
    assert before.trades.empty
    assert before.fills[["price", "ambiguous"]].values.tolist() == [[1.0980, False]]
    told = dict(enumerate(text for _, text in before.explain(hour(1)).finer))
    assert told == {
        0: "3 1m bars inside",
        1: "neither stop nor target was taken",
        2: "the bar alone: the position stays open, ambiguous",
    }
    alone = sp.backtest(rules(exit=exits, execution=LIMITED.replace("finer", "pessimistic")), bars(rows, [1]))
    assert alone.fills["ambiguous"].tolist() == [True]


def test_ticks_decide_at_the_price_they_trade():
    # bid bars, ask 2 pips above: bought at 1.1002, stop 1.0952, target 1.1102. The tick 1.1105 is beyond the target and
    # fills there: 103 pips x 1,000. Falling first, the tick 1.0945 is beyond the stop: -57 pips.
    frame = bars(ROWS, [0, 1], basis="bid")
    execution = "{spread: 2 pips, intrabar: finer}"
    first, up, down = ("12:00:00", 1.1000, 1.1002), (1.1105, 1.1107), (1.0945, 1.0947)
    rising = ticks(first, ("12:10:00.5", *up), ("12:10:00.5", *down), ("12:59:59", 1.1050, 1.1052))
    falling = ticks(first, ("12:10:00", *down), ("12:10:01", *up), ("12:59:59", 1.1050, 1.1052))

    assert only_trade(run_with(rising, frame=frame, execution=execution)) == (1.1105, "take_profit", False, 10.3)
    assert only_trade(run_with(falling, frame=frame, execution=execution)) == (1.0945, "stop_loss", False, -5.7)


def test_explanation_shows_what_the_finer_bars_decided():
    told = run_with(minutes((1.1, 1.1, 1.1, 1.1), UP, DOWN)).explain(hour(2))

    assert told.finer == (
        ("bar of 2017-03-06 12:00", "3 1m bars inside"),
        ("bar of 2017-03-06 12:00", "take_profit at 1.11, taken at 2017-03-06 12:01:00"),
        ("bar of 2017-03-06 12:00", "the bar alone: stop_loss at 1.095, ambiguous"),
    )
    assert "Finer" in str(told)
    assert "taken at 2017-03-06 12:01:00" in told._repr_html_()
    assert run_with(minutes(UP, DOWN)).explain(hour(0)).finer == ()


def test_scenarios_read_the_bars_alone():
    found = run_with(minutes(UP, DOWN)).scenarios.set_index("intrabar")["final_equity"]

    assert found.to_dict() == {"pessimistic": pytest.approx(9_995.0), "optimistic": pytest.approx(10_010.0)}


def test_finer_bars_that_leave_their_bar_are_counted_and_held_inside_it():
    # the first reaches 1.1200, ten pips and more above the bar's high: it counts as 1.1110; the target is at 1.1100
    run = run_with(minutes((1.1000, 1.1200, 1.1000, 1.1105), DOWN))

    assert only_trade(run) == (1.1100, "take_profit", False, 10.0)
    (doubt,) = [w for w in run.warnings if "leave the range" in w]
    assert doubt.startswith("1 of 2 finer rows of EURUSD leave the range of their bar (the first: 2017-03-06 12:00:00")
    assert [w for w in run.warnings if w.startswith("3 of 4 bars of EURUSD have no finer ones inside")]
    assert not [w for w in run_with(minutes(UP, DOWN)).warnings if "leave the range" in w]


def test_a_gap_beyond_the_stop_stays_inside_the_bar():
    # the minute opens at 1.0900, below the bar's low 1.0940: the fill is that low, where the bar was
    run = run_with(minutes((1.1, 1.1, 1.1, 1.1), (1.0900, 1.1110, 1.0900, 1.1050)))

    assert only_trade(run) == (1.0940, "stop_loss", False, -6.0)


def test_several_instruments_have_finer_bars_each():
    frames = {"EURUSD": bars(ROWS, [0, 1]), "GBPUSD": bars(ROWS, [0, 1], symbol="GBPUSD")}
    finer = {"GBPUSD": minutes(UP, DOWN, symbol="GBPUSD"), "EURUSD": minutes(DOWN, UP)}
    both = rules(exit=BRACKET, execution=FINER, market="{symbols: [EURUSD, GBPUSD], timeframe: 1h}")
    run = sp.backtest(both, frames, finer=finer)

    # EURUSD's first minute opens at 1.1105, beyond the target
    assert run.trades[["symbol", "exit_price", "exit_reason"]].values.tolist() == [
        ["EURUSD", 1.1105, "take_profit"],
        ["GBPUSD", 1.1100, "take_profit"],
    ]
    with pytest.raises(RunError, match=r"finer bars of GBPUSD are missing; given were those of EURUSD"):
        sp.backtest(both, frames, finer=minutes(UP, DOWN))


def test_only_the_period_is_kept():
    whole = minutes(*[FLAT] * 60, start="2017-03-06 10:00")
    finer = pd.concat([whole, minutes(UP, DOWN)])
    finer.attrs = whole.attrs
    run = sp.backtest(rules(exit=BRACKET, execution=FINER), bars(ROWS, [0, 1]), finer=finer, start=hour(1))

    assert run.finer["EURUSD"].index.tolist() == list(minutes(UP, DOWN).index)
    assert run.provenance["finer"]["EURUSD"]["n_rows"] == 2


@pytest.mark.parametrize(
    ("finer", "told"),
    [
        (minutes(UP, symbol="GBPUSD"), r"finer bars of 'GBPUSD' were given, which is not traded.*Traded are: EURUSD\."),
        (bars([FLAT]), r"the finer bars of EURUSD are 1h bars, the run's are 1h; allowed is a shorter timeframe"),
        (bars([FLAT], timeframe="1d", start="2017-03-05 22:00"), r"are 1d bars, the run's are 1h"),
        (
            minutes(UP, start="2017-03-07 12:00"),
            r"no finer bar of EURUSD lies inside the bars of the period; they are from",
        ),
        (with_facts(minutes(UP), {"basis": ""}), r"finer: the finer bars do not say their basis; load them as in"),
        (with_facts(minutes(UP), {"timeframe": "", "basis": ""}), r"do not say their timeframe and basis"),
        (with_facts(minutes(UP), {"session": "24/7"}), r"follow the session '24/7', the run's 'fx'"),
        ({}, r"finer was an empty mapping"),
        (7, r"finer was of type int; allowed are a DataFrame, a path, or \{symbol: either\}"),
    ],
)
def test_finer_bars_that_do_not_fit_are_refused(finer, told):
    with pytest.raises(RunError, match=told):
        run_with(finer)


def test_rows_in_no_bar_are_refused():
    times = [hour(0), hour(1), hour(3), hour(4)]
    holed = bars(ROWS, [1], times=times)
    inside = bars([FLAT] * 3, timeframe="1m", times=[hour(1), hour(2), hour(3)])

    with pytest.raises(
        RunError, match=r"1 finer rows of EURUSD lie in no 1h bar of it \(the first: 2017-03-06 12:00:00"
    ):
        run_with(inside, frame=holed)


def test_finer_bars_pass_the_same_door():
    with pytest.raises(DataError, match="high_low"):
        run_with(minutes((1.1000, 1.0900, 1.1000, 1.1050)))
    with pytest.raises(DataError, match="not 0 < bid <= ask"):
        run_with(ticks(("12:00:00", 1.1002, 1.1000)))
    with pytest.raises(DataError, match="the data says 'GBPUSD'"):
        run_with({"EURUSD": minutes(UP, symbol="GBPUSD")})
    with pytest.raises(RunError, match=r"the finer bars of EURUSD have no spread column and the strategy says no"):
        run_with(minutes(UP), frame=bars(ROWS, [0, 1], spread=0.0), execution="{intrabar: finer}")


def test_finer_bars_are_asked_for_by_the_strategy():
    with pytest.raises(
        RunError, match=r"the strategy says execution\.intrabar: pessimistic; allowed with finer bars is"
    ):
        run_with(minutes(UP, DOWN), execution="{spread: 0}")
    with pytest.raises(RunError, match=r"execution\.intrabar: finer needs finer bars or ticks"):
        run_with(None)


def test_ticks_of_one_instrument_need_not_name_it():
    assert (
        only_trade(run_with(ticks(("12:00:00", 1.1, 1.1), ("12:30:00", 1.1105, 1.1105), symbol="")))[1] == "take_profit"
    )


@pytest.mark.skipif(not TICKS.is_file(), reason="the shared ticks are not here")
def test_real_ticks_leave_fewer_doubts_than_the_bars_they_made():
    quotes = load_ticks(TICKS, symbol="EURUSD")
    quotes = quotes[: quotes.index[0] + pd.Timedelta(5, unit="D")]
    quotes.attrs = {"sptrader.symbol": "EURUSD"}
    sides = {
        f"{side}_{name}": column
        for side in ("bid", "ask")
        for name, column in quotes[side].resample("1h").ohlc().items()
    }
    frame = pd.DataFrame(sides)[list(SIDED_COLUMNS)].dropna()
    for name in ("open", "high", "low", "close"):
        frame.insert(0, name, frame[f"bid_{name}"])
    frame = frame[["open", "high", "low", "close", *SIDED_COLUMNS]]
    frame.insert(4, "volume", 1.0)
    frame.index = frame.index.as_unit("ns")
    frame = with_facts(frame, {"symbol": "EURUSD", "timeframe": "1h", "basis": "bid", "session": "fx"})
    near = f"{{{SIDES}, stop_loss: 4 pips, take_profit: 4 pips}}"
    alone = sp.backtest(rules(exit=near, execution="{}"), frame)
    asked = sp.backtest(rules(exit=near, execution="{intrabar: finer}"), frame, finer=quotes)

    assert alone.trades["ambiguous"].sum() > 3
    assert asked.trades["ambiguous"].sum() == 0
    assert not [w for w in asked.warnings if "finer" in w]
    assert asked.trades["pnl"].sum() > alone.trades["pnl"].sum()  # not every doubt was the stop
