"""Financing: the rates file that a strategy names, read and handed on as a function, to the orchestrator or to a venue."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np

from sptrader.data.financing import load_financing
from sptrader.model.instrument import Instrument
from sptrader.model.session import sessions
from sptrader.orchestrator.nights import NightRates, labels_of, night_shares
from sptrader.strategy.plan import Plan


def financing_file(plan: Plan) -> Path | None:
    """Return the path of the strategy's financing file, which it names relative to itself; None when it names none."""
    name = plan.execution.financing
    return None if name is None else Path(plan.strategy.source_path).parent / name


class NightsBetween:
    """What a venue of quotes asks: what holding over the session boundaries between two quotes brings, or None."""

    def __init__(self, given: NightRates, instruments: Mapping[str, Instrument]) -> None:
        self._given, self._instruments = given, instruments
        self._free: dict[str, tuple[int, int]] = {}  # since when, and until before when, there is no boundary

    def __call__(self, symbol: str, since_ns: int, until_ns: int) -> tuple[Decimal, Decimal] | None:
        """Return the shares of notional that a long and a short receive for the boundaries in (since, until]."""
        free = self._free.get(symbol)
        if free is not None and free[0] <= since_ns and until_ns < free[1]:
            return None
        known = self._instruments[symbol]
        closes = sessions(known.session, until_ns, until_ns).closes_ns
        at = int(np.searchsorted(closes, until_ns, side="right"))
        self._free[symbol] = (int(closes[at - 1]), int(closes[at]))
        found = night_shares(known, since_ns, until_ns, self._given)
        return None if found is None else (Decimal(repr(found[0])), Decimal(repr(found[1])))


def night_rates(file: Path | None) -> NightRates | None:
    """Return the rates of a financing file."""
    if file is None:
        return None
    financing = load_financing(file)

    def rates(symbol: str, day: datetime.date) -> tuple[float, float]:
        found = financing.rate(symbol, day)
        return found.long, found.short

    return NightRates(rates, labels_of(financing.holidays))
