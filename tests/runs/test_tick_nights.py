"""Nights held on quotes: charged at the session's end, three times on Wednesday, in the books as at the venue; by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import sptrader as sp
from sptrader.kernel import state as k
from sptrader.runs.tick_feed import bars_of_ticks
from tests.orchestrator.tiny import text_of
from tests.runs.made_ticks import Row, ticks, traded

# Wednesday 2017-03-08; the session ends at 17:00 in New York, 22:00 UTC before summer time
RATES = "rates:\n  EURUSD: {long: -3.65%, short: 1.825%}\n"
FINANCED = {"execution": "{slippage: 0, financing: rates.yaml}", "sizing": "{method: units, value: 100000}"}


def rows(first: str, last: str, *, bid: float = 1.1, every: str = "20min") -> list[Row]:
    times = pd.date_range(first, last, freq=every)
    return [(str(time), bid, bid + 0.0002) for time in times]


def over_wednesday(folder: Path, **sections: str):
    (folder / "rates.yaml").write_text(RATES)
    # the mid of the last quote before the session's end is 1.2001, of the first one after 1.3001
    quotes = [
        *rows("2017-03-08 18:10", "2017-03-08 21:30"),
        ("2017-03-08 21:50", 1.2, 1.2002),
        *rows("2017-03-08 22:10", "2017-03-09 01:50", bid=1.3),
    ]
    return quotes, traded(folder, quotes, timeframe="1h", **{**FINANCED, **sections})


@pytest.mark.parametrize(
    ("side", "amount"),
    [
        # 100,000 x 1.2001 x -0.0365 / 365 x 3 nights = -36.003 dollars; a short gets half of that
        ("long", -36.003),
        ("short", 18.0015),
    ],
)
def test_wednesday_is_charged_three_times_at_the_mid_before_the_sessions_end(
    side: str, amount: float, tmp_path: Path
) -> None:
    entry = f"{{{side}: {{when: close > 0.5}}}}"
    quotes, done = over_wednesday(tmp_path, entry=entry, exit="{long: {when: close < 0}, short: {when: close < 0}}")

    (night,) = done.nights
    assert pd.Timestamp(night.time, tz="UTC") == pd.Timestamp("2017-03-08 22:10", tz="UTC")
    assert night.amount == pytest.approx(amount, abs=1e-8)
    # bought at 1.1002, or sold at 1.1, without fees: the balance is the start and the night
    broker = done.execution.desk.broker.account_state()  # type: ignore[union-attr]
    assert broker.balance == pytest.approx(100_000 + amount, abs=1e-8)
    assert done.orchestrator.session.state[k.CASH] == broker.balance
    assert done.run.audit.financing == pytest.approx(amount, abs=1e-8)
    cash = done.run.equity.set_index("time")["cash"]
    assert cash.loc["2017-03-08 21:00+00:00"] == 100_000.0
    assert cash.loc["2017-03-08 22:00+00:00"] == pytest.approx(100_000 + amount)

    path = tmp_path / "tested.yaml"
    path.write_text(
        text_of(
            entry=entry,
            market="{symbols: [EURUSD], timeframe: 1h}",
            exit="{long: {when: close < 0}, short: {when: close < 0}}",
            **FINANCED,
        )
    )
    tested = sp.backtest(path, bars_of_ticks({"EURUSD": ticks(quotes)}, "1h")["EURUSD"], cash=100_000, currency="USD")
    assert tested.audit.financing == pytest.approx(amount, abs=1e-8)


def test_what_was_closed_before_the_sessions_end_pays_nothing_and_the_trade_shows_what_was_paid(tmp_path: Path) -> None:
    leaves = {"entry": "{long: {when: close == 1.1}}", "exit": "{long: {when: close == 1.3}}"}
    _, done = over_wednesday(tmp_path, **leaves)
    (trade,) = done.run.trades.itertuples()
    # (1.3 - 1.1002) x 100,000 - 36.003
    assert trade.pnl == pytest.approx(19_980.0 - 36.003, abs=1e-6)
    assert done.run.audit.violations == ()

    gone = tmp_path / "gone"
    gone.mkdir()
    (gone / "rates.yaml").write_text(RATES)
    early = rows("2017-03-08 18:10", "2017-03-08 19:50") + rows("2017-03-08 20:10", "2017-03-09 00:10", bid=1.2)
    leaves["exit"] = "{long: {when: close == 1.2}}"
    done = traded(gone, early, timeframe="1h", **{**FINANCED, **leaves})
    assert [one[1] for one in done.told()] == ["buy", "sell"]
    assert done.nights == []
