"""Readings: what the parts of one document said, by the values of the parameters in them, so that its plans share them."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from sptrader.model.recent import Recent
from sptrader.strategy.document import Items, Leaf, Scalar, Value

PARAMETER = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
MOST_READINGS = 4096  # of some 500 bytes: a part has as many as its parameters have values


class Readings:
    """What was read, without a fault, of the parts of one document with one registry; for any number of threads.

    A part is a value of the document under its key. What it says depends on the parameters in it and on nothing else that
    differs between the plans of a document. What is kept is given out again as it is, and nobody may change it.
    """

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._names: dict[int, tuple[str, ...]] = {}
        self.kept: Recent[Hashable, Any] = Recent(MOST_READINGS)

    def key(self, place: Value, key: str, parameters: Mapping[str, Scalar]) -> Hashable:
        """Return what the part at `place` is kept by as long as the parameters in it have these values."""
        names = self._names.get(id(place))
        if names is None:
            names = self._names[id(place)] = tuple(dict.fromkeys(parameters_in(place)))
        return id(place), key, *[parameters.get(name) for name in names]


def parameters_in(value: Value) -> Iterator[str]:
    """Yield the name of every parameter that `value` or anything in it refers to."""
    if isinstance(value, Leaf):
        yield from PARAMETER.findall(value.text)
        return
    inner = value.values if isinstance(value, Items) else tuple(value.values.values())
    for item in inner:
        yield from parameters_in(item)
