"""Trials: what the ledger counts of a prepared run."""

from __future__ import annotations

from collections.abc import Mapping

from sptrader.errors import RunError
from sptrader.runs.ledger import count_trials, trial_id
from sptrader.runs.prepare import Prepared
from sptrader.strategy.document import Scalar


def trial_of(ready: Prepared, parameters: Mapping[str, Scalar] | None = None) -> bytes:
    """Return the trial's name: of the strategy's text and components, its parameters (others where they are given), market,
    account and period."""
    plan = ready.plan
    return trial_id(
        (
            ready.strategy.source_hash,
            sorted({call.component.name: call.component.source_hash for call in plan.calls}.items()),
            plan.symbols,
            plan.timeframe,
            ready.cash,
            ready.currency,
            ready.start_ns,
            ready.end_ns,
            dict(plan.parameters if parameters is None else parameters),
        )
    )


def data_of(ready: Prepared) -> tuple[str, ...]:
    """Return the names of the data that a run trades on: their contents' hashes."""
    return tuple(ready.hashes[symbol] for symbol in ready.plan.symbols)


def count_trial(ready: Prepared) -> tuple[str, ...]:
    """Count one run; return a note for its reader where the ledger cannot be used."""
    try:
        count_trials(data_of(ready), (trial_of(ready),))
    except RunError as error:
        return (f"this trial was not counted: {error}",)
    return ()
