"""The key schema: each name as the schema draws it, and no part that would make another name."""

from __future__ import annotations

import pytest

from sptrader.errors import StreamError
from sptrader.streams import keys


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (keys.bars("EURUSD", "1h"), "bars:EURUSD:1h"),
        (keys.ticks("BTC/USD"), "ticks:BTC/USD"),
        (keys.SIGNALS, "signals:live"),
        (keys.orders("paper-1"), "orders:paper-1"),
        (keys.fills("paper-1"), "fills:paper-1"),
        (keys.control("paper-1"), "control:paper-1"),
        (keys.state("paper-1"), "state:paper-1"),
        (keys.heartbeat("paper-1", "feed"), "heartbeat:paper-1:feed"),
        (keys.heartbeat("paper-1", "*"), "heartbeat:paper-1:*"),
        (keys.deadletter(keys.SIGNALS), "deadletter:signals:live"),
        (keys.kill("paper-1"), "kill:paper-1"),
    ],
)
def test_names_are_as_drawn(made, expected):
    assert made == expected


@pytest.mark.parametrize("part", ["", "a:b", "a b", "*", "a\n", "a\x00", "x" * 201])
def test_a_part_that_would_make_another_name_is_refused(part):
    with pytest.raises(StreamError, match=r"The account .* cannot be a part"):
        keys.orders(part)
    with pytest.raises(StreamError, match=r"The timeframe .* cannot be a part"):
        keys.bars("EURUSD", part)
