"""Signals: for each bar the event that happened, if any, its strength and further outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sptrader.errors import ComponentError

Floats = npt.NDArray[np.float64]
NO_EVENT = -1
_MOST_TYPES = 127


class Signals:
    """What a signal component returns.

    `type` says which event happened on which bar, in one of three forms: a mapping of event name to a boolean mask
    (where several are true the first listed wins), an array of names and None, or a pandas Categorical. `strength` is
    a number or one per bar, 0..1 on bars with an event; 1 when not given. Any further keyword is an output, one
    number per bar.

    Kept are `types` (the event names), `codes` (int8, shape (n,): an index into `types`, -1 for no event), `strength`
    (float64, shape (n,), nan where there is no event) and `outputs` (name to float64 of shape (n,)).

    >>> s = Signals(type={"up": np.array([False, True]), "down": np.array([False, False])}, strength=0.5)
    >>> s.types, s.codes.tolist(), s.strength.tolist()
    (('up', 'down'), [-1, 0], [nan, 0.5])
    """

    __slots__ = ("codes", "outputs", "strength", "types")

    types: tuple[str, ...]
    codes: npt.NDArray[np.int8]
    strength: Floats
    outputs: dict[str, Floats]

    def __init__(self, *, type: object, strength: object = 1.0, **outputs: object) -> None:
        self.types, self.codes = _events(type)
        self.strength = _strength(strength, self.codes)
        self.outputs = {name: floats(value, len(self.codes), f"the output '{name}'") for name, value in outputs.items()}

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        counts = ", ".join(f"{np.count_nonzero(self.codes == i)} {name}" for i, name in enumerate(self.types))
        return f"Signals({len(self):,} bars: {counts or 'no event types'})"

    def mask(self, event: str) -> npt.NDArray[np.bool_]:
        """Return where `event` happened, shape (n,); nowhere when it is not among `types`."""
        if event not in self.types:
            return np.zeros(len(self.codes), bool)
        found: npt.NDArray[np.bool_] = self.codes == self.types.index(event)
        return found


def floats(value: Any, n_bars: int, what: str) -> Floats:
    """Return `value` as contiguous float64; raise `ComponentError` when it is not one number per bar."""
    array = value.to_numpy() if isinstance(value, pd.Series) else np.asarray(value)
    if array.shape != (n_bars,):
        raise ComponentError(f"{what} had the shape {array.shape}; allowed is ({n_bars},), one number per bar.")
    if array.dtype.kind not in "fiub":
        raise ComponentError(f"{what} was of dtype {array.dtype}; allowed are numbers.")
    return np.ascontiguousarray(array, np.float64)


def _events(kind: Any) -> tuple[tuple[str, ...], npt.NDArray[np.int8]]:
    if isinstance(kind, Mapping):
        types = _named(kind)
        masks = [_mask(name, mask) for name, mask in kind.items()]
        if not masks or len({len(mask) for mask in masks}) != 1:
            lengths = ", ".join(f"{name} {len(mask)}" for name, mask in zip(types, masks, strict=True))
            raise ComponentError(f"the masks of a signal's types must have one length; they were: {lengths or 'none'}.")
        codes = np.full(len(masks[0]), NO_EVENT, np.int8)
        for code in reversed(range(len(masks))):
            codes[masks[code]] = code
        return types, codes
    if isinstance(kind, pd.Series) and isinstance(kind.dtype, pd.CategoricalDtype):
        kind = kind.array
    if not isinstance(kind, pd.Categorical):
        values = np.asarray(kind, dtype=object)
        if values.ndim != 1:
            raise ComponentError(f"a signal's type had the shape {values.shape}; allowed is one name or None per bar.")
        strange = [v for v in pd.unique(values) if not (isinstance(v, str) or v is None or v is pd.NA or v != v)]
        if strange:
            raise ComponentError(f"a signal's type was {strange[0]!r} on a bar; allowed is a name or None.")
        kind = pd.Categorical(values)
    return _named(kind.categories), kind.codes.astype(np.int8, copy=False)


def _named(names: Any) -> tuple[str, ...]:
    result = tuple(names)
    for name in result:
        if not isinstance(name, str) or not name:
            raise ComponentError(f"a signal's type was {name!r}; allowed are names such as 'golden_cross'.")
    if len(result) > _MOST_TYPES:
        raise ComponentError(f"a signal had {len(result)} types; allowed are at most {_MOST_TYPES}.")
    return result


def _mask(name: str, mask: Any) -> npt.NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.ndim != 1 or array.dtype != bool:
        raise ComponentError(
            f"the mask of the signal type '{name}' was {array.dtype} of shape {array.shape}; "
            "allowed is one bool per bar."
        )
    return array


def _strength(strength: object, codes: npt.NDArray[np.int8]) -> Floats:
    events = np.flatnonzero(codes >= 0)
    if np.ndim(strength) == 0:  # type: ignore[arg-type]
        given = np.broadcast_to(np.float64(strength), codes.shape)  # type: ignore[arg-type]
    else:
        given = floats(strength, len(codes), "the strength")
    on_events = given[events]
    outside = ~((on_events >= 0.0) & (on_events <= 1.0))
    if outside.any():
        first = int(np.argmax(outside))
        raise ComponentError(
            f"the strength was {on_events[first]} at bar {events[first]} where an event happened; allowed is 0 to 1.",
            key="strength",
            value=float(on_events[first]),
        )
    # Read-only ones are a component's inputs or a broadcast number; what it made itself is kept without a copy.
    if given.flags.writeable and np.count_nonzero(np.isnan(given)) == len(codes) - len(events):
        return given
    result = np.full(len(codes), np.nan)
    result[events] = on_events
    return result
