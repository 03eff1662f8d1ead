"""Live table: a grid of a running session that is sent again only when it has changed."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets
import pandas as pd

from sptrader.runs.live_follow import Follower
from sptrader.views.grid import Grid


class Table:
    """A grid that is sent again only when its frame has changed."""

    def __init__(
        self,
        empty: str,
        frame: Callable[[Follower], pd.DataFrame],
        *,
        on_pick: Callable[[int], None] | None = None,
        signed: tuple[str, ...] = ("unrealised",),
        percent: tuple[str, ...] = (),
    ) -> None:
        self.view = Grid(empty=empty, on_pick=on_pick)
        self._frame, self._signed, self._percent = frame, signed, percent
        self._shown: pd.DataFrame | None = None

    def look(self, follower: Follower) -> None:
        """Show the frame if it is another one."""
        found = self._frame(follower)
        if self._shown is None or not found.equals(self._shown):
            self._shown = found
            self.view.show(found, signed=self._signed, percent=self._percent)

    def row(self, at: int) -> pd.Series | None:
        """Return a row that is shown."""
        return None if self._shown is None or at >= len(self._shown) else self._shown.iloc[at]


def offer(control: widgets.Dropdown, options: tuple[str, ...]) -> None:
    """Give a dropdown its options, if they are others; what was chosen stays chosen, else the first is."""
    if tuple(control.options) == options:
        return
    before = control.value
    control.options = options
    control.value = before if before in options else next(iter(options), None)
