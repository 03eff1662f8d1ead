"""Overfit: how much of a sweep's best row is skill, and how much is having tried; put together from its rows and the ledger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import RunError
from sptrader.performance.overfit import (
    BLOCKS,
    BacktestOverfitting,
    DeflatedSharpe,
    backtest_overfitting,
    deflate,
    independent_trials,
)
from sptrader.performance.stability import Stability
from sptrader.plots.overfit import overfit_figure
from sptrader.runs.ledger import Opening

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Floats = NDArray[np.float64]

MOST_TRIALS = 2000  # columns that PBO is made of; of more an even share, the best among them
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Overfit:
    """What speaks for and against the best row of a sweep.

    `deflated` is its Sharpe ratio against the best of `n_trials` without skill, as many as the ledger counts on these data (or
    as were said); `n_independent` is how many independent ones the sweep's own rows amount to. `pbo` is the probability of
    backtest overfitting, None where there are too few rows or sessions. `stability` compares the best with its neighbours.
    `openings` are the looks at the sealed hold-out, oldest first.
    """

    deflated: DeflatedSharpe
    pbo: BacktestOverfitting | None
    stability: Stability
    n_trials: float
    n_independent: float
    n_rows: int
    openings: tuple[Opening, ...]

    def table(self) -> pd.DataFrame:
        """Return the figures with what they mean: columns `value` and `meaning`."""
        pbo = self.pbo
        rows = {
            "deflated Sharpe ratio": (
                self.deflated.probability,
                "probability of skill given the trials; above 0.95 is the bar",
            ),
            "Sharpe ratio of the best, a session": (self.deflated.sharpe, "not annualised"),
            "best to expect without skill": (self.deflated.expected_max, "a session, of that many trials"),
            "trials on these data": (self.n_trials, "what the deflation counts"),
            "independent trials in the sweep": (self.n_independent, "by the correlation of its rows"),
            "probability of overfitting": (
                math.nan if pbo is None else pbo.probability,
                "the best in one half is below the median in the other; near 0.5 is noise",
            ),
            "probability of loss": (
                math.nan if pbo is None else pbo.loss_probability,
                "the best in one half loses in the other",
            ),
            "stability": (self.stability.ratio, "the neighbours' median over the best; near 1 is a plateau"),
            "looks at the hold-out": (float(len(self.openings)), "each makes it less of one"),
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "meaning"])

    @property
    def verdict(self) -> str:
        """Return one sentence for the reader."""
        faults = []
        if not self.deflated.probability > _CONFIDENCE:
            faults.append(
                f"{self.n_trials:,.0f} trials without skill would show as good a Sharpe ratio with a probability of "
                f"{1.0 - self.deflated.probability:.0%}"
            )
        if self.pbo is not None and self.pbo.probability > 0.25:
            share = f"{self.pbo.probability:.0%} of splits"
            faults.append(f"what was best in one half of the time came below the median in the other in {share}")
        if self.stability.ratio < 0.5:
            faults.append("its neighbours do much worse")
        if len(self.openings) > 1:
            faults.append(f"the hold-out was opened {len(self.openings)} times")
        return "Nothing speaks against the best row." if not faults else f"Likely overfit: {'; '.join(faults)}."

    def plot(self, *, theme: str = "light") -> Figure:
        """Return the overfit panel."""
        return overfit_figure(self.deflated, self.pbo, self.stability, theme=theme)

    def __repr__(self) -> str:
        pbo = "n/a" if self.pbo is None else f"{self.pbo.probability:.2f}"
        return (
            f"Overfit of {self.n_rows:,} rows: deflated Sharpe {self.deflated.probability:.3f} ({self.n_trials:,.0f} trials), "
            f"PBO {pbo}, stability {self.stability.ratio:.2f}. {self.verdict}"
        )

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {left}>{escape(str(row.Index))}</th><td>{row.value:.4g}</td><td {left}>{escape(str(row.meaning))}</td></tr>"
            for row in self.table().itertuples()
        )
        head = f"<tr><th></th><th>value</th><th {left}>meaning</th></tr>"
        return f"<p>{escape(self.verdict)}</p><table class='dataframe'>{head}{rows}</table>"


def make_overfit(
    returns: Sequence[Floats],
    at: int,
    found: Stability,
    *,
    n_trials: float | None,
    n_counted: int,
    n_blocks: int = BLOCKS,
    openings: tuple[Opening, ...] = (),
) -> Overfit:
    """Return the overfit of the row `at` among `returns`, the session returns of each row of one market, as long as each other.

    `n_trials` comes before `n_counted`, the ledger's; never fewer than there are rows.
    """
    if n_trials is not None and not n_trials >= 1:
        raise RunError(f"n_trials was {n_trials}; allowed is 1 or more.", key="n_trials", value=n_trials)
    if not returns or len(returns[at]) < 2:
        raise RunError("there are fewer than 2 sessions to judge by.", key="sessions")
    count = float(max(n_counted, len(returns))) if n_trials is None else float(n_trials)
    matrix = np.column_stack(_even_share(returns, at))
    place = min(at, matrix.shape[1] - 1) if len(returns) <= MOST_TRIALS else matrix.shape[1] - 1
    blocks = min(n_blocks, len(matrix) // 2 // 2 * 2)
    can_split = matrix.shape[1] >= 2 and blocks >= 2
    return Overfit(
        deflated=deflate(matrix, place, n_trials=count),
        pbo=backtest_overfitting(matrix, blocks) if can_split else None,
        stability=found,
        n_trials=count,
        n_independent=independent_trials(matrix),
        n_rows=len(returns),
        openings=openings,
    )


def _even_share(returns: Sequence[Floats], at: int) -> list[Floats]:
    """All columns, or an even share of them with the chosen one last."""
    if len(returns) <= MOST_TRIALS:
        return list(returns)
    kept = np.unique(np.linspace(0, len(returns) - 1, MOST_TRIALS - 1).astype(np.int64))
    return [*(returns[k] for k in kept if k != at), returns[at]]
