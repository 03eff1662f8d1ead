"""Trials: what the ledger counts of a prepared run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sptrader.errors import RunError
from sptrader.runs.ledger import count_trials, trial_ids
from sptrader.runs.prepare import Prepared
from sptrader.strategy.document import Scalar


def trial_of(ready: Prepared) -> bytes:
    """Return the trial's name: of the strategy's text and components, its parameters, market, account and period."""
    return next(trials_of(ready, (ready.plan.parameters,)))


def trials_of(ready: Prepared, parameters: Iterable[Mapping[str, Scalar]]) -> Iterator[bytes]:
    """Yield the name of the trial with each of these `parameters` instead of the plan's."""
    plan = ready.plan
    shared = (
        ready.strategy.source_hash,
        sorted({call.component.name: call.component.source_hash for call in plan.calls}.items()),
        plan.symbols,
        plan.timeframe,
        ready.cash,
        ready.currency,
        ready.start_ns,
        ready.end_ns,
    )
    return trial_ids(shared, (dict(own) for own in parameters))


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
