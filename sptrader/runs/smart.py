"""Smart search: Optuna proposes combinations from what the others came to, a batch at a time, in a study that resumes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sptrader.errors import RunError
from sptrader.runs.space import Space

Ints = NDArray[np.int64]

BATCH = 10  # trials between two looks at the results, on however many workers: the same seed proposes the same ones
_TRIES = 50  # proposals that break a constraint before one is drawn at random


def smart_batches(
    space: Space,
    known: Mapping[int, float],
    n_trials: int,
    *,
    seed: int,
    folder: Path | None,
    storage: str | None,
    name: str,
) -> Iterator[Ints]:
    """Yield the numbers to be done of each batch, until the study `name` has `n_trials`; what they came to is told it.

    `known` has the objective of every combination that is done, by its number; whoever does a batch adds to it.

    The study is kept in `folder` (a journal file), or in `storage`, a database's URL: then other machines may add to it, and
    their trials count. A batch that a killed sweep left open is proposed again.
    """
    study = _study(name, folder, storage)
    is_shared = storage is not None
    if not is_shared:
        _forget_open(study)
    while (n_done := _n_done(study)) < n_trials:
        n_known = len(study.get_trials(deepcopy=False)) if is_shared else n_done
        study.sampler = _sampler(seed, n_known)
        asked = [_ask(study, space, seed + n_known + k) for k in range(min(BATCH, n_trials - n_done))]
        wanted = np.unique(np.array([number for _, number in asked], np.int64))
        yield np.array([number for number in wanted.tolist() if number not in known], np.int64)
        if not all(number in known for _, number in asked):
            return  # cancelled in the middle of the batch: it is asked for again
        for trial, number in asked:
            value = known[number]
            study.tell(trial, value if math.isfinite(value) else None, state=_state(value))


def _study(name: str, folder: Path | None, storage: str | None) -> Any:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kept: Any = storage
    if storage is None and folder is not None:
        kept = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
    try:
        return optuna.create_study(study_name=name, storage=kept, direction="maximize", load_if_exists=True)
    except Exception as error:  # of whichever database library the URL names
        raise RunError(
            f"the study cannot be kept in {storage or folder}: {type(error).__name__}: {error}. Allowed is a database's URL "
            "such as sqlite:///study.db.",
            key="storage",
            value=storage,
        ) from error


def _sampler(seed: int, n_known: int) -> Any:
    """A sampler that proposes the same after the same trials, so that a resumed study goes on as it would have."""
    import optuna

    return optuna.samplers.TPESampler(seed=(seed * 1_000_003 + n_known) % 2**32, n_startup_trials=BATCH)


def _ask(study: Any, space: Space, seed: int) -> tuple[Any, int]:
    """A proposed trial and the number of its combination, one that meets the constraints."""
    import optuna

    for _ in range(_TRIES):
        trial = study.ask()
        places = [
            trial.suggest_categorical(name, list(values))
            if isinstance(values[0], (str, bool))
            else values[trial.suggest_int(f"{name} (place)", 0, len(values) - 1)]
            for name, values in zip(space.names, space.values, strict=True)
        ]
        number = space.number(dict(zip(space.names, places, strict=True)))
        if len(space.allowed(np.array([number], np.int64))):
            return trial, number
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    number = int(space.some(1, seed)[0])
    fixed: dict[str, Any] = {}
    for name, values in zip(space.names, space.values, strict=True):
        value = space.combination(number)[name]
        is_named = isinstance(values[0], (str, bool))
        fixed[name if is_named else f"{name} (place)"] = value if is_named else values.index(value)
    study.enqueue_trial(fixed)
    trial = study.ask()
    for name, values in zip(space.names, space.values, strict=True):
        if isinstance(values[0], (str, bool)):
            trial.suggest_categorical(name, list(values))
        else:
            trial.suggest_int(f"{name} (place)", 0, len(values) - 1)
    return trial, number


def _state(value: float) -> Any:
    import optuna

    states = optuna.trial.TrialState
    return states.COMPLETE if math.isfinite(value) else states.PRUNED


def _n_done(study: Any) -> int:
    import optuna

    states = optuna.trial.TrialState
    return len(study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))


def _forget_open(study: Any) -> None:
    """Give up trials that were in work when the search was killed."""
    import optuna

    states = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING, states.WAITING)):
        study.tell(trial.number, state=states.FAIL)
