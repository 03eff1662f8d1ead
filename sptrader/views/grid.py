"""Grid: a table on the page that sorts, filters and picks rows in the browser."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets

from sptrader.plots.decimate import common_decimals

MAX_ROWS = 1000
_ASSETS = Path(__file__).parent / "assets"


class Grid(anywidget.AnyWidget):
    """Shows the last rows of a frame as text; `on_pick(row)` hears the number of a clicked row in the frame shown."""

    _esm = _ASSETS / "grid.js"
    table = traitlets.Dict({"columns": [], "rows": [], "kinds": [], "total": 0}).tag(sync=True)
    picked = traitlets.Int(-1).tag(sync=True)
    can_pick = traitlets.Bool(False).tag(sync=True)
    empty = traitlets.Unicode("nothing yet").tag(sync=True)

    def __init__(self, *, empty: str = "nothing yet", on_pick: Callable[[int], None] | None = None) -> None:
        self._on_pick = on_pick
        self._skipped = 0
        super().__init__(empty=empty, can_pick=on_pick is not None)
        self.on_msg(self._heard)

    def show(
        self,
        frame: pd.DataFrame,
        *,
        signed: tuple[str, ...] = (),
        percent: tuple[str, ...] = (),
        empty: str | None = None,
    ) -> None:
        """Show `frame`: `signed` columns are coloured by their sign, `percent` columns hold fractions."""
        self._skipped = max(0, len(frame) - MAX_ROWS)
        shown = frame.iloc[self._skipped :]
        columns = [str(name) for name in shown.columns]
        cells = [_texts(shown[name], name in signed, name in percent) for name in shown.columns]
        kinds = [_kind(shown[name], name in signed) for name in shown.columns]
        with self.hold_sync():
            self.picked = -1
            self.empty = self.empty if empty is None else empty
            self.table = {
                "columns": [name.replace("_", " ") for name in columns],
                "rows": [list(row) for row in zip(*cells, strict=True)],
                "kinds": kinds,
                "total": len(frame),
            }

    def point(self, row: int) -> None:
        """Mark a row of the frame as the picked one."""
        self.picked = row - self._skipped

    def _heard(self, _: object, content: Mapping[str, Any], __: object) -> None:
        if content.get("kind") == "pick" and self._on_pick is not None:
            self.picked = int(content["row"])
            self._on_pick(self.picked + self._skipped)


def _kind(values: pd.Series, is_signed: bool) -> str:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return ""
    return "n s" if is_signed else "n"


def _texts(values: pd.Series, is_signed: bool, is_percent: bool) -> list[str]:
    if pd.api.types.is_datetime64_any_dtype(values):
        return ["" if pd.isna(v) else f"{v:%Y-%m-%d %H:%M}" for v in values]
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return ["" if pd.isna(v) else str(v) for v in values]
    numbers = values.to_numpy(np.float64)
    form = "+,.2f" if is_signed else f",.{common_decimals(numbers)}f"
    if is_percent:
        form = "+.2%" if is_signed else ".2%"
    return ["" if math.isnan(v) else format(v, form) for v in numbers]
