"""Terms: exit rules that look at the position, as data. A rule is any of its terms; a term is all of its comparisons."""

from __future__ import annotations

from sptrader.jit import compiled, inlined
from sptrader.kernel.state import AVERAGE, HELD, MAE, MARK, MFE, QUANTITY

# fields of the position a term may compare
BARS, PNL, MFE_FIELD, MAE_FIELD, ENTRY_PRICE = 0, 1, 2, 3, 4
# comparisons
LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL = 0, 1, 2, 3
# columns of a row of `Orders.terms`
SIDE_OF_TERM, FIELD, COMPARISON, IS_FIRST = 0, 1, 2, 3


@compiled
def leaves_by_terms(terms, truth, rights, i, t, j, p):
    """Return whether any term of the held side is true: its columns' part and each comparison with the position.

    `position.pnl`, `mfe` and `mae` are in price units a unit held; a comparison with nan is not true.
    """
    side = 1 if p[QUANTITY] > 0.0 else -1
    is_true, found = False, False
    for k in range(terms.shape[0]):
        if terms[k, IS_FIRST] != 0:
            found = found or is_true
            is_true = terms[k, SIDE_OF_TERM] == side and truth[k, i, t, j] != 0
        if is_true:
            left = position_field(terms[k, FIELD], p)
            right = rights[k, i, min(t, rights.shape[2] - 1), j]
            comparison = terms[k, COMPARISON]
            if comparison == LESS:
                is_true = left < right
            elif comparison == LESS_OR_EQUAL:
                is_true = left <= right
            elif comparison == GREATER:
                is_true = left > right
            else:
                is_true = left >= right
    return found or is_true


@inlined
def position_field(field, p):
    """Return what a term compares: bars held, P&L, MFE or MAE in price units, or the average entry price."""
    if field == BARS:
        return p[HELD] + 1.0  # this bar is counted next
    if field == PNL:
        return (p[MARK] - p[AVERAGE]) * (1.0 if p[QUANTITY] > 0.0 else -1.0)
    if field == MFE_FIELD:
        return p[MFE]
    if field == MAE_FIELD:
        return p[MAE]
    return p[AVERAGE]
