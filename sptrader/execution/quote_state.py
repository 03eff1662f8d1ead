"""Quote state: all that changes at a venue of quotes, as plain data."""

from __future__ import annotations

import msgspec

from sptrader.execution.holdings import Holdings
from sptrader.execution.protection import Protection
from sptrader.execution.valuation import LastBar, Quote
from sptrader.execution.working import Working


class QuoteState(msgspec.Struct):
    """All that changes at the venue: plain data, to be kept over a restart.

    `time_ns` is the last quote's or bar's time, `now_ns` the last time that any message told.
    """

    holdings: Holdings
    quotes: dict[str, Quote] = {}
    bars: dict[str, LastBar] = {}
    waiting: list[Quote] = []
    working: list[Working] = []
    protection: dict[str, Protection] = {}
    time_ns: int = 0
    now_ns: int = 0
