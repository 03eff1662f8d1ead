"""Importers: one vendor's files each, turned into bars or ticks as sptrader keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Imported:
    """What an importer made: the frame with its facts, and one sentence for each thing it did."""

    frame: pd.DataFrame
    steps: tuple[str, ...]
