"""Figures of a run: its data handed to the plots, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sptrader.errors import RunError, did_you_mean
from sptrader.performance.returns import monthly_table
from sptrader.performance.rolling import QUARTER, rolling_table
from sptrader.plots.costs import costs_figure
from sptrader.plots.dashboard import dashboard
from sptrader.plots.decimate import frame_times
from sptrader.plots.equity import buy_and_hold, equity_figure
from sptrader.plots.monthly import monthly_figure
from sptrader.plots.price import price_figure
from sptrader.plots.rolling import rolling_figure
from sptrader.plots.trades import trade_pnl_figure
from sptrader.runs.reported import Floats, ReportedRun

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def run_figure(
    run: ReportedRun,
    name: str = "dashboard",
    *,
    symbol: str | None = None,
    theme: str = "light",
    title: str | None = None,
) -> Figure:
    """Draw the figure `name` of `run`: `dashboard`, `price`, `equity`, `monthly`, `results`, `costs` or `rolling`.

    `symbol` chooses the instrument of the first two, the run's first by default; `theme` is `light` or `dark`. Without
    a `title` it is the strategy and the instrument. Raises `RunError` for an unknown name or symbol.
    """
    if name not in FIGURES:
        raise RunError(
            f"figure was '{name}'{did_you_mean(name, FIGURES)}; allowed are {', '.join(FIGURES)}.",
            key="figure",
            value=name,
        )
    if symbol is not None and symbol not in run.bars:
        raise RunError(
            f"symbol was '{symbol}'{did_you_mean(symbol, run.bars)}; the run has {', '.join(run.bars)}.",
            key="symbol",
            value=symbol,
        )
    chosen = symbol or next(iter(run.bars))
    shown = [chosen] if name in ("dashboard", "price") else list(run.bars)
    label = f"{run.strategy.name} · {', '.join(shown)}" if title is None else title
    return FIGURES[name](run, chosen, theme, label)


def benchmark(run: ReportedRun) -> Floats:
    """Return what the starting cash would be worth in equal parts of the run's instruments, at each equity mark."""
    return buy_and_hold(run.bars, frame_times(run.equity), run.config.cash)


def _dashboard(run: ReportedRun, symbol: str, theme: str, title: str) -> Figure:
    return dashboard(
        run.bars[symbol],
        run.trades[run.trades["symbol"] == symbol],
        run.equity,
        monthly=monthly_table(run.session_returns),
        indicators=run.columns.get(symbol, {}),
        benchmark=benchmark(run),
        currency=run.config.currency,
        theme=theme,
        title=title,
    )


def _price(run: ReportedRun, symbol: str, theme: str, title: str) -> Figure:
    trades = run.trades[run.trades["symbol"] == symbol]
    return price_figure(run.bars[symbol], trades, run.columns.get(symbol, {}), theme=theme, title=title)


def _equity(run: ReportedRun, symbol: str, theme: str, title: str) -> Figure:
    return equity_figure(run.equity, benchmark(run), currency=run.config.currency, theme=theme, title=title)


def _monthly(run: ReportedRun, symbol: str, theme: str, title: str) -> Figure:
    return monthly_figure(monthly_table(run.session_returns), theme=theme, title=title)


def _results(run: ReportedRun, symbol: str, theme: str, title: str) -> Figure:
    return trade_pnl_figure(run.trades, currency=run.config.currency, theme=theme, title=title)


def _costs(run: ReportedRun, symbol: str, theme: str, title: str) -> Figure:
    return costs_figure(run.costs, currency=run.config.currency, theme=theme, title=title)


def _rolling(run: ReportedRun, symbol: str, theme: str, title: str) -> Figure:
    window = min(QUARTER, max(2, len(run.session_returns) // 4))
    table = rolling_table(run.session_returns, window)
    return rolling_figure(table, window=window, theme=theme, title=title or f"Last {window} sessions")


FIGURES: Mapping[str, Callable[[ReportedRun, str, str, str], Figure]] = {
    "dashboard": _dashboard,
    "price": _price,
    "equity": _equity,
    "monthly": _monthly,
    "results": _results,
    "costs": _costs,
    "rolling": _rolling,
}
