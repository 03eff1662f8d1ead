"""Corners of trading at the next quotes: gaps, closed markets, quotes that are none; each number by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.runs.made_ticks import Row, traded

BUYS = {"entry": "{long: {when: close == 1.1}}", "exit": "{long: {when: close == 5}}"}
SELLS = {"entry": "{short: {when: close == 1.1}}", "exit": "{short: {when: close == 5}}"}


def day(*quotes: tuple[str, float, float], date: str = "2017-03-08") -> list[Row]:
    """Quotes of a day, after one at 10:00:30 that asks for an entry: bid 1.1, ask 1.1002."""
    return [(f"{date} {time}", bid, ask) for time, bid, ask in (("10:00:30", 1.1, 1.1002), *quotes)]


def leaving(exits: str, side: str = "long") -> dict[str, str]:
    asks = BUYS if side == "long" else SELLS
    return {**asks, "exit": asks["exit"][:-1] + f", {exits}}}"}


@pytest.mark.parametrize(
    ("side", "quotes", "fills"),
    [
        # bought at 1.1010, the stop is 1.0960: the bid jumps from above it to 1.0900, which is what it gets
        ("long", [("10:01:01", 1.1008, 1.101), ("10:01:02", 1.097, 1.0972), ("10:01:03", 1.09, 1.0902)], (1.101, 1.09)),
        # touched exactly
        ("long", [("10:01:01", 1.1008, 1.101), ("10:01:02", 1.096, 1.0962)], (1.101, 1.096)),
        # sold at 1.1008, the stop is 1.1058: the ask jumps over it
        (
            "short",
            [("10:01:01", 1.1008, 1.101), ("10:01:02", 1.1055, 1.1057), ("10:01:03", 1.12, 1.1202)],
            (1.1008, 1.1202),
        ),
    ],
)
def test_a_stop_that_is_jumped_over_takes_the_quote_that_jumped(side, quotes, fills, tmp_path: Path) -> None:
    done = traded(tmp_path, day(*quotes, ("10:02:01", 1.3, 1.3002)), **leaving("stop_loss: 50 pips", side))
    assert [one[3] for one in done.told()] == list(fills)
    assert [one[2] for one in done.told()] == ["signal", "stop_loss"]


def test_a_target_gets_the_better_quote_and_does_not_slip(tmp_path: Path) -> None:
    # bought at 1.1010 and 2 pips of slippage, 1.1012; the target is 1.1062, and the bid goes from 1.1060 to 1.1090
    quotes = day(("10:01:01", 1.1008, 1.101), ("10:01:20", 1.106, 1.1062), ("10:01:30", 1.109, 1.1092))
    done = traded(tmp_path, quotes, **leaving("take_profit: 50 pips"), execution="{slippage: 2 pips}")
    assert [(one[2], one[3]) for one in done.told()] == [("signal", 1.1012), ("take_profit", 1.109)]


def test_a_trailing_stop_follows_complete_minutes_only(tmp_path: Path) -> None:
    quotes = day(
        ("10:01:01", 1.1008, 1.101),  # bought at 1.1010
        ("10:01:10", 1.12, 1.1202),  # the best of the minute, which counts from its end on
        ("10:01:20", 1.112, 1.1122),  # 80 pips below, and no stop
        ("10:02:01", 1.1156, 1.1158),  # the stop is 1.12 - 0.005 = 1.1150
        ("10:02:02", 1.1149, 1.1151),
        ("10:03:01", 1.2, 1.2002),
    )
    done = traded(tmp_path, quotes, **leaving("trailing_stop: 50 pips"))
    assert list(done.told()) == [
        ("03-08 10:01:01", "buy", "signal", 1.101),
        ("03-08 10:02:02", "sell", "trailing_stop", 1.1149),
    ]


@pytest.mark.parametrize(
    ("order", "fill"),
    [
        # the close is the bid, 1.1000: a stop at 1.1030, reached by the ask that comes after a jump
        ("{type: stop, stop_price: close + 30 pips}", ("03-08 10:01:03", "buy", "signal", 1.104)),
        # a limit at 1.0980: the first ask at or below it
        ("{type: limit, price: close - 20 pips}", ("03-08 10:01:04", "buy", "signal", 1.0972)),
        # triggered at 1.1030, and bought at 1.1010 or below
        (
            "{type: stop_limit, stop_price: close + 30 pips, price: close + 10 pips}",
            ("03-08 10:01:04", "buy", "signal", 1.0972),
        ),
    ],
)
def test_entries_that_wait_take_the_first_quote_that_reaches_them(order, fill, tmp_path: Path) -> None:
    quotes = day(
        ("10:01:01", 1.1018, 1.102), ("10:01:02", 1.1027, 1.1029), ("10:01:03", 1.1038, 1.104), ("10:01:04", 1.097, 1.0972)
    )  # fmt: skip
    entry = f"{{long: {{when: close == 1.1, order: {order}}}}}"
    done = traded(tmp_path, [*quotes, ("2017-03-08 10:02:01", 1.097, 1.0972)], **{**BUYS, "entry": entry})
    assert done.told() == [fill]


def test_quotes_that_are_none_are_counted_and_nothing_fills_at_them(tmp_path: Path) -> None:
    quotes = day(
        ("10:01:01", 1.2002, 1.2),  # crossed
        ("10:01:02", np.nan, 1.2),  # no bid
        ("10:01:03", 1.2, np.nan),  # no ask
        ("10:01:04", 0.0, 1.2),
        ("10:01:05", 1.101, 1.101),  # no spread: a quote like another
        ("10:01:06", 1.15, 1.1502),
    )
    done = traded(tmp_path, quotes, **BUYS)
    assert done.told() == [("03-08 10:01:05", "buy", "signal", 1.101)]
    assert (done.feed.counters["rejected"], done.execution.counters["ticks"]) == (4, 3)
    assert done.fills[0].half_spread == 0.0


def test_a_quote_that_comes_twice_fills_once_and_a_late_one_never(tmp_path: Path) -> None:
    quotes = day(
        ("10:01:05", 1.101, 1.1012),
        ("10:01:05", 1.101, 1.1012),  # again
        ("10:01:04", 1.05, 1.0502),  # older: no price any more, though its bar has its low
        ("10:01:06", 1.102, 1.1022),
        ("10:02:05", 1.103, 1.1032),
        ("10:01:30", 1.2, 1.2002),  # of a minute that is out
    )
    done = traded(tmp_path, quotes, **leaving("stop_loss: 100 pips"))
    assert done.told() == [("03-08 10:01:05", "buy", "signal", 1.1012)]
    counters = done.feed.counters
    assert (counters["out_of_order"], counters["late"]) == (1, 1)
    assert done.run.audit.violations == ()


def test_nothing_fills_while_the_market_is_closed(tmp_path: Path) -> None:
    # Friday to Sunday 22:00 UTC: the order of Friday's last minute takes Sunday's first quote, and the stop below it the next
    friday = [("2017-03-03 21:58:30", 1.2, 1.2002), ("2017-03-03 21:59:30", 1.1, 1.1002)]
    sunday = [
        ("2017-03-05 22:00:07", 1.09, 1.0903),
        ("2017-03-05 22:00:09", 1.08, 1.0803),
        ("2017-03-05 22:01:00", 1.08, 1.0803),
    ]
    done = traded(tmp_path, [*friday, *sunday], **leaving("stop_loss: 50 pips"))
    assert done.told() == [("03-05 22:00:07", "buy", "signal", 1.0903), ("03-05 22:00:09", "sell", "stop_loss", 1.08)]


def test_a_position_over_the_weekend_is_stopped_at_sundays_first_quote(tmp_path: Path) -> None:
    friday = [
        ("2017-03-03 21:57:30", 1.1, 1.1002),
        ("2017-03-03 21:58:30", 1.1, 1.1002),
        ("2017-03-03 21:59:30", 1.101, 1.1012),
    ]
    sunday = [("2017-03-05 22:00:07", 1.05, 1.0503), ("2017-03-05 22:02:00", 1.05, 1.0503)]
    done = traded(tmp_path, [*friday, *sunday], **leaving("stop_loss: 50 pips"))
    assert done.told() == [("03-03 21:58:30", "buy", "signal", 1.1002), ("03-05 22:00:07", "sell", "stop_loss", 1.05)]


@pytest.mark.parametrize(("back", "is_filled"), [("11:01:20", True), ("11:01:40", False)])
def test_an_entry_expires_after_an_hour_of_an_open_market_without_a_quote(
    back: str, is_filled: bool, tmp_path: Path
) -> None:
    # the last quote came at 10:01:30; a minute's five bars are less than the hour an entry waits at least
    quotes = [("2017-03-08 10:00:30", 1.2, 1.2002), ("2017-03-08 10:01:30", 1.1, 1.1002)]
    done = traded(
        tmp_path, [*quotes, (f"2017-03-08 {back}", 1.2, 1.2002), ("2017-03-08 11:02:10", 1.2, 1.2002)], **BUYS
    )
    assert len(done.fills) == is_filled
    assert ("expired" in [one.reason for one in done.updates]) is not is_filled
    assert ("expired" in list(done.run.orders["status"])) is not is_filled


def test_an_exit_waits_as_long_as_it_takes(tmp_path: Path) -> None:
    quotes = day(
        ("10:01:05", 1.1, 1.1002), ("10:02:05", 1.3, 1.3002), ("16:00:00", 1.29, 1.2902), ("16:01:00", 1.29, 1.2902)
    )
    done = traded(tmp_path, quotes, entry=BUYS["entry"], exit="{long: {when: close == 1.3}}")
    assert done.told()[1] == ("03-08 16:00:00", "sell", "signal", 1.29)
