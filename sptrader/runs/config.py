"""Config: how a run was asked for, frozen, stored beside its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RunConfig:
    """The settings of one run beyond its strategy and data; `start` and `end` are UTC in ISO form, or empty for all bars."""

    mode: str
    cash: float
    currency: str
    start: str
    end: str
    seed: int
    parameters: Mapping[str, object]
