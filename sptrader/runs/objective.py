"""Objective: the number a sweep maximises: a metric, or an expression over metrics and parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sptrader.errors import RunError, did_you_mean
from sptrader.performance.definitions import DEFINITIONS
from sptrader.strategy.expressions import values
from sptrader.strategy.parse import Scope, parse_expression
from sptrader.strategy.strategy import Strategy
from sptrader.strategy.tokens import ExpressionError
from sptrader.strategy.tree import Expression

Floats = NDArray[np.float64]

DEFAULT = "sharpe"


def make_objective(text: str, strategy: Strategy) -> Expression:
    """Read an objective such as `sharpe`, `-max_drawdown` or `total_return / max(max_drawdown, 0.05)`.

    Raises `RunError` for what is neither a metric nor an expression over metrics and the strategy's numeric parameters.
    """
    names = frozenset((*DEFINITIONS, *(n for n, p in strategy.parameters.items() if p.type is not str)))
    try:
        return parse_expression(text, Scope(columns=names))
    except ExpressionError as error:
        near = did_you_mean(text, DEFINITIONS)
        why = near.lstrip("; ") if near else f"{str(error).rstrip('.')}."
        raise RunError(
            f"the objective was '{text}': {why} It is a metric or an expression over metrics and parameters; metrics: "
            f"{', '.join(DEFINITIONS)}.",
            key="objective",
            value=text,
        ) from error


def objective_values(objective: Expression, table: pd.DataFrame) -> Floats:
    """Return the objective of each row of a sweep's table, nan where a metric is not defined."""
    columns = {
        str(name): table[name].to_numpy(np.float64)
        for name in table.columns
        if pd.api.types.is_numeric_dtype(table[name])
    }
    return values(objective, columns)
