from __future__ import annotations

import pytest

from sptrader.errors import DataError
from sptrader.model.timeframe import DAY_NS, HOUR_NS, make_timeframe


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("1m", 60), ("15m", 900), ("1h", 3600), ("4h", 14400), ("1d", 86400), ("1w", 604800), ("90m", 5400)],
)
def test_length_of_a_timeframe(text, seconds):
    assert make_timeframe(text).ns == seconds * 10**9
    assert str(make_timeframe(text)) == text


@pytest.mark.parametrize("text", ["", "1", "h", "0m", "-1h", "1.5h", "1M", "1 h", "one hour", "1y", "60min", "1H"])
def test_any_other_text_is_refused(text):
    with pytest.raises(DataError, match="timeframe was"):
        make_timeframe(text)


def test_timeframes_order_by_length():
    assert make_timeframe("90m") < make_timeframe("2h") < make_timeframe("1d")


def test_daily_or_longer():
    assert make_timeframe("1d").is_daily_or_longer
    assert make_timeframe("24h").is_daily_or_longer
    assert not make_timeframe("23h").is_daily_or_longer
    assert (HOUR_NS, DAY_NS) == (3600 * 10**9, 86400 * 10**9)
