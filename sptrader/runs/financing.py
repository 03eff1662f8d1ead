"""Financing: the rates file that a strategy names, read and handed to the orchestrator as a function."""

from __future__ import annotations

import datetime
from pathlib import Path

from sptrader.data.financing import load_financing
from sptrader.orchestrator.nights import NightRates, labels_of
from sptrader.strategy.plan import Plan


def financing_file(plan: Plan) -> Path | None:
    """Return the path of the strategy's financing file, which it names relative to itself; None when it names none."""
    name = plan.execution.financing
    return None if name is None else Path(plan.strategy.source_path).parent / name


def night_rates(file: Path | None) -> NightRates | None:
    """Return the rates of a financing file."""
    if file is None:
        return None
    financing = load_financing(file)

    def rates(symbol: str, day: datetime.date) -> tuple[float, float]:
        found = financing.rate(symbol, day)
        return found.long, found.short

    return NightRates(rates, labels_of(financing.holidays))
