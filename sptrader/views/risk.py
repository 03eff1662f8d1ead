"""Risk: how much of each limit was used, what was held through time, and how the instruments move together."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import pandas as pd

from sptrader.model.instrument import CURRENCIES, instrument
from sptrader.plots.exposure import correlation_figure, exposure_figure
from sptrader.runs.riskuse import LimitUse, risk_use, times_bound
from sptrader.runs.run import Run
from sptrader.views.chart import Chart
from sptrader.views.look import column, empty, html, show, subheading

_NEAR = 0.8


class Risk:
    """The tab of risk."""

    def __init__(self) -> None:
        self._none = html(empty("No risk yet", "Run a backtest: limits are shown with what was used of them."))
        self._limits, self._alerts = html(), html()
        self._exposure = Chart(label="exposure through time")
        self._correlation = Chart(label="correlation of the instruments")
        self._currencies = Chart(label="exposure by currency through time")
        self._by_currency = column(html(subheading("What was held, by currency, net")), self._currencies)
        self._together = column(html(subheading("How the instruments move together")), self._correlation)
        self._all = column(
            html(subheading("Limits and what was used of them")),
            self._limits,
            self._alerts,
            html(subheading("What was held, by instrument")),
            self._exposure,
            self._by_currency,
            self._together,
        )
        show(self._all, False)
        self.view = column(self._none, self._all)

    def show(self, run: Run) -> None:
        """Show the risk a run took."""
        show(self._none, False)
        show(self._all, True)
        held = held_notional(run)
        net = currency_notional(run, held)
        uses = [*risk_use(run), *_more_uses(run, net)]
        self._limits.value = f'<div class="sp-use">{"".join(map(use_html, uses))}</div>'
        self._alerts.value = alerts_html(_alerts(uses), none="No limit bound a decision.")
        self._exposure.show(exposure_figure(held, run.equity, currency=run.config.currency))
        is_told_already = net.shape[1] == held.shape[1] == 1
        show(self._by_currency, net.shape[1] > 0 and not is_told_already)
        if net.shape[1] > 0:
            self._currencies.show(exposure_figure(net, run.equity, currency=run.config.currency))
        show(self._together, len(run.bars) > 1)
        if len(run.bars) > 1:
            self._correlation.show(correlation_figure(session_correlation(run.bars)))


def use_html(use: LimitUse) -> str:
    """Return a limit as a bar: what it is, how much of it was used, and the numbers."""
    share, tone = use.share, tone_of(use)
    word = {"hit": " · bound" if use.bound else " · reached", "near": " · near"}.get(tone, "")
    word = " · full" if tone == "near" and share >= 1.0 else word
    limit = ", no limit" if math.isinf(use.limit) else f" of {_amount(use, use.limit)}"
    word += f" {use.bound:,} times" if use.bound else ""
    width = 0.0 if math.isnan(share) else min(100.0, 100.0 * share)
    when = "" if use.at is None else f" on {use.at:%Y-%m-%d %H:%M}"
    return (
        f'<span title="{escape(use.meaning)}">{escape(use.name.replace("_", " "))}</span>'
        f'<div class="sp-bar {tone}" title="{escape(use.meaning)}{when}"><i style="width:{width:.1f}%"></i></div>'
        f'<span class="sp-small">{_amount(use, use.used)}{limit}{word}</span>'
    )


def tone_of(use: LimitUse) -> str:
    """Return `hit` for a limit that is reached or has bound, `near` from four fifths of it on, else nothing; a count may be
    used up without harm."""
    is_reached = use.share >= 1.0 and use.unit != "count"
    return "hit" if use.bound or is_reached else "near" if use.share >= _NEAR else ""


def alerts_html(alerts: list[str], *, none: str) -> str:
    """Return a list of sentences, or what is said when there is none."""
    if not alerts:
        return f'<p class="sp-small">{escape(none)}</p>'
    items = "".join(f"<li>{escape(one)}</li>" for one in alerts)
    return f'<ul class="sp-alerts" role="status">{items}</ul>'


def held_notional(run: Run) -> pd.DataFrame:
    """Return what was held of each instrument at each mark, signed, account currency at the entry's rate: (marks, symbols)."""
    times = pd.DatetimeIndex(run.equity["time"])
    held = {}
    for symbol, bars in run.bars.items():
        fills = run.fills[run.fills["symbol"] == symbol]
        signed = np.where(fills["side"] == "buy", 1.0, -1.0) * fills["quantity"].to_numpy(np.float64)
        rows = np.searchsorted(times.asi8, pd.DatetimeIndex(fills["time"]).as_unit(times.unit).asi8)
        change = np.zeros(len(times) + 1)
        np.add.at(change, rows, signed)
        close = bars["close"].reindex(times, method="ffill").to_numpy(np.float64)
        rate = np.ones(len(times) + 1)
        rate[rows] = fills["rate"].to_numpy(np.float64)
        known = np.zeros(len(times) + 1, np.int64)
        known[rows] = rows
        held[symbol] = np.cumsum(change)[:-1] * close * rate[np.maximum.accumulate(known)][:-1]
    return pd.DataFrame(held, index=times)


def currency_notional(run: Run, held: pd.DataFrame) -> pd.DataFrame:
    """Return the net notional of each currency but the account's at each mark, from what was `held`: (marks, currencies)."""
    net: dict[str, pd.Series] = {}
    for symbol in held.columns:
        known = instrument(symbol, run.strategy.market.instruments)
        for name, way in ((known.base, 1.0), (known.quote, -1.0)):
            if name in CURRENCIES and name != run.config.currency:
                net[name] = net.get(name, 0.0) + way * held[symbol]
    return pd.DataFrame(net, index=held.index)


def _more_uses(run: Run, net: pd.DataFrame) -> list[LimitUse]:
    """The limits of what instruments have in common: exposure in one currency at the marks, and correlation."""
    marks = run.equity["equity"].to_numpy(np.float64)
    used, most = 0.0, None
    if net.shape[1] > 0 and len(net) > 0:
        share = np.nan_to_num(net.abs().to_numpy().max(axis=1) / np.where(marks > 0.0, marks, np.nan))
        at = int(share.argmax())
        used, most = float(share[at]), net.index[at] if share[at] > 0.0 else None
    limits = run.limits
    found = [("currency_exposure", "net exposure in one currency, of equity", used, most)]
    found += (
        [("correlation_limit", "correlation with what is held", np.nan, None)] if "correlation_limit" in limits else []
    )
    return [
        LimitUse(name, meaning, "fraction", value, limits.get(name, np.inf), when, times_bound(run, name))
        for name, meaning, value, when in found
    ]


def session_correlation(bars: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the correlation of the instruments' daily returns (UTC days)."""
    closes = pd.DataFrame({symbol: frame["close"].resample("1D").last() for symbol, frame in bars.items()})
    return closes.dropna().pct_change().corr()


def _amount(use: LimitUse, value: float) -> str:
    if math.isnan(value):
        return "n/a"
    if use.unit == "fraction":
        return f"{value:.2%}"
    return f"{value:,.0f}"


def _alerts(uses: list[LimitUse]) -> list[str]:
    return [f"{use.name.replace('_', ' ')} bound {use.bound:,} decisions or closings." for use in uses if use.bound]
