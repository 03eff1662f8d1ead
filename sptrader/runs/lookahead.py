"""Look-ahead: which columns of a run knew bars that had not happened yet, found on the run's own bars."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sptrader.errors import ComponentError
from sptrader.model.instrument import Instrument
from sptrader.orchestrator.columns import Columns, make_columns
from sptrader.strategy.expressions import SignalColumns
from sptrader.strategy.plan import Plan

CUTS = (0.4, 0.6, 0.75, 0.9, 0.99)  # where the bars end, as a fraction of all
TOLERANCE = 1e-9


def look_ahead(
    plan: Plan,
    frames: Mapping[str, pd.DataFrame],
    columns: Mapping[str, Columns],
    *,
    instruments: Mapping[str, Instrument],
) -> tuple[str, ...]:
    """Return the names of columns whose values change when later bars are taken away, in the plan's order.

    The bars are cut at a few places and the components computed again on what is left: a value that is not the same on
    the bars before the cut (to 1e-9 of the column's largest) needed what came after it. A component that fails on
    fewer bars is named as well.
    """
    found: dict[str, None] = {}
    for symbol, whole in columns.items():
        frame = frames[symbol]
        for n_bars in sorted({max(1, int(len(frame) * cut)) for cut in CUTS if len(frame) > 1}):
            try:
                part = make_columns(plan, frame.iloc[:n_bars], instruments[symbol])
            except ComponentError as error:
                found[str(error).partition("\n")[0]] = None
                continue
            for name, values in part.items():
                if not isinstance(values, float) and not _is_same(values, whole[name], n_bars):
                    found[name] = None
    return tuple(found)


def _is_same(part: object, whole: object, n_bars: int) -> bool:
    if isinstance(part, SignalColumns) and isinstance(whole, SignalColumns):
        # -1, no event, is the last name
        happened, expected = (np.append(np.asarray(s.types, object), "")[s.codes[:n_bars]] for s in (part, whole))
        outputs = all(_is_same(values, whole.outputs[name], n_bars) for name, values in part.outputs.items())
        is_event = part.codes >= 0
        strength = _is_same(part.strength[is_event], whole.strength[:n_bars][is_event], int(is_event.sum()))
        return bool(np.array_equal(happened, expected)) and outputs and strength
    left, right = np.asarray(part, np.float64), np.asarray(whole, np.float64)[:n_bars]
    known = np.abs(right[np.isfinite(right)])
    room = TOLERANCE * (float(known.max()) if len(known) else 1.0)
    return bool(np.allclose(left, right, rtol=0.0, atol=room, equal_nan=True))
