"""Each metric has a meaning, a unit and a way to be written."""

from __future__ import annotations

import math

import pytest

from sptrader.errors import RunError
from sptrader.performance.definitions import DEFINITIONS, metric_text

METRICS = [
    *("total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "max_drawdown_days"),
    *("benchmark_return", "trades", "win_rate", "profit_factor", "expectancy", "avg_win", "avg_loss", "best_trade"),
    *("worst_trade", "avg_bars_held", "exposure", "turnover", "fees", "final_equity", "sqn", "var_95", "cvar_95"),
    *("skew", "kurtosis"),
]


def test_the_public_metric_names_are_all_defined_in_their_order():
    assert list(DEFINITIONS) == METRICS


@pytest.mark.parametrize("name", METRICS)
def test_each_definition_says_what_how_and_after_whom(name):
    definition = DEFINITIONS[name]

    assert definition.unit in ("percent", "count", "currency", "ratio", "days", "bars")
    assert definition.text.endswith(".")
    assert definition.formula
    assert definition.source


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("total_return", 0.12345, "12.35%"),
        ("max_drawdown", 0.05, "5.00%"),
        ("trades", 1234, "1,234"),
        ("sharpe", -1.005, "-1.00"),
        ("fees", 1234.5, "1,234.50 EUR"),
        ("max_drawdown_days", 12.34, "12.3 days"),
        ("avg_bars_held", 8.0, "8.0 bars"),
        ("profit_factor", math.nan, "n/a"),
        ("calmar", math.inf, "n/a"),
    ],
)
def test_metrics_are_written_with_their_unit(name, value, expected):
    assert metric_text(name, value, currency="EUR") == expected


def test_amount_without_a_currency_has_no_trailing_space():
    assert metric_text("fees", 1.0) == "1.00"


def test_unknown_metric_is_named():
    with pytest.raises(RunError, match="did you mean 'sharpe'"):
        metric_text("sharp", 1.0)
