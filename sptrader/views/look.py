"""Look: the page's style sheet and the small pieces all its parts are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from html import escape
from pathlib import Path

import ipywidgets as widgets

from sptrader.plots.parts import STYLE

_ASSETS = Path(__file__).parent / "assets"


@lru_cache(maxsize=1)
def style_sheet() -> str:
    """Return the style elements of the page: the reports' and its own."""
    return f"{STYLE}<style>{(_ASSETS / 'page.css').read_text(encoding='utf-8')}</style>"


def html(text: str = "", *, classes: Iterable[str] = ()) -> widgets.HTML:
    """Return a piece of HTML."""
    return classed(widgets.HTML(text), *classes)


def heading(text: str) -> widgets.HTML:
    """Return a small heading of a group of controls."""
    return widgets.HTML(f'<h3 class="sp-h">{escape(text)}</h3>')


def subheading(text: str) -> str:
    """Return the HTML of a heading inside a tab."""
    return f'<h4 class="sp-h4">{escape(text)}</h4>'


def empty(title: str, text: str) -> str:
    """Return what a tab shows while there is nothing to show, and how to change that."""
    return f'<div class="sp-empty"><b>{escape(title)}</b>{escape(text)}</div>'


def button(text: str, pressed: Callable[[], object], *, kind: str = "sp-plain", tooltip: str = "") -> widgets.Button:
    """Return a button; `pressed` must be quick, for it is called where the browser's message arrives."""
    made = classed(widgets.Button(description=text, tooltip=tooltip), kind)
    made.on_click(lambda _: pressed())
    return made


def column(*children: widgets.Widget, classes: Iterable[str] = ()) -> widgets.VBox:
    """Return widgets below each other."""
    return classed(widgets.VBox(list(children)), *classes)


def row(*children: widgets.Widget, classes: Iterable[str] = ()) -> widgets.HBox:
    """Return widgets beside each other."""
    return classed(widgets.HBox(list(children)), *classes)


def show(widget: widgets.Widget, is_shown: bool) -> None:
    """Show or hide a widget."""
    widget.layout.display = None if is_shown else "none"


def disable(control: widgets.Widget, reason: str = "") -> None:
    """Disable a control with the reason as its tooltip; an empty reason enables it."""
    control.disabled = bool(reason)
    control.tooltip = reason


def progress_html(fraction: float, status: str) -> str:
    """Return a progress bar; `status` colours it."""
    percent = 100 * min(max(fraction, 0.0), 1.0)
    return (
        f'<div class="sp-bar {escape(status)}" role="progressbar" aria-valuenow="{percent:.0f}" aria-valuemin="0" '
        f'aria-valuemax="100"><i style="width:{percent:.0f}%"></i></div>'
    )


def classed(widget: widgets.Widget, *classes: str) -> widgets.Widget:
    """Give a widget its classes of the style sheet and return it."""
    for name in classes:
        widget.add_class(name)
    return widget
