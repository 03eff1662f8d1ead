"""Market: where the bars come from, with their quality as a badge, and the dates between which to trade."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import ipywidgets as widgets

from sptrader.data.catalog import catalog
from sptrader.data.checks import QualityReport, check_bars
from sptrader.data.load import load_bars
from sptrader.errors import DataError, StreamError
from sptrader.runs.jobs import BarsChoice
from sptrader.runs.jobwork import job_bars
from sptrader.strategy.strategy import Strategy
from sptrader.views.look import column, html, row, show
from sptrader.views.stream import Picked, StreamSource, stream_text

_OWN = "own"
_FILE = "file"
_STREAM = "stream"


class DataSource:
    """Chooses bars: the strategy's own market, a file of the catalog, a sample, a file by its path, or a live stream.

    `changed()` is called when another source or another date was chosen.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._source = widgets.Dropdown(options=[("the strategy's market", _OWN)])
        self._path = widgets.Text(placeholder="path of a Parquet file", continuous_update=False)
        self._symbol = widgets.Text(placeholder="symbol", continuous_update=False)
        self._timeframe = widgets.Text(placeholder="timeframe", continuous_update=False)
        self._basis = widgets.Dropdown(options=[("basis", ""), "bid", "ask", "mid", "last"])
        told = html('<div class="sp-small">Symbol, timeframe and basis where the file does not say them.</div>')
        self._file = column(self._path, row(self._symbol, self._timeframe, self._basis, classes=["sp-thirds"]), told)
        self._start = widgets.Text(placeholder="first day", continuous_update=False, description="from")
        self._end = widgets.Text(placeholder="last day", continuous_update=False, description="to")
        for date in (self._start, self._end):
            date.style.description_width = "30px"
        self._badge = html()
        self.stream = StreamSource(changed)
        self.view = column(
            self._source, self._file, self.stream.view, row(self._start, self._end, classes=["sp-dates"]), self._badge
        )
        self._source.observe(lambda _: self._arrange(), names="value")
        self._arrange()
        controls = (self._source, self._path, self._symbol, self._timeframe, self._basis, self._start, self._end)
        for made in controls:
            made.observe(lambda _: changed(), names="value")

    @property
    def is_live(self) -> bool:
        """Whether a live stream was chosen."""
        return bool(self._source.value == _STREAM)

    @property
    def choice(self) -> BarsChoice:
        """The bars chosen; of a live stream there are none before `write_down`."""
        if self._source.value in (_OWN, _STREAM):
            return BarsChoice()
        if self._source.value == _FILE:
            return BarsChoice(self._symbol.value, self._timeframe.value, self._basis.value, self._path.value)
        return BarsChoice(path=str(self._source.value))

    def stored_choice(self, strategy: Strategy, runs: Path) -> BarsChoice:
        """The bars chosen, those of a live stream as they are now, written down below `runs`."""
        return BarsChoice(path=str(self.stream.write_down(strategy, runs))) if self.is_live else self.choice

    @property
    def picked(self) -> Picked | None:
        """The live stream that was chosen."""
        return self.stream.picked() if self.is_live else None

    @property
    def dates(self) -> tuple[str, str]:
        """The first and the last day, as they were written; empty for the strategy's own."""
        return self._start.value.strip(), self._end.value.strip()

    def refresh(self, strategy: Strategy) -> None:
        """Offer what there is now, the market of `strategy` first."""
        market = f"{', '.join(strategy.market.symbols) or 'no symbol'} {strategy.market.timeframe}".strip()
        entries = [e for e in catalog() if e.kind == "bars"]
        files = [(f"{e.symbol} {e.timeframe} {e.basis}{' · sample' * e.is_sample}", str(e.path)) for e in entries]
        before = self._source.value
        self._source.options = [
            (f"strategy's market: {market}", _OWN),
            *files,
            ("a file …", _FILE),
            ("a live stream …", _STREAM),
        ]
        if before in [value for _, value in self._source.options]:
            self._source.value = before
        start, end = strategy.backtest.start, strategy.backtest.end
        self._start.placeholder = "first bar" if start is None else f"{start:%Y-%m-%d}"
        self._end.placeholder = "last bar" if end is None else f"{end:%Y-%m-%d}"

    def judge(self, strategy: Strategy) -> None:
        """Check the bars chosen and show what they are; a fault is shown in place of it."""
        self._badge.value = '<div class="sp-small">checking the bars …</div>'
        try:
            if self.is_live:
                self.stream.refresh()
                self._badge.value = self._streams(strategy)
            else:
                self._badge.value = "".join(map(_badge, _reports(self.choice, strategy)))
        except (DataError, StreamError) as error:
            self._badge.value = f'<div class="sp-problem" role="alert">{escape(str(error))}</div>'

    def _streams(self, strategy: Strategy) -> str:
        session = self.stream.picked().session
        began_ns = None if session is None else session.started_ns
        parts = []
        for one, report in self.stream.judge(strategy):
            text = f'<div class="sp-small">{stream_text(one, began_ns)}</div>'
            parts.append(text + ("" if report is None else _badge(report)))
        return "".join(parts)

    def _arrange(self) -> None:
        show(self._file, self._source.value == _FILE)
        show(self.stream.view, self.is_live)


def _reports(choice: BarsChoice, strategy: Strategy) -> list[QualityReport]:
    if choice.is_own_market:
        if not strategy.market.symbols:
            raise DataError("the strategy names no market; choose a file.", key="data")
        timeframe = strategy.market.timeframe or None
        return [check_bars(load_bars(symbol, timeframe), name=symbol) for symbol in strategy.market.symbols]
    if not choice.path:
        raise DataError("the file's path is missing.", key="path")
    bars = job_bars(choice)
    frames = bars.values() if isinstance(bars, dict) else [] if bars is None else [bars]
    return [check_bars(frame) for frame in frames]


def _badge(report: QualityReport) -> str:
    told = {"verified": "passed every check", "checked": "usable, with warnings", "unchecked": "not fit for use"}
    findings = [*report.errors, *report.warnings]
    items = "".join(f"<p>{escape(str(finding))}</p>" for finding in findings)
    plural = "thing" if len(findings) == 1 else "things"
    folded = f"<details><summary>{len(findings)} {plural} to know</summary>{items}</details>" if findings else ""
    return (
        f'<div class="sp-small"><span class="sp-tier {report.tier}" title="{told[report.tier]}">{report.tier}</span> '
        f"{report.n_bars:,} {escape(report.timeframe)} bars of {escape(report.symbol)}<br>"
        f"{report.first[:10]} to {report.last[:10]}{folded}</div>"
    )
