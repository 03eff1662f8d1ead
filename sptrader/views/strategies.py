"""Strategies: the list of strategy files with a filter, and the card of the chosen one."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import ipywidgets as widgets

from sptrader.errors import StrategyError
from sptrader.strategy.loader import shipped_folder, strategy_files
from sptrader.strategy.strategy import Strategy
from sptrader.views.look import button, column, html


class StrategyList:
    """Lists the strategies of the workspace and those that are shipped; `chosen(path)` is called for a choice."""

    def __init__(self, chosen: Callable[[str], object]) -> None:
        self._chosen = chosen
        self._paths: dict[str, Path] = {}
        self._name, self._is_narrowing = "", False
        self._filter = widgets.Text(placeholder="filter strategies", continuous_update=True)
        self._list = widgets.Select(options=[], rows=5)
        self._card = html()
        again = button("look again", self.refresh, kind="sp-link", tooltip="Read the folder again, and the chosen file")
        self.view = column(self._filter, self._list, self._card, again)
        self._filter.observe(self._narrow, names="value")
        self._list.observe(self._picked, names="value")

    @property
    def path(self) -> str:
        """The file of the chosen strategy; empty without one."""
        found = self._paths.get(self._name)
        return "" if found is None else str(found)

    def refresh(self) -> None:
        """Look for strategy files again and choose again what was chosen."""
        found = {path.stem: path for path in (*strategy_files(shipped_folder()), *strategy_files())}
        self._paths = dict(sorted(found.items()))
        self._narrow()
        if self.path:
            self._chosen(self.path)

    def choose(self, name: str | None) -> None:
        """Choose a strategy by its file's name, or by a path outside the known folders; the first one for None."""
        if name is None:
            self._list.value = next(iter(self._list.options), None)
            return
        path = Path(name)
        if path.stem not in self._paths or path.suffix:
            self._paths = {**self._paths, path.stem: path}
            self._narrow()
        if path.stem not in self._list.options:
            self._filter.value = ""
        self._list.value = path.stem

    def show(self, strategy: Strategy) -> None:
        """Show the card of the chosen strategy."""
        market = f"{', '.join(strategy.market.symbols) or 'any symbol'} {strategy.market.timeframe}".strip()
        varied = f"<p>A sweep varies {escape(', '.join(strategy.space))}.</p>" if strategy.space else ""
        warned = "".join(f'<p class="sp-problem">{escape(warning)}</p>' for warning in strategy.warnings)
        self._card.value = (
            f'<div class="sp-strategy sp-small"><b>{escape(strategy.name)}</b> {escape(strategy.version)} · '
            f"{escape(market)}<p>{escape(strategy.description)}</p>{varied}{warned}"
            f"<details><summary>the file</summary><pre class='sp-log'>{escape(strategy.source_text)}</pre></details></div>"
        )

    def fail(self, error: StrategyError) -> None:
        """Show every fault of the chosen file in place of its card."""
        faults = "".join(f"<p>{escape(fault)}</p>" for fault in error.faults)
        self._card.value = f'<div class="sp-problem" role="alert">{faults}</div>'

    def _narrow(self, _: object = None) -> None:
        """List what the filter lets through; what was chosen stays chosen, also where it is not listed."""
        wanted = self._filter.value.strip().lower()
        names = [name for name in self._paths if wanted in name.lower()]
        self._is_narrowing = True
        try:
            self._list.options = names
            self._list.value = self._name if self._name in names else None
        finally:
            self._is_narrowing = False

    def _picked(self, _: object) -> None:
        if self._list.value is not None and not self._is_narrowing:
            self._name = self._list.value
            self._chosen(self.path)
